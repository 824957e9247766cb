//! API keys: made, listed, revoked.

use std::time::Duration;

use meuse_core::api::{CreatedKey, Key, NewKey};
use meuse_store::new_id;
use meuse_store::records::access as records;
use serde_json::json;

use super::change::Change;
use super::directory::Directory;
use super::secret_key::{KEY, SecretKey};
use super::{Action, Caller};
use crate::{App, Error};

const DAY: Duration = Duration::from_hours(24);
const MOST_DAYS: u32 = 3650;
const LONGEST_NOTE: usize = 200;

impl App {
    /// The keys whose home is the caller's project, oldest first: all of them for an administrator, else the caller's.
    pub fn keys(&self, caller: &Caller) -> Result<Vec<Key>, Error> {
        caller.require(Action::ManageOwnKeys)?;
        let directory = self.access.current.load();
        let visible = directory.keys().iter().filter(|key| may_see(caller, key));
        Ok(visible.map(|key| shown(&directory, caller, key)).collect())
    }

    /// Makes a key in the caller's project, for the caller or, by an administrator, for somebody else with a role there.
    /// The key itself is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a note or a number of days out of range; [`Error::NotFound`] for a principal without a
    /// role in the project; [`Error::Forbidden`].
    pub async fn create_key(&self, caller: &Caller, new: NewKey) -> Result<CreatedKey, Error> {
        check(&new)?;
        let owner = new.principal.as_deref().unwrap_or(caller.principal());
        let action = if owner == caller.principal() { Action::ManageOwnKeys } else { Action::ManageKeys };
        let mut change = self.begin_change(caller, action).await?;
        let principal_id = member(&change, owner)?;
        let secret = SecretKey::generate(KEY, |prefix| change.directory.key_of_prefix(prefix).is_some());
        let key = records::Key {
            id: new_id(),
            prefix: secret.prefix.clone(),
            mac: secret.mac(&self.access.mac),
            principal_id,
            project_id: change.caller.project_id.clone(),
            made_with: Some(change.caller.key_id.clone()),
            note: new.note.clone(),
            created_at: change.at,
            expires_at: new.expires_in_days.map(|days| change.at.plus(DAY * days)),
            revoked_at: None,
        };
        records::insert_key(&mut change.tx, &key).await?;
        let details = json!({ "id": key.id, "principal": owner, "expires_at": key.expires_at });
        self.finish(change, "key.create", &secret.prefix, details).await?;
        let key = shown(&self.access.current.load(), caller, &key);
        Ok(CreatedKey { key, secret: secret.text })
    }

    /// Revokes a key: it is refused from now on, on other replicas within a second. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a key that the caller does not see; [`Error::Conflict`] for the last key of an
    /// administrator.
    pub async fn revoke_key(&self, caller: &Caller, id: &str) -> Result<Key, Error> {
        let mut change = self.begin_change(caller, Action::ManageOwnKeys).await?;
        let found = change.directory.key(id).filter(|key| may_see(&change.caller, key));
        let key = found.cloned().ok_or_else(|| no_key(id))?;
        if key.revoked_at.is_some() {
            return Ok(shown(&change.directory, caller, &key));
        }
        records::revoke_key(&mut change.tx, id, change.at).await?;
        let revoked = records::Key { revoked_at: Some(change.at), ..key };
        let key = shown(&change.directory, caller, &revoked);
        let details = json!({ "id": id, "principal": key.principal });
        self.finish(change, "key.revoke", &key.prefix, details).await?;
        Ok(key)
    }
}

fn check(new: &NewKey) -> Result<(), Error> {
    if new.expires_in_days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
        let hint = "leave it out for a key that does not expire";
        return Err(Error::invalid("expires_in_days", format!("must be from 1 to {MOST_DAYS}"), hint));
    }
    if new.note.chars().count() > LONGEST_NOTE {
        return Err(Error::invalid("note", format!("has more than {LONGEST_NOTE} characters"), "shorten it"));
    }
    Ok(())
}

/// The id of a principal who has a role in the project. Others are nobody here, whether or not they exist elsewhere.
fn member(change: &Change, name: &str) -> Result<String, Error> {
    let project = change.directory.project(change.caller.project());
    let principal = change.directory.principal(name);
    let is_member = |id: &str| project.is_some_and(|project| change.directory.role(project, id).is_some());
    let principal = principal.filter(|principal| is_member(&principal.id));
    principal.map(|principal| principal.id.clone()).ok_or_else(|| {
        Error::not_found(
            format!("there is no principal `{name}` in the project `{}`", change.caller.project()),
            format!("give them a role first: `meuse principals add {name} --role viewer`"),
        )
    })
}

fn may_see(caller: &Caller, key: &records::Key) -> bool {
    let is_own = key.principal_id == caller.principal_id;
    key.project_id == caller.project_id && (is_own || caller.require(Action::ManageKeys).is_ok())
}

fn no_key(id: &str) -> Error {
    Error::not_found(format!("there is no key `{id}`"), "`meuse keys list` shows what is there")
}

fn shown(directory: &Directory, caller: &Caller, key: &records::Key) -> Key {
    let principal = directory.principal_of_id(&key.principal_id);
    Key {
        id: key.id.clone(),
        prefix: key.prefix.clone(),
        principal: principal.map_or_else(String::new, |principal| principal.name.clone()),
        project: caller.project.clone(),
        note: key.note.clone(),
        created_at: key.created_at,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
    }
}
