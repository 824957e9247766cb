//! `meuse models`: versions, evaluation, deployment.

use anyhow::{Context as _, bail};
use meuse_core::api::{
    AliasRequest, Comparison, DeployRequest, Model, ModelVersion, Neighbour, Neighbours, Page, RollbackRequest, Route,
    UndeployRequest, VersionSummary,
};
use meuse_core::evaluation::{BoxFigures, ClassFigures, Classes, Detected, Evaluation, Metric};
use meuse_core::names::{ModelRef, Selector};
use serde_json::json;
use ureq::http::Method;

use super::Session;
use crate::arguments::Models;
use crate::client::segment;
use crate::output;

pub(super) fn run(session: &Session, command: Models) -> anyhow::Result<()> {
    match command {
        Models::List => list(session),
        Models::Show { model } => show(session, &model),
        Models::Compare { versions } => compare(session, &versions),
        Models::Deploy { version, reason } => {
            let (name, version) = exact(&version)?;
            let path = format!("/api/v1/models/{name}/deploy");
            let route: Route = session.client.call(Method::POST, &path, &DeployRequest { version, reason })?;
            print_route(session, &name, &route)
        }
        Models::Rollback { model, reason } => {
            let path = format!("/api/v1/models/{}/rollback", segment(&model));
            let route: Route = session.client.call(Method::POST, &path, &RollbackRequest { reason })?;
            print_route(session, &model, &route)
        }
        Models::Undeploy { model, reason } => {
            let path = format!("/api/v1/models/{}/undeploy", segment(&model));
            let route: Route = session.client.call(Method::POST, &path, &UndeployRequest { reason })?;
            if session.json {
                return output::json(&route);
            }
            output::line(&format!("nothing answers for {model} now (undeploy number {})", route.number));
            Ok(())
        }
        Models::Routes { model } => routes(session, &model),
        Models::Alias { version, alias } => {
            let (name, version) = exact(&version)?;
            let path = format!("/api/v1/models/{name}/aliases/{}", segment(&alias));
            let model: Model = session.client.call(Method::PUT, &path, &AliasRequest { version })?;
            if session.json {
                return output::json(&model);
            }
            output::line(&format!("{name}@{alias} is {name}:{version}"));
            Ok(())
        }
        Models::Unalias { model, alias } => {
            session.client.delete(&format!("/api/v1/models/{}/aliases/{}", segment(&model), segment(&alias)))?;
            removed(session, &format!("{model}@{alias}"))
        }
        Models::Neighbours { model, word, plus, minus, count } => {
            neighbours(session, &model, &word, &[plus.join(","), minus.join(",")], count)
        }
        Models::Delete { model } => delete(session, &model),
    }
}

fn delete(session: &Session, model: &str) -> anyhow::Result<()> {
    let reference: ModelRef = model.parse().with_context(|| format!("`{model}` is not a model"))?;
    let path = match reference.selector {
        Selector::Default => format!("/api/v1/models/{}", reference.name),
        Selector::Version(version) => format!("/api/v1/models/{}/versions/{version}", reference.name),
        Selector::Alias(_) => bail!(
            "name the version itself, as in `{}:1`: deleting through an alias is too easy to regret",
            reference.name
        ),
    };
    session.client.delete(&path)?;
    removed(session, model)
}

fn neighbours(
    session: &Session,
    model: &str,
    word: &str,
    [plus, minus]: &[String; 2],
    count: u32,
) -> anyhow::Result<()> {
    let [word, plus, minus] = [word, plus.as_str(), minus.as_str()].map(segment);
    let path =
        format!("/api/v1/models/{}/neighbours?word={word}&plus={plus}&minus={minus}&count={count}", segment(model));
    let found: Neighbours = session.client.get(&path)?;
    if session.json {
        return output::json(&found);
    }
    let row = |neighbour: &Neighbour| vec![neighbour.word.clone(), format!("{:.4}", neighbour.similarity)];
    output::table(&["word", "similarity"], &[1], found.neighbours.iter().map(row).collect());
    Ok(())
}

fn removed(session: &Session, what: &str) -> anyhow::Result<()> {
    if session.json {
        return output::json(&json!({ "removed": what }));
    }
    eprintln!("removed {what}");
    Ok(())
}

