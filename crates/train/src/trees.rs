//! Boosted trees as a description: what the ONNX writer writes and the parity check walks.
//!
//! The description is read from LightGBM's own text ([`crate::lightgbm`]); predictions of the trainer come from
//! LightGBM itself, never from here, so that a misreading shows in the parity check.

use meuse_core::bundle::Gain;
use meuse_core::table::Matrix;

use crate::Error;
use crate::lightgbm::Booster;

/// A learnt ensemble: LightGBM's model, and the same as a description.
#[derive(Debug)]
pub struct Trees {
    booster: Booster,
    description: Vec<Tree>,
    width: usize,
    in_sample: Option<Vec<f64>>,
}

/// One tree; the first node is the root.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// The nodes; children are indices here and come after their parent.
    pub nodes: Vec<Node>,
}

/// A node of a tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A share of the raw score.
    Leaf(f64),
    /// `feature ≤ threshold` goes left.
    Threshold {
        /// The feature's index.
        feature: usize,
        /// The threshold.
        threshold: f64,
        /// Whether a missing value goes left.
        missing_left: bool,
        /// The node for a value that does not exceed the threshold.
        left: usize,
        /// The node for a greater value.
        right: usize,
    },
    /// A category of the set goes left; any other, unknown and missing go right.
    Categories {
        /// The feature's index.
        feature: usize,
        /// The set, ascending.
        categories: Vec<u32>,
        /// The node for a category of the set.
        left: usize,
        /// The node for anything else.
        right: usize,
    },
}

impl Trees {
    /// A booster over `width` features, what its text describes, and what it predicts of the rows that it learnt from.
    pub(crate) fn new(booster: Booster, description: Vec<Tree>, width: usize, in_sample: Option<Vec<f64>>) -> Self {
        Self { booster, description, width, in_sample }
    }

    /// What the model predicts of the rows that it learnt from (probabilities for a binary task), when that is known.
    pub(crate) fn in_sample(&self) -> Option<&[f64]> {
        self.in_sample.as_deref()
    }

    /// The trees, in the order in which their leaves are summed.
    pub fn trees(&self) -> &[Tree] {
        &self.description
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        self.width
    }

    /// LightGBM's own raw scores, one per row.
    ///
    /// # Errors
    /// When LightGBM refuses the matrix.
    pub fn raw_scores(&self, x: &Matrix) -> Result<Vec<f64>, Error> {
        let _turn = crate::lightgbm::turn();
        self.booster.raw_scores(x)
    }

    /// Every (feature, threshold) that is split at, ascending, each once. A threshold is rounded down to 32 bits:
    /// that is the largest value a feature can have and still go left.
    pub fn thresholds(&self) -> Vec<(usize, f32)> {
        let mut thresholds: Vec<(usize, f32)> = Vec::new();
        for node in self.description.iter().flat_map(|tree| &tree.nodes) {
            if let Node::Threshold { feature, threshold, .. } = node {
                thresholds.push((*feature, round_down(*threshold)));
            }
        }
        thresholds.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        thresholds.dedup_by(|a, b| a.0 == b.0 && a.1.to_bits() == b.1.to_bits());
        thresholds
    }
}

/// The greatest 32-bit float that does not exceed `value`.
pub fn round_down(value: f64) -> f32 {
    let nearest = value as f32;
    if f64::from(nearest) > value { nearest.next_down() } else { nearest }
}

/// The split gains of each feature, largest first; features that are never split at are left out.
pub(crate) fn gains(names: &[&str], gains: impl IntoIterator<Item = (usize, f64)>) -> Vec<Gain> {
    let mut table: Vec<Gain> =
        names.iter().map(|name| Gain { feature: (*name).to_owned(), gain: 0.0, splits: 0 }).collect();
    for (feature, gain) in gains {
        table[feature].gain += gain;
        table[feature].splits += 1;
    }
    table.retain(|gain| gain.splits > 0);
    table.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_down_keeps_every_decision() {
        for threshold in [0.1, -0.1, 1.000_000_017_9e-35, -1.0e-35, 1e300, -1e300, 0.0, -0.0, 16_777_217.0] {
            let rounded = round_down(threshold);
            for value in [rounded.next_down(), rounded, rounded.next_up(), 0.0, f32::INFINITY, f32::NEG_INFINITY] {
                assert_eq!(f64::from(value) <= threshold, value <= rounded, "{value} against {threshold}");
            }
        }
    }
}
