//! A batch norm that keeps its statistics, inside the convolution before it.
//!
//! Such a norm is a factor and a summand for each channel, so it can be had by other weights of that convolution; values
//! differ by the rounding of 32-bit floats. Where both are frozen these weights are made once, which makes a backbone a
//! third faster. Where they learn they are made anew each time, and the gradients go through them to what they are made
//! of: then nothing between convolution and norm need be kept for the way back.

use std::collections::{HashMap, HashSet};

use meuse_core::recipe::network::{Graph, LayerKind, Learns};
use tch::{Kind, Tensor, no_grad};

/// Convolutions with a batch norm inside, by name.
#[derive(Default)]
pub(crate) struct Folded {
    /// Weight and bias, by the convolution's name.
    convolutions: HashMap<String, (Tensor, Tensor)>,
    /// Of those that learn, the norm, by the convolution's name.
    learning: HashMap<String, Norm>,
    /// The batch norms that lie in one of them, by name.
    norms: HashSet<String>,
}

/// A batch norm that learns, and keeps its statistics.
struct Norm {
    name: String,
    /// 1 / standard deviation
    inverse: Tensor,
    /// mean / standard deviation
    shift: Tensor,
}

impl Folded {
    /// Folds what the graph says keeps its statistics; `parameter` gives that of a layer by name.
    pub(crate) fn of<'a>(graph: &Graph, parameter: impl Fn(&str, &str) -> Option<&'a Tensor>) -> Self {
        let mut folded = Self::default();
        for norm in &graph.nodes {
            let LayerKind::BatchNorm(layer) = &norm.kind else { continue };
            let Some(convolution) = graph.convolution_around(norm) else { continue };
            let own = |name: &str| parameter(&norm.name, name).map(|tensor| tensor.detach().to_kind(Kind::Double));
            let parts = [own("weight"), own("bias"), own("running_mean"), own("running_var")];
            let [Some(scale), Some(offset), Some(mean), Some(variance)] = parts else { continue };
            let Some(weight) = parameter(&convolution.name, "weight") else { continue };
            folded.norms.insert(norm.name.clone());
            if norm.learns == Learns::Weights || convolution.learns != Learns::Nothing {
                let inverse = (variance + layer.epsilon).rsqrt();
                let shift = (mean * &inverse).to_kind(Kind::Float);
                let norm = Norm { name: norm.name.clone(), inverse: inverse.to_kind(Kind::Float), shift };
                folded.learning.insert(convolution.name.clone(), norm);
                continue;
            }
            let made = no_grad(|| {
                let factor = scale / (variance + layer.epsilon).sqrt();
                let bias = match parameter(&convolution.name, "bias") {
                    Some(bias) => offset + (bias - mean) * &factor,
                    None => offset - mean * &factor,
                };
                let weight = (weight.to_kind(Kind::Double) * factor.reshape([-1, 1, 1, 1])).to_kind(Kind::Float);
                (channels_last(&weight), bias.to_kind(Kind::Float))
            });
            folded.convolutions.insert(convolution.name.clone(), made);
        }
        folded
    }

    /// The same for another thread.
    pub(crate) fn twin(&self) -> Self {
        let twin = |(name, (weight, bias)): (&String, &(Tensor, Tensor))| {
            (name.clone(), (weight.shallow_clone(), bias.shallow_clone()))
        };
        let twin_norm = |(name, norm): (&String, &Norm)| {
            let (inverse, shift) = (norm.inverse.shallow_clone(), norm.shift.shallow_clone());
            (name.clone(), Norm { name: norm.name.clone(), inverse, shift })
        };
        Self {
            convolutions: self.convolutions.iter().map(twin).collect(),
            learning: self.learning.iter().map(twin_norm).collect(),
            norms: self.norms.clone(),
        }
    }

    /// Weight and bias of a convolution in which a batch norm lies; `parameter` gives that of a layer by name.
    pub(crate) fn convolution<'a>(
        &self,
        name: &str,
        parameter: impl Fn(&str, &str) -> Option<&'a Tensor>,
    ) -> Option<(Tensor, Tensor)> {
        if let Some((weight, bias)) = self.convolutions.get(name) {
            return Some((weight.shallow_clone(), bias.shallow_clone()));
        }
        let norm = self.learning.get(name)?;
        let (scale, offset) = (parameter(&norm.name, "weight")?, parameter(&norm.name, "bias")?);
        let factor = scale * &norm.inverse;
        let bias = match parameter(name, "bias") {
            Some(bias) => offset - scale * &norm.shift + bias * &factor,
            None => offset - scale * &norm.shift,
        };
        Some((parameter(name, "weight")? * factor.reshape([-1, 1, 1, 1]), bias))
    }

    /// Whether a batch norm lies in this convolution.
    pub(crate) fn is_around(&self, convolution: &str) -> bool {
        self.convolutions.contains_key(convolution) || self.learning.contains_key(convolution)
    }

    /// Whether the convolution before this batch norm has done its work.
    pub(crate) fn has_norm(&self, name: &str) -> bool {
        self.norms.contains(name)
    }
}

/// The same pictures or filters with the channels of a place side by side, which convolutions are faster on.
pub(crate) fn channels_last(value: &Tensor) -> Tensor {
    let Ok([count, channels, height, width]) = <[i64; 4]>::try_from(value.size()) else { return value.shallow_clone() };
    let side_by_side = value.permute([0, 2, 3, 1]).contiguous();
    if channels > 1 {
        return side_by_side.permute([0, 3, 1, 2]);
    }
    // With one channel both orders are the same bytes; only its stride says which is meant, and what follows keeps it.
    side_by_side.as_strided([count, 1, height, width], [height * width, 1, width, 1], None)
}
