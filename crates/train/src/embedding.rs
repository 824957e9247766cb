//! The training of an embedding, stage by stage: as [`crate::train`], but for what a target would be needed for.
//!
//! Vectors are learnt from the training part. What is told of them is the loss on texts that they have not seen, and how
//! many of those texts' words have a vector at all; what they are good for shows in what is built on them.

use std::collections::BTreeMap;
use std::path::Path;

use meuse_core::bundle::{Explanation, VectorTable};
use meuse_core::evaluation::{Evaluation, Metric, Validation};
use meuse_core::events::Level;
use meuse_core::job::TrainSpec;
use meuse_core::recipe::{MetricName, Plan, SkipGram};
use meuse_core::table::{Table, Values};
use meuse_core::time::Clock;
use meuse_engine::Session;
use meuse_prep::text::WordIndex;
use meuse_prep::{Fitted, Step, Tokenizers};

use crate::appraisal::OF_VALIDATION;
use crate::fitting::{locate, stop_if_cancelled};
use crate::learner::Watch;
use crate::report::{self, Bundle};
use crate::skip_gram::{Corpus, WordVectors, learn};
use crate::split::{Parts, split};
use crate::target::Target;
use crate::{Error, onnx, parity, pipeline};

/// Held-out texts that the parity check compares.
const TEXTS_COMPARED: usize = 4096;
/// What a file of protocol buffers holds at most is 2 GiB; vectors are 32-bit floats.
const MOST_NUMBERS: u64 = (2 << 30) / 4 - (1 << 20);

/// Learns vectors as the recipe says, and writes the bundle into `out`.
pub(crate) fn train(
    spec: &TrainSpec,
    parameters: &SkipGram,
    (plan, table): (&Plan, &Table),
    watch: &dyn Watch,
    out: &Path,
) -> Result<(), Error> {
    let started_at = Clock::system().now();
    watch.progress("split", 0, 1);
    let target = Target::read(&spec.recipe, &spec.schema, table)?;
    let parts = split(&spec.recipe, &spec.schema, table, &target)?;
    pipeline::tell(&parts, watch);
    watch.progress("split", 1, 1);

    watch.progress("fit preprocessing", 0, 1);
    let fitted = meuse_prep::fit_on(plan, table, &parts.training, None, &Tokenizers::new(), 1)
        .map_err(|error| locate(error, |row| parts.training[row]))?;
    let (column, words) = words_of(&fitted).ok_or_else(nothing_to_read)?;
    enough_words(words, parameters)?;
    let values = table.column(column).ok_or_else(|| meuse_prep::Error::MissingColumn(column.to_owned()))?;
    let read = |rows: &[u32]| Corpus::read(words, &texts_of(values, rows), spec.limits.threads);
    let corpora =
        Corpora { training: read(&parts.training), validation: read(&parts.validation), test: read(&parts.test) };
    if !corpora.training.has_pairs() {
        let message = "no text of the training part holds two known words, so no word has a neighbour";
        return Err(Error::input("algorithm.min_count", message, "lower it, or give longer texts"));
    }
    watch.progress("fit preprocessing", 1, 1);
    stop_if_cancelled(watch)?;

    let held_out = [&corpora.validation, &corpora.test];
    let learnt = learn(parameters, words.size(), &corpora.training, &held_out, spec.recipe.seed, watch)?;
    watch.progress("evaluate", 0, 1);
    let evaluation = corpora.evaluation(&parts, &learnt);
    watch.progress("evaluate", 1, 1);

    let onnx = onnx::vectors(&learnt.vectors, learnt.dimensions, fitted.width());
    let checked = check(&onnx, &fitted, &learnt, (table, &parts), spec.limits.threads, watch)?;
    stop_if_cancelled(watch)?;
    let table_of = VectorTable { words: words.size() as u32 - 1, dimensions: parameters.dimensions };
    let told = format!(
        "{} words have a vector of {}; {} words of the training part were read {} times",
        table_of.words,
        table_of.dimensions,
        corpora.training.known(),
        parameters.epochs
    );
    watch.log(Level::Info, &told);

    watch.progress("write", 0, 1);
    let story = report::Story {
        inputs: fitted.inputs_from(table, &parts.training),
        notes: [parts.notes.clone(), parts.warnings.clone(), vec![told, checked]].concat(),
        started_at,
        networks: None,
    };
    let mut manifest = report::manifest(spec, &fitted, (None, None), story);
    manifest.vectors = Some(table_of);
    let explanation = &Explanation::default();
    report::write(out, &Bundle { manifest, prep: &fitted, onnx: &onnx, evaluation, explanation })?;
    watch.progress("write", 1, 1);
    Ok(())
}

/// The one column that is read, and its words.
fn words_of(fitted: &Fitted) -> Option<(&str, &WordIndex)> {
    match fitted.columns.as_slice() {
        [column] => match &column.step {
            Step::Sequence { words, .. } => Some((&column.name, words)),
            _ => None,
        },
        _ => None,
    }
}

fn nothing_to_read() -> Error {
    Error::input("keep", "there is no column of texts to learn words from", "name one, as in keep = [\"text\"]")
}

