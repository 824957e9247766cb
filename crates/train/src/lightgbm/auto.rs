//! `capacity = "auto"`: how large the model gets, chosen by cross-validation inside the training part.
//!
//! The rule, its constants and what it reaches are stated in docs/concepts/capacity.md; this file is that page in code
//! and changes only with it. Validation and test rows are never looked at.

use std::collections::BTreeSet;

use meuse_core::bundle::Task;
use meuse_core::events::Level;
use meuse_core::recipe;
use meuse_prep::FeatureKind;

use super::cross_validation::{FOLDS, Folds, Question, Reached, cross_validate, key};
use super::ffi::{Booster, Dataset, Library};
use super::parameters::Parameters;
use super::{Reading, Trained, boost, dataset, loss_name};
use crate::{Context, Error, Sample};

/// Leaves that are tried, fewest first.
const LADDER: [u32; 7] = [2, 4, 8, 16, 31, 63, 127];
/// The climb may end from this rung on.
const LAST_CERTAIN_LEAVES: u32 = 8;
/// The learning rate of every trial, and of the final model when it needs many rounds.
const TRIAL_RATE: f64 = 0.1;
/// The learning rate of the final model otherwise; the rounds are doubled with it.
const FINAL_RATE: f64 = 0.05;
/// Rounds without a lower mean loss that end a trial.
const PATIENCE: u32 = 25;
/// The most rounds of a trial.
const TRIAL_ROUNDS: u32 = 500;
/// A best round from here on may not be the best yet: it is looked for again among [`LONG_ROUNDS`].
const NEAR_THE_END: u32 = 475;
const LONG_ROUNDS: u32 = 3000;
/// Cross-validation is repeated up to so many rows and cells of the matrix.
const REPEATED_ROWS: usize = 3000;
const REPEATED_CELLS: usize = 60_000;
const REPETITIONS: u64 = 3;
/// Beyond so many rows three folds are held out, not five; beyond the second figure one, of a sample of that size.
const FIVE_FOLD_ROWS: usize = 20_000;
const SAMPLE_ROWS: usize = 100_000;
/// Splits by sets of categories are tried when some column has more categories than this, as many as LightGBM takes
/// one against the rest even then.
const SETS: u32 = 4;
/// Up to so many categories, a split takes one category against the rest: more than a column can have.
const ONE_AGAINST_THE_REST: u32 = 256;
/// Below these, there is too little to choose by: [`SMALL_LEAVES`] and [`SMALL_ROUNDS`] are taken.
const FEWEST_ROWS: usize = 100;
const FEWEST_OF_A_CLASS: usize = 15;
const SMALL_LEAVES: u32 = 4;
const SMALL_ROUNDS: u32 = 100;

/// The shares and penalties of a setting, besides its leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Regularisation {
    /// Each tree sees 0.6 of the features and 0.8 of the rows; leaves are shrunk more.
    Plain,
    /// Each tree sees everything; leaves are shrunk less.
    Sharp,
}

/// A setting that cross-validation can try.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Setting {
    leaves: u32,
    regularisation: Regularisation,
    /// Up to how many categories a split takes one against the rest.
    one_hot: u32,
    rate: f64,
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} leaves", self.leaves)?;
        if self.regularisation == Regularisation::Sharp {
            f.write_str(", all features and rows")?;
        }
        if self.one_hot == SETS {
            f.write_str(", sets of categories")?;
        }
        Ok(())
    }
}

impl Setting {
    fn plain(leaves: u32, rate: f64) -> Self {
        Self { leaves, regularisation: Regularisation::Plain, one_hot: ONE_AGAINST_THE_REST, rate }
    }

    fn parameters(&self, common: &Parameters) -> Parameters {
        let (feature_fraction, bagging_freq, lambda_l2) = match self.regularisation {
            Regularisation::Plain => (0.6, 1, 5.0),
            Regularisation::Sharp => (1.0, 0, 1.0),
        };
        let mut parameters = common.clone();
        parameters.set("num_leaves", self.leaves);
        parameters.set("learning_rate", self.rate);
        parameters.set("feature_fraction", feature_fraction);
        parameters.set("bagging_freq", bagging_freq);
        parameters.set("lambda_l2", lambda_l2);
        parameters.set("bagging_fraction", 0.8);
        parameters.set("min_data_in_leaf", 10);
        parameters.set("max_bin", 255);
        parameters.set("cat_smooth", 10);
        parameters.set("cat_l2", 10);
        parameters.set("max_cat_to_onehot", self.one_hot);
        parameters
    }
}

/// What was chosen: a setting, the rounds that cross-validation found best for it, and why.
struct Choice {
    setting: Setting,
    rounds: u32,
    note: String,
}

