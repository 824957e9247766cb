//! The audit trail: who did what to what. Entries are chained, so that what was done to the trail itself shows.
//!
//! The code of an entry is HMAC-SHA-256 over all its fields and over the code of the entry before it.

mod diagnosis;
mod list;
mod verify;

use meuse_core::time::Micros;
use serde_json::Value;

pub use list::{Filter, Order, Query, list};
pub use verify::{verify, verify_apart};

use crate::db::{Tx, on};
use crate::error::Error;
use crate::secret::MacKey;
use crate::trail::{Head, Trail};

/// Something that was done, to be noted.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// When.
    pub at: Micros,
    /// Who: a principal's name, or `meuse` for what the server does by itself.
    pub actor: String,
    /// The project's name, or empty.
    pub project: String,
    /// What was done, as in `model.deploy`.
    pub action: String,
    /// To what, as in `credit-trees:1`.
    pub subject: String,
    /// More, by action. Nothing secret, and no cell of a table.
    pub details: Value,
}

/// Notes what this transaction did. The entry is written when the transaction commits, as its last statement.
pub fn append(tx: &mut Tx, entry: NewEntry) {
    tx.audit(entry);
}

/// An entry as it is stored.
#[derive(Debug, Clone, sqlx::FromRow)]
struct Row {
    seq: i64,
    at: i64,
    actor: String,
    project: String,
    action: String,
    subject: String,
    details: String,
    previous: String,
    mac: String,
}

impl Row {
    /// The bytes that the code is over, with the number that the entry would have. Each field is preceded by its
    /// length, so that no two entries have the same bytes.
    fn message(&self, seq: i64) -> Vec<u8> {
        let mut message = Vec::with_capacity(256 + self.details.len());
        message.extend_from_slice(&seq.to_le_bytes());
        message.extend_from_slice(&self.at.to_le_bytes());
        let texts = [&self.actor, &self.project, &self.action, &self.subject, &self.details, &self.previous];
        for text in texts {
            message.extend_from_slice(&(text.len() as u64).to_le_bytes());
            message.extend_from_slice(text.as_bytes());
        }
        message
    }

    /// Whether this entry was written by us under this number.
    fn is_genuine_as(&self, key: &MacKey, seq: i64) -> bool {
        hex::decode(&self.mac).is_ok_and(|mac| key.is_mac(&self.message(seq), &mac))
    }
}

/// Writes the entries at the end of the trail and gives its new head. Whoever writes holds the head's row until the
/// transaction ends: the next one waits here, and sees what this one wrote.
pub(crate) async fn write(tx: &mut Tx, trail: &Trail, entries: Vec<NewEntry>) -> Result<Head, Error> {
    const TAKE: &str = "UPDATE audit_head SET seq = seq + $1 RETURNING seq - $1, mac";
    const INSERT: &str = "INSERT INTO audit_entry (seq, at, actor, project, action, subject, details, previous, mac) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    const ADVANCE: &str = "UPDATE audit_head SET mac = $1 RETURNING seq";
    let count = entries.len() as i64;
    let (mut seq, mut previous): (i64, String) =
        on!(tx, connection => sqlx::query_as(TAKE).bind(count).fetch_one(connection).await)?;
    for entry in entries {
        seq += 1;
        let mut row = Row {
            seq,
            at: entry.at.0,
            actor: entry.actor,
            project: entry.project,
            action: entry.action,
            subject: entry.subject,
            details: entry.details.to_string(),
            previous: previous.clone(),
            mac: String::new(),
        };
        row.mac = hex::encode(trail.key().mac(&row.message(seq)));
        let row = &row;
        on!(tx, connection => sqlx::query(INSERT)
            .bind(row.seq).bind(row.at).bind(&row.actor).bind(&row.project).bind(&row.action)
            .bind(&row.subject).bind(&row.details).bind(&row.previous).bind(&row.mac)
            .execute(connection).await.map(drop))?;
        previous.clone_from(&row.mac);
    }
    let seq = on!(tx, connection => sqlx::query_scalar(ADVANCE).bind(&previous).fetch_one(connection).await)?;
    Ok(Head { seq, mac: previous })
}
