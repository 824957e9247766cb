//! Projects, principals, roles, keys and sessions.
//!
//! They are few and read often, so they are read whole ([`load`]) and looked up in memory.

use meuse_core::api::Role;
use meuse_core::time::Micros;

use crate::db::{Db, Tx, on};
use crate::error::Error;

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The id of the key that made it; none made the first one.
    pub made_with: Option<String>,
    /// When it was made.
    pub created_at: Micros,
}

/// A person or a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Micros,
}

/// What a principal may do in a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The project.
    pub project_id: String,
    /// The principal.
    pub principal_id: String,
    /// What it may do there.
    pub role: Role,
    /// Since when.
    pub granted_at: Micros,
}

/// A key, but for the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// The part of the key by which it is found.
    pub prefix: String,
    /// HMAC-SHA-256 of the key, hexadecimal.
    pub mac: String,
    /// Whose it is.
    pub principal_id: String,
    /// Its home project.
    pub project_id: String,
    /// The id of the key that made it; none made the first one.
    pub made_with: Option<String>,
    /// What it is for.
    pub note: String,
    /// When it was made.
    pub created_at: Micros,
    /// When it stops.
    pub expires_at: Option<Micros>,
    /// When it was revoked.
    pub revoked_at: Option<Micros>,
}

/// Somebody who is signed in, but for the token in their cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// The part of the token by which it is found.
    pub prefix: String,
    /// HMAC-SHA-256 of the token, hexadecimal.
    pub mac: String,
    /// The key that signed in; the session ends with it.
    pub key_id: String,
    /// When it began.
    pub created_at: Micros,
    /// When it ends.
    pub expires_at: Micros,
}

/// Everything there is about access, in one consistent state; each list in the order in which it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// Grows with each change.
    pub turns: i64,
    /// The projects.
    pub projects: Vec<Project>,
    /// The principals.
    pub principals: Vec<Principal>,
    /// The roles.
    pub grants: Vec<Grant>,
    /// The keys, revoked and expired ones too.
    pub keys: Vec<Key>,
    /// The sessions, ended ones too until they are swept.
    pub sessions: Vec<Session>,
}

/// Reads everything, in one consistent state.
pub async fn load(db: &Db) -> Result<Records, Error> {
    load_in(&mut Tx::snapshot(db).await?).await
}

/// A number that grows with each change: when it stands still, there is nothing to read.
pub async fn turns(db: &Db) -> Result<i64, Error> {
    Ok(on!(db, pool => sqlx::query_scalar(TURNS).fetch_one(pool).await)?)
}

const TURNS: &str = "SELECT turns FROM access_lock";

/// Makes this transaction the only one that changes access until it ends, then reads everything. What is decided by
/// what was read here, such as whether an administrator is left, stays true until the commit.
pub async fn lock(tx: &mut Tx) -> Result<Records, Error> {
    const LOCK: &str = "UPDATE access_lock SET turns = turns + 1";
    on!(tx, connection => sqlx::query(LOCK).execute(connection).await.map(drop))?;
    load_in(tx).await
}

/// Reads everything as this transaction sees it.
pub async fn load_in(tx: &mut Tx) -> Result<Records, Error> {
    const PROJECTS: &str = "SELECT id, name, made_with, created_at FROM project ORDER BY created_at, id";
    const PRINCIPALS: &str = "SELECT id, name, created_at FROM principal ORDER BY created_at, id";
    const GRANTS: &str =
        "SELECT project_id, principal_id, role, granted_at FROM role ORDER BY granted_at, principal_id";
    const KEYS: &str = "SELECT id, prefix, mac, principal_id, project_id, made_with, note, created_at, \
        expires_at, revoked_at FROM api_key ORDER BY created_at, id";
    const SESSIONS: &str = "SELECT id, prefix, mac, key_id, created_at, expires_at FROM session \
        ORDER BY created_at, id";
    let projects: Vec<(String, String, Option<String>, i64)> =
        on!(tx, c => sqlx::query_as(PROJECTS).fetch_all(c).await)?;
    let principals: Vec<(String, String, i64)> = on!(tx, c => sqlx::query_as(PRINCIPALS).fetch_all(c).await)?;
    let grants: Vec<(String, String, String, i64)> = on!(tx, c => sqlx::query_as(GRANTS).fetch_all(c).await)?;
    let keys: Vec<KeyRow> = on!(tx, c => sqlx::query_as(KEYS).fetch_all(c).await)?;
    let sessions: Vec<SessionRow> = on!(tx, c => sqlx::query_as(SESSIONS).fetch_all(c).await)?;
    let project = |(id, name, made_with, at)| Project { id, name, made_with, created_at: Micros(at) };
    let principal = |(id, name, at)| Principal { id, name, created_at: Micros(at) };
    Ok(Records {
        turns: on!(tx, c => sqlx::query_scalar(TURNS).fetch_one(c).await)?,
        projects: projects.into_iter().map(project).collect(),
        principals: principals.into_iter().map(principal).collect(),
        grants: grants.into_iter().map(grant).collect::<Result<_, _>>()?,
        keys: keys.into_iter().map(Key::from).collect(),
        sessions: sessions.into_iter().map(session).collect(),
    })
}

