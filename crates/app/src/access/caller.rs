//! Who is asking: what every service function is handed, and asks for the right.

use meuse_core::api::{Me, Role};

use super::permissions::{Action, PERMISSIONS};
use crate::Error;

/// A principal with a valid key or session, in one project that it may see. Only [`super::Access::authenticate`] and
/// [`super::Access::resume`] make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub(super) principal: String,
    pub(super) principal_id: String,
    pub(super) project: String,
    pub(super) project_id: String,
    pub(super) role: Role,
    pub(super) key_id: String,
    pub(super) key_prefix: String,
    /// The session that the caller came by; none for a key.
    pub(super) session_id: Option<String>,
    /// Whether the project is the first one, whose administrators operate the server.
    pub(super) in_first_project: bool,
}

impl Caller {
    /// The principal's name.
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// The name of the project that the call is about.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The id of the project that the call is about.
    pub fn project_id(&self) -> &str {
        &self.project_id
    }

    /// What the principal may do in that project.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Presents the right to do something.
    ///
    /// # Errors
    /// [`Error::Forbidden`], which names the role that it takes.
    pub fn require(&self, action: Action) -> Result<(), Error> {
        let least = action.least_role();
        if action.is_of_the_server() && !self.in_first_project {
            return Err(Error::Forbidden(format!(
                "to {} is for administrators of the project that the server began with: its other projects are in it too",
                action.words()
            )));
        }
        if self.role >= least {
            return Ok(());
        }
        Err(Error::Forbidden(format!(
            "`{}` is {} in the project `{}` and may not {}: ask an administrator of the project for the role {}",
            self.principal,
            self.role.word(),
            self.project,
            action.words(),
            least.word()
        )))
    }

    /// What the caller may do in the project, in the order of the table.
    pub fn may(&self) -> impl Iterator<Item = Action> {
        PERMISSIONS.iter().map(|(action, _)| *action).filter(|action| self.require(*action).is_ok())
    }

    /// The caller, as they may see themselves.
    pub fn me(&self) -> Me {
        Me {
            principal: self.principal.clone(),
            project: self.project.clone(),
            role: self.role,
            key_prefix: self.key_prefix.clone(),
            may: self.may().map(|action| action.word().to_owned()).collect(),
        }
    }
}
