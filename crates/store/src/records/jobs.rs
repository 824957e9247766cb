//! Records of jobs: queued, claimed under a lease, ended once.
//!
//! Each function that changes a claimed job names the attempt that it speaks for, and does nothing for a job that has
//! moved on: whoever comes late is told so by `false` or `None`.

use meuse_core::time::Micros;

use crate::db::{Db, Either, Tx, on};
use crate::error::Error;

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct JobRow {
    /// Its id.
    pub id: String,
    /// The project's id.
    pub project_id: String,
    /// The project's name.
    pub project: String,
    /// `import`, `export` or `train`.
    pub kind: String,
    /// What it will make.
    pub subject: String,
    /// What to do, as JSON.
    pub task: String,
    /// A word of [`meuse_core::job::JobState`].
    pub state: String,
    /// Whether a person has asked for it to stop.
    pub cancel_requested: bool,
    /// How many times it was started.
    pub attempts: i64,
    /// Who asked for it.
    pub created_by: String,
    /// When it was asked for.
    pub created_at: i64,
    /// When its last attempt began.
    pub started_at: Option<i64>,
    /// When it ended.
    pub finished_at: Option<i64>,
    /// Which home runs it.
    pub lease_owner: Option<String>,
    /// Until when that home may be believed to run it, by its own clock: others watch whether it moves.
    pub lease_until: Option<i64>,
    /// How far it is, as JSON.
    pub progress: Option<String>,
    /// What it made.
    pub result: Option<String>,
    /// Why it failed, as JSON.
    pub failure: Option<String>,
    /// The blob of its events, once it has ended.
    pub events_blob: Option<String>,
}

/// A job to be queued.
#[derive(Debug, Clone)]
pub struct NewJob<'a> {
    /// The project's id.
    pub project_id: &'a str,
    /// The project's name.
    pub project: &'a str,
    /// `import`, `export` or `train`.
    pub kind: &'a str,
    /// What it will make.
    pub subject: &'a str,
    /// What to do, as JSON.
    pub task: &'a str,
    /// Who asks for it.
    pub by: &'a str,
    /// When.
    pub at: Micros,
}

/// Which kinds of jobs compete for the same slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Imports and exports: short, so that they never wait for a training.
    Data,
    /// Trainings.
    Training,
}

/// A lease to be had.
#[derive(Debug, Clone, Copy)]
pub struct Lease<'a> {
    /// Which home asks.
    pub owner: &'a str,
    /// Now.
    pub at: Micros,
    /// Until when.
    pub until: Micros,
}

/// How a job ended.
#[derive(Debug, Clone, Default)]
pub struct Ending<'a> {
    /// A final word of [`meuse_core::job::JobState`].
    pub state: &'a str,
    /// What it made.
    pub result: Option<&'a str>,
    /// Why it failed, as JSON.
    pub failure: Option<&'a str>,
    /// The blob of its events.
    pub events: Option<&'a str>,
}

/// Queues a job.
pub async fn queue(tx: &mut Tx, new: &NewJob<'_>) -> Result<JobRow, Error> {
    const SQL: &str = "INSERT INTO job \
        (id, project_id, project, kind, subject, task, state, cancel_requested, attempts, created_by, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, 'queued', FALSE, 0, $7, $8) RETURNING *";
    Ok(on!(tx, connection => sqlx::query_as(SQL)
        .bind(crate::new_id()).bind(new.project_id).bind(new.project).bind(new.kind).bind(new.subject).bind(new.task)
        .bind(new.by).bind(new.at.0).fetch_one(connection).await)?)
}

/// The jobs of a project, newest first, at most `limit`.
pub async fn list(db: &Db, project: &str, limit: u32) -> Result<Vec<JobRow>, Error> {
    const SQL: &str = "SELECT * FROM job WHERE project_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2";
    Ok(on!(db, pool => sqlx::query_as(SQL).bind(project).bind(i64::from(limit)).fetch_all(pool).await)?)
}

/// The queued and running jobs of a project, newest first, at most 100.
pub async fn open(db: &Db, project: &str) -> Result<Vec<JobRow>, Error> {
    const SQL: &str = "SELECT * FROM job WHERE project_id = $1 AND state IN ('queued', 'running') \
        ORDER BY created_at DESC, id DESC LIMIT 100";
    Ok(on!(db, pool => sqlx::query_as(SQL).bind(project).fetch_all(pool).await)?)
}

/// The jobs of a project that failed at or after an instant, and whose like has neither succeeded nor failed since;
/// newest first, at most 20.
pub async fn failures(db: &Db, project: &str, since: Micros) -> Result<Vec<JobRow>, Error> {
    const SQL: &str = "SELECT * FROM job WHERE project_id = $1 AND state = 'failed' AND finished_at >= $2 \
        AND NOT EXISTS (SELECT 1 FROM job AS later WHERE later.project_id = job.project_id \
            AND later.kind = job.kind AND later.subject = job.subject AND later.state IN ('succeeded', 'failed') \
            AND (later.finished_at, later.id) > (job.finished_at, job.id)) \
        ORDER BY finished_at DESC, id DESC LIMIT 20";
    Ok(on!(db, pool => sqlx::query_as(SQL).bind(project).bind(since.0).fetch_all(pool).await)?)
}

