//! The head of a detector: from a feature map to a score of each class and the sides of a box, in every cell.

use super::graph::Builder;
use super::initial::Initial;
use super::layer::{Activation, Conv2d, LayerKind, Padding, Pair};
use super::shape::shown;

/// The names of the head's layers.
const CLASSES: &str = "detector.classes";
const SIDES: &str = "detector.sides";
const BOTH: &str = "detector.both";
pub(super) const FLAT: &str = "detector.flat";
/// The log-odds that a score begins with, those of one in a hundred: nearly all cells hold nothing, and a network that
/// begins at one half would learn that first, and little else.
const RARE: f64 = -4.595_119_850_134_59;
/// Sides of a box: left, up, right, down.
pub const BOX_SIDES: usize = 4;

impl Builder<'_> {
    /// Adds the head for so many classes behind the last layer of the recipe.
    pub(super) fn detector(&mut self, classes: usize) -> Option<usize> {
        let map = self.finished()?;
        let field = self.last_field();
        let shape = self.graph.shape(map).to_vec();
        if shape.len() != 3 {
            let message =
                format!("the last layer makes {}, and a detection needs channels × rows × columns", shown(&shape));
            self.report(field, message, "end with a convolution: a detection has no flatten, global pooling or dense");
            return None;
        }
        let convolution = |filters: usize| {
            LayerKind::Conv2d(Conv2d {
                filters: filters as u32,
                kernel: Pair::Both(3),
                stride: Pair::Both(1),
                padding: Padding::Same,
                groups: 1,
                activation: Activation::Linear,
                bias: true,
                init: None,
            })
        };
        for name in [CLASSES, SIDES, BOTH, FLAT] {
            self.free(&field, name);
        }
        let scores = self.node(&field, CLASSES, &convolution(classes), vec![map])?;
        self.begin_rare();
        let sides = self.node(&field, SIDES, &convolution(BOX_SIDES), vec![map])?;
        let both = self.node(&field, BOTH, &LayerKind::Concatenate, vec![scores, sides])?;
        self.node(&field, FLAT, &LayerKind::Flatten, vec![both])
    }

    /// The bias of the layer that was just added begins so that every score is low.
    fn begin_rare(&mut self) {
        let parameters = self.graph.nodes.last_mut().map(|node| &mut node.parameters);
        for bias in parameters.into_iter().flatten().filter(|one| one.name.rsplit('.').next() == Some("bias")) {
            bias.initial = Initial::Constant(RARE);
        }
    }
}
