//! Who is asking: what every service function is handed, and asks for the right.

use meuse_core::api::{Me, Role};

use super::permissions::Action;
use crate::Error;

/// A principal with a valid key, in one project that it may see. Only [`super::Access::authenticate`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub(super) principal: String,
    pub(super) principal_id: String,
    pub(super) project: String,
    pub(super) project_id: String,
    pub(super) role: Role,
    pub(super) key_id: String,
    pub(super) key_prefix: String,
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

    /// The caller, as they may see themselves.
    pub fn me(&self) -> Me {
        Me {
            principal: self.principal.clone(),
            project: self.project.clone(),
            role: self.role,
            key_prefix: self.key_prefix.clone(),
        }
    }
}
