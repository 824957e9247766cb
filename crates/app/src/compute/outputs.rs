//! What a child left in its folder `out` becomes blobs, and what a record needs to know of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use meuse_core::api::Preview;
use meuse_core::bundle::{self, Manifest};
use meuse_core::evaluation::Evaluation;
use meuse_core::job;
use meuse_core::media;
use meuse_core::names::ModelName;
use meuse_core::profile::Profile;
use meuse_core::schema::Schema;
use meuse_store::records::datasets::{Contents, Media};
use meuse_store::{Blobs, Digest};
use serde::de::DeserializeOwned;
use sha2::Digest as _;

use super::handed;
use super::task::Task;
use crate::models::{BundleFiles, Resolved};
use crate::{App, Error};

/// What an attempt made, in blobs.
pub(crate) enum Made {
    /// A dataset version.
    Data(Contents),
    /// A CSV.
    Csv(Digest),
    /// A model version.
    Model(Box<ModelMade>),
}

/// A bundle, and what a list of versions shows of it.
pub(crate) struct ModelMade {
    pub(crate) bundle: Arc<BundleFiles>,
    pub(crate) manifest: Manifest,
    pub(crate) metric: String,
    pub(crate) validation: Option<f64>,
    pub(crate) test: Option<f64>,
}

/// The largest document among outputs, in bytes.
const MAX_DOCUMENT: u64 = 256 << 20;

/// Why outputs were not collected.
pub(crate) enum NotCollected {
    /// They cannot be used, and why in words: another attempt may make better ones.
    Unusable(String),
    /// They could not be kept now: nothing is wrong with them.
    NotNow(Error),
}

/// Collects the outputs of a task.
pub(crate) async fn collect(app: &App, task: &Task, folder: &Path) -> Result<Made, NotCollected> {
    let out = folder.join(job::OUT);
    let blobs = &app.store.blobs;
    Ok(match task {
        Task::Import { source, .. } => Made::Data(dataset(blobs, &out, source).await?),
        Task::Export { .. } => Made::Csv(put(blobs, &out, "data.csv").await?),
        Task::Train { model, .. } => Made::Model(Box::new(model_made(app, &out, model).await?)),
    })
}

async fn dataset(blobs: &Blobs, out: &Path, source: &str) -> Result<Contents, NotCollected> {
    let _: Schema = parse(out, "schema.json").await?;
    let profile: Profile = parse(out, "profile.json").await?;
    let _: Preview = parse(out, "preview.json").await?;
    let bytes = open(out, "data.parquet").await?.metadata();
    Ok(Contents {
        rows: profile.rows,
        bytes: bytes.map_err(|error| unusable("data.parquet", &error))?.len(),
        data: put(blobs, out, "data.parquet").await?,
        schema: put(blobs, out, "schema.json").await?,
        profile: put(blobs, out, "profile.json").await?,
        preview: put(blobs, out, "preview.json").await?,
        media: match profile.images {
            Some(_) => Some(pictures(blobs, out, source).await?),
            None => None,
        },
    })
}

/// The list of a dataset's pictures, and their packs, of which the imported file may be one.
async fn pictures(blobs: &Blobs, out: &Path, source: &str) -> Result<Media, NotCollected> {
    let media::Packs(made) = parse(out, media::PACKS).await?;
    let mut packs = Vec::with_capacity(made.len());
    for pack in made {
        packs.push(match pack {
            media::Pack::Source => source.parse().map_err(|error| unusable(media::PACKS, &error))?,
            media::Pack::File(name) => put(blobs, out, &name).await?,
        });
    }
    Ok(Media { index: put(blobs, out, media::INDEX).await?, packs })
}

async fn model_made(app: &App, out: &Path, model: &ModelName) -> Result<ModelMade, NotCollected> {
    let manifest: Manifest = parse(out, bundle::MANIFEST).await?;
    let evaluation: Evaluation = parse(out, bundle::EVALUATION).await?;
    let mut files = BTreeMap::new();
    for name in bundle::FILES {
        files.insert(name.to_owned(), put(&app.store.blobs, out, name).await?);
    }
    let bundle = Arc::new(BundleFiles { digest: digest(&files), files });
    // What cannot answer is not registered. The version's number is not known yet; 0 is never one.
    let opened = Resolved { model: model.clone(), version: 0, bundle: Arc::clone(&bundle) };
    let checked = app.serving.check(&opened).await;
    checked.map_err(|error| NotCollected::Unusable(format!("the bundle that it made cannot be opened: {error}")))?;
    let chosen_by = evaluation.validation.as_ref().map(|validation| &validation.metrics);
    let value = |metrics: &BTreeMap<String, _>| {
        let metric: Option<&meuse_core::evaluation::Metric> = metrics.get(&evaluation.metric);
        metric.and_then(|metric| metric.value)
    };
    Ok(ModelMade {
        bundle,
        manifest,
        validation: chosen_by.and_then(value),
        test: value(&evaluation.metrics),
        metric: evaluation.metric,
    })
}

/// SHA-256 over the names and hashes of a bundle's files, one `name hash` per line in the order of the names.
fn digest(files: &BTreeMap<String, Digest>) -> String {
    let mut hasher = sha2::Sha256::new();
    for (name, digest) in files {
        hasher.update(format!("{name} {digest}\n"));
    }
    hex::encode(hasher.finalize())
}

async fn put(blobs: &Blobs, out: &Path, name: &str) -> Result<Digest, NotCollected> {
    let file = open(out, name).await?;
    blobs.put_open(file).await.map_err(|error| NotCollected::NotNow(error.into()))
}

async fn open(out: &Path, name: &str) -> Result<File, NotCollected> {
    let (out, wanted) = (out.to_owned(), name.to_owned());
    let opened = blocking(move || handed::open(&out, &wanted)).await;
    opened.map_err(|error| unusable(name, &error))
}

async fn parse<T: DeserializeOwned>(out: &Path, name: &str) -> Result<T, NotCollected> {
    let (out, wanted) = (out.to_owned(), name.to_owned());
    let bytes = blocking(move || handed::read(&out, &wanted, MAX_DOCUMENT)).await;
    let bytes = bytes.map_err(|error| unusable(name, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| unusable(name, &error))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

fn unusable(name: &str, error: &dyn std::fmt::Display) -> NotCollected {
    NotCollected::Unusable(format!("its output `{name}` cannot be used: {error}"))
}
