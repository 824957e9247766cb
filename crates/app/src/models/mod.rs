//! The registry: models, their immutable versions, aliases, and the append-only list of routes.
//!
//! Versions are registered by [`crate::compute`] when a training ends; calls are answered by [`crate::serving`], which
//! reads the [`Snapshot`] that is published here.

mod change;
mod compare;
mod refresh;
mod route;
mod snapshot;
mod view;

use std::sync::Arc;

use arc_swap::ArcSwap;
use meuse_core::names::{AliasName, ModelName};
use meuse_store::Store;

use crate::Error;
pub(crate) use refresh::refresh;
pub use snapshot::{BundleFiles, PublishedModel, Resolved, Snapshot};

/// Holds the present [`Snapshot`].
pub struct Models {
    current: ArcSwap<Snapshot>,
}

impl Models {
    /// Reads the records once.
    pub(crate) async fn open(store: &Store) -> Result<Self, Error> {
        let models = Self { current: ArcSwap::from_pointee(Snapshot::default()) };
        models.reload(store).await?;
        Ok(models)
    }

    /// What answers calls now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }
}

pub(crate) fn no_model(name: &ModelName) -> Error {
    Error::not_found(format!("there is no model `{name}`"), "`meuse models list` shows what is there")
}

pub(crate) fn no_version(name: &ModelName, version: u32) -> Error {
    let hint = format!("`meuse models show {name}` shows its versions");
    Error::not_found(format!("model `{name}` has no version {version}"), hint)
}

pub(crate) fn no_alias(name: &ModelName, alias: &AliasName) -> Error {
    let hint = format!("`meuse models show {name}` shows its aliases");
    Error::not_found(format!("model `{name}` has no alias `{alias}`"), hint)
}
