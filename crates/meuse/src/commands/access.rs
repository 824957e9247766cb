//! `meuse whoami`, `projects`, `principals`, `keys`.

use anyhow::Context as _;
use meuse_core::api::{CreatedKey, Key, Me, NewKey, NewPrincipal, NewProject, Page, Principal, Project, Role};
use ureq::http::Method;

use super::Session;
use crate::arguments::{Keys, Principals, Projects};
use crate::client::segment;
use crate::output;

pub(super) fn whoami(session: &Session) -> anyhow::Result<()> {
    let me: Me = session.client.get("/api/v1/me")?;
    if session.json {
        return output::json(&me);
    }
    output::line(&format!("{}, {} in project {} (key {}…)", me.principal, me.role.word(), me.project, me.key_prefix));
    Ok(())
}

pub(super) fn projects(session: &Session, command: Projects) -> anyhow::Result<()> {
    let projects: Vec<Project> = match command {
        Projects::List => session.client.get::<Page<Project>>("/api/v1/projects")?.items,
        Projects::Create { name } => {
            vec![session.client.call(Method::POST, "/api/v1/projects", &NewProject { name })?]
        }
    };
    if session.json {
        return output::json(&projects);
    }
    let rows = projects.into_iter().map(|project| vec![project.name, project.created_at.to_string()]);
    output::table(&["project", "made"], &[], rows.collect());
    Ok(())
}

pub(super) fn principals(session: &Session, command: Principals) -> anyhow::Result<()> {
    let principals: Vec<Principal> = match command {
        Principals::List => session.client.get::<Page<Principal>>("/api/v1/principals")?.items,
        Principals::Add { name, role } => {
            let role = Role::from_word(&role)
                .with_context(|| format!("`{role}` is not a role; use `viewer`, `scientist` or `admin`"))?;
            vec![session.client.call(Method::POST, "/api/v1/principals", &NewPrincipal { name, role })?]
        }
        Principals::Remove { name } => {
            session.client.delete(&format!("/api/v1/principals/{}", segment(&name)))?;
            if session.json {
                return output::json(&serde_json::json!({ "removed": name }));
            }
            eprintln!("{name} has no role in this project any more");
            return Ok(());
        }
    };
    if session.json {
        return output::json(&principals);
    }
    let row =
        |principal: Principal| vec![principal.name, principal.role.word().into(), principal.created_at.to_string()];
    output::table(&["principal", "role", "made"], &[], principals.into_iter().map(row).collect());
    Ok(())
}

pub(super) fn keys(session: &Session, command: Keys) -> anyhow::Result<()> {
    match command {
        Keys::List => list_keys(session),
        Keys::Create { principal, note, expires_in_days } => {
            let request = NewKey { principal, note, expires_in_days };
            let created: CreatedKey = session.client.call(Method::POST, "/api/v1/keys", &request)?;
            if session.json {
                return output::json(&created);
            }
            output::line(&created.secret);
            eprintln!("this is the key {}; it cannot be shown again", created.key.id);
            Ok(())
        }
        Keys::Revoke { id } => {
            session.client.delete(&format!("/api/v1/keys/{}", segment(&id)))?;
            if session.json {
                return output::json(&serde_json::json!({ "revoked": id }));
            }
            eprintln!("the key {id} is revoked");
            Ok(())
        }
    }
}

fn list_keys(session: &Session) -> anyhow::Result<()> {
    let page: Page<Key> = session.client.get("/api/v1/keys")?;
    if session.json {
        return output::json(&page);
    }
    let state = |key: &Key| match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) => format!("until {at}"),
        (None, None) => "valid".to_owned(),
    };
    let row = |key: &Key| {
        vec![key.id.clone(), format!("{}…", key.prefix), key.principal.clone(), key.note.clone(), state(key)]
    };
    output::table(&["id", "key", "principal", "note", "state"], &[], page.items.iter().map(row).collect());
    Ok(())
}
