//! What datasets there are, and what is in them.

use std::collections::HashMap;

use meuse_core::api::{Dataset, DatasetVersion, Preview, Source};
use meuse_core::names::{DatasetName, DatasetRef, Selector};
use meuse_core::profile::Profile;
use meuse_core::schema::Schema;
use meuse_core::time::Micros;
use meuse_store::Digest;
use meuse_store::records::datasets::{self, VersionRow};
use serde::de::DeserializeOwned;

use crate::access::{Action, Caller};
use crate::{App, Error};

impl App {
    /// The datasets of the caller's project, by name, each with its newest version.
    pub async fn datasets(&self, caller: &Caller) -> Result<Vec<Dataset>, Error> {
        caller.require(Action::ReadData)?;
        let rows = datasets::list(&self.store.db, caller.project_id()).await?;
        let newest = datasets::newest_versions(&self.store.db, caller.project_id()).await?;
        let mut newest: HashMap<String, VersionRow> =
            newest.into_iter().map(|version| (version.dataset.clone(), version)).collect();
        let mut shown = Vec::with_capacity(rows.len());
        for row in rows {
            let latest = match newest.remove(&row.name) {
                Some(version) => Some(self.shown_version(&version).await?),
                None => None,
            };
            shown.push(Dataset { name: row.name, created_at: Micros(row.created_at), latest });
        }
        Ok(shown)
    }

    /// One dataset with its newest version.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn dataset(&self, caller: &Caller, name: &DatasetName) -> Result<Dataset, Error> {
        caller.require(Action::ReadData)?;
        let row = datasets::find(&self.store.db, caller.project_id(), name.as_str()).await?;
        let row = row.ok_or_else(|| no_dataset(name))?;
        let reference = DatasetRef { name: name.clone(), selector: Selector::Default };
        let version = self.find_version(caller, &reference).await?;
        let latest = Some(self.shown_version(&version).await?);
        Ok(Dataset { name: row.name, created_at: Micros(row.created_at), latest })
    }

    /// All versions of a dataset, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn dataset_versions(&self, caller: &Caller, name: &DatasetName) -> Result<Vec<DatasetVersion>, Error> {
        caller.require(Action::ReadData)?;
        let rows = datasets::versions(&self.store.db, caller.project_id(), name.as_str()).await?;
        if rows.is_empty() {
            return Err(no_dataset(name));
        }
        let mut shown = Vec::with_capacity(rows.len());
        for row in &rows {
            shown.push(self.shown_version(row).await?);
        }
        Ok(shown)
    }

    /// One version: `credit:3`, or the newest for `credit`.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn dataset_version(&self, caller: &Caller, reference: &DatasetRef) -> Result<DatasetVersion, Error> {
        caller.require(Action::ReadData)?;
        let version = self.find_version(caller, reference).await?;
        self.shown_version(&version).await
    }

    /// What a version looks like in numbers.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn profile(&self, caller: &Caller, reference: &DatasetRef) -> Result<Profile, Error> {
        caller.require(Action::ReadData)?;
        let version = self.find_version(caller, reference).await?;
        self.document_of(&version, "profile", &version.contents.profile).await
    }

    /// The first rows of a version.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn preview(&self, caller: &Caller, reference: &DatasetRef) -> Result<Preview, Error> {
        caller.require(Action::ReadData)?;
        let version = self.find_version(caller, reference).await?;
        self.document_of(&version, "preview", &version.contents.preview).await
    }

    /// The record of the version that a reference names.
    pub(crate) async fn find_version(&self, caller: &Caller, reference: &DatasetRef) -> Result<VersionRow, Error> {
        let (db, project, name) = (&self.store.db, caller.project_id(), &reference.name);
        let number = match &reference.selector {
            Selector::Default => None,
            Selector::Version(number) => Some(*number),
            Selector::Alias(alias) => {
                let hint = "name a version by its number, as in credit:1; datasets have no aliases yet";
                return Err(Error::not_found(format!("dataset `{name}` has no alias `{alias}`"), hint));
            }
        };
        if let Some(version) = datasets::version(db, project, name.as_str(), number).await? {
            return Ok(version);
        }
        let newest = datasets::version(db, project, name.as_str(), None).await?;
        Err(match (newest, number) {
            (Some(newest), Some(number)) => {
                let hint = format!("its newest version is {name}:{}", newest.version);
                Error::not_found(format!("dataset `{name}` has no version {number}"), hint)
            }
            _ => no_dataset(name),
        })
    }

    /// The columns of a version, and what they hold.
    pub(crate) async fn schema_and_profile(&self, version: &VersionRow) -> Result<(Schema, Profile), Error> {
        let schema = self.document_of(version, "schema", &version.contents.schema).await?;
        Ok((schema, self.document_of(version, "profile", &version.contents.profile).await?))
    }

    pub(super) async fn shown_version(&self, row: &VersionRow) -> Result<DatasetVersion, Error> {
        let options = serde_json::from_str(&row.source.options).map_err(|error| {
            Error::Internal(format!("the record of {}:{} is damaged: {error}", row.dataset, row.version))
        })?;
        Ok(DatasetVersion {
            dataset: row.dataset.clone(),
            version: row.version,
            created_at: row.created_at,
            created_by: row.created_by.clone(),
            rows: row.contents.rows,
            schema: self.document_of(row, "schema", &row.contents.schema).await?,
            sha256: row.contents.data.to_string(),
            bytes: row.contents.bytes,
            source: Source {
                file: row.source.file.clone(),
                sha256: row.source.sha256.clone(),
                bytes: row.source.bytes,
                options,
            },
        })
    }

    /// A JSON document of a dataset version; what is damaged is named.
    async fn document_of<T: DeserializeOwned>(
        &self,
        version: &VersionRow,
        what: &str,
        digest: &Digest,
    ) -> Result<T, Error> {
        let named = |error: Error| {
            Error::Unavailable(format!("the {what} of {}:{} cannot be read: {error}", version.dataset, version.version))
        };
        self.document(digest).await.map_err(named)
    }

    /// A JSON document in a blob.
    pub(crate) async fn document<T: DeserializeOwned>(&self, digest: &Digest) -> Result<T, Error> {
        let bytes = self.store.blobs.read(digest).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::Internal(format!("blob {digest} cannot be read: {error}")))
    }
}

fn no_dataset(name: &DatasetName) -> Error {
    Error::not_found(format!("there is no dataset `{name}`"), "`meuse data list` shows what is there")
}
