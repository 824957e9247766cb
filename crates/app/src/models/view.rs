//! What models there are, and everything about a version.

use std::collections::BTreeMap;

use meuse_core::api::{Model, ModelVersion, VersionSummary};
use meuse_core::bundle::{self, Task};
use meuse_core::names::{ModelName, ModelRef};
use meuse_core::time::Micros;
use meuse_store::records::models::{self, ModelRow, VersionRow};
use serde::de::DeserializeOwned;

use super::refresh::files;
use super::snapshot::BundleFiles;
use super::{no_model, no_version, route};
use crate::access::{Action, Caller};
use crate::{App, Error};

impl App {
    /// The models of the caller's project, by name.
    pub async fn models(&self, caller: &Caller) -> Result<Vec<Model>, Error> {
        caller.require(Action::ReadModels)?;
        let mut shown = Vec::new();
        for row in models::list(&self.store.db, caller.project_id()).await? {
            shown.push(self.shown_model(row).await?);
        }
        Ok(shown)
    }

    /// One model.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn model(&self, caller: &Caller, name: &ModelName) -> Result<Model, Error> {
        caller.require(Action::ReadModels)?;
        let row = self.model_row(caller, name).await?;
        self.shown_model(row).await
    }

    /// One version, whole: `credit:3`, `credit@champion`, or what answers for `credit`.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for `credit` when nothing is deployed.
    pub async fn model_version(&self, caller: &Caller, reference: &ModelRef) -> Result<ModelVersion, Error> {
        caller.require(Action::ReadModels)?;
        // Another replica may just have changed what is meant.
        self.models.reload(&self.store).await?;
        let snapshot = self.models.snapshot();
        let version = snapshot.resolve(caller.project_id(), reference)?.version;
        let published = snapshot.model(caller.project_id(), &reference.name)?;
        let model = self.model_row(caller, &reference.name).await?;
        let rows = models::versions(&self.store.db, &model.id).await?;
        let row = rows.into_iter().find(|row| row.version == i64::from(version));
        let row = row.ok_or_else(|| no_version(&reference.name, version))?;
        let bundle = files(&row)?;
        let pointing = published.aliases.iter().filter(|(_, target)| **target == version);
        Ok(ModelVersion {
            model: model.name,
            version,
            created_at: Micros(row.created_at),
            created_by: row.created_by,
            job: row.job_id,
            digest: row.digest,
            files: bundle.files.iter().map(|(name, digest)| (name.clone(), digest.to_string())).collect(),
            manifest: self.part(&bundle, bundle::MANIFEST).await?,
            evaluation: self.part(&bundle, bundle::EVALUATION).await?,
            explanation: self.part(&bundle, bundle::EXPLANATION).await?,
            aliases: pointing.map(|(alias, _)| alias.to_string()).collect(),
            serving: published.route == Some(version),
        })
    }

    /// The record of a model.
    pub(super) async fn model_row(&self, caller: &Caller, name: &ModelName) -> Result<ModelRow, Error> {
        let row = models::find(&self.store.db, caller.project_id(), name.as_str()).await?;
        row.ok_or_else(|| no_model(name))
    }

    async fn part<T: DeserializeOwned>(&self, bundle: &BundleFiles, name: &str) -> Result<T, Error> {
        let digest = bundle.files.get(name);
        let digest = digest.ok_or_else(|| Error::Internal(format!("bundle {} has no `{name}`", bundle.digest)))?;
        self.document(digest).await
    }

    async fn shown_model(&self, row: ModelRow) -> Result<Model, Error> {
        let versions = models::versions(&self.store.db, &row.id).await?;
        let aliases = models::aliases(&self.store.db, &row.id).await?;
        let routes = models::routes(&self.store.db, &row.id).await?;
        let aliases: BTreeMap<String, u32> =
            aliases.into_iter().map(|alias| (alias.name, alias.version as u32)).collect();
        Ok(Model {
            name: row.name,
            created_at: Micros(row.created_at),
            versions: versions.into_iter().map(summary).collect::<Result<_, _>>()?,
            aliases,
            route: routes.last().filter(|last| last.action != route::UNDEPLOY).map(route::shown),
        })
    }
}

fn summary(row: VersionRow) -> Result<VersionSummary, Error> {
    let task = match row.task.as_str() {
        "binary" => Task::Binary,
        "multiclass" => Task::Multiclass,
        "regression" => Task::Regression,
        "detection" => Task::Detection,
        "embedding" => Task::Embedding,
        other => return Err(Error::Internal(format!("the record of a version names the task `{other}`"))),
    };
    Ok(VersionSummary {
        version: row.version as u32,
        created_at: Micros(row.created_at),
        created_by: row.created_by,
        task,
        algorithm: row.algorithm,
        metric: row.metric,
        validation: row.validation,
        test: row.test,
    })
}
