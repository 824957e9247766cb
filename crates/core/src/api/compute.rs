//! Jobs and their events.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::events::{Event, Failure};
use crate::job::JobState;
use crate::time::Micros;

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// `import`, `export` or `train`.
    pub kind: String,
    /// What it will make, as in `credit` or `credit-trees`.
    pub subject: String,
    /// Where it stands.
    pub state: JobState,
    /// Whether a person has asked for it to stop.
    pub cancel_requested: bool,
    /// How many times it was started.
    pub attempts: u32,
    /// Who asked for it.
    pub created_by: String,
    /// When it was asked for.
    pub created_at: Micros,
    /// When its last attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Micros>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Micros>,
    /// What it made, as in `credit:1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// How far it is, as last summarised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// What is being done.
    pub stage: String,
    /// Units done.
    pub done: u64,
    /// Units in all; 0 when it cannot be known.
    pub total: u64,
}

/// A request to train.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainRequest {
    /// The recipe, TOML or JSON.
    pub recipe: String,
    /// The model that the result will be a version of; made when it is not there.
    pub model: String,
}

/// One line of a job's event stream (`application/x-ndjson`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum EventLine {
    /// An event of an attempt.
    Event {
        /// The attempt, from 1.
        attempt: u32,
        /// The event's number within the attempt, from 1; pass both as `after=ATTEMPT.NUMBER` to resume.
        number: u64,
        /// What happened.
        event: Event,
    },
    /// The last line: the job as it ended.
    End {
        /// The job.
        job: Job,
    },
}