/// One word has nobody to be told from, and more than a file holds cannot be kept.
fn enough_words(words: &WordIndex, parameters: &SkipGram) -> Result<(), Error> {
    if words.size() < 3 {
        let message = "one word only stands often enough in the training part, and vectors tell words apart";
        return Err(Error::input("algorithm.min_count", message, "lower it, or give more rows"));
    }
    let numbers = words.size() as u64 * u64::from(parameters.dimensions);
    if numbers > MOST_NUMBERS {
        let message = format!(
            "{} words of {} numbers are {} MiB, and a model holds 2047 at most",
            words.size(),
            parameters.dimensions,
            (numbers * 4) >> 20
        );
        return Err(Error::input("algorithm.dimensions", message, "lower it, or raise min_count"));
    }
    Ok(())
}

/// The texts of the rows; a missing one is an empty one.
fn texts_of<'a>(values: &'a Values, rows: &[u32]) -> Vec<&'a str> {
    let Values::Text { codes, dictionary } = values else { return Vec::new() };
    rows.iter().map(|row| dictionary.get(codes[*row as usize] as usize).map_or("", String::as_str)).collect()
}

/// The texts of each part.
struct Corpora {
    training: Corpus,
    validation: Corpus,
    test: Corpus,
}

impl Corpora {
    fn evaluation(&self, parts: &Parts, learnt: &WordVectors) -> Evaluation {
        let loss_of = |place: usize| learnt.held_out_loss.get(place).copied().flatten();
        let validation = (!parts.validation.is_empty())
            .then(|| Validation { source: OF_VALIDATION.to_owned(), metrics: figures(loss_of(0), &self.validation) });
        Evaluation {
            metric: MetricName::Loss.word().to_owned(),
            larger_is_better: MetricName::Loss.larger_is_better(),
            metrics: figures(loss_of(1), &self.test),
            rows: parts.named().into_iter().map(|(part, rows)| (part.to_owned(), rows.len() as u64)).collect(),
            validation,
            training: figures(learnt.training_loss, &self.training),
            warnings: parts.warnings.clone(),
            ..Evaluation::default()
        }
    }
}

fn figures(loss: Option<f64>, corpus: &Corpus) -> BTreeMap<String, Metric> {
    let figure = |value: Option<f64>, why: &str| Metric {
        value,
        undefined: value.is_none().then(|| why.to_owned()),
        ..Metric::default()
    };
    let loss = figure(loss, "no two known words stand side by side");
    let coverage = figure(corpus.coverage(), "there are no words");
    [(MetricName::Loss, loss), (MetricName::Coverage, coverage)]
        .into_iter()
        .map(|(name, metric)| (name.word().to_owned(), metric))
        .collect()
}

/// The model as serving will open it, its answers compared with the vectors themselves: of held-out texts, and of every
/// word alone. Gives a sentence for the notes.
fn check(
    onnx: &[u8],
    fitted: &Fitted,
    learnt: &WordVectors,
    (table, parts): (&Table, &Parts),
    threads: usize,
    watch: &dyn Watch,
) -> Result<String, Error> {
    watch.progress("parity check", 0, 1);
    let session = Session::open(onnx, threads.max(1))?;
    let mut largest = 0.0_f64;
    let rows: Vec<u32> = parts.validation.iter().chain(&parts.test).take(TEXTS_COMPARED).copied().collect();
    for rows in rows.chunks(512) {
        let texts = fitted.matrix_of(table, rows, 1)?;
        largest = largest.max(compare(&session, learnt, &texts, "a held-out text")?);
        stop_if_cancelled(watch)?;
    }
    let width = fitted.width();
    let ids: Vec<u32> = (0..(learnt.vectors.len() / learnt.dimensions) as u32).collect();
    for ids in ids.chunks(512) {
        let mut data = vec![0.0; ids.len() * width];
        for (row, id) in ids.iter().enumerate() {
            data[row * width + width - 1] = *id as f32;
        }
        let alone = meuse_core::table::Matrix { data, rows: ids.len(), width, sparse: None };
        largest = largest.max(compare(&session, learnt, &alone, "a word alone")?);
        stop_if_cancelled(watch)?;
    }
    watch.progress("parity check", 1, 1);
    let sentence = format!(
        "the ONNX model answers as its trainer does on {} held-out texts and {} single words (largest difference \
         {largest:.1e})",
        rows.len(),
        ids.len() - 1,
    );
    watch.log(Level::Info, &sentence);
    Ok(sentence)
}

/// The largest difference; an error names the first that is too large.
fn compare(
    session: &Session,
    learnt: &WordVectors,
    matrix: &meuse_core::table::Matrix,
    name: &str,
) -> Result<f64, Error> {
    let scores = session.scores(matrix)?;
    let mut largest = 0.0_f64;
    for (row, ids) in matrix.data.chunks_exact(matrix.width).enumerate() {
        let engine = &scores.raw[row * learnt.dimensions..(row + 1) * learnt.dimensions];
        for (engine, trainer) in engine.iter().zip(learnt.mean(ids)) {
            let engine = f64::from(*engine);
            if !parity::agree(engine, trainer, parity::ABSOLUTE, parity::RELATIVE) {
                return Err(Error::Parity(format!("{name}: ONNX Runtime says {engine}, the trainer {trainer}")));
            }
            largest = largest.max((engine - trainer).abs());
        }
    }
    Ok(largest)
}