/// `credit:1` as name and number.
fn exact(text: &str) -> anyhow::Result<(String, u32)> {
    let reference: ModelRef = text.parse().with_context(|| format!("`{text}` is not a version"))?;
    match reference.selector {
        Selector::Version(version) => Ok((reference.name.to_string(), version)),
        _ => bail!("`{text}` names no version: write `{}:1`", reference.name),
    }
}

/// The path of a version's record.
pub(super) fn version_path(text: &str) -> anyhow::Result<String> {
    let (name, version) = exact(text)?;
    Ok(format!("/api/v1/models/{name}/versions/{version}"))
}

fn list(session: &Session) -> anyhow::Result<()> {
    let page: Page<Model> = session.client.get("/api/v1/models")?;
    if session.json {
        return output::json(&page);
    }
    let row = |model: &Model| {
        let newest = model.versions.first();
        vec![
            model.name.clone(),
            newest.map_or_else(String::new, |version| version.version.to_string()),
            model.route.as_ref().map_or_else(|| "nothing".to_owned(), |route| route.version.to_string()),
            newest.map_or_else(String::new, |version| version.algorithm.clone()),
            newest.map_or_else(String::new, |version| version.metric.clone()),
            newest.map_or_else(String::new, |version| optional(version.test)),
        ]
    };
    let head = ["model", "newest", "serves", "algorithm", "metric", "on test"];
    output::table(&head, &[1, 2, 5], page.items.iter().map(row).collect());
    Ok(())
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "undefined".to_owned(), output::number)
}

fn show(session: &Session, text: &str) -> anyhow::Result<()> {
    let reference: ModelRef = text.parse().with_context(|| format!("`{text}` is not a model"))?;
    let version = match &reference.selector {
        Selector::Version(version) => *version,
        selector => {
            let model: Model = session.client.get(&format!("/api/v1/models/{}", reference.name))?;
            let Selector::Alias(alias) = selector else { return show_model(session, &model) };
            *model.aliases.get(alias.as_str()).with_context(|| format!("{} has no alias `{alias}`", reference.name))?
        }
    };
    let version: ModelVersion = session.client.get(&format!("/api/v1/models/{}/versions/{version}", reference.name))?;
    if session.json {
        return output::json(&version);
    }
    print_headline(&version);
    print_notes(&version);
    print_evaluation(&version.evaluation);
    print_explanation(&version);
    Ok(())
}

fn show_model(session: &Session, model: &Model) -> anyhow::Result<()> {
    if session.json {
        return output::json(model);
    }
    output::line(&model.name);
    match &model.route {
        Some(route) => output::line(&format!("  version {} answers, since {} ({})", route.version, route.at, route.by)),
        None => output::line(&format!("  nothing is deployed; `meuse models deploy {}:1` does", model.name)),
    }
    for (alias, version) in &model.aliases {
        output::line(&format!("  @{alias} is version {version}"));
    }
    let row = |version: &VersionSummary| {
        vec![
            version.version.to_string(),
            version.algorithm.clone(),
            version.metric.clone(),
            optional(version.validation),
            optional(version.test),
            version.created_by.clone(),
            version.created_at.to_string(),
        ]
    };
    let head = ["version", "algorithm", "metric", "validation", "test", "by", "registered"];
    output::table(&head, &[0, 3, 4], model.versions.iter().map(row).collect());
    Ok(())
}

/// One line on what a version is, and one on how good it is by its own metric.
pub(super) fn print_headline(version: &ModelVersion) {
    let manifest = &version.manifest;
    let dataset = &manifest.lineage.dataset;
    let serving = if version.serving { ", serving" } else { "" };
    let what = match &manifest.vectors {
        Some(vectors) => format!("{} words, a vector of {} each,", vectors.words, vectors.dimensions),
        None => format!("for `{}`", manifest.target),
    };
    output::line(&format!(
        "{}:{}  {} {what} from {}:{}{serving}",
        version.model, version.version, manifest.algorithm, dataset.name, dataset.version
    ));
    let metric = &version.evaluation.metric;
    let test = version.evaluation.metrics.get(metric);
    output::line(&format!("  {metric} on the test part: {}", test.map_or_else(|| "undefined".to_owned(), figure)));
    if let Some(validation) = &version.evaluation.validation {
        let value = validation.metrics.get(metric).map_or_else(|| "undefined".to_owned(), figure);
        output::line(&format!("  {metric} by {}: {value}", validation.source));
    }
}

