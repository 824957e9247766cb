//! The whole training, stage by stage: [`train`].

use std::path::Path;

use meuse_core::bundle::Explanation;
use meuse_core::events::{Failure, Level};
use meuse_core::job::TrainSpec;
use meuse_core::recipe::{self, Algorithm, Problems};
use meuse_core::table::Table;
use meuse_core::time::Clock;
use meuse_engine::Session;

use crate::appraisal::{Scores, appraise};
use crate::fitting::{Fit, Rows, Workshop, rows_at_once, stop_if_cancelled};
use crate::learner::{Model, NetworkLearner, Watch};
use crate::report::{self, Bundle};
use crate::sentences::Sentences;
use crate::split::{Parts, split};
use crate::target::Target;
use crate::{Error, Pretrained, detection, embedding, parity};

/// Turns a recipe and the rows of its dataset version into a bundle in the folder `out` (made when it is not there).
///
/// `table` holds all rows, with the target's and the split's column. The same table, recipe and seed give the same
/// bytes of `prep.json` and `model.onnx`. Preprocessing and model see training rows only; validation rows stop
/// boosting early where the recipe has it so; test rows choose nothing.
///
/// # Errors
/// [`Error::failure`] says which of them trying again does not help.
pub fn train(spec: &TrainSpec, table: &Table, watch: &dyn Watch, out: &Path) -> Result<(), Error> {
    train_with(spec, table, watch, out, None)
}

/// [`train`], with somebody who learns networks.
///
/// # Errors
/// As [`train`].
pub fn train_with(
    spec: &TrainSpec,
    table: &Table,
    watch: &dyn Watch,
    out: &Path,
    networks: Option<&dyn NetworkLearner>,
) -> Result<(), Error> {
    let started_at = Clock::system().now();
    // Known to be there before hours of learning, and loaded when it is needed: it takes 10 MiB.
    meuse_engine::check(&spec.native)?;
    let plan = recipe::check(&spec.recipe, &spec.schema, None).map_err(refused)?;
    if let Algorithm::SkipGram(parameters) = &spec.recipe.algorithm {
        meuse_engine::init(&spec.native)?;
        return embedding::train(spec, parameters, (&plan, table), watch, out);
    }
    let pretrained = Pretrained::read(&plan, &spec.pretrained)?;

    watch.progress("split", 0, 1);
    let target = Target::read(&spec.recipe, &spec.schema, table)?;
    let parts = split(&spec.recipe, &spec.schema, table, &target)?;
    tell(&parts, watch);
    watch.progress("split", 1, 1);

    for note in &pretrained.notes {
        watch.log(Level::Info, note);
    }
    let used = parts.named().into_iter().flat_map(|(_, rows)| rows.iter().copied());
    let sentences = Sentences::of(&pretrained, (table, used), spec, watch)?;
    let sentences = sentences.as_ref();
    let shop = Workshop { spec, table, plan: &plan, target: &target, networks, pretrained: &pretrained, sentences };
    let rows = Rows { training: &parts.training, validation: &parts.validation };
    let fit = shop.fit(rows, watch)?;
    for left_out in &fit.fitted.left_out {
        watch.log(Level::Info, &format!("`{}` is left out: it {}", left_out.column, left_out.reason));
    }
    for note in &fit.learnt.notes {
        watch.log(Level::Info, note);
    }

    // Told before rows are scored, or that would count as learning.
    watch.progress("evaluate", 0, 3);
    let scores = Scores::of(&shop, &parts, &fit)?;
    let evaluation = appraise(&shop, &parts, &fit, &scores, watch)?;
    stop_if_cancelled(watch)?;
    let (onnx, checked) = emit(&shop, &parts, &fit, &scores, watch)?;

    let detector = detection::detector(&shop, &fit);
    watch.progress("write", 0, 1);
    let notes =
        [parts.notes.clone(), parts.warnings.clone(), pretrained.notes, fit.learnt.notes.clone(), vec![checked]];
    let notes = notes.concat();
    let inputs = fit.fitted.inputs_from(table, &parts.training);
    let networks = networks.filter(|_| matches!(spec.recipe.algorithm, Algorithm::Network(_)));
    let story = report::Story { inputs, notes, started_at, networks: networks.map(NetworkLearner::software) };
    let explanation: &Explanation = &fit.learnt.explanation;
    let boxes = target.boxes.as_ref().map(|boxes| boxes.labels.clone());
    let labels = boxes.or_else(|| target.labels.clone());
    let manifest = report::manifest(spec, &fit.fitted, (labels, detector), story);
    report::write(out, &Bundle { manifest, prep: &fit.fitted, onnx: &onnx, evaluation, explanation })?;
    watch.progress("write", 1, 1);
    Ok(())
}

