//! The parameters of a layer: their names, shapes and beginnings. Names and layouts are PyTorch's, so that published
//! weights fit.

use super::Initialization;
use super::initial::Initial;
use super::layer::{LayerKind, Recurrent};

/// One tensor of numbers that a layer holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// The layer's name, a point, and what it is: `conv2d_1.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// How it begins.
    pub initial: Initial,
    /// Whether training changes it by gradients; running means are not.
    pub trained: bool,
}

impl Parameter {
    /// How many numbers it holds.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it is a running mean or variance, which no gradient changes.
    pub fn is_statistic(&self) -> bool {
        self.name.ends_with(".running_mean") || self.name.ends_with(".running_var")
    }
}

/// What collects the parameters of one layer.
struct Collector<'a> {
    layer: &'a str,
    parameters: Vec<Parameter>,
}

impl Collector<'_> {
    fn add(&mut self, name: &str, shape: &[usize], initial: Initial) {
        let name = format!("{}.{name}", self.layer);
        self.parameters.push(Parameter { name, shape: shape.to_vec(), initial, trained: true });
    }

    fn fixed(&mut self, name: &str, shape: &[usize], initial: Initial) {
        self.add(name, shape, initial);
        if let Some(last) = self.parameters.last_mut() {
            last.trained = false;
        }
    }
}

/// The parameters of a layer that reads `input`. `ids` is how many ids there are, for an embedding.
pub(super) fn of(
    layer: &str,
    kind: &LayerKind,
    input: &[usize],
    ids: Option<u32>,
    habit: Initialization,
) -> Vec<Parameter> {
    let mut all = Collector { layer, parameters: Vec::new() };
    let features = input.last().copied().unwrap_or(0);
    let channels = input.first().copied().unwrap_or(0);
    match kind {
        LayerKind::Dense(dense) => {
            let units = dense.units as usize;
            all.add("weight", &[units, features], habit.weights(dense.init, features, units));
            if dense.bias {
                all.add("bias", &[units], habit.bias(features));
            }
        }
        LayerKind::Conv1d(conv) => {
            let (filters, kernel) = (conv.filters as usize, conv.kernel as usize);
            let inputs = features * kernel;
            all.add("weight", &[filters, features, kernel], habit.weights(conv.init, inputs, filters * kernel));
            if conv.bias {
                all.add("bias", &[filters], habit.bias(inputs));
            }
        }
        LayerKind::Conv2d(conv) => {
            let ([height, width], filters) = (conv.kernel.sides(), conv.filters as usize);
            let each = channels / (conv.groups as usize).max(1);
            let (inputs, outputs) = (each * height * width, filters * height * width);
            all.add("weight", &[filters, each, height, width], habit.weights(conv.init, inputs, outputs));
            if conv.bias {
                all.add("bias", &[filters], habit.bias(inputs));
            }
        }
        LayerKind::DepthwiseConv2d(conv) => {
            let ([height, width], multiplier) = (conv.kernel.sides(), conv.multiplier as usize);
            let places = height * width;
            // Keras counts all channels as inputs of a unit, though it reads one.
            let inputs = if habit == Initialization::Keras { places * channels } else { places };
            let filters = channels * multiplier;
            all.add("weight", &[filters, 1, height, width], habit.weights(conv.init, inputs, places * multiplier));
            if conv.bias {
                all.add("bias", &[filters], habit.bias(places));
            }
        }
        LayerKind::BatchNorm(_) => {
            let width = if input.len() == 3 { channels } else { features };
            norm(&mut all, "", width);
            all.fixed("running_mean", &[width], Initial::Constant(0.0));
            all.fixed("running_var", &[width], Initial::Constant(1.0));
        }
        LayerKind::LayerNorm(_) => norm(&mut all, "", features),
        LayerKind::Embedding(embedding) => {
            let ids = embedding.vocabulary.or(ids).unwrap_or(0) as usize;
            let size = embedding.size as usize;
            all.add("weight", &[ids, size], habit.embedding(embedding.init, ids, size));
        }
        LayerKind::PositionEmbedding => {
            let initial = match habit {
                Initialization::Keras => Initial::Uniform(0.05),
                Initialization::Pytorch => Initial::Normal(0.02),
            };
            all.add("weight", &[channels, features], initial);
        }
        LayerKind::Lstm(layer) => recurrent(&mut all, layer, 4, features, habit),
        LayerKind::Gru(layer) => recurrent(&mut all, layer, 3, features, habit),
        LayerKind::Attention(_) => attention(&mut all, "", features, habit),
        LayerKind::TransformerEncoder(layer) => {
            let wide = layer.feed_forward as usize;
            attention(&mut all, "attention.", features, habit);
            norm(&mut all, "norm_1.", features);
            dense(&mut all, "dense_1.", [features, wide], habit);
            dense(&mut all, "dense_2.", [wide, features], habit);
            norm(&mut all, "norm_2.", features);
        }
        _ => {}
    }
    all.parameters
}