/// Chooses a setting, then learns from all training rows with it.
pub(super) fn train(recipe: &recipe::Lightgbm, context: &Reading<'_>, library: &Library) -> Result<Trained, Error> {
    let common = Parameters::common(recipe, context)?;
    let whole = Setting::plain(SMALL_LEAVES, FINAL_RATE).parameters(&common).text();
    let whole = dataset(library, recipe, context, context.training, &whole, None)?;
    let choice = match too_little(&context.training.y, context.task) {
        Some(note) => Choice { setting: Setting::plain(SMALL_LEAVES, FINAL_RATE), rounds: SMALL_ROUNDS, note },
        None => Chooser::new(recipe, context, library, (&common, &whole))?.choose()?,
    };
    let parameters = choice.setting.parameters(&common).text();
    // The final model learns from a fifth more rows than any trial did: a tenth more rounds, rounded.
    let rounds = ((11 * choice.rounds + 5) / 10).max(1);
    let mut booster = Booster::new(&whole, &parameters)?;
    boost(&mut booster, rounds, 0, &Context { validation: None, ..*context })?;
    let out_of_fold = match context.validation {
        Some(_) => None,
        None => Some(out_of_fold(context, &whole, &parameters, choice.rounds)?),
    };
    let Setting { rate, .. } = choice.setting;
    let note = format!("{}, rate {rate}, {rounds} rounds; {}", choice.setting, choice.note);
    let in_sample = Some(booster.of_training_rows()?);
    Ok(Trained { model: booster.text_until(-1)?, notes: vec![note], out_of_fold, in_sample })
}

/// Why nothing can be chosen by cross-validation, when so.
fn too_little(y: &[f64], task: Task) -> Option<String> {
    let positives = y.iter().filter(|y| **y > 0.5).count();
    let rarer = positives.min(y.len() - positives);
    if y.len() < FEWEST_ROWS {
        return Some(format!("{} rows are too few to choose by cross-validation", y.len()));
    }
    let scarce = task == Task::Binary && rarer < FEWEST_OF_A_CLASS;
    scarce.then(|| format!("{rarer} rows of the rarer class are too few to choose by cross-validation"))
}

/// Tries settings.
struct Chooser<'a> {
    context: &'a Reading<'a>,
    common: &'a Parameters,
    whole: &'a Dataset,
    /// What capacity is chosen on, when the whole is too much.
    sample: Option<Dataset>,
    folds: Folds,
}

impl<'a> Chooser<'a> {
    fn new(
        recipe: &recipe::Lightgbm,
        context: &'a Reading<'a>,
        library: &Library,
        (common, whole): (&'a Parameters, &'a Dataset),
    ) -> Result<Self, Error> {
        let training = context.training;
        let rows = training.y.len();
        let used = if rows <= FIVE_FOLD_ROWS {
            FOLDS
        } else if rows <= SAMPLE_ROWS {
            3
        } else {
            1
        };
        let repeat = rows <= REPEATED_ROWS && rows * training.x.width() <= REPEATED_CELLS;
        let repetitions = if repeat { REPETITIONS } else { 1 };
        let sampled = sample(context)?;
        let parameters = Setting::plain(SMALL_LEAVES, TRIAL_RATE).parameters(common).text();
        let sample = match &sampled {
            Some(sampled) => Some(dataset(library, recipe, context, sampled, &parameters, None)?),
            None => None,
        };
        let y = sampled.as_ref().map_or(&training.y, |sampled| &sampled.y);
        let folds = Folds::new(context.task, y, used, repetitions, context.seed);
        Ok(Self { context, common, whole, sample, folds })
    }

    fn choose(&self) -> Result<Choice, Error> {
        let (mut setting, mut reached) = self.climb()?;
        let sharp = Setting { regularisation: Regularisation::Sharp, ..setting };
        let other = self.attempt(sharp)?;
        if self.clearly_better(&other, &reached) {
            (setting, reached) = (sharp, other);
        }
        if self.has_many_categories()? {
            let sets = Setting { one_hot: SETS, ..setting };
            let other = self.attempt(sets)?;
            if self.clearly_better(&other, &reached) {
                (setting, reached) = (sets, other);
            }
        }
        let note = format!("chosen by cross-validation ({} {:.6})", loss_name(self.context.task), reached.loss);
        let (setting, rounds) = self.rounds(setting, &reached)?;
        Ok(Choice { setting, rounds, note })
    }

    /// Tries more leaves until that does not lower the loss; takes the lowest.
    fn climb(&self) -> Result<(Setting, Reached), Error> {
        let mut best: Option<(Setting, Reached)> = None;
        for leaves in LADDER {
            let setting = Setting::plain(leaves, TRIAL_RATE);
            let reached = self.attempt(setting)?;
            if best.as_ref().is_none_or(|(_, best)| reached.loss < best.loss) {
                best = Some((setting, reached));
            } else if leaves >= LAST_CERTAIN_LEAVES {
                break;
            }
        }
        Ok(best.expect("the ladder has a rung"))
    }

