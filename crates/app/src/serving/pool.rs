//! The bundles that are in memory, ready to answer.
//!
//! A bundle is loaded at its first use, or when it is deployed; several first callers wait for one load. When more are
//! loaded than configured, the one that was not asked for longest goes; calls that are using it finish undisturbed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use meuse_core::bundle::{self, Explanation, Manifest, Scorecard};
use meuse_engine::Session;
use meuse_prep::Fitted;
use meuse_store::{Blobs, Digest};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::cost::Costs;
use super::words::Words;
use crate::Error;
use crate::models::{BundleFiles, Resolved};

/// Threads of one engine session: calls run side by side, so each computes on one.
const THREADS: usize = 1;

/// A bundle in memory.
pub struct Loaded {
    /// What it is.
    pub manifest: Manifest,
    /// Its points table, when it is a scorecard.
    pub scorecard: Option<Scorecard>,
    pub(super) fitted: Fitted,
    pub(super) session: Session,
    pub(super) costs: Costs,
    /// The vectors of an embedding.
    pub(super) words: Option<Words>,
}

/// Loaded bundles by digest.
pub(super) struct Pool {
    blobs: Blobs,
    native: PathBuf,
    capacity: usize,
    entries: Mutex<Entries>,
}

type Cell = Arc<OnceCell<Arc<Loaded>>>;

#[derive(Default)]
struct Entries {
    by_digest: HashMap<String, (Cell, u64)>,
    uses: u64,
}

impl Pool {
    /// An empty pool of at most `capacity` bundles.
    pub(super) fn new(blobs: Blobs, native: PathBuf, capacity: usize) -> Self {
        Self { blobs, native, capacity: capacity.max(1), entries: Mutex::default() }
    }

    /// The bundle of a version, and whether this call loaded it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] naming a file that is missing or damaged, or the native library that is.
    pub(super) async fn get(&self, version: &Resolved) -> Result<(Arc<Loaded>, bool), Error> {
        let cell = self.cell(&version.bundle.digest);
        let mut was_loaded = false;
        let load = async {
            was_loaded = true;
            self.load(version).await
        };
        let loaded = cell.get_or_try_init(|| load).await?;
        Ok((Arc::clone(loaded), was_loaded))
    }

    fn cell(&self, digest: &str) -> Cell {
        let mut entries = self.entries.lock();
        entries.uses += 1;
        let now = entries.uses;
        if let Some((cell, used)) = entries.by_digest.get_mut(digest) {
            *used = now;
            return Arc::clone(cell);
        }
        if entries.by_digest.len() >= self.capacity {
            let oldest = entries.by_digest.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(oldest) = oldest.map(|(digest, _)| digest.clone()) {
                entries.by_digest.remove(&oldest);
            }
        }
        let cell = Cell::default();
        entries.by_digest.insert(digest.to_owned(), (Arc::clone(&cell), now));
        cell
    }

    /// Reads a bundle, without keeping it.
    pub(super) async fn load(&self, version: &Resolved) -> Result<Arc<Loaded>, Error> {
        let name = format!("{}:{}", version.model, version.version);
        let mut files = HashMap::new();
        for file in [bundle::MANIFEST, bundle::PREP, bundle::MODEL, bundle::EXPLANATION] {
            let digest = digest_of(&version.bundle, file).ok_or_else(|| no_file(&name, file))?;
            // Reading verifies the hash; what is damaged is named.
            let bytes = self.blobs.read(digest).await;
            files.insert(file, bytes.map_err(|error| unreadable(&name, file, &error))?);
        }
        let native = self.native.clone();
        let open = move || open(&name, &native, |file| &files[file]).map(Arc::new);
        tokio::task::spawn_blocking(open).await.map_err(|_| Error::Internal("loading a model panicked".into()))?
    }
}

fn digest_of<'a>(bundle: &'a BundleFiles, file: &str) -> Option<&'a Digest> {
    bundle.files.get(file)
}

fn open<'a>(name: &str, native: &std::path::Path, file: impl Fn(&str) -> &'a bytes::Bytes) -> Result<Loaded, Error> {
    let manifest: Manifest = parse(name, bundle::MANIFEST, file(bundle::MANIFEST))?;
    if manifest.schema_version > bundle::SCHEMA_VERSION {
        return Err(Error::Unsupported(format!(
            "`{name}` was made by a newer Meuse (bundle format {}, this server reads up to {}): update this server",
            manifest.schema_version,
            bundle::SCHEMA_VERSION
        )));
    }
    let fitted: Fitted = parse(name, bundle::PREP, file(bundle::PREP))?;
    fitted.warm();
    let explanation: Explanation = parse(name, bundle::EXPLANATION, file(bundle::EXPLANATION))?;
    meuse_engine::init(native).map_err(|error| Error::Unavailable(error.to_string()))?;
    let session = Session::open(file(bundle::MODEL), THREADS);
    let session = session.map_err(|error| unreadable(name, bundle::MODEL, &error))?;
    let words = Words::of(&manifest, &fitted, file(bundle::MODEL));
    let words = words.map_err(|error| unreadable(name, bundle::MODEL, &error))?;
    Ok(Loaded { manifest, scorecard: explanation.scorecard, fitted, session, costs: Costs::default(), words })
}

fn parse<T: DeserializeOwned>(name: &str, file: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| unreadable(name, file, &error))
}

fn no_file(name: &str, file: &str) -> Error {
    Error::Unavailable(format!("`{name}` has no file `{file}`; train it again"))
}

fn unreadable(name: &str, file: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Unavailable(format!(
        "the file `{file}` of `{name}` cannot be used: {error}; restore the blob from a backup, or train it again"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pool(folder: &std::path::Path) -> Pool {
        let blobs = Blobs::at(folder.join("blobs")).await.expect("a new folder");
        Pool::new(blobs, PathBuf::new(), 2)
    }

    #[tokio::test]
    async fn the_bundle_that_was_not_asked_for_longest_goes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pool = pool(folder.path()).await;
        let [a, b] = ["a", "b"].map(|digest| pool.cell(digest));
        assert!(Arc::ptr_eq(&a, &pool.cell("a")), "both have room");
        pool.cell("c");
        assert!(Arc::ptr_eq(&a, &pool.cell("a")), "asked for just now");
        assert!(!Arc::ptr_eq(&b, &pool.cell("b")), "not asked for longest, so it went and is new");
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pool = pool(folder.path()).await;
        let digest = Digest::of(b"never put");
        let files = bundle::FILES.map(|file| (file.to_owned(), digest));
        let bundle = Arc::new(BundleFiles { digest: "d".into(), files: files.into() });
        let version = Resolved { model: "credit".parse().expect("a name"), version: 3, bundle };
        let error = pool.get(&version).await.err().expect("there are no blobs").to_string();
        assert!(error.contains("`meuse.json` of `credit:3`") && error.contains(&digest.to_string()), "{error}");
    }
}