/// Rows of each part that the parity check looks at where a row is much work: pictures, and texts that become vectors.
const LARGE_ROWS_COMPARED: usize = 1000;

pub(crate) fn tell(parts: &Parts, watch: &dyn Watch) {
    for note in parts.notes.iter().chain(&parts.warnings) {
        watch.log(Level::Warning, note);
    }
    let sizes = parts.named().map(|(part, rows)| format!("{} {part}", rows.len()));
    watch.log(Level::Info, &format!("rows: {}", sizes.join(", ")));
}

/// The model as ONNX, opened as serving will, its answers compared with the trainer's on every row that was not learnt
/// from. Gives the bytes and a sentence for the notes.
fn emit(
    shop: &Workshop,
    parts: &Parts,
    fit: &Fit,
    scores: &Scores,
    watch: &dyn Watch,
) -> Result<(Vec<u8>, String), Error> {
    let onnx = fit.learnt.model.to_onnx(shop.spec.recipe.task)?;
    watch.progress("parity check", 0, 1);
    meuse_engine::init(&shop.spec.native)?;
    let session = Session::open(&onnx, shop.spec.limits.threads.max(1))?;
    let mut check = parity::Check::new(&fit.learnt.model, &session);
    for (rows, scores) in [(&parts.validation, &scores.validation), (&parts.test, &scores.test)] {
        let large = fit.fitted.has_pictures() || fit.fitted.sentence().is_some();
        let rows = if large { &rows[..rows.len().min(LARGE_ROWS_COMPARED)] } else { rows };
        let most =
            if matches!(fit.learnt.model, Model::Network(_)) { parity::BATCH_OF_NETWORKS } else { parity::BATCH };
        let batch = rows_at_once(&fit.fitted).min(most);
        let mut known = scores.chunks(batch * shop.target.outputs());
        for rows in rows.chunks(batch) {
            let matrix = shop.matrix(&fit.fitted, rows)?;
            match known.next() {
                Some(scores) => check.held_out(&matrix, scores)?,
                // The grids of a detection were not kept.
                None => check.held_out(&matrix, &fit.learnt.model.raw_scores(&matrix)?)?,
            }
            stop_if_cancelled(watch)?;
        }
    }
    let report = check.made_up(&fit.fitted.features())?;
    stop_if_cancelled(watch)?;
    watch.progress("parity check", 1, 1);
    let sentence = format!(
        "the ONNX model answers as its trainer does on {} held-out and {} made-up rows (largest difference {:.1e})",
        report.held_out, report.made_up, report.largest_difference,
    );
    watch.log(Level::Info, &sentence);
    Ok((onnx, sentence))
}

/// A recipe that does not fit its dataset: one failure that tells all problems.
fn refused(problems: Problems) -> Error {
    match problems.0.as_slice() {
        [problem] => Error::Input(Failure {
            field: problem.field.clone(),
            message: problem.message.clone(),
            hint: problem.hint.clone(),
        }),
        _ => Error::input("recipe", problems.to_string(), "run `meuse recipe check`"),
    }
}