fn print_notes(version: &ModelVersion) {
    let manifest = &version.manifest;
    let lineage = &manifest.lineage;
    output::line(&format!("  trained by {} at {} on {}", lineage.operator, lineage.finished_at, lineage.hardware));
    output::line(&format!("  digest {}", version.digest));
    for note in &manifest.notes {
        output::line(&format!("  note: {note}"));
    }
    for left_out in &manifest.left_out {
        output::line(&format!("  left out: {} ({})", left_out.column, left_out.reason));
    }
}

fn figure(metric: &Metric) -> String {
    match (metric.value, metric.low, metric.high) {
        (Some(value), Some(low), Some(high)) => format!("{value:.4} [{low:.4}, {high:.4}]"),
        (Some(value), _, _) => format!("{value:.4}"),
        (None, _, _) => format!("undefined: {}", metric.undefined.as_deref().unwrap_or("no reason given")),
    }
}

fn print_evaluation(evaluation: &Evaluation) {
    let validation = evaluation.validation.as_ref().map(|validation| &validation.metrics);
    let row = |(name, metric): (&String, &Metric)| {
        let cell = |metric: Option<&Metric>| metric.map_or_else(String::new, figure);
        let training = evaluation.training.get(name);
        vec![name.clone(), figure(metric), cell(validation.and_then(|all| all.get(name))), cell(training)]
    };
    let head = ["metric", "test [95 % interval]", "to choose by", "training"];
    output::table(&head, &[1, 2, 3], evaluation.metrics.iter().map(row).collect());
    if let Some(confusion) = &evaluation.confusion {
        let threshold = confusion.threshold;
        output::line(&format!("at probability {threshold} on the test part:"));
        let row = |name: &str, positive: u64, negative: u64| {
            vec![name.to_owned(), positive.to_string(), negative.to_string()]
        };
        let rows = vec![
            row("is positive", confusion.true_positive, confusion.false_negative),
            row("is negative", confusion.false_positive, confusion.true_negative),
        ];
        output::table(&["", "predicted positive", "predicted negative"], &[1, 2], rows);
    }
    if let Some(classes) = &evaluation.classes {
        print_classes(classes);
    }
    if let Some(detected) = &evaluation.detection {
        print_detected(detected);
    }
}

/// The figures of the boxes of each class.
fn print_detected(detected: &Detected) {
    let figure = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.4}"));
    let row = |class: &BoxFigures| {
        let figures = [class.ap_50_95, class.ap_50, class.precision, class.recall].map(figure);
        [vec![class.label.clone(), class.support.to_string(), class.told.to_string()], figures.to_vec()].concat()
    };
    output::line(&format!("boxes of a score of {} or more are told, on the test part:", detected.score_threshold));
    let head = ["class", "true boxes", "told", "AP@0.5:0.95", "AP@0.5", "precision", "recall"];
    output::table(&head, &[1, 2, 3, 4, 5, 6], detected.figures.iter().map(row).collect());
}

/// The figures of each class, and what it is taken for most often.
fn print_classes(classes: &Classes) {
    let figure = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.4}"));
    let row = |(place, class): (usize, &ClassFigures)| {
        let told = classes.confusion.get(place).into_iter().flatten().enumerate();
        let other = told.filter(|(other, count)| *other != place && **count > 0).max_by_key(|(_, count)| **count);
        let other = other.and_then(|(other, count)| Some(format!("{} ({count})", classes.labels.get(other)?)));
        let figures = [class.precision, class.recall, class.f1].map(figure);
        let mut cells = vec![class.label.clone(), class.support.to_string()];
        cells.extend(figures);
        cells.push(other.unwrap_or_default());
        cells
    };
    let head = ["class", "test rows", "precision", "recall", "F1", "most often taken for"];
    output::table(&head, &[1, 2, 3, 4], classes.figures.iter().enumerate().map(row).collect());
}

