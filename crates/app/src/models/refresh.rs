//! Keeps the snapshot as the records are.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use meuse_core::names::NameError;
use meuse_store::records::models::{self, Everything, VersionRow};
use meuse_store::{Digest, Store};

use super::Models;
use super::route::UNDEPLOY;
use super::snapshot::{BundleFiles, PublishedModel, Snapshot};
use crate::{App, Error};

/// How often other replicas' changes are looked for.
const LOOK: Duration = Duration::from_secs(1);

/// Looks for changes of other replicas until the app stops. Without the database the snapshot stays as it is.
pub(crate) async fn refresh(app: Arc<App>) {
    loop {
        tokio::select! {
            () = app.stop().cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        if let Err(error) = app.models.refresh(&app.store).await {
            tracing::debug!(%error, "the models cannot be read again now");
        }
    }
}

impl Models {
    async fn refresh(&self, store: &Store) -> Result<(), Error> {
        if models::revision(&store.db).await? != self.snapshot().revision {
            self.reload(store).await?;
        }
        Ok(())
    }

    /// Reads the records and publishes them, unless something newer has been published meanwhile.
    pub(crate) async fn reload(&self, store: &Store) -> Result<(), Error> {
        let new = Arc::new(snapshot(models::everything(&store.db).await?)?);
        self.current
            .rcu(|current| if current.revision > new.revision { Arc::clone(current) } else { Arc::clone(&new) });
        Ok(())
    }
}

fn snapshot(everything: Everything) -> Result<Snapshot, Error> {
    let mut by_id: HashMap<String, PublishedModel> = HashMap::new();
    for row in &everything.versions {
        let published = by_id.entry(row.model_id.clone()).or_default();
        published.versions.insert(row.version as u32, Arc::new(files(row)?));
    }
    for row in everything.aliases {
        let alias = row.name.parse().map_err(|error| damaged(&row.name, error))?;
        by_id.entry(row.model_id).or_default().aliases.insert(alias, row.version as u32);
    }
    for row in everything.routes.into_iter().filter(|row| row.action != UNDEPLOY) {
        by_id.entry(row.model_id).or_default().route = Some(row.version as u32);
    }
    let mut projects: HashMap<String, BTreeMap<_, _>> = HashMap::new();
    for row in everything.models {
        let name = row.name.parse().map_err(|error| damaged(&row.name, error))?;
        let published = by_id.remove(&row.id).unwrap_or_default();
        projects.entry(row.project_id).or_default().insert(name, published);
    }
    Ok(Snapshot { revision: everything.revision, projects })
}

fn damaged(name: &str, error: NameError) -> Error {
    Error::Internal(format!("the record of `{name}` is damaged: {error}"))
}

pub(super) fn files(row: &VersionRow) -> Result<BundleFiles, Error> {
    let texts: BTreeMap<String, String> = serde_json::from_str(&row.files)
        .map_err(|error| Error::Internal(format!("the record of version {} is damaged: {error}", row.version)))?;
    let mut files = BTreeMap::new();
    for (name, digest) in texts {
        files.insert(name, digest.parse::<Digest>()?);
    }
    Ok(BundleFiles { digest: row.digest.clone(), files })
}
