//! Who may do what: one table. Each role may do what the ones above it may.

use meuse_core::api::Role;

/// Something that a caller may or may not do in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// See datasets, their versions, profiles and first rows.
    ReadData,
    /// Take a dataset version away as a file.
    ExportData,
    /// Write a first recipe for a dataset, and check a recipe.
    CheckRecipe,
    /// See jobs and their events.
    ReadJobs,
    /// See models, versions, evaluations, routes, and compare them.
    ReadModels,
    /// Ask a model.
    Predict,
    /// See the server's metrics.
    ReadMetrics,
    /// List, make and revoke keys of one's own.
    ManageOwnKeys,
    /// Bring in a file as a dataset version.
    ImportData,
    /// Start a training, whose result is registered as a version.
    Train,
    /// Stop a job.
    CancelJob,
    /// Decide which version answers: deploy and roll back.
    Deploy,
    /// Point an alias to a version, or remove it.
    SetAlias,
    /// Delete a model or a version of it.
    DeleteModel,
    /// See who has which role, and give roles.
    ManagePrincipals,
    /// List, make and revoke keys of others.
    ManageKeys,
    /// Make a project.
    CreateProject,
    /// Read and verify the audit trail.
    ReadAudit,
    /// Take a backup of the whole server. It holds every project, so it takes the first project's administrator.
    Backup,
}

/// The least role that each action needs.
pub const PERMISSIONS: &[(Action, Role)] = &[
    (Action::ReadData, Role::Viewer),
    (Action::ExportData, Role::Viewer),
    (Action::CheckRecipe, Role::Viewer),
    (Action::ReadJobs, Role::Viewer),
    (Action::ReadModels, Role::Viewer),
    (Action::Predict, Role::Viewer),
    (Action::ReadMetrics, Role::Viewer),
    (Action::ManageOwnKeys, Role::Viewer),
    //
    (Action::ImportData, Role::Scientist),
    (Action::Train, Role::Scientist),
    (Action::CancelJob, Role::Scientist),
    (Action::Deploy, Role::Scientist),
    (Action::SetAlias, Role::Scientist),
    //
    (Action::DeleteModel, Role::Admin),
    (Action::ManagePrincipals, Role::Admin),
    (Action::ManageKeys, Role::Admin),
    (Action::CreateProject, Role::Admin),
    (Action::ReadAudit, Role::Admin),
    (Action::Backup, Role::Admin),
];

impl Action {
    /// The least role that may do it. What the table does not list is for administrators.
    pub fn least_role(self) -> Role {
        PERMISSIONS.iter().find(|(action, _)| *action == self).map_or(Role::Admin, |(_, role)| *role)
    }

    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::ReadData => "read_data",
            Self::ExportData => "export_data",
            Self::CheckRecipe => "check_recipe",
            Self::ReadJobs => "read_jobs",
            Self::ReadModels => "read_models",
            Self::Predict => "predict",
            Self::ReadMetrics => "read_metrics",
            Self::ManageOwnKeys => "manage_own_keys",
            Self::ImportData => "import_data",
            Self::Train => "train",
            Self::CancelJob => "cancel_job",
            Self::Deploy => "deploy",
            Self::SetAlias => "set_alias",
            Self::DeleteModel => "delete_model",
            Self::ManagePrincipals => "manage_principals",
            Self::ManageKeys => "manage_keys",
            Self::CreateProject => "create_project",
            Self::ReadAudit => "read_audit",
            Self::Backup => "backup",
        }
    }

    /// Whether it is about the whole server, all projects of it: only in the first project, that of whoever operates the
    /// server, is it anybody's.
    pub fn is_of_the_server(self) -> bool {
        matches!(self, Self::Backup)
    }

    /// What it is, after "may not": `train models`.
    pub fn words(self) -> &'static str {
        match self {
            Self::ReadData => "see datasets",
            Self::ExportData => "export datasets",
            Self::CheckRecipe => "check recipes",
            Self::ReadJobs => "see jobs",
            Self::ReadModels => "see models",
            Self::Predict => "call models",
            Self::ReadMetrics => "see metrics",
            Self::ManageOwnKeys => "manage keys of their own",
            Self::ImportData => "import data",
            Self::Train => "train models",
            Self::CancelJob => "cancel jobs",
            Self::Deploy => "deploy models or roll them back",
            Self::SetAlias => "set aliases",
            Self::DeleteModel => "delete models",
            Self::ManagePrincipals => "manage principals",
            Self::ManageKeys => "manage keys of others",
            Self::CreateProject => "make projects",
            Self::ReadAudit => "read the audit trail",
            Self::Backup => "take backups of the server",
        }
    }
}
