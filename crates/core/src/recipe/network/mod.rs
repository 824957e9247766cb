//! A neural network as data: a list of layers, or a graph of named ones, and how it is trained. No tensor is here.
//!
//! [`Network::graph`] infers every shape and parameter before anything starts, and its problems name the layer, the
//! shape that it got and what it wants. The crate `deep` builds, trains and emits from the same [`Graph`].

mod architecture;
mod backbone;
mod detection;
mod graph;
mod initial;
mod layer;
mod memory;
mod parameters;
mod shape;
mod summary;
mod training;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bundle::Task;

pub use backbone::{Architecture, Backbone, Learns, Placed, Trainable, Whole};
pub use detection::BOX_SIDES;
pub use graph::{Graph, Head, Input, Node};
pub use initial::{Initial, Initialization, Initializer};
pub use layer::{
    Activation, ActivationLayer, Attention, BatchNorm, Conv1d, Conv2d, Dense, DepthwiseConv2d, Dropout, Embedding,
    Layer, LayerKind, LayerNorm, Padding, Pair, Pool1d, Pool2d, Recurrent, TransformerEncoder,
};
pub use parameters::Parameter;
pub use shape::{Window, shown};
pub use training::{
    Adam, Cosine, Device, EarlyStopping, FineTuning, Loss, Optimizer, Precision, Rmsprop, Schedule, Sgd, StepSchedule,
    WarmUp,
};

/// A neural network and how it is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// What it reads. Default: one input, as preprocessing makes it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<NetworkInput>,
    /// The layers; the last one's output is the network's.
    pub layers: Vec<Layer>,
    /// How parameters begin where a layer does not say.
    #[serde(default)]
    pub initialization: Initialization,
    /// What is made small. Default: `cross_entropy` for several classes, `binary_cross_entropy` for two,
    /// `mean_squared_error` for a number, `boxes` for a detection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// Share of each label that is spread over all classes (`cross_entropy`).
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.9))]
    pub label_smoothing: f64,
    /// Weights of the classes.
    #[serde(default)]
    pub class_weight: super::ClassWeight,
    /// How each step changes the weights.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// How the learning rate changes.
    #[serde(default)]
    pub schedule: Schedule,
    /// The largest norm of all gradients together; larger ones are scaled down to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1e-6, max = 1e6))]
    pub clip_norm: Option<f64>,
    /// How many times the training part is gone through.
    #[serde(default = "default_epochs")]
    #[schemars(range(min = 1, max = 100_000))]
    pub epochs: u32,
    /// Rows of a step.
    #[serde(default = "default_batch")]
    #[schemars(range(min = 1, max = 65_536))]
    pub batch_size: u32,
    /// When to stop before the last epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// What comes after `epochs`, or after early stopping: all of a backbone is trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fine_tuning: Option<FineTuning>,
    /// What computes the training.
    #[serde(default)]
    pub device: Device,
    /// How exact products of matrices and convolutions are computed in training.
    #[serde(default)]
    pub precision: Precision,
}

impl Network {
    /// The loss of a task where a recipe does not say.
    pub fn usual_loss(task: Task) -> Loss {
        match task {
            Task::Binary => Loss::BinaryCrossEntropy,
            Task::Multiclass => Loss::CrossEntropy,
            // An embedding is learnt by no network.
            Task::Regression | Task::Embedding => Loss::MeanSquaredError,
            Task::Detection => Loss::Boxes,
        }
    }

    /// What is made small.
    pub fn loss_of(&self, task: Task) -> Loss {
        self.loss.unwrap_or_else(|| Self::usual_loss(task))
    }

    /// The network as it is built for what preprocessing makes. Where a recipe says nothing of inputs, each category
    /// gets a vector that is learnt, and these stand beside the features before the first layer.
    pub fn prepared(&self, given: &[NetworkInput]) -> Cow<'_, Self> {
        let is_category = |input: &NetworkInput| input.ids.is_some() && input.shape == [1];
        let says_itself = !self.inputs.is_empty() || self.layers.iter().any(|layer| !layer.from.is_empty());
        let others = given.iter().filter(|input| !is_category(input)).count();
        if says_itself || others == given.len() || others > 1 {
            return Cow::Borrowed(self);
        }
        let mut layers = Vec::new();
        let mut beside: Vec<String> =
            given.iter().filter(|input| !is_category(input)).map(|input| input.name.clone()).collect();
        for input in given.iter().filter(|input| is_category(input)) {
            let vector = format!("{}_embedding", input.name);
            let flat = format!("{}_vector", input.name);
            let size = vector_size(input.ids.unwrap_or(1));
            let kind =
                LayerKind::Embedding(Embedding { vocabulary: None, size, init: None, weights: None, trainable: true });
            layers.push(Layer { name: Some(vector.clone()), from: vec![input.name.clone()], kind });
            layers.push(Layer { name: Some(flat.clone()), from: vec![vector], kind: LayerKind::Flatten });
            beside.push(flat);
        }
        if beside.len() > 1 {
            layers.push(Layer { name: Some("together".into()), from: beside, kind: LayerKind::Concatenate });
        }
        layers.extend(self.layers.iter().cloned());
        Cow::Owned(Self { layers, ..self.clone() })
    }
}

/// The width of a category's vector: 1.6 · categories^0.56, at most 600, as fastai found to do well.
fn vector_size(categories: u32) -> u32 {
    (1.6 * f64::from(categories).powf(0.56)).round().clamp(1.0, 600.0) as u32
}

/// The name of the input of a network that holds the numbers of a table.
pub const FEATURES: &str = "features";

fn default_epochs() -> u32 {
    10
}

fn default_batch() -> u32 {
    32
}

/// One input of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkInput {
    /// Its name, for `from` of layers.
    pub name: String,
    /// Its shape without the batch: `[features]`, `[steps, features]`, `[channels, height, width]`; of ids `[steps]`.
    pub shape: Vec<u32>,
    /// For ids: how many there are, 0 included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub ids: Option<u32>,
}

impl NetworkInput {
    /// An input of this name and shape.
    pub fn new(name: &str, shape: &[usize], ids: Option<u32>) -> Self {
        Self { name: name.to_owned(), shape: shape.iter().map(|side| *side as u32).collect(), ids }
    }

    /// How many numbers of a row it takes.
    pub fn width(&self) -> usize {
        self.shape.iter().map(|side| *side as usize).product()
    }
}
