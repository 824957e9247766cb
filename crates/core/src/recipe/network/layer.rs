//! The layers of a network, under the names that Keras gives them.
//!
//! Shapes here never count the batch. A vector is `features`, a sequence `steps × features`, a picture
//! `channels × height × width`; a sequence of ids (tokens, categories) is `steps` whole numbers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backbone::Backbone;
use super::initial::Initializer;
use crate::names::ModelRef;

/// One layer, and where its input comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Layer {
    /// Its name, for `from` of later layers and for messages. Default: its kind and a number, as in `conv2d_1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The layers or inputs that it reads. Default: the layer before it; for the first one, the first input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// What it does.
    #[serde(flatten)]
    pub kind: LayerKind,
}

/// What a layer does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerKind {
    /// Weights times input plus bias, over the last axis.
    Dense(Dense),
    /// A convolution along the steps of a sequence.
    Conv1d(Conv1d),
    /// A convolution over a picture.
    Conv2d(Conv2d),
    /// A convolution over each channel of a picture by itself.
    DepthwiseConv2d(DepthwiseConv2d),
    /// The largest value of each window of steps.
    MaxPool1d(Pool1d),
    /// The mean of each window of steps.
    AveragePool1d(Pool1d),
    /// The largest value of each window of a picture.
    MaxPool2d(Pool2d),
    /// The mean of each window of a picture; what lies outside the picture does not count.
    AveragePool2d(Pool2d),
    /// The mean over all places of a picture, or over all steps of a sequence.
    GlobalAveragePool,
    /// The largest value over all places of a picture, or over all steps of a sequence.
    GlobalMaxPool,
    /// Each channel (picture) or feature (vector) brought to mean 0 and variance 1 over the batch.
    BatchNorm(BatchNorm),
    /// The last axis brought to mean 0 and variance 1, row by row.
    LayerNorm(LayerNorm),
    /// Sets values to zero by chance while training.
    Dropout(Dropout),
    /// A vector for each id.
    Embedding(Embedding),
    /// Adds a learnt vector for each step of a sequence, so that attention knows the order.
    PositionEmbedding,
    /// Long short-term memory.
    Lstm(Recurrent),
    /// Gated recurrent unit, with the reset gate after the product (as in cuDNN, PyTorch and Keras's default).
    Gru(Recurrent),
    /// Multi-head self-attention.
    Attention(Attention),
    /// A transformer's encoder block: attention and two dense layers, each with residual and layer norm.
    TransformerEncoder(TransformerEncoder),
    /// The sum of layers of one shape: a residual connection.
    Add,
    /// Layers side by side: along the channels of pictures, else along the last axis.
    Concatenate,
    /// All axes as one.
    Flatten,
    /// A function of each value.
    Activation(ActivationLayer),
    /// A published network that turns pictures into feature maps, pretrained or from scratch.
    Backbone(Backbone),
}

impl LayerKind {
    /// The word that a recipe writes.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Dense(_) => "dense",
            Self::Conv1d(_) => "conv1d",
            Self::Conv2d(_) => "conv2d",
            Self::DepthwiseConv2d(_) => "depthwise_conv2d",
            Self::MaxPool1d(_) => "max_pool1d",
            Self::AveragePool1d(_) => "average_pool1d",
            Self::MaxPool2d(_) => "max_pool2d",
            Self::AveragePool2d(_) => "average_pool2d",
            Self::GlobalAveragePool => "global_average_pool",
            Self::GlobalMaxPool => "global_max_pool",
            Self::BatchNorm(_) => "batch_norm",
            Self::LayerNorm(_) => "layer_norm",
            Self::Dropout(_) => "dropout",
            Self::Embedding(_) => "embedding",
            Self::PositionEmbedding => "position_embedding",
            Self::Lstm(_) => "lstm",
            Self::Gru(_) => "gru",
            Self::Attention(_) => "attention",
            Self::TransformerEncoder(_) => "transformer_encoder",
            Self::Add => "add",
            Self::Concatenate => "concatenate",
            Self::Flatten => "flatten",
            Self::Activation(_) => "activation",
            Self::Backbone(_) => "backbone",
        }
    }

    /// The function that the layer applies at its end, when it has one.
    pub fn activation(&self) -> Activation {
        match self {
            Self::Dense(layer) => layer.activation,
            Self::Conv1d(layer) => layer.activation,
            Self::Conv2d(layer) => layer.activation,
            Self::DepthwiseConv2d(layer) => layer.activation,
            Self::Activation(layer) => layer.function,
            _ => Activation::Linear,
        }
    }
}

