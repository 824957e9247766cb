//! Records of models: immutable versions, aliases, and the append-only list of routes.
//!
//! A number, once given to a version or a route, never means another. Each change here moves [`revision`] forward.

use meuse_core::time::Micros;

use crate::db::{Db, Tx, on};
use crate::error::Error;

/// A model.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ModelRow {
    /// Its id.
    pub id: String,
    /// The project's id.
    pub project_id: String,
    /// Its name, unique within its project.
    pub name: String,
    /// When its first version was registered, in microseconds since 1970.
    pub created_at: i64,
}

/// A version of a model.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct VersionRow {
    /// The model's id.
    pub model_id: String,
    /// The version's number, from 1.
    pub version: i64,
    /// When it was registered.
    pub created_at: i64,
    /// Who trained it.
    pub created_by: String,
    /// The job that made it.
    pub job_id: String,
    /// SHA-256 over its files' names and hashes, hexadecimal.
    pub digest: String,
    /// File name to blob, as JSON.
    pub files: String,
    /// The dataset version that it learnt from, as in `credit:1`.
    pub dataset: String,
    /// What it predicts.
    pub task: String,
    /// How it was learnt.
    pub algorithm: String,
    /// The metric by which versions are chosen.
    pub metric: String,
    /// Its value on the rows to choose by.
    pub validation: Option<f64>,
    /// Its value on the test part.
    pub test: Option<f64>,
}

/// An alias.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AliasRow {
    /// The model's id.
    pub model_id: String,
    /// The alias.
    pub name: String,
    /// The version that it points to.
    pub version: i64,
}

/// A route: what answers from an instant on.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RouteRow {
    /// The model's id.
    pub model_id: String,
    /// Its number within the model, from 1.
    pub number: i64,
    /// The version that answers.
    pub version: i64,
    /// Since when.
    pub created_at: i64,
    /// Who said so.
    pub created_by: String,
    /// Why.
    pub reason: String,
    /// `deploy` or `rollback`.
    pub action: String,
}

/// A version to be registered.
#[derive(Debug, Clone)]
pub struct NewVersion<'a> {
    /// The project's id.
    pub project: &'a str,
    /// The model's name; the model is made when it is not there.
    pub model: &'a str,
    /// When.
    pub at: Micros,
    /// Who asked for it.
    pub by: &'a str,
    /// The job that made it.
    pub job: &'a str,
    /// SHA-256 over its files' names and hashes.
    pub digest: &'a str,
    /// File name to blob, as JSON.
    pub files: &'a str,
    /// The dataset version that it learnt from.
    pub dataset: &'a str,
    /// What it predicts.
    pub task: &'a str,
    /// How it was learnt.
    pub algorithm: &'a str,
    /// The metric by which versions are chosen.
    pub metric: &'a str,
    /// Its value on the rows to choose by.
    pub validation: Option<f64>,
    /// Its value on the test part.
    pub test: Option<f64>,
}

/// A route to be appended.
#[derive(Debug, Clone)]
pub struct NewRoute<'a> {
    /// The model's id.
    pub model: &'a str,
    /// The version that shall answer.
    pub version: u32,
    /// When.
    pub at: Micros,
    /// Who says so.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
    /// `deploy` or `rollback`.
    pub action: &'a str,
}

/// A number that grows with each change of what this module keeps.
pub async fn revision(db: &Db) -> Result<i64, Error> {
    const SQL: &str = "SELECT value FROM model_revision";
    Ok(on!(db, pool => sqlx::query_scalar(SQL).fetch_one(pool).await)?)
}

/// Everything that calls need to know, as of one revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Everything {
    /// The revision.
    pub revision: i64,
    /// All models of all projects.
    pub models: Vec<ModelRow>,
    /// Their versions.
    pub versions: Vec<VersionRow>,
    /// Their aliases.
    pub aliases: Vec<AliasRow>,
    /// The last route of each.
    pub routes: Vec<RouteRow>,
}

