//! The very first start: a project, a principal, and a key, so that there is a door.

use meuse_core::api::Role;
use meuse_core::time::Micros;
use meuse_store::records::access::{self as records, Grant, Key, Principal, Project};
use meuse_store::records::audit::{self, NewEntry};
use meuse_store::{MacKey, Store, new_id};
use serde_json::json;

use super::secret_key::{KEY, SecretKey};
use crate::Error;

const PROJECT: &str = "default";
const PRINCIPAL: &str = "admin";
/// Who does what no caller asked for.
const SERVER: &str = "meuse";

/// Puts the first key where its owner finds it; see [`crate::App::open_handing_over`].
pub(crate) type HandOver<'a> = &'a (dyn Fn(&str) -> Result<(), Error> + Sync);

/// Makes project, principal and key when there is no project; of two servers that start at once, one does. The key is
/// handed over before it is valid: the other way round, a crash in between would leave a server that nobody can enter.
pub(super) async fn make_first_key(
    store: &Store,
    mac: &MacKey,
    at: Micros,
    hand_over: HandOver<'_>,
) -> Result<Option<String>, Error> {
    if !records::load(&store.db).await?.projects.is_empty() {
        return Ok(None);
    }
    let mut tx = store.begin().await?;
    if !records::lock(&mut tx).await?.projects.is_empty() {
        return Ok(None);
    }
    let secret = SecretKey::generate(KEY, |_| false);
    let project = Project { id: new_id(), name: PROJECT.into(), made_with: None, created_at: at };
    let principal = Principal { id: new_id(), name: PRINCIPAL.into(), created_at: at };
    let grant =
        Grant { project_id: project.id.clone(), principal_id: principal.id.clone(), role: Role::Admin, granted_at: at };
    let key = Key {
        id: new_id(),
        prefix: secret.prefix.clone(),
        mac: secret.mac(mac),
        principal_id: principal.id.clone(),
        project_id: project.id.clone(),
        made_with: None,
        note: "made at the first start".into(),
        created_at: at,
        expires_at: None,
        revoked_at: None,
    };
    records::insert_project(&mut tx, &project).await?;
    records::insert_principal(&mut tx, &principal).await?;
    records::put_grant(&mut tx, &grant).await?;
    records::insert_key(&mut tx, &key).await?;
    let entry = NewEntry {
        at,
        actor: SERVER.into(),
        project: PROJECT.into(),
        action: "server.first_start".into(),
        subject: PROJECT.into(),
        details: json!({ "principal": PRINCIPAL, "key": secret.prefix }),
    };
    audit::append(&mut tx, entry);
    hand_over(&secret.text)?;
    tx.commit().await?;
    Ok(Some(secret.text))
}