/// A function of each value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The value itself.
    #[default]
    Linear,
    /// The value, or 0 when it is negative.
    Relu,
    /// The value between 0 and 6.
    Relu6,
    /// The value, or 0.01 of it when it is negative.
    LeakyRelu,
    /// eˣ − 1 when the value is negative.
    Elu,
    /// x · Φ(x), by the error function.
    Gelu,
    /// x · sigmoid(x), also called swish.
    Silu,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// Shares that sum to 1 over the last axis.
    Softmax,
}

/// One number for height and width, or one for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Pair {
    /// Height and width alike.
    Both(u32),
    /// Height, then width.
    Each([u32; 2]),
}

impl Pair {
    /// Height and width.
    pub fn sides(self) -> [usize; 2] {
        match self {
            Self::Both(side) => [side as usize; 2],
            Self::Each([height, width]) => [height as usize, width as usize],
        }
    }
}

fn one_by_one() -> Pair {
    Pair::Both(1)
}

fn two_by_two() -> Pair {
    Pair::Both(2)
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

/// What happens at the edges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Nothing is added: only whole windows count.
    #[default]
    Valid,
    /// Zeros are added so that the output has ⌈input / stride⌉ places; an odd one goes to the end, as in Keras.
    Same,
    /// (kernel − 1) / 2 zeros at both ends whatever the stride, as `padding=1` for a 3 × 3 kernel in PyTorch.
    Half,
}

/// Parameters of a dense layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dense {
    /// Width of the output.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub units: u32,
    /// The function at the end.
    #[serde(default)]
    pub activation: Activation,
    /// Whether there is a bias.
    #[serde(default = "yes")]
    pub bias: bool,
    /// How the weights begin. Default: as the network's `initialization`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Initializer>,
}

/// Parameters of a convolution along a sequence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conv1d {
    /// Features of the output.
    #[schemars(range(min = 1, max = 100_000))]
    pub filters: u32,
    /// Steps of a window.
    #[schemars(range(min = 1, max = 10_000))]
    pub kernel: u32,
    /// Steps from one window to the next.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub stride: u32,
    /// What happens at the ends.
    #[serde(default)]
    pub padding: Padding,
    /// The function at the end.
    #[serde(default)]
    pub activation: Activation,
    /// Whether there is a bias.
    #[serde(default = "yes")]
    pub bias: bool,
    /// How the weights begin. Default: as the network's `initialization`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Initializer>,
}

/// Parameters of a convolution over a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    /// Channels of the output.
    #[schemars(range(min = 1, max = 100_000))]
    pub filters: u32,
    /// Height and width of a window.
    pub kernel: Pair,
    /// Places from one window to the next.
    #[serde(default = "one_by_one")]
    pub stride: Pair,
    /// What happens at the edges.
    #[serde(default)]
    pub padding: Padding,
    /// Groups of channels that do not see each other.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100_000))]
    pub groups: u32,
    /// The function at the end.
    #[serde(default)]
    pub activation: Activation,
    /// Whether there is a bias.
    #[serde(default = "yes")]
    pub bias: bool,
    /// How the weights begin. Default: as the network's `initialization`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Initializer>,
}

