//! What every learner takes and gives: a matrix with a target in, a model and its explanation out.
//!
//! The learners are [`crate::linear`], [`crate::scorecard`] and [`crate::lightgbm`]; [`crate::train`] calls them. A
//! learner sees training rows, and validation rows only where its algorithm stops by them; it never sees a test row.

use std::path::Path;
use std::sync::Arc;

use meuse_core::bundle::{Explanation, Task};
use meuse_core::events::Level;
use meuse_core::recipe::network::{Network, NetworkInput};
use meuse_core::table::Matrix;
use meuse_prep::{Fitted, TrainingRows};

use crate::cells::Cells;
use crate::linear::LinearModel;
use crate::onnx::{Encoder, Place};
use crate::trees::Trees;
use crate::{Error, onnx};

/// Rows to learn from or to stop by.
#[derive(Debug, Clone)]
pub struct Sample<X: ?Sized = Matrix> {
    /// What each column of `x` is.
    pub features: Vec<meuse_prep::Feature>,
    /// The target, one per row: 0 or 1 (positive) for a binary task.
    pub y: Vec<f64>,
    /// The features, as preprocessing emits them; NaN is missing.
    pub x: X,
}

/// What a learner is given.
pub struct Context<'a, X: ?Sized = Matrix> {
    /// What is predicted.
    pub task: Task,
    /// The rows to learn from.
    pub training: &'a Sample<X>,
    /// The rows to stop by, when the recipe's split has a validation part.
    pub validation: Option<&'a Sample<X>>,
    /// Every random choice follows from it.
    pub seed: u64,
    /// Threads to compute with.
    pub threads: usize,
    /// The folder of native libraries.
    pub native: &'a Path,
    /// Who is told what happens, and says when to stop.
    pub watch: &'a dyn Watch,
}

impl<X: ?Sized> Clone for Context<'_, X> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<X: ?Sized> Copy for Context<'_, X> {}

impl<'a, X: Cells> Context<'a, X> {
    /// The same for a learner that copies what it reads, wherever that is.
    pub(crate) fn over_cells(self) -> Context<'a, dyn Cells + 'a> {
        Context {
            task: self.task,
            training: self.training,
            validation: self.validation.map(|sample| sample as &Sample<dyn Cells + 'a>),
            seed: self.seed,
            threads: self.threads,
            native: self.native,
            watch: self.watch,
        }
    }
}

/// Rows for a network, which reads them one at a time, and their targets: numbers, or places of classes.
#[derive(Debug, Clone, Copy)]
pub struct NetworkSample<'a> {
    /// The rows.
    pub rows: &'a TrainingRows<'a>,
    /// The target of each.
    pub y: &'a [f64],
}

/// What a learner of networks is given.
#[derive(Clone, Copy)]
pub struct NetworkContext<'a> {
    /// What is predicted.
    pub task: Task,
    /// How many numbers the network answers for a row.
    pub outputs: usize,
    /// What it reads.
    pub inputs: &'a [NetworkInput],
    /// How its rows are made, with the words of each sequence.
    pub fitted: &'a Fitted,
    /// The rows to learn from.
    pub training: NetworkSample<'a>,
    /// The rows to stop by, when the recipe's split has a validation part.
    pub validation: Option<NetworkSample<'a>>,
    /// The parameter of the law by which rows of a batch are mixed; 0: they are not.
    pub mix_up: f64,
    /// Every random choice follows from it.
    pub seed: u64,
    /// Threads to compute with.
    pub threads: usize,
    /// Who is told what happens, and says when to stop.
    pub watch: &'a dyn Watch,
}

/// Who is told what happens in a training.
pub trait Watch: Sync {
    /// `done` of `total` units of a stage are done; `total` is 0 when it cannot be known.
    fn progress(&self, stage: &str, done: u64, total: u64);
    /// A figure at a step, from 1, as in the validation loss of a boosting round.
    fn metric(&self, name: &str, part: &str, step: u64, value: f64);
    /// A line for a person.
    fn log(&self, level: Level, message: &str);
    /// Whether to stop; asked at least a few times a second.
    fn cancelled(&self) -> bool;
}

