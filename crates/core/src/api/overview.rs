//! A project at one glance: what the console's first page shows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Job;
use crate::bundle::Task;
use crate::time::Micros;

/// What serves now, what runs now, and what needs attention.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// The models of which a version answers calls, by name.
    pub serving: Vec<Serving>,
    /// Queued and running jobs, newest first.
    pub running: Vec<Job>,
    /// What a person should look at, the most urgent first.
    pub attention: Vec<Attention>,
    /// How much there is.
    pub counts: Counts,
}

/// A version that answers calls. What is counted is counted by this server since it started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Serving {
    /// The model's name.
    pub model: String,
    /// The version that answers.
    pub version: u32,
    /// Since when.
    pub since: Micros,
    /// Who said so.
    pub by: String,
    /// What it predicts.
    pub task: Task,
    /// Calls, answered or refused.
    pub calls: u64,
    /// Calls that were not answered, for whatever reason: also those whose rows were wrong.
    pub errors: u64,
    /// Rows that were answered.
    pub rows: u64,
    /// Milliseconds in which half of the answered calls were, within a tenth; null before the first one.
    pub p50_ms: Option<f64>,
    /// Milliseconds in which 99 of 100 answered calls were.
    pub p99_ms: Option<f64>,
}

/// Something that a person should look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Attention {
    /// `disk_low`, `job_failed`, `nothing_deployed`, `version_waiting` or `key_expires`.
    pub kind: String,
    /// What it is about, as in `credit-trees`.
    pub subject: String,
    /// When it happened, or will.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Micros>,
    /// In words.
    pub message: String,
    /// The facts in the words, by kind.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}

/// How much there is in a project.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Datasets.
    pub datasets: u64,
    /// Models.
    pub models: u64,
    /// Jobs, ended ones too.
    pub jobs: u64,
}
