//! Principals, persons and services, and their roles in a project.

use meuse_core::api::{NewPrincipal, Principal, Role};
use meuse_core::names::{NameError, PrincipalName};
use meuse_store::new_id;
use meuse_store::records::access::{self as records, Grant};
use serde_json::json;

use super::change::Change;
use super::{Action, Caller};
use crate::{App, Error};

impl App {
    /// Who has which role in the caller's project, oldest principal first.
    pub fn principals(&self, caller: &Caller) -> Result<Vec<Principal>, Error> {
        caller.require(Action::ManagePrincipals)?;
        let directory = self.access.current.load();
        let Some(project) = directory.project(caller.project()) else { return Ok(Vec::new()) };
        let members = directory.principals().iter().filter_map(|principal| {
            let role = directory.role(project, &principal.id)?;
            Some(shown(principal, role))
        });
        Ok(members.collect())
    }

    /// Gives a principal a role in the caller's project, in place of the one they had there; makes the principal when
    /// there is none of that name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no name; [`Error::Conflict`] when the project would be left without an
    /// administrator.
    pub async fn put_principal(&self, caller: &Caller, new: NewPrincipal) -> Result<Principal, Error> {
        let name: PrincipalName = new.name.parse().map_err(|error: NameError| {
            Error::invalid("name", error.to_string(), "choose a name such as `ana` or `scoring-service`")
        })?;
        let mut change = self.begin_change(caller, Action::ManagePrincipals).await?;
        let principal = find_or_make(&mut change, &name).await?;
        let project = change.directory.project(change.caller.project());
        let before = project.and_then(|project| change.directory.role(project, &principal.id));
        if before == Some(new.role) {
            return Ok(shown(&principal, new.role));
        }
        let grant = Grant {
            project_id: change.caller.project_id.clone(),
            principal_id: principal.id.clone(),
            role: new.role,
            granted_at: change.at,
        };
        records::put_grant(&mut change.tx, &grant).await?;
        let details = json!({ "role": new.role.word(), "before": before.map(Role::word) });
        self.finish(change, "role.set", name.as_str(), details).await?;
        Ok(shown(&principal, new.role))
    }
}

impl App {
    /// Takes a principal's role in the caller's project away. Their keys open nothing here any more; what they may do
    /// elsewhere stays.
    ///
    /// # Errors
    /// [`Error::NotFound`] for who has no role here; [`Error::Conflict`] when the project would be left without an
    /// administrator.
    pub async fn remove_principal(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        let mut change = self.begin_change(caller, Action::ManagePrincipals).await?;
        let project = change.directory.project(change.caller.project());
        let principal = change.directory.principal(name);
        let role = project.zip(principal).and_then(|(project, who)| change.directory.role(project, &who.id));
        let (Some(principal), Some(role)) = (principal.map(|principal| principal.id.clone()), role) else {
            return Err(Error::not_found(
                format!("there is no principal `{name}` in the project `{}`", change.caller.project()),
                "`meuse principals list` shows who is there",
            ));
        };
        let project = change.caller.project_id.clone();
        records::delete_grant(&mut change.tx, &project, &principal).await?;
        self.finish(change, "role.remove", name, json!({ "before": role.word() })).await
    }
}

async fn find_or_make(change: &mut Change, name: &PrincipalName) -> Result<records::Principal, Error> {
    if let Some(principal) = change.directory.principal(name.as_str()) {
        return Ok(principal.clone());
    }
    let principal = records::Principal { id: new_id(), name: name.to_string(), created_at: change.at };
    records::insert_principal(&mut change.tx, &principal).await?;
    Ok(principal)
}

fn shown(principal: &records::Principal, role: Role) -> Principal {
    Principal { name: principal.name.clone(), role, created_at: principal.created_at }
}