/// Parameters of a convolution over each channel by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DepthwiseConv2d {
    /// Height and width of a window.
    pub kernel: Pair,
    /// Places from one window to the next.
    #[serde(default = "one_by_one")]
    pub stride: Pair,
    /// What happens at the edges.
    #[serde(default)]
    pub padding: Padding,
    /// Output channels for each input channel.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub multiplier: u32,
    /// The function at the end.
    #[serde(default)]
    pub activation: Activation,
    /// Whether there is a bias.
    #[serde(default = "yes")]
    pub bias: bool,
    /// How the weights begin. Default: as the network's `initialization`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Initializer>,
}

/// Parameters of pooling along a sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool1d {
    /// Steps of a window, and from one window to the next.
    #[schemars(range(min = 1, max = 10_000))]
    pub size: u32,
    /// Steps from one window to the next. Default: `size`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub stride: Option<u32>,
}

/// Parameters of pooling over a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool2d {
    /// Height and width of a window.
    #[serde(default = "two_by_two")]
    pub size: Pair,
    /// Places from one window to the next. Default: `size`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<Pair>,
    /// What happens at the edges.
    #[serde(default)]
    pub padding: Padding,
}

/// Parameters of batch normalisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchNorm {
    /// How much of the running mean and variance each step keeps. Default: 0.9, which PyTorch calls 0.1.
    #[serde(default = "default_momentum")]
    #[schemars(range(min = 0.0, max = 0.9999))]
    pub momentum: f64,
    /// Added to the variance.
    #[serde(default = "default_epsilon")]
    #[schemars(range(min = 1e-9, max = 0.1))]
    pub epsilon: f64,
}

fn default_momentum() -> f64 {
    0.9
}

fn default_epsilon() -> f64 {
    1e-5
}

/// Parameters of layer normalisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerNorm {
    /// Added to the variance.
    #[serde(default = "default_epsilon")]
    #[schemars(range(min = 1e-9, max = 0.1))]
    pub epsilon: f64,
}

/// Parameters of dropout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// Share of values set to zero; the others grow so that the mean stays.
    #[schemars(range(min = 0.0, max = 0.99))]
    pub rate: f64,
}

/// Parameters of an embedding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Embedding {
    /// Number of ids, 0 included. Default: as many as the input has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub vocabulary: Option<u32>,
    /// Width of a vector.
    #[schemars(range(min = 1, max = 100_000))]
    pub size: u32,
    /// How the vectors begin. Default: as the network's `initialization`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Initializer>,
    /// A model of word vectors, `words:2`, whose vectors the same words begin with; other words begin as `init` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub weights: Option<ModelRef>,
    /// Whether training changes the vectors.
    #[serde(default = "yes")]
    pub trainable: bool,
}

/// Parameters of a recurrent layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recurrent {
    /// Width of the state.
    #[schemars(range(min = 1, max = 100_000))]
    pub units: u32,
    /// Whether the states of all steps come out, instead of the last one.
    #[serde(default)]
    pub return_sequences: bool,
    /// Whether a second one reads from the end; its states come beside the first one's.
    #[serde(default)]
    pub bidirectional: bool,
}

/// Parameters of self-attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attention {
    /// Number of heads; the features are divided among them.
    #[schemars(range(min = 1, max = 1000))]
    pub heads: u32,
}

/// Parameters of a transformer's encoder block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransformerEncoder {
    /// Number of heads; the features are divided among them.
    #[schemars(range(min = 1, max = 1000))]
    pub heads: u32,
    /// Width of the first of the two dense layers.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub feed_forward: u32,
    /// Share of values that dropout sets to zero, after attention and after the dense layers.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.99))]
    pub dropout: f64,
    /// The function between the dense layers.
    #[serde(default = "default_feed_forward_activation")]
    pub activation: Activation,
}

fn default_feed_forward_activation() -> Activation {
    Activation::Relu
}

/// Parameters of an activation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivationLayer {
    /// The function.
    pub function: Activation,
}
