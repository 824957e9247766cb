//! The audit trail.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use meuse_app::Error;
use meuse_app::audit::{Filter, Order, Query as Entries};
use meuse_core::api::{AuditEntry, AuditVerification, ErrorBody, Page};
use meuse_core::time::{self, Micros};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{Answer, TheApp, Who};
use crate::csv;
use crate::extract::Query;
use crate::failure::Failure;

/// Which entries, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    /// Those that follow this number in the order: the `next` of the page before.
    after: Option<i64>,
    /// The most entries, up to 1000.
    #[serde(default = "default_limit")]
    limit: u32,
    /// `asc`, oldest first, or `desc`, newest first.
    #[serde(default)]
    #[param(inline)]
    order: Direction,
    /// Who, exactly.
    actor: Option<String>,
    /// What: exactly, as in `model.deploy`, or everything of a kind, as in `model.`.
    action: Option<String>,
    /// A part of what it was done to.
    subject: Option<String>,
    /// Not earlier than this: `2026-11-23`, `2026-11-23T10:14:00Z`, or microseconds since 1970.
    since: Option<String>,
    /// Earlier than this.
    until: Option<String>,
}

fn default_limit() -> u32 {
    100
}

/// An order of entries.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    /// Oldest first.
    #[default]
    Asc,
    /// Newest first.
    Desc,
}

impl From<Direction> for Order {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Asc => Self::OldestFirst,
            Direction::Desc => Self::NewestFirst,
        }
    }
}

fn instant(field: &str, text: Option<String>) -> Result<Option<Micros>, Error> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    time::instant(&text).map(Some).ok_or_else(|| {
        let hint = "write 2026-11-23, 2026-11-23T10:14:00Z, or microseconds since 1970";
        Error::invalid(field, format!("`{text}` is not an instant"), hint)
    })
}

/// A filter by these words. An empty one, as a form sends it, is none.
fn filter([actor, action, subject]: [Option<String>; 3], [since, until]: [Option<String>; 2]) -> Result<Filter, Error> {
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (since, until) = (instant("since", since)?, instant("until", until)?);
    Ok(Filter { actor: said(actor), action: said(action), subject: said(subject), since, until })
}

/// What was done, by whom, when.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit", params(List),
    responses((status = 200, body = Page<AuditEntry>), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody))
)]
pub(crate) async fn entries(
    State(app): TheApp,
    Extension(caller): Who,
    Query(list): Query<List>,
) -> Answer<Page<AuditEntry>> {
    let filter = filter([list.actor, list.action, list.subject], [list.since, list.until])?;
    let query = Entries { filter, order: list.order.into(), after: list.after, limit: list.limit };
    Ok(Json(app.audit_entries(&caller, &query).await?))
}

/// Which entries, in which format.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    /// `csv` for spreadsheets, or `jsonl`, a JSON object a line.
    #[serde(default)]
    #[param(inline)]
    format: Format,
    /// `asc`, oldest first, or `desc`, newest first.
    #[serde(default)]
    #[param(inline)]
    order: Direction,
    /// Who, exactly.
    actor: Option<String>,
    /// What: exactly, as in `model.deploy`, or everything of a kind, as in `model.`.
    action: Option<String>,
    /// A part of what it was done to.
    subject: Option<String>,
    /// Not earlier than this: `2026-11-23`, `2026-11-23T10:14:00Z`, or microseconds since 1970.
    since: Option<String>,
    /// Earlier than this.
    until: Option<String>,
}

/// A format of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Comma-separated values.
    #[default]
    Csv,
    /// A JSON object a line.
    Jsonl,
}

impl Format {
    fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Jsonl => "application/x-ndjson",
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    fn head(self) -> String {
        match self {
            Self::Csv => csv::line(["seq", "at", "actor", "project", "action", "subject", "details", "mac"]),
            Self::Jsonl => String::new(),
        }
    }

    fn line(self, entry: &AuditEntry) -> String {
        match self {
            Self::Csv => {
                let (seq, at, details) = (entry.seq.to_string(), entry.at.to_string(), entry.details.to_string());
                csv::line([
                    &seq,
                    &at,
                    &entry.actor,
                    &entry.project,
                    &entry.action,
                    &entry.subject,
                    &details,
                    &entry.mac,
                ])
            }
            Self::Jsonl => serde_json::to_string(entry).unwrap_or_default() + "\n",
        }
    }
}

/// The entries as a file, however many there are.
#[utoipa::path(
    get, path = "/api/v1/audit/export", tag = "audit", params(Export),
    responses(
        (status = 200, body = String, content_type = "text/csv"),
        (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
    )
)]
pub(crate) async fn export(
    State(app): TheApp,
    Extension(caller): Who,
    Query(export): Query<Export>,
) -> Result<impl IntoResponse, Failure> {
    let filter = filter([export.actor, export.action, export.subject], [export.since, export.until])?;
    let (format, project) = (export.format, caller.project().to_owned());
    let pages = app.audit_export(&caller, filter, export.order.into()).await?;
    let name = format!("attachment; filename=\"audit-{project}.{}\"", format.ending());
    let name = HeaderValue::from_str(&name).map_err(|_| Error::Internal("a project's name is no header".into()))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(format.content_type())),
        (header::CONTENT_DISPOSITION, name),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, Body::from_stream(written(format, pages))))
}

/// The bytes of the file. A page that cannot be read breaks the answer off, so that half a file is not taken for one.
fn written(
    format: Format,
    pages: impl Stream<Item = Result<Vec<AuditEntry>, Error>> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, Error>> + Send {
    let lines = pages.map(move |page| {
        page.map(|entries| Bytes::from(entries.iter().map(|entry| format.line(entry)).collect::<String>()))
    });
    stream::iter([Ok(Bytes::from(format.head()))]).chain(lines)
}

/// Whether the trail is whole: finds what was altered, removed, inserted, reordered or cut off.
#[utoipa::path(
    post, path = "/api/v1/audit/verify", tag = "audit",
    responses((status = 200, body = AuditVerification), (status = 403, body = ErrorBody))
)]
pub(crate) async fn verify(State(app): TheApp, Extension(caller): Who) -> Answer<AuditVerification> {
    Ok(Json(app.audit_verify(&caller).await?))
}
