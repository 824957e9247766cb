//! Where a training stands, whole: weights, what the optimiser remembers, the step, the best weights so far. With the
//! seed, all chance that is still to come follows from the step, so a training that goes on from here ends in the same
//! weights as one that was never interrupted.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::tensors_file::{self, Contents, Named};

/// The file in a work folder.
pub const FILE: &str = "checkpoint.safetensors";

const STATE: &str = "state";
const OPTIMIZER: &str = "optimizer.";
const BEST: &str = "best.";

/// Parameters with their shapes and numbers.
pub(crate) type Values = Vec<(String, Vec<usize>, Vec<f32>)>;

/// What a checkpoint holds.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) state: State,
    pub(crate) weights: Values,
    pub(crate) optimizer: Vec<Vec<f32>>,
    pub(crate) best: Option<Values>,
}

/// Where a training stands, but for its tensors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// What is trained on what: another recipe or other data have another one.
    pub(crate) fingerprint: String,
    /// Steps done.
    pub(crate) step: u64,
    /// The sum of losses, each times its rows, and the rows of the present epoch.
    pub(crate) loss_sum: f64,
    pub(crate) loss_rows: u64,
    /// The loss of the very first step, and the mean of the epoch before.
    #[serde(default)]
    pub(crate) first_loss: Option<f64>,
    #[serde(default)]
    pub(crate) loss_before: Option<f64>,
    /// The smallest validation loss, and when that was.
    pub(crate) best_loss: Option<f64>,
    pub(crate) best_epoch: u64,
    /// Epochs since it last became smaller.
    pub(crate) waited: u64,
    /// The step after which fine-tuning began; the tensors of the optimiser are those of its graph.
    #[serde(default)]
    pub(crate) tuned_since: Option<u64>,
}

impl Checkpoint {
    pub(crate) fn write(self, path: &Path) -> Result<(), Error> {
        let state = serde_json::to_string(&self.state).unwrap_or_default();
        let mut tensors = named("", self.weights);
        for (number, values) in self.optimizer.into_iter().enumerate() {
            let name = format!("{OPTIMIZER}{number}");
            tensors.push(Named { name, shape: vec![values.len()], values });
        }
        tensors.extend(self.best.map(|best| named(BEST, best)).unwrap_or_default());
        let metadata = BTreeMap::from([(STATE.to_owned(), state)]);
        tensors_file::write(path, &Contents { metadata, tensors })
    }

    /// Reads a checkpoint of the training with this fingerprint.
    pub(crate) fn read(path: &Path, fingerprint: &str, states: usize) -> Result<Self, Error> {
        let damaged = |reason: String| Error::Damaged { path: path.to_owned(), reason };
        let contents = tensors_file::read(path)?;
        let state = contents.metadata.get(STATE).ok_or_else(|| damaged("it is no checkpoint".into()))?;
        let state: State = serde_json::from_str(state).map_err(|error| damaged(error.to_string()))?;
        if state.fingerprint != fingerprint {
            return Err(Error::Foreign { path: path.to_owned() });
        }
        let mut optimizer = HashMap::new();
        let (mut weights, mut best) = (Values::new(), Values::new());
        for tensor in contents.tensors {
            if let Some(number) = tensor.name.strip_prefix(OPTIMIZER) {
                optimizer.insert(number.to_owned(), tensor.values);
            } else if let Some(name) = tensor.name.strip_prefix(BEST) {
                best.push((name.to_owned(), tensor.shape, tensor.values));
            } else {
                weights.push((tensor.name, tensor.shape, tensor.values));
            }
        }
        let optimizer: Option<Vec<_>> = (0..states).map(|number| optimizer.remove(&number.to_string())).collect();
        let optimizer = optimizer.ok_or_else(|| damaged("the optimiser's memory is missing".into()))?;
        Ok(Self { state, weights, optimizer, best: (!best.is_empty()).then_some(best) })
    }
}

fn named(prefix: &str, values: Values) -> Vec<Named> {
    let one = |(name, shape, values)| Named { name: format!("{prefix}{name}"), shape, values };
    values.into_iter().map(one).collect()
}
