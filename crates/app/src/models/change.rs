//! Aliases are set and removed; versions and models are deleted, unless somebody depends on them.

use meuse_core::names::{AliasName, ModelName};
use meuse_store::Tx;
use meuse_store::records::models::{self, ModelRow};
use serde_json::{Value, json};

use super::{no_alias, no_model, no_version, route};
use crate::access::{Action, Caller};
use crate::{App, Error};

impl App {
    /// Points an alias to a version, whether or not it pointed to another before.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn set_alias(
        &self,
        caller: &Caller,
        name: &ModelName,
        alias: &AliasName,
        version: u32,
    ) -> Result<(), Error> {
        caller.require(Action::SetAlias)?;
        let (mut tx, model) = self.hold_model(caller, name).await?;
        self.check_version(&mut tx, name, &model, version).await?;
        models::set_alias(&mut tx, &model.id, alias.as_str(), version).await?;
        let subject = format!("{name}@{alias}");
        self.commit(tx, caller, "model.alias", &subject, json!({ "version": version })).await
    }

    /// Removes an alias.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_alias(&self, caller: &Caller, name: &ModelName, alias: &AliasName) -> Result<(), Error> {
        caller.require(Action::SetAlias)?;
        let (mut tx, model) = self.hold_model(caller, name).await?;
        if !models::remove_alias(&mut tx, &model.id, alias.as_str()).await? {
            return Err(no_alias(name, alias));
        }
        self.commit(tx, caller, "model.unalias", &format!("{name}@{alias}"), json!({})).await
    }

    /// Deletes a version. Its number is not given again.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while it answers calls or an alias points to it.
    pub async fn delete_version(&self, caller: &Caller, name: &ModelName, version: u32) -> Result<(), Error> {
        caller.require(Action::DeleteModel)?;
        let (mut tx, model) = self.hold_model(caller, name).await?;
        self.check_version(&mut tx, name, &model, version).await?;
        if serving(&mut tx, &model).await? == Some(version) {
            return Err(Error::Conflict(format!(
                "{name}:{version} answers calls: deploy another version first, or take it out of service with `meuse models undeploy {name}`"
            )));
        }
        let aliases = models::aliases_in(&mut tx, &model.id).await?;
        let aliases: Vec<String> = aliases
            .into_iter()
            .filter(|alias| alias.version == i64::from(version))
            .map(|alias| format!("{name}@{}", alias.name))
            .collect();
        if !aliases.is_empty() {
            let aliases = aliases.join(", ");
            return Err(Error::Conflict(format!("{aliases} points to {name}:{version}: point it elsewhere first")));
        }
        models::delete_version(&mut tx, &model.id, version, self.clock.now()).await?;
        self.commit(tx, caller, "model.delete", &format!("{name}:{version}"), json!({})).await
    }

    /// Deletes a model with all its versions and aliases.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while one of its versions answers calls.
    pub async fn delete_model(&self, caller: &Caller, name: &ModelName) -> Result<(), Error> {
        caller.require(Action::DeleteModel)?;
        let (mut tx, model) = self.hold_model(caller, name).await?;
        if let Some(version) = serving(&mut tx, &model).await? {
            return Err(Error::Conflict(format!(
                "{name}:{version} answers calls: take it out of service with \
                 `meuse models undeploy {name}` first"
            )));
        }
        models::delete_model(&mut tx, &model.id, self.clock.now()).await?;
        self.commit(tx, caller, "model.delete", name.as_str(), json!({})).await
    }

    async fn hold_model(&self, caller: &Caller, name: &ModelName) -> Result<(Tx, ModelRow), Error> {
        let mut tx = self.store.begin().await?;
        let model = models::hold(&mut tx, caller.project_id(), name.as_str()).await?;
        Ok((tx, model.ok_or_else(|| no_model(name))?))
    }

    async fn check_version(&self, tx: &mut Tx, name: &ModelName, model: &ModelRow, version: u32) -> Result<(), Error> {
        let versions = models::versions_in(tx, &model.id).await?;
        let found = versions.iter().any(|row| row.version == i64::from(version));
        if found { Ok(()) } else { Err(no_version(name, version)) }
    }

    async fn commit(
        &self,
        mut tx: Tx,
        caller: &Caller,
        action: &str,
        subject: &str,
        details: Value,
    ) -> Result<(), Error> {
        self.note(&mut tx, caller, action, subject, details);
        tx.commit().await?;
        self.models.reload(&self.store).await
    }
}

/// The version that answers calls.
async fn serving(tx: &mut Tx, model: &ModelRow) -> Result<Option<u32>, Error> {
    let routes = models::routes_in(tx, &model.id).await?;
    Ok(route::present(&routes))
}
