//! Which boxes a detection tells: data of a recipe.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which boxes are told of those that a network proposes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DetectionRule {
    /// Boxes of a lower score are not told.
    #[schemars(range(min = 0.01, max = 1.0))]
    pub score_threshold: f64,
    /// Of two boxes of one class that overlap by more than this (intersection over union), the one with the lower score
    /// is left out.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub iou_threshold: f64,
    /// The most boxes of one picture.
    #[schemars(range(min = 1, max = 1000))]
    pub most_boxes: u32,
}

impl Default for DetectionRule {
    fn default() -> Self {
        Self { score_threshold: 0.3, iou_threshold: 0.5, most_boxes: 100 }
    }
}
