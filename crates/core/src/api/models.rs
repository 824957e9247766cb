//! Models, versions, aliases, routes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::bundle::{Explanation, Manifest, Task};
use crate::evaluation::Evaluation;
use crate::time::Micros;

/// A model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Micros,
    /// Its versions, newest first.
    pub versions: Vec<VersionSummary>,
    /// Its aliases.
    pub aliases: BTreeMap<String, u32>,
    /// What answers calls now; absent when nothing is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
}

/// A version in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionSummary {
    /// Its number, from 1.
    pub version: u32,
    /// When it was registered.
    pub created_at: Micros,
    /// Who trained it.
    pub created_by: String,
    /// What it predicts.
    pub task: Task,
    /// How it was learnt.
    pub algorithm: String,
    /// The metric by which versions are chosen.
    pub metric: String,
    /// Its value on the rows to choose by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// Its value on the test part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<f64>,
}

/// An immutable version of a model, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelVersion {
    /// The model's name.
    pub model: String,
    /// The version's number, from 1.
    pub version: u32,
    /// When it was registered.
    pub created_at: Micros,
    /// Who trained it.
    pub created_by: String,
    /// The job that made it.
    pub job: String,
    /// SHA-256 over its files' names and hashes, hexadecimal.
    pub digest: String,
    /// SHA-256 of each file, hexadecimal.
    pub files: BTreeMap<String, String>,
    /// What it is.
    pub manifest: Manifest,
    /// How good it is.
    pub evaluation: Evaluation,
    /// What explains it.
    pub explanation: Explanation,
    /// The aliases that point to it.
    pub aliases: Vec<String>,
    /// Whether it answers calls now.
    pub serving: bool,
}

/// Versions side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// The metric of choice.
    pub metric: String,
    /// Whether a larger value of it is better.
    pub larger_is_better: bool,
    /// The best by that metric on the rows to choose by, as in `credit-trees:1`; absent when it is undefined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<String>,
    /// The versions, as asked.
    pub versions: Vec<ComparedVersion>,
    /// What a reader should know, as in: they were tested on different rows.
    pub notes: Vec<String>,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ComparedVersion {
    /// As in `credit-trees:1`.
    pub name: String,
    /// How it was learnt.
    pub algorithm: String,
    /// How good it is.
    pub evaluation: Evaluation,
}

/// What answers the calls to a model, from an instant on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Route {
    /// Its number within the model, from 1.
    pub number: u32,
    /// The version that answers.
    pub version: u32,
    /// Since when.
    pub at: Micros,
    /// Who said so.
    pub by: String,
    /// Why.
    pub reason: String,
    /// `deploy` or `rollback`.
    pub action: String,
}

/// A request to deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployRequest {
    /// The version that shall answer.
    pub version: u32,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// A request to roll back to what answered before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// A request to let nothing answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndeployRequest {
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// A request to point an alias to a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AliasRequest {
    /// The version.
    pub version: u32,
}