fn norm(all: &mut Collector, prefix: &str, width: usize) {
    all.add(&format!("{prefix}weight"), &[width], Initial::Constant(1.0));
    all.add(&format!("{prefix}bias"), &[width], Initial::Constant(0.0));
}

fn dense(all: &mut Collector, prefix: &str, [inputs, units]: [usize; 2], habit: Initialization) {
    all.add(&format!("{prefix}weight"), &[units, inputs], habit.weights(None, inputs, units));
    all.add(&format!("{prefix}bias"), &[units], habit.bias(inputs));
}

fn attention(all: &mut Collector, prefix: &str, width: usize, habit: Initialization) {
    let bound = |outputs: usize| Initial::Uniform((6.0 / (width + outputs) as f64).sqrt());
    // Keras draws queries, keys and values apart, PyTorch as one matrix.
    let (joint, out) = match habit {
        Initialization::Keras => (bound(width), bound(width)),
        Initialization::Pytorch => (bound(3 * width), Initial::Uniform(1.0 / (width as f64).sqrt())),
    };
    all.add(&format!("{prefix}in_proj_weight"), &[3 * width, width], joint);
    all.add(&format!("{prefix}in_proj_bias"), &[3 * width], Initial::Constant(0.0));
    all.add(&format!("{prefix}out_proj.weight"), &[width, width], out);
    all.add(&format!("{prefix}out_proj.bias"), &[width], Initial::Constant(0.0));
}

fn recurrent(all: &mut Collector, layer: &Recurrent, gates: usize, inputs: usize, habit: Initialization) {
    let units = layer.units as usize;
    let rows = gates * units;
    let directions: &[&str] = if layer.bidirectional { &["", "_reverse"] } else { &[""] };
    for direction in directions {
        let name = |part: &str| format!("{part}_l0{direction}");
        match habit {
            Initialization::Keras => {
                let bound = (6.0 / (inputs + rows) as f64).sqrt();
                all.add(&name("weight_ih"), &[rows, inputs], Initial::Uniform(bound));
                all.add(&name("weight_hh"), &[rows, units], Initial::Orthogonal);
                let forget = if gates == 4 { Initial::ForgetGate } else { Initial::Constant(0.0) };
                all.add(&name("bias_ih"), &[rows], forget);
                // Keras's LSTM has one bias, its GRU two.
                if gates == 4 {
                    all.fixed(&name("bias_hh"), &[rows], Initial::Constant(0.0));
                } else {
                    all.add(&name("bias_hh"), &[rows], Initial::Constant(0.0));
                }
            }
            Initialization::Pytorch => {
                let initial = Initial::Uniform(1.0 / (units as f64).sqrt());
                all.add(&name("weight_ih"), &[rows, inputs], initial);
                all.add(&name("weight_hh"), &[rows, units], initial);
                all.add(&name("bias_ih"), &[rows], initial);
                all.add(&name("bias_hh"), &[rows], initial);
            }
        }
    }
}