/// How many jobs a project has, ended ones too.
pub async fn count(db: &Db, project: &str) -> Result<u64, Error> {
    const SQL: &str = "SELECT COUNT(*) FROM job WHERE project_id = $1";
    let count: i64 = on!(db, pool => sqlx::query_scalar(SQL).bind(project).fetch_one(pool).await)?;
    Ok(count as u64)
}

/// The job of this id in this project.
pub async fn find(db: &Db, project: &str, id: &str) -> Result<Option<JobRow>, Error> {
    const SQL: &str = "SELECT * FROM job WHERE project_id = $1 AND id = $2";
    Ok(on!(db, pool => sqlx::query_as(SQL).bind(project).bind(id).fetch_optional(pool).await)?)
}

/// The job of this id, in whatever project.
pub async fn get(db: &Db, id: &str) -> Result<Option<JobRow>, Error> {
    const SQL: &str = "SELECT * FROM job WHERE id = $1";
    Ok(on!(db, pool => sqlx::query_as(SQL).bind(id).fetch_optional(pool).await)?)
}

/// A queued or running job of this subject and kind, if there is one.
pub async fn open_of_subject(db: &Db, project: &str, kind: &str, subject: &str) -> Result<Option<JobRow>, Error> {
    const SQL: &str = "SELECT * FROM job WHERE project_id = $1 AND kind = $2 AND subject = $3 \
        AND state IN ('queued', 'running') AND NOT cancel_requested ORDER BY created_at LIMIT 1";
    Ok(on!(db, pool => sqlx::query_as(SQL).bind(project).bind(kind).bind(subject).fetch_optional(pool).await)?)
}

/// Claims the next queued job of a lane: of the project that has the fewest running, then of the one that was served
/// longest ago, then the oldest.
pub async fn claim(tx: &mut Tx, lane: Lane, lease: &Lease<'_>) -> Result<Option<JobRow>, Error> {
    const SQLITE: &str = "UPDATE job SET state = 'running', attempts = attempts + 1, started_at = $1, \
        lease_owner = $2, lease_until = $3, progress = NULL WHERE id = ( \
            SELECT id FROM job AS candidate WHERE state = 'queued' AND (kind = 'train') = $4 ORDER BY \
                (SELECT COUNT(*) FROM job AS other WHERE other.project_id = candidate.project_id \
                    AND other.state = 'running'), \
                (SELECT COALESCE(MAX(started_at), 0) FROM job AS other \
                    WHERE other.project_id = candidate.project_id), \
                created_at, id LIMIT 1) \
        RETURNING *";
    // The one statement with two texts: other replicas may claim at the same time, and must not wait for each other.
    const POSTGRES: &str = "UPDATE job SET state = 'running', attempts = attempts + 1, started_at = $1, \
        lease_owner = $2, lease_until = $3, progress = NULL WHERE id = ( \
            SELECT id FROM job AS candidate WHERE state = 'queued' AND (kind = 'train') = $4 ORDER BY \
                (SELECT COUNT(*) FROM job AS other WHERE other.project_id = candidate.project_id \
                    AND other.state = 'running'), \
                (SELECT COALESCE(MAX(started_at), 0) FROM job AS other \
                    WHERE other.project_id = candidate.project_id), \
                created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) \
        RETURNING *";
    let sql = match tx.either() {
        Either::Sqlite(_) => SQLITE,
        Either::Postgres(_) => POSTGRES,
    };
    let training = lane == Lane::Training;
    Ok(on!(tx, connection => sqlx::query_as(sql)
        .bind(lease.at.0).bind(lease.owner).bind(lease.until.0).bind(training)
        .fetch_optional(connection).await)?)
}

/// Prolongs the lease of an attempt and notes how far it is; answers whether a person has asked for it to stop, or
/// `None` when the attempt no longer holds the job.
pub async fn keep(
    tx: &mut Tx,
    id: &str,
    attempt: i64,
    lease: &Lease<'_>,
    progress: Option<&str>,
) -> Result<Option<bool>, Error> {
    const SQL: &str = "UPDATE job SET lease_until = $4, progress = COALESCE($5, progress) \
        WHERE id = $1 AND attempts = $2 AND lease_owner = $3 AND state = 'running' RETURNING cancel_requested";
    Ok(on!(tx, connection => sqlx::query_scalar(SQL)
        .bind(id).bind(attempt).bind(lease.owner).bind(lease.until.0).bind(progress)
        .fetch_optional(connection).await)?)
}

