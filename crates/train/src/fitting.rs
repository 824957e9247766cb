//! One fit: preprocessing and learner on some training rows, scores for any others. The pipeline does it once for the
//! bundle, and once per fold where there is no validation part to choose by.

use meuse_core::bundle::Task;
use meuse_core::events::Level;
use meuse_core::job::TrainSpec;
use meuse_core::recipe::network::Network;
use meuse_core::recipe::{Algorithm, Lightgbm, Plan};
use meuse_core::table::{Matrix, Table};
use meuse_prep::{Fitted, TrainingRows};

use crate::cells::Cells;
use crate::learner::{Context, Learnt, Model, NetworkContext, NetworkLearner, NetworkSample, Sample, Watch};
use crate::onnx::Place;
use crate::sentences::Sentences;
use crate::split::folds;
use crate::target::Target;
use crate::{Error, Pretrained, lightgbm, linear, scorecard};

/// Folds of a cross-validation, where the classes have rows enough.
const FOLDS: usize = 5;

/// Rows that are made into a matrix and scored together: enough for all threads, and never a copy of all rows.
const SCORED_AT_ONCE: usize = 1 << 16;
/// The same where rows hold texts, which have hundreds of terms each.
const TEXTS_SCORED_AT_ONCE: usize = 1 << 12;
/// Numbers of rows that are scored together, at most.
const NUMBERS_SCORED_AT_ONCE: usize = 1 << 23;
/// The same of pictures and tokens: 4 MiB.
const SHOWN_NUMBERS_SCORED_AT_ONCE: usize = 1 << 20;
/// The share of a job's memory that decoded pictures may take, as its inverse.
const PICTURES_KEPT: usize = 3;

/// How many rows are made into a matrix together.
pub(crate) fn rows_at_once(fitted: &Fitted) -> usize {
    let most = if fitted.terms() > 0 { TEXTS_SCORED_AT_ONCE } else { SCORED_AT_ONCE };
    let numbers = if fitted.shows() { SHOWN_NUMBERS_SCORED_AT_ONCE } else { NUMBERS_SCORED_AT_ONCE };
    (numbers / fitted.width().max(1)).clamp(1, most)
}

fn no_networks() -> Error {
    let hint = "it is learnt by `meuse-deep`: use the programs of one release";
    Error::input("algorithm.name", "this program learns no networks", hint)
}

/// Rows of the table that become features as they are read.
struct Made<'a> {
    fitted: &'a Fitted,
    table: &'a Table,
    rows: &'a [u32],
    threads: usize,
}

impl Made<'_> {
    fn matrix(&self, rows: &[u32]) -> Result<Matrix, Error> {
        self.fitted.matrix_of(self.table, rows, self.threads).map_err(|error| locate(error, |row| row as u32))
    }
}

impl Cells for Made<'_> {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn width(&self) -> usize {
        self.fitted.width()
    }

    fn for_each(&self, work: &mut dyn FnMut(&[f32]) -> Result<(), Error>) -> Result<(), Error> {
        self.rows.chunks(SCORED_AT_ONCE).try_for_each(|rows| work(&self.matrix(rows)?.data))
    }

    fn take(&self, rows: &[u32]) -> Result<Matrix, Error> {
        let rows: Vec<u32> = rows.iter().map(|row| self.rows[*row as usize]).collect();
        self.matrix(&rows)
    }
}

/// What every fit of one training shares.
#[derive(Clone, Copy)]
pub(crate) struct Workshop<'a> {
    pub(crate) spec: &'a TrainSpec,
    pub(crate) table: &'a Table,
    pub(crate) plan: &'a Plan,
    pub(crate) target: &'a Target,
    /// Who learns networks, where there is one.
    pub(crate) networks: Option<&'a dyn NetworkLearner>,
    /// The published models that the recipe names.
    pub(crate) pretrained: &'a Pretrained,
    /// The vectors of a column of sentences.
    pub(crate) sentences: Option<&'a Sentences>,
}

/// Rows of the table to learn from and to stop by.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) training: &'a [u32],
    pub(crate) validation: &'a [u32],
}

