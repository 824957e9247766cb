//! Which blobs the records name.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use crate::blobs::Digest;
use crate::db::{Db, Tx, on};
use crate::error::Error;
use crate::records::datasets::Media;

/// Every blob that a record names, as of one instant: what versions of datasets are made of and came from, what
/// versions of models are made of (deleted ones too: their records stay), what jobs told, and what jobs that have not
/// ended still need.
pub async fn blobs(db: &Db) -> Result<HashSet<Digest>, Error> {
    let (mut named, tasks) = named(&mut Tx::snapshot(db).await?).await?;
    // A task names blobs among other texts: whatever could be a digest counts as one.
    for task in tasks {
        named.extend(task.values().filter_map(|value| value.as_str()?.parse::<Digest>().ok()));
    }
    Ok(named)
}

/// As [`blobs`], as a transaction sees it; of what jobs that have not ended need, only what is there for sure.
pub(crate) async fn blobs_in(tx: &mut Tx) -> Result<HashSet<Digest>, Error> {
    let (mut named, tasks) = named(tx).await?;
    for task in tasks {
        let texts = ["source", "data", "schema"].into_iter().filter_map(|name| task.get(name)?.as_str());
        named.extend(texts.filter_map(|text| text.parse::<Digest>().ok()));
    }
    Ok(named)
}

/// What records name as a blob, and the tasks of jobs that have not ended.
async fn named(tx: &mut Tx) -> Result<(HashSet<Digest>, Vec<BTreeMap<String, Value>>), Error> {
    const DATASETS: &str = "SELECT data_blob FROM dataset_version UNION SELECT schema_blob FROM dataset_version \
        UNION SELECT profile_blob FROM dataset_version UNION SELECT preview_blob FROM dataset_version \
        UNION SELECT csv_blob FROM dataset_version WHERE csv_blob IS NOT NULL \
        UNION SELECT source_sha256 FROM dataset_version";
    const SCHEMA: &str = "SELECT max(version) FROM meuse_schema";
    const WITH_MEDIA: i64 = 3;
    const MEDIA: &str = "SELECT media FROM dataset_version WHERE media IS NOT NULL";
    const MODELS: &str = "SELECT files FROM model_version";
    const EVENTS: &str = "SELECT events_blob FROM job WHERE events_blob IS NOT NULL";
    const TASKS: &str = "SELECT task FROM job WHERE state IN ('queued', 'running')";
    let mut texts: Vec<String> = on!(tx, connection => sqlx::query_scalar(DATASETS).fetch_all(connection).await)?;
    // A backup is taken of an earlier release's records as well.
    let schema: Option<i64> = on!(tx, connection => sqlx::query_scalar(SCHEMA).fetch_one(connection).await)?;
    let media: Vec<String> = match schema {
        Some(WITH_MEDIA..) => on!(tx, connection => sqlx::query_scalar(MEDIA).fetch_all(connection).await)?,
        _ => Vec::new(),
    };
    let events: Vec<String> = on!(tx, connection => sqlx::query_scalar(EVENTS).fetch_all(connection).await)?;
    let bundles: Vec<String> = on!(tx, connection => sqlx::query_scalar(MODELS).fetch_all(connection).await)?;
    let tasks: Vec<String> = on!(tx, connection => sqlx::query_scalar(TASKS).fetch_all(connection).await)?;
    texts.extend(events);
    for files in bundles {
        let files: BTreeMap<String, String> = serde_json::from_str(&files).map_err(damaged("a model version"))?;
        texts.extend(files.into_values());
    }
    let mut named = texts.iter().map(|text| text.parse()).collect::<Result<HashSet<Digest>, _>>()?;
    for media in media {
        named.extend(Media::of_text(&media)?.blobs());
    }
    let task = |text: &String| serde_json::from_str(text).map_err(damaged("a job"));
    Ok((named, tasks.iter().map(task).collect::<Result<_, _>>()?))
}

fn damaged(record: &'static str) -> impl Fn(serde_json::Error) -> Error {
    move |error| Error::record(record, error)
}
