//! `meuse data`: import, look at, export.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use meuse_core::api::{Dataset, DatasetVersion, ImportAnswer, Page, Preview};
use meuse_core::job::JobState;
use meuse_core::profile::{ColumnProfile, Frequency, ImagesProfile, Languages, Profile, TextProfile};

use super::folder::Folder;
use super::{Session, download, follow};
use crate::arguments::{Data, Format};
use crate::client::segment;
use crate::output;

pub(super) fn run(session: &Session, command: Data) -> anyhow::Result<ExitCode> {
    match command {
        Data::Import { name, file, format, encoding, delimiter, missing } => {
            let mut query = Vec::new();
            query.extend(format.map(|format| format!("format={}", word(format))));
            query.extend(encoding.map(|encoding| format!("encoding={}", segment(&encoding))));
            query.extend(delimiter.map(|delimiter| format!("delimiter={}", segment(&delimiter.to_string()))));
            query.extend(missing.iter().map(|text| format!("missing={}", segment(text))));
            return import(session, &name, &file, query);
        }
        Data::List => list(session)?,
        Data::Show { dataset } => show(session, &dataset)?,
        Data::Preview { dataset } => preview(session, &dataset)?,
        Data::Profile { dataset, column } => profile(session, &dataset, column.as_deref())?,
        Data::Export { dataset, format, out } => export(session, &dataset, format, out.as_deref())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn word(format: Format) -> &'static str {
    match format {
        Format::Csv => "csv",
        Format::Parquet => "parquet",
        Format::Images => "images",
        Format::Texts => "texts",
        Format::Jsonl => "jsonl",
    }
}

fn import(session: &Session, name: &str, file: &Path, mut query: Vec<String>) -> anyhow::Result<ExitCode> {
    let metadata = std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut file_name =
        file.canonicalize()?.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (source, length): (Box<dyn Read>, u64) = if metadata.is_dir() {
        let folder = Folder::look(file)?;
        let links = if folder.links > 0 { format!(", {} links left out", folder.links) } else { String::new() };
        eprintln!("packing {} files{links}", folder.count());
        file_name.push_str(".tar");
        let length = folder.length()?;
        (Box::new(folder.read()), length)
    } else {
        let source = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        (Box::new(source), metadata.len())
    };
    query.push(format!("file={}", segment(&file_name)));
    let path = format!("/api/v1/datasets/{}/versions?{}", segment(name), query.join("&"));
    let bar = output::byte_bar(length, "upload");
    let answer: ImportAnswer = session.client.upload(&path, bar.wrap_read(source), length)?;
    bar.finish_and_clear();
    let job = match answer {
        ImportAnswer::Unchanged { version } => {
            unchanged(session, &version)?;
            return Ok(ExitCode::SUCCESS);
        }
        ImportAnswer::Started { job } => follow::to_the_end(session, &job.id)?,
    };
    if job.state == JobState::Succeeded {
        let reference = job.result.clone().context("the server did not say which version the import made")?;
        let version: DatasetVersion =
            session.client.get(&format!("/api/v1/datasets/{}/version", segment(&reference)))?;
        if session.json { output::json(&version)? } else { print_version(&version) }
    } else if session.json {
        output::json(&job)?;
    }
    Ok(follow::outcome(&job))
}

fn unchanged(session: &Session, version: &DatasetVersion) -> anyhow::Result<()> {
    if session.json {
        return output::json(&serde_json::json!({ "outcome": "unchanged", "version": version }));
    }
    output::line(&format!(
        "{}:{} holds these bytes already; no new version was made",
        version.dataset, version.version
    ));
    Ok(())
}

fn list(session: &Session) -> anyhow::Result<()> {
    let page: Page<Dataset> = session.client.get("/api/v1/datasets")?;
    if session.json {
        return output::json(&page);
    }
    let row = |dataset: &Dataset| {
        let latest = dataset.latest.as_ref();
        vec![
            dataset.name.clone(),
            latest.map_or_else(String::new, |version| version.version.to_string()),
            latest.map_or_else(String::new, |version| version.rows.to_string()),
            latest.map_or_else(String::new, |version| version.schema.columns.len().to_string()),
            latest.map_or_else(String::new, |version| output::bytes(version.bytes)),
            latest.map_or_else(String::new, |version| version.created_at.to_string()),
        ]
    };
    let head = ["dataset", "newest", "rows", "columns", "size", "imported"];
    output::table(&head, &[1, 2, 3, 4], page.items.iter().map(row).collect());
    Ok(())
}

fn show(session: &Session, dataset: &str) -> anyhow::Result<()> {
    let version: DatasetVersion = session.client.get(&format!("/api/v1/datasets/{}/version", segment(dataset)))?;
    if session.json {
        return output::json(&version);
    }
    print_version(&version);
    let row = |column: &meuse_core::schema::ColumnSchema| {
        let categories = column.categories.as_ref().map_or_else(String::new, |categories| {
            let shown = categories.iter().take(6).cloned().collect::<Vec<_>>().join(", ");
            if categories.len() > 6 { format!("{shown}, … ({})", categories.len()) } else { shown }
        });
        let nullable = if column.nullable { "yes" } else { "no" };
        vec![column.name.clone(), column.column_type.word().to_owned(), nullable.to_owned(), categories]
    };
    output::table(&["column", "type", "missing", "categories"], &[], version.schema.columns.iter().map(row).collect());
    Ok(())
}

fn print_version(version: &DatasetVersion) {
    let columns = version.schema.columns.len();
    output::line(&format!(
        "{}:{}  {} rows × {columns} columns, {}",
        version.dataset,
        version.version,
        version.rows,
        output::bytes(version.bytes)
    ));
    let source = &version.source;
    output::line(&format!("  from {} ({}), sha256 {}", source.file, output::bytes(source.bytes), source.sha256));
    output::line(&format!("  by {} at {}", version.created_by, version.created_at));
}

fn preview(session: &Session, dataset: &str) -> anyhow::Result<()> {
    let preview: Preview = session.client.get(&format!("/api/v1/datasets/{}/preview", segment(dataset)))?;
    if session.json {
        return output::json(&preview);
    }
    let cell = |value: &serde_json::Value| match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let head: Vec<&str> = preview.columns.iter().map(String::as_str).collect();
    let rows = preview.rows.iter().take(10).map(|row| row.iter().map(cell).collect());
    output::table(&head, &[], rows.collect());
    Ok(())
}

fn profile(session: &Session, dataset: &str, column: Option<&str>) -> anyhow::Result<()> {
    let profile: Profile = session.client.get(&format!("/api/v1/datasets/{}/profile", segment(dataset)))?;
    if let Some(name) = column {
        let names = profile.columns.iter().map(|column| column.name.as_str());
        let Some(column) = profile.column(name) else {
            let hint = meuse_core::suggest::hint(name, names.collect::<Vec<_>>());
            anyhow::bail!("{dataset} has no column `{name}`; {hint}");
        };
        if session.json {
            return output::json(column);
        }
        print_column(column, profile.rows);
        return Ok(());
    }
    if session.json {
        return output::json(&profile);
    }
    let rows = profile.columns.iter().map(|column| summary(column, profile.rows)).collect();
    let head = ["column", "type", "missing", "distinct", "min", "mean", "max", "distribution"];
    output::table(&head, &[2, 3, 4, 5, 6], rows);
    if let Some(images) = &profile.images {
        print_images(images);
    }
    for warning in &profile.warnings {
        output::line(&format!("note: {warning}"));
    }
    Ok(())
}

fn print_images(images: &ImagesProfile) {
    let most = |counted: &[Frequency]| {
        let shown: Vec<String> = counted.iter().take(30).map(|one| format!("{} {}", one.value, one.count)).collect();
        let more = counted.len().saturating_sub(30);
        if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
    };
    let lines = [("classes", &images.classes), ("parts", &images.splits), ("sizes", &images.sizes)];
    let more = [("channels", &images.channels), ("formats", &images.formats)];
    for (name, counted) in lines.into_iter().chain(more).filter(|(_, counted)| !counted.is_empty()) {
        output::line(&format!("{name}: {}", most(counted)));
    }
    output::line(&format!(
        "{} without a class, {} duplicates, {} boxes, {} in all",
        images.unlabelled,
        images.duplicates,
        images.boxes,
        output::bytes(images.bytes)
    ));
    if images.left_out > 0 {
        output::line(&format!("{} left out:", images.left_out));
        for problem in images.problems.iter().take(20) {
            output::line(&format!("  {}: {}", problem.file, problem.reason));
        }
    }
}

fn summary(column: &ColumnProfile, rows: u64) -> Vec<String> {
    let numeric = column.numeric.as_ref();
    let figure = |pick: fn(&meuse_core::profile::NumericProfile) -> f64| {
        numeric.map_or_else(String::new, |n| output::number(pick(n)))
    };
    let distribution = match numeric {
        Some(numeric) => output::sparkline(&numeric.histogram.counts),
        None if column.text.is_some() => long_texts(column),
        None => frequent_words(column, rows),
    };
    vec![
        column.name.clone(),
        column.column_type.word().to_owned(),
        column.missing.to_string(),
        column.distinct.to_string(),
        figure(|numeric| numeric.min),
        figure(|numeric| numeric.mean),
        figure(|numeric| numeric.max),
        distribution,
    ]
}

fn frequent_words(column: &ColumnProfile, rows: u64) -> String {
    let share = |count: u64| if rows == 0 { 0.0 } else { 100.0 * count as f64 / rows as f64 };
    let word =
        |entry: &meuse_core::profile::Frequency| format!("{} {:.0} %", shortened(&entry.value), share(entry.count));
    column.frequent.iter().take(3).map(word).collect::<Vec<_>>().join(", ")
}

fn long_texts(column: &ColumnProfile) -> String {
    let text = column.text.as_ref();
    let words = text.and_then(|text| text.words.iter().find(|quantile| quantile.q == 0.5));
    let script = text.and_then(|text| text.scripts.first());
    format!(
        "long texts ({}, {:.0} words)",
        script.map_or("no letters", |script| script.name.as_str()),
        words.map_or(0.0, |median| median.value)
    )
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= 24 { text.to_owned() } else { text.chars().take(23).chain(['…']).collect() }
}

fn print_column(column: &ColumnProfile, rows: u64) {
    output::line(&format!("{} ({})", column.name, column.column_type.word()));
    output::line(&format!("  {rows} rows, {} missing, {} distinct", column.missing, column.distinct));
    if let Some(numeric) = &column.numeric {
        output::line(&format!(
            "  min {}, mean {}, max {}, standard deviation {}",
            output::number(numeric.min),
            output::number(numeric.mean),
            output::number(numeric.max),
            output::number(numeric.standard_deviation)
        ));
        let quantile =
            |quantile: &meuse_core::profile::Quantile| vec![quantile.q.to_string(), output::number(quantile.value)];
        output::table(&["quantile", "value"], &[0, 1], numeric.quantiles.iter().map(quantile).collect());
        let largest = numeric.histogram.counts.iter().copied().max().unwrap_or(1).max(1);
        let bins = numeric.histogram.edges.windows(2).zip(&numeric.histogram.counts);
        let bin = |(edges, count): (&[f64], &u64)| {
            let bar = "█".repeat((count * 40).div_ceil(largest) as usize);
            vec![format!("{} – {}", output::number(edges[0]), output::number(edges[1])), count.to_string(), bar]
        };
        output::table(&["from – to", "rows", ""], &[1], bins.map(bin).collect());
    }
    if let Some(text) = &column.text {
        print_texts(text);
        return;
    }
    let frequent = column.frequent.iter().map(|entry| vec![entry.value.clone(), entry.count.to_string()]).collect();
    output::table(&["most frequent", "rows"], &[1], frequent);
}

/// Of long texts the words say more than the texts themselves.
fn print_texts(text: &TextProfile) {
    let scripts = text.scripts.iter().take(3).map(|script| format!("{} {:.1} %", script.name, 100.0 * script.share));
    output::line(&format!(
        "  long texts: {}; {} rows repeat an earlier text, {} are without a word",
        scripts.collect::<Vec<_>>().join(", "),
        text.duplicates,
        text.empty
    ));
    if let Some(Languages { sample, found, uncertain }) = &text.languages {
        let shares = found.iter().take(3).map(|language| (language.name.as_str(), language.share));
        let shares = shares.chain((*uncertain > 0.0).then_some(("uncertain", *uncertain)));
        let shares: Vec<_> = shares.map(|(name, share)| format!("{name} {:.1} %", 100.0 * share)).collect();
        output::line(&format!("  languages, estimated from {sample} texts: {}", shares.join(", ")));
    }
    for other in &text.contradictions {
        output::line(&format!("  {} texts ({} rows) have both values of `{}`", other.texts, other.rows, other.column));
    }
    let lengths = text.characters.iter().zip(&text.words).map(|(characters, words)| {
        vec![characters.q.to_string(), output::number(characters.value), output::number(words.value)]
    });
    output::table(&["quantile", "characters", "words"], &[0, 1, 2], lengths.collect());
    let words = text.frequent_words.iter().map(|entry| vec![entry.value.clone(), entry.count.to_string()]).collect();
    output::table(&["most frequent words", "times"], &[1], words);
}

fn export(session: &Session, dataset: &str, format: Format, out: Option<&Path>) -> anyhow::Result<()> {
    let path = format!("/api/v1/datasets/{}/export?format={}", segment(dataset), word(format));
    let mut stream = session.client.get_stream(&path)?;
    let Some(out) = out else {
        std::io::copy(&mut stream, &mut std::io::stdout().lock())?;
        return Ok(());
    };
    download::to_file(&mut stream, out)?;
    if session.json {
        let bytes = std::fs::metadata(out)?.len();
        return output::json(&serde_json::json!({ "file": out.display().to_string(), "bytes": bytes }));
    }
    eprintln!("wrote {}", out.display());
    Ok(())
}
