//! Projects: the walls between tenants.

use meuse_core::api::{NewProject, Project, Role};
use meuse_core::names::ProjectName;
use meuse_store::new_id;
use meuse_store::records::access::{self as records, Grant};
use serde_json::json;

use super::{Action, Caller};
use crate::{App, Error};

impl App {
    /// The projects that the caller's key opens, oldest first.
    pub fn projects(&self, caller: &Caller) -> Result<Vec<Project>, Error> {
        let directory = self.access.current.load();
        let Some(key) = directory.key(&caller.key_id) else { return Ok(Vec::new()) };
        let open = directory.projects().iter().filter(|project| directory.opens(key, project).is_some());
        Ok(open.map(|project| Project { name: project.name.clone(), created_at: project.created_at }).collect())
    }

    /// Makes a project, whose administrator the caller is.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no name; [`Error::AlreadyExists`].
    pub async fn create_project(&self, caller: &Caller, new: NewProject) -> Result<Project, Error> {
        let name: ProjectName = new.name.parse().map_err(|error: meuse_core::names::NameError| {
            Error::invalid("name", error.to_string(), "choose a name such as `lending`")
        })?;
        let mut change = self.begin_change(caller, Action::CreateProject).await?;
        if change.directory.project(name.as_str()).is_some() {
            return Err(Error::AlreadyExists(format!("the project name `{name}` is taken: choose another one")));
        }
        let made_with = Some(change.caller.key_id.clone());
        let project = records::Project { id: new_id(), name: name.to_string(), made_with, created_at: change.at };
        let grant = Grant {
            project_id: project.id.clone(),
            principal_id: change.caller.principal_id.clone(),
            role: Role::Admin,
            granted_at: change.at,
        };
        records::insert_project(&mut change.tx, &project).await?;
        records::put_grant(&mut change.tx, &grant).await?;
        self.finish(change, "project.create", name.as_str(), json!({})).await?;
        Ok(Project { name: project.name, created_at: project.created_at })
    }
}