/// Reads [`Everything`] in one transaction.
pub async fn everything(db: &Db) -> Result<Everything, Error> {
    const REVISION: &str = "SELECT value FROM model_revision";
    const MODELS: &str = "SELECT id, project_id, name, created_at FROM model WHERE deleted_at IS NULL";
    const VERSIONS: &str = "SELECT * FROM model_version WHERE deleted_at IS NULL";
    const ALIASES: &str = "SELECT * FROM model_alias";
    const ROUTES: &str = "SELECT * FROM model_route AS route WHERE number = \
        (SELECT MAX(number) FROM model_route AS other WHERE other.model_id = route.model_id)";
    let mut tx = Tx::snapshot(db).await?;
    Ok(Everything {
        revision: on!(tx, connection => sqlx::query_scalar(REVISION).fetch_one(connection).await)?,
        models: on!(tx, connection => sqlx::query_as(MODELS).fetch_all(connection).await)?,
        versions: on!(tx, connection => sqlx::query_as(VERSIONS).fetch_all(connection).await)?,
        aliases: on!(tx, connection => sqlx::query_as(ALIASES).fetch_all(connection).await)?,
        routes: on!(tx, connection => sqlx::query_as(ROUTES).fetch_all(connection).await)?,
    })
}

/// The models of a project, by name.
pub async fn list(db: &Db, project: &str) -> Result<Vec<ModelRow>, Error> {
    const SQL: &str = "SELECT id, project_id, name, created_at FROM model \
        WHERE project_id = $1 AND deleted_at IS NULL ORDER BY name";
    Ok(on!(db, pool => sqlx::query_as(SQL).bind(project).fetch_all(pool).await)?)
}

/// The model of this name.
pub async fn find(db: &Db, project: &str, name: &str) -> Result<Option<ModelRow>, Error> {
    const SQL: &str = "SELECT id, project_id, name, created_at FROM model \
        WHERE project_id = $1 AND name = $2 AND deleted_at IS NULL";
    Ok(on!(db, pool => sqlx::query_as(SQL).bind(project).bind(name).fetch_optional(pool).await)?)
}

/// The model of this name, which nobody else changes until this transaction is over.
pub async fn hold(tx: &mut Tx, project: &str, name: &str) -> Result<Option<ModelRow>, Error> {
    const SQL: &str = "UPDATE model SET name = name WHERE project_id = $1 AND name = $2 AND deleted_at IS NULL \
        RETURNING id, project_id, name, created_at";
    Ok(on!(tx, connection => sqlx::query_as(SQL).bind(project).bind(name).fetch_optional(connection).await)?)
}

/// The versions of a model that were not deleted, newest first.
pub async fn versions(db: &Db, model: &str) -> Result<Vec<VersionRow>, Error> {
    const SQL: &str = "SELECT * FROM model_version WHERE model_id = $1 AND deleted_at IS NULL ORDER BY version DESC";
    Ok(on!(db, pool => sqlx::query_as(SQL).bind(model).fetch_all(pool).await)?)
}

/// The versions of a model as a transaction sees them.
pub async fn versions_in(tx: &mut Tx, model: &str) -> Result<Vec<VersionRow>, Error> {
    const SQL: &str = "SELECT * FROM model_version WHERE model_id = $1 AND deleted_at IS NULL ORDER BY version DESC";
    Ok(on!(tx, connection => sqlx::query_as(SQL).bind(model).fetch_all(connection).await)?)
}

/// The aliases of a model, by name.
pub async fn aliases(db: &Db, model: &str) -> Result<Vec<AliasRow>, Error> {
    const SQL: &str = "SELECT * FROM model_alias WHERE model_id = $1 ORDER BY name";
    Ok(on!(db, pool => sqlx::query_as(SQL).bind(model).fetch_all(pool).await)?)
}

/// The aliases of a model as a transaction sees them.
pub async fn aliases_in(tx: &mut Tx, model: &str) -> Result<Vec<AliasRow>, Error> {
    const SQL: &str = "SELECT * FROM model_alias WHERE model_id = $1 ORDER BY name";
    Ok(on!(tx, connection => sqlx::query_as(SQL).bind(model).fetch_all(connection).await)?)
}

/// The routes of a model, oldest first.
pub async fn routes(db: &Db, model: &str) -> Result<Vec<RouteRow>, Error> {
    const SQL: &str = "SELECT * FROM model_route WHERE model_id = $1 ORDER BY number";
    Ok(on!(db, pool => sqlx::query_as(SQL).bind(model).fetch_all(pool).await)?)
}

/// The routes of a model as a transaction sees them.
pub async fn routes_in(tx: &mut Tx, model: &str) -> Result<Vec<RouteRow>, Error> {
    const SQL: &str = "SELECT * FROM model_route WHERE model_id = $1 ORDER BY number";
    Ok(on!(tx, connection => sqlx::query_as(SQL).bind(model).fetch_all(connection).await)?)
}