/// What a learner gives.
#[derive(Debug)]
pub struct Learnt {
    /// The model.
    pub model: Model,
    /// What the training says about itself: convergence, rounds, capacity chosen.
    pub notes: Vec<String>,
    /// The points table, coefficients or gains.
    pub explanation: Explanation,
    /// Raw scores of the training rows, each by a model that has not seen the row, when the learner cross-validated.
    pub out_of_fold: Option<Vec<f64>>,
}

/// Learns networks. It stands in a crate of its own, which links what this one must not.
pub trait NetworkLearner {
    /// Learns from the rows.
    ///
    /// # Errors
    /// Why it cannot.
    fn learn(&self, network: &Network, context: &NetworkContext) -> Result<Learnt, Error>;
    /// The library that computes and its version, for the lineage.
    fn software(&self) -> String;
}

/// A learnt network, as its trainer holds it.
pub trait NetworkModel: std::fmt::Debug {
    /// The network's own raw scores, one per row, or one per class of each row.
    ///
    /// # Errors
    /// Why it cannot answer.
    fn raw_scores(&self, x: &Matrix) -> Result<Vec<f64>, Error>;
    /// Of a detector, the rows and columns of its grid of cells.
    fn grid(&self) -> Option<[usize; 2]>;
    /// The network as ONNX bytes.
    ///
    /// # Errors
    /// Why it cannot be written.
    fn to_onnx(&self) -> Result<Vec<u8>, Error>;
}

/// A learnt model, as its trainer holds it.
#[derive(Debug)]
pub enum Model {
    /// A weight per feature and an intercept.
    Linear(LinearModel),
    /// The same behind a published model that makes a vector of a text; its raw scores are of features with vectors,
    /// and its ONNX takes features with ids.
    Sentences {
        /// The weights.
        linear: LinearModel,
        /// The published model.
        encoder: Arc<Encoder>,
        /// Where the ids stand.
        place: Place,
    },
    /// Boosted trees.
    Trees(Trees),
    /// A network.
    Network(Box<dyn NetworkModel>),
}

impl Model {
    /// The trainer's own raw scores, one per row: log-odds, or the predicted value of a regression. LightGBM's predict
    /// for trees, 64-bit arithmetic for a linear model.
    pub fn raw_scores(&self, x: &Matrix) -> Result<Vec<f64>, Error> {
        match self {
            Self::Linear(model) | Self::Sentences { linear: model, .. } => Ok(model.raw_scores(x)),
            Self::Trees(trees) => trees.raw_scores(x),
            Self::Network(network) => network.raw_scores(x),
        }
    }

    /// What the model predicts of the rows that it learnt from (probabilities for a binary task), when that is known
    /// without computing it again.
    pub(crate) fn in_sample(&self) -> Option<&[f64]> {
        match self {
            Self::Linear(_) | Self::Sentences { .. } | Self::Network(_) => None,
            Self::Trees(trees) => trees.in_sample(),
        }
    }

    /// Of a detector, the rows and columns of its grid of cells.
    pub(crate) fn grid(&self) -> Option<[usize; 2]> {
        match self {
            Self::Linear(_) | Self::Sentences { .. } | Self::Trees(_) => None,
            Self::Network(network) => network.grid(),
        }
    }

    /// The model as ONNX bytes, see [`meuse_core::bundle`] for input and outputs.
    pub fn to_onnx(&self, task: Task) -> Result<Vec<u8>, Error> {
        match self {
            Self::Linear(model) => onnx::linear(model, task),
            Self::Sentences { linear, encoder, place } => encoder.scored_by(linear, *place, task),
            Self::Trees(trees) => onnx::trees(trees, task),
            Self::Network(network) => network.to_onnx(),
        }
    }

    /// Number of terms of texts that the model weighs.
    pub fn terms(&self) -> usize {
        match self {
            Self::Linear(model) | Self::Sentences { linear: model, .. } => model.terms.len(),
            Self::Trees(_) | Self::Network(_) => 0,
        }
    }

    /// Every (feature, threshold) that the model splits at, in ascending order, each once; none for the others.
    pub fn thresholds(&self) -> Vec<(usize, f32)> {
        match self {
            Self::Linear(_) | Self::Sentences { .. } | Self::Network(_) => Vec::new(),
            Self::Trees(trees) => trees.thresholds(),
        }
    }
}