fn print_explanation(version: &ModelVersion) {
    let explanation = &version.explanation;
    if let Some(card) = &explanation.scorecard {
        output::line(&format!(
            "scorecard: {} points at odds {:.4}, {} points double the odds, base {} points",
            card.base_score, card.base_odds, card.points_to_double_odds, card.base_points
        ));
        let bins = card.columns.iter().flat_map(|column| column.bins.iter().map(move |bin| (column, bin)));
        let row = |(column, bin): (&meuse_core::bundle::ScorecardColumn, &meuse_core::bundle::ScorecardBin)| {
            vec![
                column.column.clone(),
                bin.label.clone(),
                bin.count.to_string(),
                bin.positives.to_string(),
                format!("{:.4}", bin.woe),
                bin.points.to_string(),
            ]
        };
        let head = ["column", "bin", "rows", "positive", "weight of evidence", "points"];
        output::table(&head, &[2, 3, 4, 5], bins.map(row).collect());
    }
    if !explanation.coefficients.is_empty() && explanation.scorecard.is_none() {
        let row = |entry: &meuse_core::bundle::Coefficient| vec![entry.feature.clone(), format!("{:.6}", entry.value)];
        output::table(&["feature", "coefficient"], &[1], explanation.coefficients.iter().map(row).collect());
    }
    if !explanation.gains.is_empty() {
        let total: f64 = explanation.gains.iter().map(|gain| gain.gain).sum();
        let row = |entry: &meuse_core::bundle::Gain| {
            let share = if total > 0.0 { 100.0 * entry.gain / total } else { 0.0 };
            vec![entry.feature.clone(), format!("{share:.1} %"), entry.splits.to_string()]
        };
        output::table(&["feature", "share of gain", "splits"], &[1, 2], explanation.gains.iter().map(row).collect());
    }
}

fn compare(session: &Session, versions: &[String]) -> anyhow::Result<()> {
    let list = versions.iter().map(|version| segment(version)).collect::<Vec<_>>().join(",");
    let comparison: Comparison = session.client.get(&format!("/api/v1/compare?versions={list}"))?;
    if session.json {
        return output::json(&comparison);
    }
    let names: Vec<String> = comparison.versions.iter().map(|version| version.name.clone()).collect();
    let mut head = vec!["metric"];
    head.extend(names.iter().map(String::as_str));
    let mut metrics: Vec<&String> =
        comparison.versions.iter().flat_map(|version| version.evaluation.metrics.keys()).collect();
    metrics.sort_unstable();
    metrics.dedup();
    let right: Vec<usize> = (1..=names.len()).collect();
    let cells = |pick: &dyn Fn(&Evaluation) -> Option<Metric>| -> Vec<String> {
        comparison
            .versions
            .iter()
            .map(|version| pick(&version.evaluation).as_ref().map_or_else(String::new, figure))
            .collect()
    };
    let mut rows = Vec::new();
    let metric = comparison.metric.clone();
    let chosen = cells(&|evaluation| evaluation.validation.as_ref()?.metrics.get(&metric).cloned());
    rows.push([vec![format!("{metric}, to choose by")], chosen].concat());
    for name in metrics {
        rows.push([vec![format!("{name}, test")], cells(&|evaluation| evaluation.metrics.get(name).cloned())].concat());
    }
    output::table(&head, &right, rows);
    for note in &comparison.notes {
        output::line(&format!("note: {note}"));
    }
    let better = if comparison.larger_is_better { "larger is better" } else { "smaller is better" };
    match &comparison.best {
        Some(best) => {
            output::line(&format!("best by {} ({better}) on the rows to choose by: {best}", comparison.metric));
        }
        None => output::line("none is best: they answer different questions, or the metric is undefined for one"),
    }
    Ok(())
}

fn print_route(session: &Session, model: &str, route: &Route) -> anyhow::Result<()> {
    if session.json {
        return output::json(route);
    }
    output::line(&format!("{model}:{} answers now ({} number {})", route.version, route.action, route.number));
    Ok(())
}

fn routes(session: &Session, model: &str) -> anyhow::Result<()> {
    let page: Page<Route> = session.client.get(&format!("/api/v1/models/{}/routes", segment(model)))?;
    if session.json {
        return output::json(&json!(page));
    }
    let row = |route: &Route| {
        vec![
            route.number.to_string(),
            route.at.to_string(),
            route.action.clone(),
            route.version.to_string(),
            route.by.clone(),
            route.reason.clone(),
        ]
    };
    output::table(&["#", "since", "action", "version", "by", "why"], &[0, 3], page.items.iter().map(row).collect());
    Ok(())
}
