//! Which layers need memory of their own, and an estimate of what training takes.

use super::{Activation, Graph, LayerKind, Learns, Network, Node};

/// Bytes of a 32-bit float.
const FLOAT: u64 = 4;
/// What libtorch takes before the first tensor, about.
const LIBRARY: u64 = 200 << 20;

impl Graph {
    /// How many layers read a value; inputs are counted first, then nodes.
    pub fn readers(&self, value: usize) -> usize {
        self.nodes.iter().map(|node| node.from.iter().filter(|from| **from == value).count()).sum()
    }

    /// The node that makes a value; none of an input.
    fn maker(&self, value: usize) -> Option<&Node> {
        self.nodes.get(value.checked_sub(self.inputs.len())?)
    }

    /// The convolution in which a batch norm lies: the one that it alone reads, when the norm keeps its statistics. It is
    /// a factor and a summand for each channel then, so other weights of that convolution do the same.
    pub fn convolution_around(&self, norm: &Node) -> Option<&Node> {
        if !matches!(norm.kind, LayerKind::BatchNorm(_)) || norm.learns == Learns::All {
            return None;
        }
        let value = *norm.from.first()?;
        let convolution = self.maker(value)?;
        let is_convolution = matches!(convolution.kind, LayerKind::Conv2d(_) | LayerKind::DepthwiseConv2d(_));
        let is_plain = convolution.kind.activation() == Activation::Linear;
        (is_convolution && is_plain && self.readers(value) == 1).then_some(convolution)
    }

    /// Whether a layer writes over what it reads: a rectifier may, when nobody else reads it, and what came out is all
    /// that its own way back asks for. Those of the layers before it ask for what went into them.
    pub fn writes_over(&self, index: usize) -> bool {
        let node = &self.nodes[index];
        let LayerKind::Activation(layer) = &node.kind else { return false };
        let Some(before) = self.maker(node.from[0]) else { return false };
        // What they make is their own, and no view of another. A norm within a convolution hands that one's on, which
        // nobody else reads; one of steps makes a view.
        let fresh = match before.kind {
            LayerKind::Conv2d(_) | LayerKind::DepthwiseConv2d(_) | LayerKind::Add => true,
            LayerKind::BatchNorm(_) => before.shape.len() != 2,
            _ => false,
        };
        let rectifies = matches!(layer.function, Activation::Relu | Activation::Relu6);
        // A function of that layer's own may ask for what came out of it.
        let plain = before.kind.activation() == Activation::Linear;
        rectifies && fresh && plain && self.readers(node.from[0]) == 1
    }

    /// Memory for training, in bytes: weights, gradients and what the optimiser remembers; each layer's output and its
    /// gradient for one batch; the library. The data come on top.
    pub fn estimated_memory(&self, network: &Network) -> u64 {
        let later = network.fine_tuning.map_or(0, |_| self.fine_tuned().memory(network));
        self.memory(network).max(later)
    }

    fn memory(&self, network: &Network) -> u64 {
        let trained = self.trained() as u64 * (2 + network.optimizer.states() as u64);
        // What is frozen is held as published and once more made ready.
        let weights = trained + 2 * self.fixed() as u64;
        let batch = u64::from(network.batch_size) * (2 * self.kept_outputs() + self.width() as u64);
        LIBRARY + FLOAT * weights.saturating_add(batch)
    }

    /// Numbers of all outputs that a gradient goes through, for one row, but for those that are written over others. What
    /// lies before the first trained layer is let go as soon as it is read: of it the largest counts.
    fn kept_outputs(&self) -> u64 {
        let mut learns = vec![false; self.inputs.len()];
        let (mut kept, mut largest) = (0, 0);
        for (index, node) in self.nodes.iter().enumerate() {
            let over = self.convolution_around(node).is_some() || self.writes_over(index);
            let output = if over { 0 } else { node.shape.iter().product::<usize>() as u64 };
            let learnt = node.parameters.iter().any(|one| one.trained) || node.from.iter().any(|value| learns[*value]);
            if learnt {
                kept += output;
            } else {
                largest = largest.max(output);
            }
            learns.push(learnt);
        }
        kept + largest
    }
}
