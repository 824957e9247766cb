//! Versions side by side, and which one to choose: by the recipe's metric, on rows that no version learnt from and
//! that are not the test part.

use meuse_core::api::{ComparedVersion, Comparison, ModelVersion};
use meuse_core::evaluation::Evaluation;
use meuse_core::names::ModelRef;

use crate::access::{Action, Caller};
use crate::{App, Error};

/// The most versions of one comparison: nobody reads more columns.
const MOST_VERSIONS: usize = 20;

impl App {
    /// Compares versions. The metric of choice is the first one's.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there are none; [`Error::NotFound`].
    pub async fn compare(&self, caller: &Caller, references: &[ModelRef]) -> Result<Comparison, Error> {
        caller.require(Action::ReadModels)?;
        if references.len() > MOST_VERSIONS {
            let reason = format!("{} are more than the {MOST_VERSIONS} that one comparison takes", references.len());
            return Err(Error::invalid("versions", reason, "compare the best of them"));
        }
        let mut versions = Vec::with_capacity(references.len());
        for reference in references {
            versions.push(self.model_version(caller, reference).await?);
        }
        comparison(versions)
    }
}

fn comparison(versions: Vec<ModelVersion>) -> Result<Comparison, Error> {
    let Some(first) = versions.first() else {
        return Err(Error::invalid("versions", "there are none", "name two or more, as in a:1,b:1"));
    };
    let (metric, larger_is_better) = (first.evaluation.metric.clone(), first.evaluation.larger_is_better);
    let notes = notes(&versions, &metric);
    let best = best(&versions, &metric, larger_is_better).filter(|_| answer_one_question(&versions));
    let compared = versions.into_iter().map(|version| ComparedVersion {
        name: format!("{}:{}", version.model, version.version),
        algorithm: version.manifest.algorithm,
        evaluation: version.evaluation,
    });
    Ok(Comparison { metric, larger_is_better, best, versions: compared.collect(), notes })
}

/// Whether the versions predict the same target of the same dataset; otherwise none is better than another.
fn answer_one_question(versions: &[ModelVersion]) -> bool {
    let question = |version: &ModelVersion| {
        let manifest = &version.manifest;
        (manifest.task, manifest.target.clone(), manifest.lineage.dataset.name.clone())
    };
    versions.windows(2).all(|pair| question(&pair[0]) == question(&pair[1]))
}

fn validation_value(evaluation: &Evaluation, metric: &str) -> Option<f64> {
    evaluation.validation.as_ref()?.metrics.get(metric)?.value
}

/// The best one; absent when one of them has no figure to choose by. Of equals the first.
fn best(versions: &[ModelVersion], metric: &str, larger_is_better: bool) -> Option<String> {
    let mut best: Option<(&ModelVersion, f64)> = None;
    for version in versions {
        let value = validation_value(&version.evaluation, metric)?;
        let is_better = best.is_none_or(|(_, best)| if larger_is_better { value > best } else { value < best });
        if is_better {
            best = Some((version, value));
        }
    }
    best.map(|(version, _)| format!("{}:{}", version.model, version.version))
}

fn notes(versions: &[ModelVersion], metric: &str) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |differs: bool, text: &str| {
        if differs {
            notes.push(text.to_owned());
        }
    };
    let first = &versions[0];
    let differ = |differs: fn(&ModelVersion, &ModelVersion) -> bool| versions.iter().any(|other| differs(first, other));
    note(
        differ(|a, b| a.manifest.lineage.dataset != b.manifest.lineage.dataset),
        "They learnt from different dataset versions, so their figures are of different rows.",
    );
    note(
        differ(|a, b| a.evaluation.rows.get("test") != b.evaluation.rows.get("test")),
        "Their test parts have different numbers of rows.",
    );
    note(
        differ(|a, b| a.manifest.target != b.manifest.target || a.manifest.labels != b.manifest.labels),
        "They predict different things.",
    );
    note(
        differ(|a, b| a.evaluation.metric != b.evaluation.metric),
        "Their recipes choose by different metrics; the first one's is used here.",
    );
    let source = |version: &ModelVersion| version.evaluation.validation.as_ref().map(|part| part.source.clone());
    note(
        versions.iter().any(|version| source(version) != source(first)),
        "Their figures to choose by come from different kinds of rows: a validation part, or cross-validation.",
    );
    for version in versions.iter().filter(|version| validation_value(&version.evaluation, metric).is_none()) {
        let name = format!("{}:{}", version.model, version.version);
        notes.push(format!("{name} has no {metric} to choose by, so none is called the best."));
    }
    notes
}