/// The running jobs of a home.
pub async fn running_of(db: &Db, owner: &str) -> Result<Vec<JobRow>, Error> {
    const SQL: &str = "SELECT * FROM job WHERE state = 'running' AND lease_owner = $1 ORDER BY started_at";
    Ok(on!(db, pool => sqlx::query_as(SQL).bind(owner).fetch_all(pool).await)?)
}

/// The running jobs of other homes. A lease that is prolonged no more has run out; what the clocks say does not matter.
pub async fn running_elsewhere(db: &Db, owner: &str) -> Result<Vec<JobRow>, Error> {
    const SQL: &str = "SELECT * FROM job WHERE state = 'running' AND lease_owner <> $1";
    Ok(on!(db, pool => sqlx::query_as(SQL).bind(owner).fetch_all(pool).await)?)
}

/// Whether jobs of a lane wait.
pub async fn any_queued(db: &Db, lane: Lane) -> Result<bool, Error> {
    const SQL: &str = "SELECT COUNT(*) FROM job WHERE state = 'queued' AND (kind = 'train') = $1";
    let training = lane == Lane::Training;
    let count: i64 = on!(db, pool => sqlx::query_scalar(SQL).bind(training).fetch_one(pool).await)?;
    Ok(count > 0)
}

/// The job, if the attempt still holds it; nobody else changes it until this transaction is over.
pub async fn hold(tx: &mut Tx, id: &str, attempt: i64, owner: &str) -> Result<Option<JobRow>, Error> {
    const SQL: &str = "UPDATE job SET attempts = attempts \
        WHERE id = $1 AND attempts = $2 AND lease_owner = $3 AND state = 'running' RETURNING *";
    Ok(on!(tx, connection => sqlx::query_as(SQL)
        .bind(id).bind(attempt).bind(owner).fetch_optional(connection).await)?)
}

/// The job, if the attempt's lease is still the one that was seen; nobody else changes it until this transaction is
/// over.
pub async fn hold_abandoned(tx: &mut Tx, id: &str, attempt: i64, seen: Option<i64>) -> Result<Option<JobRow>, Error> {
    const SQL: &str = "UPDATE job SET attempts = attempts \
        WHERE id = $1 AND attempts = $2 AND lease_until = $3 AND state = 'running' RETURNING *";
    Ok(on!(tx, connection => sqlx::query_as(SQL)
        .bind(id).bind(attempt).bind(seen).fetch_optional(connection).await)?)
}

/// Puts a running attempt's job back into the queue; `false` when the attempt no longer holds it.
pub async fn requeue(tx: &mut Tx, id: &str, attempt: i64) -> Result<bool, Error> {
    const SQL: &str = "UPDATE job SET state = 'queued', lease_owner = NULL, lease_until = NULL, progress = NULL \
        WHERE id = $1 AND attempts = $2 AND state = 'running'";
    let changed = on!(tx, connection => sqlx::query(SQL).bind(id).bind(attempt).execute(connection).await
        .map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// Puts every running job back into the queue as if this attempt had not begun, and tells how many: in a store that was
/// restored nobody runs them.
pub async fn requeue_all(tx: &mut Tx) -> Result<u64, Error> {
    const SQL: &str = "UPDATE job SET state = 'queued', attempts = attempts - 1, lease_owner = NULL, \
        lease_until = NULL, progress = NULL WHERE state = 'running'";
    Ok(on!(tx, connection => sqlx::query(SQL).execute(connection).await.map(|done| done.rows_affected()))?)
}

/// Ends a job that is queued or running in this attempt; `false` when it has moved on.
pub async fn end(tx: &mut Tx, id: &str, attempt: i64, at: Micros, ending: &Ending<'_>) -> Result<bool, Error> {
    const SQL: &str = "UPDATE job SET state = $4, finished_at = $3, result = $5, failure = $6, events_blob = $7, \
        lease_owner = NULL, lease_until = NULL, progress = NULL \
        WHERE id = $1 AND attempts = $2 AND state IN ('queued', 'running')";
    let changed = on!(tx, connection => sqlx::query(SQL)
        .bind(id).bind(attempt).bind(at.0).bind(ending.state).bind(ending.result).bind(ending.failure)
        .bind(ending.events).execute(connection).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// Notes that a person asks for a job to stop. A queued job ends at once, with these events; of a running one the
/// attempt is told. `None` when it has ended already.
pub async fn request_cancel(
    tx: &mut Tx,
    project: &str,
    id: &str,
    at: Micros,
    events: Option<&str>,
) -> Result<Option<JobRow>, Error> {
    const SQL: &str = "UPDATE job SET cancel_requested = TRUE, \
        state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END, \
        finished_at = CASE WHEN state = 'queued' THEN $3 ELSE finished_at END, \
        events_blob = CASE WHEN state = 'queued' THEN $4 ELSE events_blob END \
        WHERE project_id = $1 AND id = $2 AND state IN ('queued', 'running') RETURNING *";
    Ok(on!(tx, connection => sqlx::query_as(SQL)
        .bind(project).bind(id).bind(at.0).bind(events).fetch_optional(connection).await)?)
}
