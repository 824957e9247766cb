//! A detection, between the learner that knows grids of cells and the bundle that tells boxes: what is to be found, what
//! was found, and how good that is.

use meuse_core::bundle::Detector;
use meuse_core::evaluation::{Bootstrap, Evaluation, Validation};
use meuse_prep::boxes::{Placement, found};
use meuse_prep::image::Steps;
use meuse_prep::{Fitted, Step};

use crate::appraisal::OF_VALIDATION;
use crate::boxes::Boxes;
use crate::evaluate::{self, Looked, MOST_BOXES, Metrics, Resampling};
use crate::fitting::{Fit, Workshop, rows_at_once, stop_if_cancelled};
use crate::learner::Watch;
use crate::split::Parts;
use crate::{Error, evaluate::detection_intervals};

/// Boxes of a lower score are not looked at in an evaluation: an average precision is read from nearly all of them.
const LOWEST_SCORE: f64 = 0.01;

/// How the raw scores of this fit become boxes, as its recipe says.
pub(crate) fn detector(shop: &Workshop, fit: &Fit) -> Option<Detector> {
    let [rows, columns] = fit.learnt.model.grid()?;
    let rule = shop.spec.recipe.detection.unwrap_or_default();
    Some(Detector {
        rows: rows as u32,
        columns: columns as u32,
        score_threshold: rule.score_threshold,
        iou_threshold: rule.iou_threshold,
        most_boxes: rule.most_boxes,
    })
}

/// The steps of the one picture that a detection reads.
fn steps(fitted: &Fitted) -> Result<&Steps, Error> {
    let picture = fitted.columns.iter().find_map(|column| match &column.step {
        Step::Picture { steps } => Some(steps.as_ref()),
        _ => None,
    });
    picture.ok_or_else(|| Error::input("keep", "a detection reads a picture, and there is none", "keep its column"))
}

fn placement(steps: &Steps, size: [f64; 2]) -> Result<Placement, Error> {
    let hint = "use mode = \"stretch\" or \"pad_to_aspect_ratio\"";
    let message = "a part of the picture is cut off, and with it things that are in their boxes";
    steps.placement(size).ok_or_else(|| Error::input("preprocessing.columns", message, hint))
}

impl Workshop<'_> {
    /// The boxes of each row as the model is to find them; none where the task is no detection.
    pub(crate) fn boxes_seen(
        &self,
        fitted: &Fitted,
        rows: &[u32],
    ) -> Result<Vec<Vec<meuse_prep::boxes::TrueBox>>, Error> {
        let Some(boxes) = &self.target.boxes else { return Ok(Vec::new()) };
        let steps = steps(fitted)?;
        rows.iter().map(|row| Ok(boxes.seen(*row, &placement(steps, boxes.sizes[*row as usize])?))).collect()
    }

    /// What is in each picture and what is found there.
    fn looked(&self, boxes: &Boxes, fit: &Fit, rows: &[u32], watch: &dyn Watch) -> Result<Vec<Looked>, Error> {
        let steps = steps(&fit.fitted)?;
        let lost = || Error::input("algorithm.layers", "the network has no grid of cells", "end with a convolution");
        let own = detector(self, fit).ok_or_else(lost)?;
        let lowest = own.score_threshold.min(LOWEST_SCORE);
        let all = Detector { score_threshold: lowest, most_boxes: own.most_boxes.max(MOST_BOXES as u32), ..own };
        let mut looked = Vec::with_capacity(rows.len());
        for rows in rows.chunks(rows_at_once(&fit.fitted).min(crate::parity::BATCH_OF_NETWORKS)) {
            stop_if_cancelled(watch)?;
            let raw = fit.learnt.model.raw_scores(&self.matrix(&fit.fitted, rows)?)?;
            let raw: Vec<f32> = raw.into_iter().map(|number| number as f32).collect();
            for (row, raw) in rows.iter().zip(raw.chunks_exact(raw.len() / rows.len().max(1))) {
                let (row, truth) = (*row as usize, &boxes.rows[*row as usize]);
                let found = found(raw, &all, &placement(steps, boxes.sizes[row])?);
                looked.push(Looked { truth: truth.clone(), found });
            }
        }
        Ok(looked)
    }
}

/// Measures a fit on every part.
pub(crate) fn appraise(
    shop: &Workshop,
    boxes: &Boxes,
    parts: &Parts,
    fit: &Fit,
    watch: &dyn Watch,
) -> Result<Evaluation, Error> {
    let metric = shop.spec.recipe.chosen_metric();
    let threshold = shop.spec.recipe.detection.unwrap_or_default().score_threshold;
    let intervals = |looked: &[Looked], metrics: &mut Metrics| -> Result<Bootstrap, Error> {
        let resampling = Resampling { seed: shop.spec.recipe.seed, threads: shop.spec.limits.threads, watch };
        detection_intervals((looked, boxes.labels.len()), threshold, metrics, &resampling)
    };
    let mut validation = None;
    if !parts.validation.is_empty() {
        let looked = shop.looked(boxes, fit, &parts.validation, watch)?;
        let (mut metrics, _) = evaluate::detection(&looked, &boxes.labels, threshold);
        intervals(&looked, &mut metrics)?;
        validation = Some(Validation { source: OF_VALIDATION.to_owned(), metrics });
    }
    watch.progress("evaluate", 1, 3);
    let (training, _) =
        evaluate::detection(&shop.looked(boxes, fit, &parts.training, watch)?, &boxes.labels, threshold);
    watch.progress("evaluate", 2, 3);
    let looked = shop.looked(boxes, fit, &parts.test, watch)?;
    let (mut metrics, detected) = evaluate::detection(&looked, &boxes.labels, threshold);
    let bootstrap = intervals(&looked, &mut metrics)?;
    watch.progress("evaluate", 3, 3);
    Ok(Evaluation {
        metric: metric.word().to_owned(),
        larger_is_better: metric.larger_is_better(),
        metrics,
        rows: parts.named().into_iter().map(|(part, rows)| (part.to_owned(), rows.len() as u64)).collect(),
        validation,
        training,
        warnings: parts.warnings.clone(),
        detection: Some(detected),
        bootstrap: Some(bootstrap),
        ..Evaluation::default()
    })
}
