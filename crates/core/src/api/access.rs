//! Projects, principals, keys, roles, and the audit trail.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Micros;

/// What a principal may do in a project. Each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks at everything of a project but its audit trail, and calls models.
    Viewer,
    /// Imports data, trains, registers, deploys and rolls back.
    Scientist,
    /// Manages principals and keys, deletes, reads the audit trail.
    Admin,
}

impl Role {
    /// The word in records and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Scientist => "scientist",
            Self::Admin => "admin",
        }
    }

    /// The role of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Viewer, Self::Scientist, Self::Admin].into_iter().find(|role| role.word() == word)
    }
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// The principal's name.
    pub principal: String,
    /// The project that the call is about.
    pub project: String,
    /// What the principal may do there.
    pub role: Role,
    /// The first characters of the key.
    pub key_prefix: String,
    /// What they may do there, in the words of the table of permissions: `read_data`, `train`, `deploy`, …
    #[serde(default)]
    pub may: Vec<String>,
}

/// A request to sign in to the console.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    /// An API key, `mk_…`.
    pub key: String,
}

/// Somebody who is signed in to the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Who they are, in the project that the call is about.
    pub me: Me,
    /// The projects that they may choose with the header `Meuse-Project`.
    pub projects: Vec<Project>,
    /// What the header `Meuse-CSRF` must say on every call that is not GET or HEAD.
    pub csrf: String,
    /// When the session ends, unless its key ends earlier or they sign out.
    pub expires_at: Micros,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Micros,
}

/// A request to make a project; its maker becomes its admin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// Its name.
    pub name: String,
}

/// A person or a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Principal {
    /// Its name.
    pub name: String,
    /// What it may do in this project.
    pub role: Role,
    /// When it was made.
    pub created_at: Micros,
}

/// A request to make a principal, or to give an existing one a role in this project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPrincipal {
    /// Its name.
    pub name: String,
    /// What it may do in this project.
    pub role: Role,
}

/// An API key; the key itself is shown once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// Its first characters.
    pub prefix: String,
    /// Whose it is.
    pub principal: String,
    /// Its home project.
    pub project: String,
    /// What it is for.
    pub note: String,
    /// When it was made.
    pub created_at: Micros,
    /// When it stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Micros>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Micros>,
}

/// A request to make a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Whose it will be; default: the caller.
    #[serde(default)]
    pub principal: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub note: String,
    /// Days until it stops; absent: never.
    #[serde(default)]
    pub expires_in_days: Option<u32>,
}

/// A key that was just made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedKey {
    /// The record.
    pub key: Key,
    /// The key itself. It cannot be shown again.
    pub secret: String,
}

/// One entry of the audit trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its number, from 1, without gaps.
    pub seq: i64,
    /// When.
    pub at: Micros,
    /// Who: a principal's name, or `meuse` for what the server did by itself.
    pub actor: String,
    /// The project, or empty.
    pub project: String,
    /// What was done, as in `model.deploy`.
    pub action: String,
    /// To what, as in `credit-trees:1`.
    pub subject: String,
    /// More, by action.
    pub details: serde_json::Value,
    /// HMAC-SHA-256 over the entry and the one before it, hexadecimal.
    pub mac: String,
}

/// Whether the audit trail is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditVerification {
    /// Whether nothing is wrong.
    pub intact: bool,
    /// Number of entries that were read.
    pub entries: i64,
    /// What is wrong and with which entry, in words; empty when intact.
    pub findings: Vec<AuditFinding>,
}

/// One thing that is wrong with the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditFinding {
    /// The entry.
    pub seq: i64,
    /// `altered`, `removed`, `inserted`, `reordered` or `cut`.
    pub kind: String,
    /// The finding in words.
    pub message: String,
}
