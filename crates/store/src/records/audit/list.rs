//! Reading the trail: a page of one project's entries, in either order, filtered by the database.

use meuse_core::api::{AuditEntry, Page};
use meuse_core::time::Micros;
use serde_json::Value;

use super::Row;
use crate::db::{Db, on};
use crate::error::Error;

/// Which entries; what is absent does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Who, exactly.
    pub actor: Option<String>,
    /// What, exactly as in `model.deploy`, or everything of a kind as in `model.`.
    pub action: Option<String>,
    /// A part of the subject, in small or capital letters.
    pub subject: Option<String>,
    /// Not earlier than this.
    pub since: Option<Micros>,
    /// Earlier than this.
    pub until: Option<Micros>,
}

/// In which order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// As they were written.
    #[default]
    OldestFirst,
    /// The last one first.
    NewestFirst,
}

/// A page of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Which.
    pub filter: Filter,
    /// In which order.
    pub order: Order,
    /// Those that follow this number in that order.
    pub after: Option<i64>,
    /// The most.
    pub limit: u32,
}

impl Query {
    /// The first page of everything, oldest first.
    pub fn first(limit: u32) -> Self {
        Self { filter: Filter::default(), order: Order::OldestFirst, after: None, limit }
    }

    /// The same from the entry that follows this one.
    pub fn after(self, seq: i64) -> Self {
        Self { after: Some(seq), ..self }
    }
}

/// Entries of one project.
pub async fn list(db: &Db, project: &str, query: &Query) -> Result<Page<AuditEntry>, Error> {
    const OLDEST_FIRST: &str = "SELECT seq, at, actor, project, action, subject, details, previous, mac \
        FROM audit_entry WHERE project = $1 AND seq > $2 \
        AND ($4 IS NULL OR actor = $4) AND ($5 IS NULL OR action = $5) \
        AND ($6 IS NULL OR SUBSTR(action, 1, LENGTH($6)) = $6) \
        AND ($7 IS NULL OR LOWER(subject) LIKE $7 ESCAPE '!') \
        AND ($8 IS NULL OR at >= $8) AND ($9 IS NULL OR at < $9) ORDER BY seq LIMIT $3";
    const NEWEST_FIRST: &str = "SELECT seq, at, actor, project, action, subject, details, previous, mac \
        FROM audit_entry WHERE project = $1 AND seq < $2 \
        AND ($4 IS NULL OR actor = $4) AND ($5 IS NULL OR action = $5) \
        AND ($6 IS NULL OR SUBSTR(action, 1, LENGTH($6)) = $6) \
        AND ($7 IS NULL OR LOWER(subject) LIKE $7 ESCAPE '!') \
        AND ($8 IS NULL OR at >= $8) AND ($9 IS NULL OR at < $9) ORDER BY seq DESC LIMIT $3";
    let (sql, beginning) = match query.order {
        Order::OldestFirst => (OLDEST_FIRST, 0),
        Order::NewestFirst => (NEWEST_FIRST, i64::MAX),
    };
    let Filter { actor, action, subject, since, until } = &query.filter;
    let is_kind = |action: &&String| action.ends_with('.');
    let (kind, action) = (action.as_ref().filter(is_kind), action.as_ref().filter(|action| !is_kind(action)));
    // One more than asked for tells whether there is a next page.
    let wanted = i64::from(query.limit) + 1;
    let mut rows: Vec<Row> = on!(db, pool => sqlx::query_as(sql)
        .bind(project).bind(query.after.unwrap_or(beginning)).bind(wanted).bind(actor).bind(action).bind(kind)
        .bind(subject.as_deref().map(containing)).bind(since.map(|at| at.0)).bind(until.map(|at| at.0))
        .fetch_all(pool).await)?;
    let more = rows.len() > query.limit as usize;
    rows.truncate(query.limit as usize);
    let next = rows.last().filter(|_| more).map(|row| row.seq.to_string());
    Ok(Page { items: rows.into_iter().map(entry).collect(), next })
}

/// A pattern of LIKE that is true of everything with this part in it.
fn containing(part: &str) -> String {
    let escaped = part.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
    format!("%{escaped}%")
}

fn entry(row: Row) -> AuditEntry {
    // An altered document is shown as the text that it is: the trail must be readable to be judged.
    let details = serde_json::from_str(&row.details).unwrap_or(Value::String(row.details));
    AuditEntry {
        seq: row.seq,
        at: Micros(row.at),
        actor: row.actor,
        project: row.project,
        action: row.action,
        subject: row.subject,
        details,
        mac: row.mac,
    }
}