fn grant((project_id, principal_id, word, at): (String, String, String, i64)) -> Result<Grant, Error> {
    let role = Role::from_word(&word).ok_or_else(|| {
        Error::record(format!("role of {principal_id} in {project_id}"), format!("`{word}` is no role"))
    })?;
    Ok(Grant { project_id, principal_id, role, granted_at: Micros(at) })
}

type SessionRow = (String, String, String, String, i64, i64);

fn session((id, prefix, mac, key_id, created_at, expires_at): SessionRow) -> Session {
    Session { id, prefix, mac, key_id, created_at: Micros(created_at), expires_at: Micros(expires_at) }
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    id: String,
    prefix: String,
    mac: String,
    principal_id: String,
    project_id: String,
    made_with: Option<String>,
    note: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl From<KeyRow> for Key {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.id,
            prefix: row.prefix,
            mac: row.mac,
            principal_id: row.principal_id,
            project_id: row.project_id,
            made_with: row.made_with,
            note: row.note,
            created_at: Micros(row.created_at),
            expires_at: row.expires_at.map(Micros),
            revoked_at: row.revoked_at.map(Micros),
        }
    }
}

/// Adds a project.
pub async fn insert_project(tx: &mut Tx, project: &Project) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO project (id, name, made_with, created_at) VALUES ($1, $2, $3, $4)";
    on!(tx, connection => sqlx::query(SQL)
        .bind(&project.id).bind(&project.name).bind(&project.made_with).bind(project.created_at.0)
        .execute(connection).await.map(drop))?;
    Ok(())
}

/// Adds a principal.
pub async fn insert_principal(tx: &mut Tx, principal: &Principal) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO principal (id, name, created_at) VALUES ($1, $2, $3)";
    on!(tx, connection => sqlx::query(SQL)
        .bind(&principal.id).bind(&principal.name).bind(principal.created_at.0)
        .execute(connection).await.map(drop))?;
    Ok(())
}

/// Gives a principal a role in a project, in place of the one it had there.
pub async fn put_grant(tx: &mut Tx, grant: &Grant) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO role (project_id, principal_id, role, granted_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (project_id, principal_id) DO UPDATE SET role = excluded.role, granted_at = excluded.granted_at";
    on!(tx, connection => sqlx::query(SQL)
        .bind(&grant.project_id).bind(&grant.principal_id).bind(grant.role.word()).bind(grant.granted_at.0)
        .execute(connection).await.map(drop))?;
    Ok(())
}

/// Takes the role of a principal in a project away.
pub async fn delete_grant(tx: &mut Tx, project: &str, principal: &str) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM role WHERE project_id = $1 AND principal_id = $2";
    on!(tx, connection => sqlx::query(SQL).bind(project).bind(principal).execute(connection).await.map(drop))?;
    Ok(())
}

/// Adds a key.
pub async fn insert_key(tx: &mut Tx, key: &Key) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO api_key (id, prefix, mac, principal_id, project_id, made_with, note, created_at, \
        expires_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let (expires_at, revoked_at) = (key.expires_at.map(|at| at.0), key.revoked_at.map(|at| at.0));
    on!(tx, connection => sqlx::query(SQL)
        .bind(&key.id).bind(&key.prefix).bind(&key.mac).bind(&key.principal_id)
        .bind(&key.project_id).bind(&key.made_with).bind(&key.note).bind(key.created_at.0).bind(expires_at).bind(revoked_at)
        .execute(connection).await.map(drop))?;
    Ok(())
}

/// Revokes a key; one that was revoked before keeps its time.
pub async fn revoke_key(tx: &mut Tx, id: &str, at: Micros) -> Result<(), Error> {
    const SQL: &str = "UPDATE api_key SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    on!(tx, connection => sqlx::query(SQL).bind(id).bind(at.0).execute(connection).await.map(drop))?;
    Ok(())
}

/// Adds a session.
pub async fn insert_session(tx: &mut Tx, session: &Session) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO session (id, prefix, mac, key_id, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    on!(tx, connection => sqlx::query(SQL)
        .bind(&session.id).bind(&session.prefix).bind(&session.mac).bind(&session.key_id)
        .bind(session.created_at.0).bind(session.expires_at.0)
        .execute(connection).await.map(drop))?;
    Ok(())
}

/// Removes a session.
pub async fn delete_session(tx: &mut Tx, id: &str) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM session WHERE id = $1";
    on!(tx, connection => sqlx::query(SQL).bind(id).execute(connection).await.map(drop))?;
    Ok(())
}
