//! The convolutions that a network begins with, computed here and not by libtorch where that is faster.
//!
//! Convolution, rectifier and max pooling are one pass. Of the gradients behind them at most one in as many as the pool
//! has places is not zero, and with a rectifier about half of those: the rest is not multiplied, which libraries that take
//! one layer at a time must do. Pictures lie with their channels side by side ([`kernels`]).

mod backward;
mod convolution;
mod forward;
mod kernels;

use meuse_core::recipe::network::{Activation, Graph, LayerKind, Learns, Node};

use self::convolution::{Convolution, Sides};
use crate::forward::windows;
use crate::initialise::Chance;
use crate::weights::{Weights, numbers_of};

/// Convolutions one after the other, with what they need and keep for a batch of pictures.
pub(crate) struct Stack {
    layers: Vec<Convolution>,
    /// How many nodes of the graph they are.
    nodes: usize,
    /// Where the picture lies in a row.
    offset: usize,
    /// Channels, height and width of the picture.
    shape: [usize; 3],
}

/// The gradient of a parameter.
pub(crate) struct Gradient {
    pub(crate) name: String,
    pub(crate) numbers: Vec<f32>,
}

impl Stack {
    /// What a graph begins with, where that is computed faster here: convolutions at stride 1 that are trained, each with
    /// the rectifier, the pooling and the dropout that follow it.
    pub(crate) fn of(graph: &Graph) -> Option<Self> {
        let first = graph.nodes.first().filter(|_| crate::vector::is_wide())?;
        let input = graph.inputs.get(*first.from.first()?)?;
        let shape: [usize; 3] = input.shape.as_slice().try_into().ok()?;
        let mut stack = Self { layers: Vec::new(), nodes: 0, offset: input.offset, shape };
        let mut value = first.from[0];
        while let Some((layer, nodes)) = next(graph, stack.nodes, value, stack.shape_after()) {
            stack.layers.push(layer);
            stack.nodes += nodes;
            value = graph.inputs.len() + stack.nodes - 1;
        }
        (stack.nodes > 0 && stack.nodes < graph.nodes.len()).then_some(stack)
    }

    /// How many nodes of the graph are computed here: the first ones.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes
    }

    /// Channels, height and width of what comes out.
    pub(crate) fn shape_after(&self) -> [usize; 3] {
        self.layers.last().map_or(self.shape, Convolution::shape)
    }

    /// The answers to rows of `width` numbers: rows × height × width × channels. With a source of chance, values are
    /// dropped, and what [`Self::backward`] needs is kept; without, no more than one picture is held between two layers.
    pub(crate) fn forward(
        &mut self,
        rows: &[f32],
        width: usize,
        weights: &Weights,
        mut chance: Option<&mut Chance>,
    ) -> Vec<f32> {
        let count = rows.len() / width.max(1);
        let kept = if chance.is_some() { count } else { 1 };
        for layer in &mut self.layers {
            let weight = numbers_of(weights.of(layer.name(), "weight"));
            let bias = weights.maybe(layer.name(), "bias").map(numbers_of);
            layer.prepare(kept, &weight, bias.as_deref(), chance.as_deref_mut());
        }
        let after = self.shape_after();
        let (numbers, answer) = (self.shape.iter().product::<usize>(), after.iter().product::<usize>());
        let mut answers = vec![0.0; count * answer];
        for (number, (row, answer)) in rows.chunks_exact(width.max(1)).zip(answers.chunks_exact_mut(answer)).enumerate()
        {
            let number = number % kept;
            if let Some(first) = self.layers.first_mut() {
                first.take(number, &row[self.offset..][..numbers]);
            }
            for at in 0..self.layers.len() {
                let (before, later) = self.layers.split_at_mut(at + 1);
                let Some(layer) = before.last_mut() else { break };
                match later.first_mut() {
                    Some(next) => {
                        let (into, sides) = next.room(number);
                        layer.forward(number, into, sides);
                    }
                    None => layer.forward(number, answer, Sides::plain(after)),
                }
            }
        }
        answers
    }

    /// The gradients of all parameters, from that of the answers to the rows of the last [`Self::forward`], which had a
    /// source of chance.
    pub(crate) fn backward(&mut self, gradient: Vec<f32>) -> Vec<Gradient> {
        let mut all = Vec::new();
        let mut gradient = gradient;
        for (at, layer) in self.layers.iter_mut().enumerate().rev() {
            let learnt = layer.backward(gradient, at > 0);
            let mut tell =
                |name: &str, numbers| all.push(Gradient { name: format!("{}.{name}", layer.name()), numbers });
            tell("weight", learnt.weights);
            tell("bias", learnt.biases);
            gradient = learnt.pictures;
        }
        all
    }
}

/// The layer that the node with this number begins, and of how many nodes it is; nothing when it is libtorch's.
fn next(graph: &Graph, number: usize, value: usize, shape: [usize; 3]) -> Option<(Convolution, usize)> {
    let node = read_alone(graph, number, value)?;
    let LayerKind::Conv2d(conv) = &node.kind else { return None };
    let plain = conv.stride.sides() == [1, 1] && conv.groups == 1 && node.learns == Learns::All;
    if !plain || !matches!(conv.activation, Activation::Linear | Activation::Relu) {
        return None;
    }
    let [down, across] = windows(&shape, conv.kernel.sides(), [1, 1], conv.padding);
    let around = [[down.before, down.after], [across.before, across.after]];
    let mut layer = Convolution::new(&node.name, shape, conv.kernel.sides(), around, conv.filters as usize);
    if conv.activation == Activation::Relu {
        layer.rectify();
    }
    let mut nodes = 1;
    // A rectifier and a pooling may stand in either order.
    while let Some(node) = read_alone(graph, number + nodes, graph.inputs.len() + number + nodes - 1) {
        let taken = match &node.kind {
            LayerKind::Activation(own) => own.function == Activation::Relu && layer.rectify(),
            LayerKind::MaxPool2d(pool) => {
                let size = pool.size.sides();
                let around = windows(graph.shape(node.from[0]), size, size, pool.padding);
                let plain = around.iter().all(|window| window.before + window.after == 0);
                pool.stride.unwrap_or(pool.size).sides() == size && plain && layer.pool(size)
            }
            LayerKind::Dropout(dropout) => layer.drop_out(dropout.rate),
            _ => false,
        };
        if !taken {
            break;
        }
        nodes += 1;
    }
    layer.pays().then_some((layer, nodes))
}

/// The node with this number, when it reads this value only, and alone does so.
fn read_alone(graph: &Graph, number: usize, value: usize) -> Option<&Node> {
    let readers = graph.nodes.iter().flat_map(|node| &node.from).filter(|read| **read == value).count();
    graph.nodes.get(number).filter(|node| readers == 1 && node.from == [value])
}
