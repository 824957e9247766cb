//! When a training has diverged: its loss is no number any more, or has grown so far that nothing good comes of it.

use meuse_core::recipe::network::Loss;

use crate::Error;

/// A loss of so many times the one of an answer that knows nothing has diverged, finite as it is.
const HOPELESS: f64 = 10.0;

/// Above which mean a loss is hopeless: far beyond that of an answer that knows nothing, and that of the first step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    knows_nothing: f64,
    first: f64,
}

impl Bound {
    /// Of a training whose first step had this loss; none where no answer can be the measure.
    pub(crate) fn of(loss: Loss, outputs: usize, targets: &[f32], first: Option<f64>) -> Option<Self> {
        Some(Self { knows_nothing: without_knowledge(loss, outputs, targets)?, first: first? })
    }

    pub(crate) fn is_hopeless(self, loss: f64) -> bool {
        loss > HOPELESS * self.knows_nothing.max(self.first)
    }

    /// What a mean loss of this epoch beyond the bound tells.
    pub(crate) fn told(self, epoch: u64, mean: f64) -> String {
        let Self { knows_nothing, first } = self;
        format!(
            "the mean loss of epoch {epoch} is {mean:.3}, that of the first step was {first:.3}, and an answer that knows \
             nothing has {knows_nothing:.3}"
        )
    }
}

/// The mean loss of the best answer that is the same for every row; of classes, of an even guess. Of boxes there is none:
/// how large their loss is depends on how many stand in a picture.
fn without_knowledge(kind: Loss, outputs: usize, targets: &[f32]) -> Option<f64> {
    match kind {
        Loss::CrossEntropy => Some((outputs as f64).ln()),
        Loss::BinaryCrossEntropy => Some(2.0_f64.ln()),
        Loss::MeanSquaredError => {
            let count = targets.len().max(1) as f64;
            let mean = targets.iter().map(|target| f64::from(*target)).sum::<f64>() / count;
            Some(targets.iter().map(|target| (f64::from(*target) - mean).powi(2)).sum::<f64>() / count)
        }
        Loss::Boxes => None,
    }
}

/// The failure of a training that diverged: `how` its loss tells so.
pub(crate) fn has_diverged(field: &str, how: &str, kept: Option<u64>) -> Error {
    let kept = match kept {
        Some(step) => format!("the checkpoint of step {step} is kept"),
        None => "no checkpoint had been written yet".to_owned(),
    };
    Error::input(
        field,
        format!("{how}: the training diverged; {kept}"),
        "lower the learning rate tenfold, or set clip_norm = 1.0; inputs of very large numbers do it too",
    )
}
