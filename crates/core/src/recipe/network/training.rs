//! How a network is trained: loss, optimiser, schedule, and when to stop.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is made small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Mean negative log-likelihood of the right class, of several.
    CrossEntropy,
    /// Mean negative log-likelihood of a yes or no.
    BinaryCrossEntropy,
    /// Mean squared error.
    MeanSquaredError,
    /// Of boxes: quality focal loss of the scores (X. Li and others, Generalized Focal Loss, 2020) and twice the
    /// generalised intersection over union of the boxes (H. Rezatofighi and others, 2019), for each true box's cells.
    Boxes,
}

/// What computes a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// A GPU where the server has one, otherwise the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A GPU, and nothing else.
    Gpu,
}

/// How exact products of matrices and convolutions are computed in training. Weights, their gradients and what is
/// registered are 32-bit floats in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// In 32-bit floats.
    #[default]
    Float32,
    /// In bfloat16 (P. Micikevicius and others, Mixed Precision Training, 2018; D. Kalamkar and others, A Study of
    /// BFLOAT16, 2019), but for recurrent layers, norms and losses. Meant for GPUs; most processors are slower with it.
    Mixed,
}

/// How each step changes the weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Adam; `weight_decay` is added to the gradient.
    Adam(Adam),
    /// Adam; `weight_decay` shrinks the weights themselves.
    Adamw(Adam),
    /// RMSprop.
    Rmsprop(Rmsprop),
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adam(Adam {
            learning_rate: 1e-3,
            beta_1: default_beta_1(),
            beta_2: default_beta_2(),
            epsilon: default_adam_epsilon(),
            weight_decay: 0.0,
        })
    }
}

impl Optimizer {
    /// The learning rate before any schedule.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::Sgd(sgd) => sgd.learning_rate,
            Self::Adam(adam) | Self::Adamw(adam) => adam.learning_rate,
            Self::Rmsprop(rmsprop) => rmsprop.learning_rate,
        }
    }

    /// The same rule with another learning rate.
    pub fn with_learning_rate(mut self, rate: f64) -> Self {
        match &mut self {
            Self::Sgd(sgd) => sgd.learning_rate = rate,
            Self::Adam(adam) | Self::Adamw(adam) => adam.learning_rate = rate,
            Self::Rmsprop(rmsprop) => rmsprop.learning_rate = rate,
        }
        self
    }

    /// How many numbers it remembers for each weight.
    pub fn states(&self) -> usize {
        match self {
            Self::Sgd(sgd) => usize::from(sgd.momentum > 0.0),
            Self::Adam(_) | Self::Adamw(_) => 2,
            Self::Rmsprop(rmsprop) => 1 + usize::from(rmsprop.momentum > 0.0),
        }
    }
}

/// Parameters of stochastic gradient descent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    /// The step's size.
    #[serde(default = "default_sgd_rate")]
    #[schemars(range(min = 1e-9, max = 100.0))]
    pub learning_rate: f64,
    /// How much of the last step goes on.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.9999))]
    pub momentum: f64,
    /// Whether the momentum looks ahead.
    #[serde(default)]
    pub nesterov: bool,
    /// Strength of the L2 penalty.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub weight_decay: f64,
}

fn default_sgd_rate() -> f64 {
    0.01
}

/// Parameters of Adam and AdamW.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adam {
    /// The step's size.
    #[serde(default = "default_adam_rate")]
    #[schemars(range(min = 1e-9, max = 100.0))]
    pub learning_rate: f64,
    /// Decay of the mean of gradients.
    #[serde(default = "default_beta_1")]
    #[schemars(range(min = 0.0, max = 0.999_999))]
    pub beta_1: f64,
    /// Decay of the mean of squared gradients.
    #[serde(default = "default_beta_2")]
    #[schemars(range(min = 0.0, max = 0.999_999))]
    pub beta_2: f64,
    /// Added to the root. Default: 1e-8 as in PyTorch; Keras has 1e-7.
    #[serde(default = "default_adam_epsilon")]
    #[schemars(range(min = 1e-12, max = 1.0))]
    pub epsilon: f64,
    /// Strength of the penalty on weights.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub weight_decay: f64,
}

