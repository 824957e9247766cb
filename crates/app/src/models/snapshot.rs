//! What answers calls, in memory: models, their routes, aliases and the blobs of their versions.
//!
//! Serving reads nothing else, so a call needs no database. The snapshot is replaced after each change that this
//! process makes and, for changes that other replicas make, looked after every second.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use meuse_core::names::{AliasName, ModelName, ModelRef, Selector};
use meuse_store::Digest;

use crate::Error;

/// All models of all projects at one instant.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Which state of the records this is; it grows with each change.
    pub(crate) revision: i64,
    /// Project id → model name → model.
    pub(crate) projects: HashMap<String, BTreeMap<ModelName, PublishedModel>>,
}

/// One model as calls see it.
#[derive(Debug, Default)]
pub struct PublishedModel {
    /// The version that answers when none is named; absent when nothing is deployed.
    pub route: Option<u32>,
    /// All versions, by number.
    pub versions: BTreeMap<u32, Arc<BundleFiles>>,
    /// All aliases and the versions that they point to.
    pub aliases: BTreeMap<AliasName, u32>,
}

/// Where the files of a bundle are. Two versions with the same `digest` are the same bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct BundleFiles {
    /// SHA-256 over the files' names and hashes, hexadecimal.
    pub digest: String,
    /// File name (see [`meuse_core::bundle`]) → blob.
    pub files: BTreeMap<String, Digest>,
}

/// A reference that was found: which version answers, and what it is made of.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The model's name.
    pub model: ModelName,
    /// The version's number.
    pub version: u32,
    /// Its files.
    pub bundle: Arc<BundleFiles>,
}

impl Snapshot {
    /// The models of a project, by name.
    pub fn models(&self, project: &str) -> impl Iterator<Item = (&ModelName, &PublishedModel)> {
        self.projects.get(project).into_iter().flatten()
    }

    /// The model of this name in the project of this id.
    ///
    /// # Errors
    /// [`Error::NotFound`], the same for a model of another project as for none.
    pub fn model(&self, project: &str, name: &ModelName) -> Result<&PublishedModel, Error> {
        let models = self.projects.get(project);
        models.and_then(|models| models.get(name)).ok_or_else(|| super::no_model(name))
    }

    /// Which version a reference means now: `credit` the one that the route says, `credit:3`, `credit@champion`.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what is not there, [`Error::Conflict`] for a model of which nothing is deployed.
    pub fn resolve(&self, project: &str, reference: &ModelRef) -> Result<Resolved, Error> {
        let model = self.model(project, &reference.name)?;
        let version = model.select(reference)?;
        let bundle = model.versions.get(&version).ok_or_else(|| super::no_version(&reference.name, version))?;
        Ok(Resolved { model: reference.name.clone(), version, bundle: Arc::clone(bundle) })
    }
}

impl PublishedModel {
    fn select(&self, reference: &ModelRef) -> Result<u32, Error> {
        let name = &reference.name;
        match &reference.selector {
            Selector::Version(version) => Ok(*version),
            Selector::Alias(alias) => self.aliases.get(alias).copied().ok_or_else(|| super::no_alias(name, alias)),
            Selector::Default => self.route.ok_or_else(|| {
                let newest = self.versions.keys().next_back().copied().unwrap_or(1);
                Error::Conflict(format!(
                    "no version of model `{name}` is deployed: deploy one with `meuse models deploy {name}:{newest}`, \
                     or name a version"
                ))
            }),
        }
    }
}