/// Preprocessing and the model that was learnt behind it.
pub(crate) struct Fit {
    pub(crate) fitted: Fitted,
    /// The same without a column of sentences, in whose place a learner sees vectors.
    beside: Option<Fitted>,
    pub(crate) learnt: Learnt,
}

impl Workshop<'_> {
    /// Fits preprocessing on the training rows and learns.
    pub(crate) fn fit(&self, rows: Rows, watch: &dyn Watch) -> Result<Fit, Error> {
        watch.progress("fit preprocessing", 0, 1);
        let y = self.target.take(rows.training);
        let positive = self.target.labels.as_ref().map(|_| y.iter().map(|y| *y == 1.0).collect::<Vec<bool>>());
        let tokenizers = &self.pretrained.tokenizers;
        let threads = self.threads();
        let fitted = meuse_prep::fit_on(self.plan, self.table, rows.training, positive.as_deref(), tokenizers, threads);
        let mut fitted = fitted.map_err(|error| locate(error, |row| rows.training[row]))?;
        if let Algorithm::Network(network) = &self.spec.recipe.algorithm {
            let learnt = self.fit_network(network, &fitted, rows, watch)?;
            stop_if_cancelled(watch)?;
            return Ok(Fit { fitted, beside: None, learnt });
        }
        if let Algorithm::Lightgbm(parameters) = &self.spec.recipe.algorithm {
            drop(positive);
            let learnt = self.fit_trees(parameters, &fitted, rows, y, watch)?;
            stop_if_cancelled(watch)?;
            return Ok(Fit { fitted, beside: None, learnt });
        }
        let beside = self.sentences.map(|_| fitted.beside_sentence());
        let vectors = self.sentences.into_iter().flat_map(Sentences::features);
        let features: Vec<_> = fitted.features().into_iter().chain(vectors).collect();
        let sample = |rows: &[u32], y: Vec<f64>| -> Result<Sample, Error> {
            Ok(Sample { features: features.clone(), x: self.seen(&fitted, beside.as_ref(), rows)?, y })
        };
        let training = sample(rows.training, y)?;
        let validation = match rows.validation {
            [] => None,
            rows => Some(sample(rows, self.target.take(rows))?),
        };
        watch.progress("fit preprocessing", 1, 1);
        stop_if_cancelled(watch)?;
        let context = Context {
            task: self.spec.recipe.task,
            training: &training,
            validation: validation.as_ref(),
            seed: self.spec.recipe.seed,
            threads: self.threads(),
            native: &self.spec.native,
            watch,
        };
        let mut learnt = match &self.spec.recipe.algorithm {
            Algorithm::LogisticRegression(parameters) | Algorithm::LinearRegression(parameters) => {
                linear::learn(parameters, &context)?
            }
            // A scorecard drops weak columns from the preprocessing, so matrices are made anew after it.
            Algorithm::Scorecard(parameters) => scorecard::learn(parameters, &mut fitted, &context)?,
            Algorithm::Lightgbm(_) | Algorithm::Network(_) | Algorithm::SkipGram(_) => return Err(no_networks()),
        };
        if let Model::Linear(model) = &learnt.model {
            learnt.explanation.coefficients.append(&mut linear::strongest(&fitted, model));
        }
        stop_if_cancelled(watch)?;
        Ok(Fit { learnt: self.behind_sentences(learnt, &fitted), fitted, beside })
    }

    /// What was learnt from vectors, with the model that makes them.
    fn behind_sentences(&self, mut learnt: Learnt, fitted: &Fitted) -> Learnt {
        if let (Some(sentences), Model::Linear(linear), Some((_, tokenizer))) =
            (self.sentences, &mut learnt.model, fitted.sentence())
        {
            let tokens = tokenizer.length() as usize;
            let place = Place { before: fitted.width() - tokens, tokens };
            let linear = std::mem::take(linear);
            learnt.model = Model::Sentences { linear, encoder: sentences.encoder.clone(), place };
        }
        learnt
    }

    /// The rows as a learner sees them: as [`Workshop::matrix`] makes them, with vectors in the place of ids.
    fn seen(&self, fitted: &Fitted, beside: Option<&Fitted>, rows: &[u32]) -> Result<Matrix, Error> {
        match (self.sentences, beside) {
            (Some(sentences), Some(beside)) => Ok(sentences.beside(self.matrix(beside, rows)?, self.table, rows)),
            _ => self.matrix(fitted, rows),
        }
    }

    /// Learns trees, of rows that are made as they are read: beside the table there is no matrix of them.
    fn fit_trees(
        &self,
        parameters: &Lightgbm,
        fitted: &Fitted,
        rows: Rows,
        y: Vec<f64>,
        watch: &dyn Watch,
    ) -> Result<Learnt, Error> {
        let sample = |rows, y| Sample {
            features: fitted.features(),
            y,
            x: Made { fitted, table: self.table, rows, threads: self.threads() },
        };
        let training = sample(rows.training, y);
        let validation = sample(rows.validation, self.target.take(rows.validation));
        watch.progress("fit preprocessing", 1, 1);
        let context = Context {
            task: self.spec.recipe.task,
            training: &training,
            validation: (!rows.validation.is_empty()).then_some(&validation),
            seed: self.spec.recipe.seed,
            threads: self.threads(),
            native: &self.spec.native,
            watch,
        };
        lightgbm::learn(parameters, &context)
    }

    /// Learns a network, which reads rows one at a time: of pictures there is no matrix.
    fn fit_network(&self, network: &Network, fitted: &Fitted, rows: Rows, watch: &dyn Watch) -> Result<Learnt, Error> {
        let learner = self.networks.ok_or_else(no_networks)?;
        let room = (self.spec.limits.memory_mib << 20) / PICTURES_KEPT;
        let seed = self.spec.recipe.seed;
        let made = |rows, room| TrainingRows::new(fitted, self.plan, self.table, rows, (seed, room));
        let training = made(rows.training, room)?.with_boxes(self.boxes_seen(fitted, rows.training)?);
        let validation = made(rows.validation, room / 4)?.with_boxes(self.boxes_seen(fitted, rows.validation)?);
        let [training_y, validation_y] = [rows.training, rows.validation].map(|rows| self.target.take(rows));
        watch.progress("fit preprocessing", 1, 1);
        stop_if_cancelled(watch)?;
        learner.learn(
            network,
            &NetworkContext {
                task: self.spec.recipe.task,
                outputs: self.target.outputs(),
                inputs: &fitted.network_inputs(),
                fitted,
                training: NetworkSample { rows: &training, y: &training_y },
                validation: (!rows.validation.is_empty())
                    .then_some(NetworkSample { rows: &validation, y: &validation_y }),
                mix_up: self.plan.mix_up(),
                seed,
                threads: self.threads(),
                watch,
            },
        )
    }

    fn threads(&self) -> usize {
        self.spec.limits.threads.max(1)
    }

    /// The rows as the model sees them.
    pub(crate) fn matrix(&self, fitted: &Fitted, rows: &[u32]) -> Result<Matrix, Error> {
        let made = if fitted.shows() {
            self.slow_matrix(fitted, rows)
        } else {
            fitted.matrix_of(self.table, rows, self.threads())
        };
        made.map_err(|error| locate(error, |row| row as u32))
    }

    /// The same over several threads: cutting texts and decoding pictures takes longer than all else that is done to a
    /// value.
    fn slow_matrix(&self, fitted: &Fitted, rows: &[u32]) -> Result<Matrix, meuse_prep::Error> {
        let (threads, table) = (self.threads(), self.table);
        let pieces: Vec<&[u32]> = rows.chunks(rows.len().div_ceil(threads).max(1)).collect();
        let made: Vec<Result<Matrix, meuse_prep::Error>> = std::thread::scope(|scope| {
            let workers: Vec<_> =
                pieces.into_iter().map(|rows| scope.spawn(move || fitted.matrix_of(table, rows, 1))).collect();
            let joined =
                workers.into_iter().map(|worker| worker.join().unwrap_or_else(|p| std::panic::resume_unwind(p)));
            joined.collect()
        });
        let mut made = made.into_iter();
        let mut matrix = made.next().unwrap_or_else(|| fitted.matrix_of(self.table, &[], 1))?;
        for below in made {
            matrix.append(&below?);
        }
        Ok(matrix)
    }

    /// The trainer's own raw scores of the rows.
    pub(crate) fn raw_scores(&self, fit: &Fit, rows: &[u32]) -> Result<Vec<f64>, Error> {
        let mut scores = Vec::with_capacity(rows.len());
        for rows in rows.chunks(rows_at_once(&fit.fitted)) {
            scores.extend(fit.learnt.model.raw_scores(&self.seen(&fit.fitted, fit.beside.as_ref(), rows)?)?);
        }
        Ok(scores)
    }

    /// Raw scores of the rows, each by a model that was fitted, with its preprocessing, on the other folds.
    ///
    /// # Errors
    /// [`Error::Input`] or [`Error::Prep`] when a fold cannot be learnt from, though all rows together could.
    pub(crate) fn cross_validate(&self, rows: &[u32], watch: &dyn Watch) -> Result<Vec<f64>, Error> {
        let count = self.fold_count(rows);
        if count < 2 {
            return Err(Error::input("split", "there are too few training rows for two folds", "use more rows"));
        }
        let fold_of = folds(self.target, rows, count, self.spec.recipe.seed);
        let mut scores = vec![f64::NAN; rows.len()];
        for fold in 0..count {
            watch.progress("cross-validate", fold as u64, count as u64);
            let positions: Vec<usize> = (0..rows.len()).filter(|position| fold_of[*position] == fold).collect();
            let held_out: Vec<u32> = positions.iter().map(|position| rows[*position]).collect();
            let others: Vec<u32> = (0..rows.len()).filter(|i| fold_of[*i] != fold).map(|i| rows[i]).collect();
            let fit = self.fit(Rows { training: &others, validation: &[] }, &Quiet(watch))?;
            for (position, score) in positions.into_iter().zip(self.raw_scores(&fit, &held_out)?) {
                scores[position] = score;
            }
        }
        watch.progress("cross-validate", count as u64, count as u64);
        Ok(scores)
    }

    /// At most [`FOLDS`], and so few that each has a row, for a binary task of each class.
    fn fold_count(&self, rows: &[u32]) -> usize {
        let scarcest = match self.spec.recipe.task {
            Task::Binary | Task::Multiclass => {
                let mut counts = vec![0_usize; self.target.labels.as_ref().map_or(1, Vec::len)];
                for row in rows {
                    counts[self.target.y[*row as usize] as usize] += 1;
                }
                counts.into_iter().min().unwrap_or(0)
            }
            Task::Regression | Task::Detection | Task::Embedding => rows.len() / 2,
        };
        scarcest.min(FOLDS)
    }
}

/// Passes on only the wish to stop: a fold's progress would read as the training's own.
struct Quiet<'a>(&'a dyn Watch);

impl Watch for Quiet<'_> {
    fn progress(&self, _: &str, _: u64, _: u64) {}
    fn metric(&self, _: &str, _: &str, _: u64, _: f64) {}
    fn log(&self, _: Level, _: &str) {}
    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

pub(crate) fn stop_if_cancelled(watch: &dyn Watch) -> Result<(), Error> {
    if watch.cancelled() { Err(Error::Cancelled) } else { Ok(()) }
}

/// A person counts the rows of the dataset from 1; `in_dataset` turns the row that preprocessing names into one of it.
pub(crate) fn locate(error: meuse_prep::Error, in_dataset: impl Fn(usize) -> u32) -> Error {
    match error {
        meuse_prep::Error::Refused { row, column, reason, hint } => {
            let hint = format!("{hint}; or change the rule in the recipe's preprocessing");
            Error::input(&column, format!("row {} of the dataset: {reason}", in_dataset(row) + 1), hint)
        }
        meuse_prep::Error::NoTerms { field, reason, hint } => Error::input(&field, reason, hint),
        other => Error::Prep(other),
    }
}