/// Registers a version, and its model when this is the first; answers its number.
pub async fn register(tx: &mut Tx, new: &NewVersion<'_>) -> Result<u32, Error> {
    const MODEL: &str = "INSERT INTO model (id, project_id, name, created_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (project_id, name) DO UPDATE SET deleted_at = NULL RETURNING id";
    const NEXT: &str = "SELECT COALESCE(MAX(version), 0) + 1 FROM model_version WHERE model_id = $1";
    const SQL: &str = "INSERT INTO model_version \
        (model_id, version, created_at, created_by, job_id, digest, files, dataset, task, algorithm, metric, \
         validation, test) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let model: String = on!(tx, connection => sqlx::query_scalar(MODEL)
        .bind(crate::new_id()).bind(new.project).bind(new.model).bind(new.at.0).fetch_one(connection).await)?;
    let next: i64 = on!(tx, connection => sqlx::query_scalar(NEXT).bind(&model).fetch_one(connection).await)?;
    on!(tx, connection => sqlx::query(SQL)
        .bind(&model).bind(next).bind(new.at.0).bind(new.by).bind(new.job).bind(new.digest).bind(new.files)
        .bind(new.dataset).bind(new.task).bind(new.algorithm).bind(new.metric).bind(new.validation).bind(new.test)
        .execute(connection).await.map(drop))?;
    advance(tx).await?;
    Ok(next as u32)
}

/// Appends a route.
pub async fn append_route(tx: &mut Tx, new: &NewRoute<'_>) -> Result<RouteRow, Error> {
    const SQL: &str = "INSERT INTO model_route (model_id, number, version, created_at, created_by, reason, action) \
        SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4, $5, $6 FROM model_route WHERE model_id = $1 RETURNING *";
    let route = on!(tx, connection => sqlx::query_as(SQL)
        .bind(new.model).bind(i64::from(new.version)).bind(new.at.0).bind(new.by).bind(new.reason).bind(new.action)
        .fetch_one(connection).await)?;
    advance(tx).await?;
    Ok(route)
}

/// Points an alias to a version.
pub async fn set_alias(tx: &mut Tx, model: &str, alias: &str, version: u32) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO model_alias (model_id, name, version) VALUES ($1, $2, $3) \
        ON CONFLICT (model_id, name) DO UPDATE SET version = excluded.version";
    on!(tx, connection => sqlx::query(SQL)
        .bind(model).bind(alias).bind(i64::from(version)).execute(connection).await.map(drop))?;
    advance(tx).await
}

/// Removes an alias; `false` when there is none.
pub async fn remove_alias(tx: &mut Tx, model: &str, alias: &str) -> Result<bool, Error> {
    const SQL: &str = "DELETE FROM model_alias WHERE model_id = $1 AND name = $2";
    let removed = on!(tx, connection => sqlx::query(SQL).bind(model).bind(alias).execute(connection).await
        .map(|done| done.rows_affected()))?;
    advance(tx).await?;
    Ok(removed == 1)
}

/// Marks a version as deleted; its number is not given again.
pub async fn delete_version(tx: &mut Tx, model: &str, version: u32, at: Micros) -> Result<(), Error> {
    const SQL: &str = "UPDATE model_version SET deleted_at = $3 \
        WHERE model_id = $1 AND version = $2 AND deleted_at IS NULL";
    on!(tx, connection => sqlx::query(SQL)
        .bind(model).bind(i64::from(version)).bind(at.0).execute(connection).await.map(drop))?;
    advance(tx).await
}

/// Marks a model and all its versions as deleted, and removes its aliases.
pub async fn delete_model(tx: &mut Tx, model: &str, at: Micros) -> Result<(), Error> {
    const ALIASES: &str = "DELETE FROM model_alias WHERE model_id = $1";
    const VERSIONS: &str = "UPDATE model_version SET deleted_at = $2 WHERE model_id = $1 AND deleted_at IS NULL";
    const MODEL: &str = "UPDATE model SET deleted_at = $2 WHERE id = $1";
    on!(tx, connection => sqlx::query(ALIASES).bind(model).execute(connection).await.map(drop))?;
    on!(tx, connection => sqlx::query(VERSIONS).bind(model).bind(at.0).execute(connection).await.map(drop))?;
    on!(tx, connection => sqlx::query(MODEL).bind(model).bind(at.0).execute(connection).await.map(drop))?;
    advance(tx).await
}

async fn advance(tx: &mut Tx) -> Result<(), Error> {
    const SQL: &str = "UPDATE model_revision SET value = value + 1";
    on!(tx, connection => sqlx::query(SQL).execute(connection).await.map(drop))?;
    Ok(())
}