fn default_adam_rate() -> f64 {
    1e-3
}

fn default_beta_1() -> f64 {
    0.9
}

fn default_beta_2() -> f64 {
    0.999
}

fn default_adam_epsilon() -> f64 {
    1e-8
}

/// Parameters of RMSprop.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rmsprop {
    /// The step's size.
    #[serde(default = "default_adam_rate")]
    #[schemars(range(min = 1e-9, max = 100.0))]
    pub learning_rate: f64,
    /// Decay of the mean of squared gradients. Default: 0.9 as in Keras; PyTorch has 0.99.
    #[serde(default = "default_beta_1")]
    #[schemars(range(min = 0.0, max = 0.999_999))]
    pub rho: f64,
    /// How much of the last step goes on.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.9999))]
    pub momentum: f64,
    /// Added to the root.
    #[serde(default = "default_adam_epsilon")]
    #[schemars(range(min = 1e-12, max = 1.0))]
    pub epsilon: f64,
    /// Strength of the L2 penalty.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub weight_decay: f64,
}

/// How the learning rate changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// It does not.
    #[default]
    Constant,
    /// Multiplied by `factor` after every so many epochs.
    Step(StepSchedule),
    /// Along half a cosine down to `end` of itself, after `warm_up_steps` of rising.
    Cosine(Cosine),
    /// Rises evenly for `steps`, then stays.
    WarmUp(WarmUp),
}

/// A schedule by steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepSchedule {
    /// Epochs between two changes.
    #[schemars(range(min = 1, max = 100_000))]
    pub epochs: u32,
    /// What the learning rate is multiplied by.
    #[schemars(range(min = 1e-6, max = 1.0))]
    pub factor: f64,
}

/// A schedule along a cosine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cosine {
    /// Steps (batches) of rising from 0 at the start.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub warm_up_steps: u32,
    /// The share of the learning rate that is left at the end.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub end: f64,
}

/// A schedule that rises at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    /// Steps (batches) of rising from 0.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub steps: u32,
}

impl Schedule {
    /// What the learning rate is multiplied by at a step, counted from 0.
    pub fn factor(&self, step: u64, steps_per_epoch: u64, epochs: u64) -> f64 {
        let rising = |steps: u32| (step + 1) as f64 / f64::from(steps.max(1));
        match self {
            Self::Constant => 1.0,
            Self::Step(schedule) => {
                let changes = step / steps_per_epoch.max(1) / u64::from(schedule.epochs.max(1));
                schedule.factor.powi(changes.min(1_000_000) as i32)
            }
            Self::WarmUp(schedule) => rising(schedule.steps).min(1.0),
            Self::Cosine(schedule) if step < u64::from(schedule.warm_up_steps) => rising(schedule.warm_up_steps),
            Self::Cosine(schedule) => {
                let start = u64::from(schedule.warm_up_steps);
                let length = (steps_per_epoch * epochs).saturating_sub(start).max(1);
                let done = ((step - start) as f64 / length as f64).min(1.0);
                schedule.end + (1.0 - schedule.end) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
            }
        }
    }
}

/// When to stop before the last epoch; needs a validation part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// Epochs without a smaller validation loss.
    #[schemars(range(min = 1, max = 100_000))]
    pub patience: u32,
    /// How much smaller it must be to count.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub min_delta: f64,
    /// Whether the weights of the best epoch are taken, not the last one's.
    #[serde(default = "yes")]
    pub restore_best: bool,
}

fn yes() -> bool {
    true
}

/// A second part of the training, in which all parameters of a backbone are trained, those that were frozen too. Its
/// batch norms use and keep their running statistics, as Keras's guide to fine-tuning wants it; the optimiser begins
/// anew, and the schedule does not change its learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FineTuning {
    /// How many times more the training part is gone through.
    #[schemars(range(min = 1, max = 100_000))]
    pub epochs: u32,
    /// The step's size, a hundredth of the usual one or less.
    #[serde(default = "default_fine_rate")]
    #[schemars(range(min = 1e-9, max = 100.0))]
    pub learning_rate: f64,
}

fn default_fine_rate() -> f64 {
    1e-5
}