    /// The final rate and the rounds that are best at it.
    fn rounds(&self, setting: Setting, reached: &Reached) -> Result<(Setting, u32), Error> {
        let training = self.context.training;
        if self.sample.is_some() {
            let folds = Folds::new(self.context.task, &training.y, self.folds.used(), 1, self.context.seed);
            return Ok((setting, self.ask(setting, self.whole, &folds, LONG_ROUNDS)?.rounds));
        }
        if reached.rounds >= NEAR_THE_END {
            return Ok((setting, self.ask(setting, self.whole, &self.folds.once(), LONG_ROUNDS)?.rounds));
        }
        Ok((Setting { rate: FINAL_RATE, ..setting }, 2 * reached.rounds))
    }

    fn attempt(&self, setting: Setting) -> Result<Reached, Error> {
        let dataset = self.sample.as_ref().unwrap_or(self.whole);
        self.ask(setting, dataset, &self.folds, TRIAL_ROUNDS)
    }

    fn ask(&self, setting: Setting, dataset: &Dataset, folds: &Folds, rounds: u32) -> Result<Reached, Error> {
        let (name, parameters) = (setting.to_string(), setting.parameters(self.common));
        let question = Question { name, dataset, parameters, folds, patience: PATIENCE, rounds };
        let reached = cross_validate(&question, self.context)?;
        let (loss, rounds) = (reached.loss, reached.rounds);
        let message = format!("{setting}: {} {loss:.6} after {rounds} rounds", loss_name(self.context.task));
        self.context.watch.log(Level::Info, &message);
        Ok(reached)
    }

    /// Whether `a` is better than `b` by more than one standard error of the differences of their folds; repetitions
    /// look at the same rows again and do not make it smaller.
    fn clearly_better(&self, a: &Reached, b: &Reached) -> bool {
        let folds = self.folds.used();
        if folds == 1 {
            return a.loss < 0.999 * b.loss;
        }
        let differences: Vec<f64> = b.per_fold.iter().zip(&a.per_fold).map(|(b, a)| b - a).collect();
        let count = differences.len() as f64;
        let mean = differences.iter().sum::<f64>() / count;
        let variance = differences.iter().map(|difference| (difference - mean).powi(2)).sum::<f64>() / (count - 1.0);
        mean > (variance / f64::from(folds)).sqrt()
    }

    /// Whether some column has more categories than a split by sets is worth; missing ones do not count.
    fn has_many_categories(&self) -> Result<bool, Error> {
        let Sample { features, x, .. } = self.context.training;
        let is_category = |column: &usize| matches!(features[*column].kind, FeatureKind::Category { .. });
        let width = x.width();
        let mut seen: Vec<(usize, BTreeSet<u32>)> =
            (0..width).filter(is_category).map(|column| (column, BTreeSet::new())).collect();
        if seen.is_empty() {
            return Ok(false);
        }
        x.for_each(&mut |cells| {
            for (column, values) in &mut seen {
                for value in cells.iter().skip(*column).step_by(width).filter(|value| !value.is_nan()) {
                    if values.len() > SETS as usize {
                        break;
                    }
                    values.insert(value.to_bits());
                }
            }
            Ok(())
        })?;
        Ok(seen.iter().any(|(_, values)| values.len() > SETS as usize))
    }
}

/// The rows that capacity is chosen on, in their order, when there are too many: those of the smallest keys.
fn sample(context: &Reading<'_>) -> Result<Option<Sample>, Error> {
    let Sample { features, x, y } = context.training;
    if y.len() <= SAMPLE_ROWS {
        return Ok(None);
    }
    let mut rows: Vec<u32> = (0..y.len() as u32).collect();
    rows.sort_by_key(|row| key(context.seed, *row));
    rows.truncate(SAMPLE_ROWS);
    rows.sort_unstable();
    let y = rows.iter().map(|row| y[*row as usize]).collect();
    Ok(Some(Sample { features: features.clone(), x: x.take(&rows)?, y }))
}

/// Raw scores of the training rows by models of the chosen setting that have not seen them: what versions are compared
/// by when there is no validation part.
fn out_of_fold(context: &Reading<'_>, whole: &Dataset, parameters: &str, rounds: u32) -> Result<Vec<f64>, Error> {
    let folds = Folds::new(context.task, &context.training.y, FOLDS, 1, context.seed);
    let mut scores = vec![f64::NAN; context.training.y.len()];
    for (number, (learnt_from, held_out)) in folds.parts().enumerate() {
        let mut booster = Booster::new(&whole.subset(&learnt_from, parameters)?, parameters)?;
        for _ in 0..rounds {
            if context.watch.cancelled() {
                return Err(Error::Cancelled);
            }
            booster.update()?;
        }
        let rows: Vec<u32> = held_out.iter().map(|row| row.cast_unsigned()).collect();
        let raw = booster.raw_scores(&context.training.x.take(&rows)?)?;
        for (row, score) in held_out.iter().zip(raw) {
            scores[row.cast_unsigned() as usize] = score;
        }
        context.watch.progress("score held-out folds", number as u64 + 1, u64::from(FOLDS));
    }
    Ok(scores)
}
