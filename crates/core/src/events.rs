//! What a job tells while it runs: one JSON line per event in `events.jsonl` of its work folder.
//!
//! The child appends; the server tails. The number of an event is its line number from 1, so a stream is resumed by
//! number. A torn last line is one that is still being written.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Micros;

/// The file in a work folder that events are appended to.
pub const FILE: &str = "events.jsonl";

/// One event as the child writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// When it happened.
    pub at: Micros,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// The child is alive; from a thread of its own, once a second.
    Heartbeat,
    /// Work was done: `done` of `total` units of the named stage.
    Progress {
        /// What is being done, as in `read data`, `fit`, `parity check`.
        stage: String,
        /// Units done.
        done: u64,
        /// Units in all; 0 when it cannot be known.
        total: u64,
    },
    /// A figure at a step, as in the validation loss of a boosting round.
    Metric {
        /// The metric's name in snake case.
        name: String,
        /// The part of the data that it was measured on: `training`, `validation`.
        part: String,
        /// The step, from 1.
        step: u64,
        /// The value.
        value: f64,
    },
    /// A line for a person.
    Log {
        /// How much it matters.
        level: Level,
        /// The line.
        message: String,
    },
    /// The job ended well; its outputs are in the folder `out` of the work folder.
    Done,
    /// The job ended badly, for a reason that trying again does not change.
    Failed(Failure),
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Part of the story.
    Info,
    /// Something a person should look at.
    Warning,
}

/// Why a job failed, in words that name the thing and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// What in the input was wrong, as in `algorithm.num_leaves` or `line 7`; empty when nothing of the input was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// What was wrong.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.hint) }
    }
}
