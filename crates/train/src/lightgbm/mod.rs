//! Gradient-boosted trees by LightGBM.
//!
//! [`learn`] trains with the recipe's parameters (`capacity = "manual"`) or with those that [`auto`] chooses by
//! cross-validation (`capacity = "auto"`). [`ffi`] speaks to the C library; [`text`] reads what it learnt.

mod auto;
mod cross_validation;
mod ffi;
mod parameters;
#[cfg(test)]
mod tests;
pub(crate) mod text;

pub use ffi::Booster;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use meuse_core::bundle::{Explanation, Task};
use meuse_core::recipe::{self, Capacity};

use crate::cells::Cells;
use crate::trees::{self, Trees};
use crate::{Context, Error, Learnt, Model, Sample};
use ffi::{Dataset, Library};
use parameters::{Parameters, weights};

/// The most rounds where a manual recipe does not say.
const DEFAULT_ROUNDS: u32 = 500;
/// How many rounds without a better validation loss end a manual training, where the recipe does not say.
const DEFAULT_PATIENCE: u32 = 50;
/// How often figures of rounds are told.
const PACE: Duration = Duration::from_millis(100);

/// What LightGBM learns from: it bins rows as it reads them, so no matrix of all rows is needed.
type Reading<'a> = Context<'a, dyn Cells + 'a>;

/// LightGBM keeps its number of threads in one place for the whole process, and every call that is given parameters
/// sets it. Two trainings side by side that want different numbers end in a division by zero inside the library (seen
/// with 4.7.0), so they take turns. A job's process trains once and never waits here; the folds of one
/// cross-validation run side by side, since they all want the same number.
static TURN: Mutex<()> = Mutex::new(());

/// Waits for this process's turn at LightGBM.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks that LightGBM can be loaded from the folder, as a training would do it.
///
/// # Errors
/// One sentence that says what is missing and what to do.
pub fn check(native: &Path) -> Result<(), Error> {
    Library::load(native).map(drop)
}

/// Learns trees from the training rows.
///
/// Same rows, same recipe, same seed and same number of threads give the same model, to the byte.
///
/// # Errors
/// When LightGBM is missing or refuses the parameters, a constrained column is no number, or it was cancelled.
pub fn learn<X: Cells>(parameters: &recipe::Lightgbm, context: &Context<'_, X>) -> Result<Learnt, Error> {
    learn_reading(parameters, &context.over_cells())
}

fn learn_reading(parameters: &recipe::Lightgbm, context: &Reading<'_>) -> Result<Learnt, Error> {
    let _turn = turn();
    let library = Library::load(context.native)?;
    let trained = match parameters.capacity {
        Capacity::Manual => manual(parameters, context, &library)?,
        Capacity::Auto => auto::train(parameters, context, &library)?,
    };
    let parsed = text::parse(&trained.model)?;
    let names: Vec<&str> = context.training.features.iter().map(|feature| feature.name.as_str()).collect();
    let gains = trees::gains(&names, parsed.iter().flat_map(|tree| tree.gains.iter().copied()));
    let booster = Booster::from_text(&library, &trained.model, context.training.x.width())?;
    let description = parsed.into_iter().map(|tree| tree.tree).collect();
    Ok(Learnt {
        model: Model::Trees(Trees::new(booster, description, context.training.x.width(), trained.in_sample)),
        notes: trained.notes,
        explanation: Explanation { gains, ..Explanation::default() },
        out_of_fold: trained.out_of_fold,
    })
}

/// What either way of training gives.
struct Trained {
    /// LightGBM's text of the model.
    model: String,
    notes: Vec<String>,
    out_of_fold: Option<Vec<f64>>,
    /// What the model predicts of its training rows, when boosting knows it: all of its rounds were kept.
    in_sample: Option<Vec<f64>>,
}

fn manual(recipe: &recipe::Lightgbm, context: &Reading<'_>, library: &Library) -> Result<Trained, Error> {
    let parameters = Parameters::manual(recipe, context)?.text();
    let training = dataset(library, recipe, context, context.training, &parameters, None)?;
    let mut booster = Booster::new(&training, &parameters)?;
    if let Some(sample) = context.validation {
        booster.add_validation(&dataset(library, recipe, context, sample, &parameters, Some(&training))?)?;
    }
    let rounds = recipe.num_iterations.unwrap_or(DEFAULT_ROUNDS);
    let patience = recipe.early_stopping_round.unwrap_or(DEFAULT_PATIENCE);
    let boosted = boost(&mut booster, rounds, patience, context)?;
    let note = match boosted.best {
        Some((round, loss)) => format!(
            "{round} rounds, the best of {} on the validation part ({} {loss:.6})",
            boosted.rounds,
            loss_name(context.task)
        ),
        None => format!("{} rounds", boosted.rounds),
    };
    let kept = boosted.best.map_or(-1, |(round, _)| round as i32);
    let kept_all = boosted.best.is_none_or(|(round, _)| round == boosted.rounds);
    let in_sample = if kept_all { Some(booster.of_training_rows()?) } else { None };
    Ok(Trained { model: booster.text_until(kept)?, notes: vec![note], out_of_fold: None, in_sample })
}

/// A sample as LightGBM holds it; validation rows share the bins of the training rows.
fn dataset(
    library: &Library,
    recipe: &recipe::Lightgbm,
    context: &Reading<'_>,
    sample: &Sample<dyn Cells + '_>,
    parameters: &str,
    reference: Option<&Dataset>,
) -> Result<Dataset, Error> {
    let labels: Vec<f32> = sample.y.iter().map(|y| *y as f32).collect();
    let dataset = Dataset::new(library, &sample.x, parameters, reference)?.with_field("label", &labels)?;
    match weights(recipe.class_weight, &context.training.y, &sample.y) {
        Some(weights) => dataset.with_field("weight", &weights),
        None => Ok(dataset),
    }
}

/// How a boosting ended.
struct Boosted {
    /// Rounds done.
    rounds: u32,
    /// The round with the least validation loss, and that loss, when rounds are chosen by it.
    best: Option<(u32, f64)>,
}

/// Boosts until the rounds are done or, with patience, the validation loss has not fallen for so many rounds.
fn boost(booster: &mut Booster, rounds: u32, patience: u32, context: &Reading<'_>) -> Result<Boosted, Error> {
    let name = loss_name(context.task);
    let watched = context.validation.is_some();
    let mut best: Option<(u32, f64)> = None;
    let mut pace = Pace::new();
    for round in 1..=rounds {
        if context.watch.cancelled() {
            return Err(Error::Cancelled);
        }
        booster.update()?;
        let loss = if watched { Some(booster.validation_loss()?) } else { None };
        if let Some(loss) = loss.filter(|loss| best.is_none_or(|(_, least)| *loss < least)) {
            best = Some((round, loss));
        }
        let stop = patience > 0 && best.is_some_and(|(at, _)| round - at >= patience);
        if pace.due() || stop || round == rounds {
            context.watch.progress("boost", u64::from(round), u64::from(rounds));
            if let Some(loss) = loss {
                context.watch.metric(name, "validation", u64::from(round), loss);
            }
        }
        if stop {
            return Ok(Boosted { rounds: round, best });
        }
    }
    Ok(Boosted { rounds, best: best.filter(|_| patience > 0) })
}

/// The loss that LightGBM measures, in our words.
fn loss_name(task: Task) -> &'static str {
    match task {
        Task::Binary | Task::Multiclass => "log_loss",
        Task::Regression | Task::Detection | Task::Embedding => "mean_squared_error",
    }
}

/// Lets a figure through at once, and then one per [`PACE`].
struct Pace(Option<Instant>);

impl Pace {
    fn new() -> Self {
        Self(None)
    }

    fn due(&mut self) -> bool {
        let due = self.0.is_none_or(|last| last.elapsed() >= PACE);
        if due {
            self.0 = Some(Instant::now());
        }
        due
    }
}
