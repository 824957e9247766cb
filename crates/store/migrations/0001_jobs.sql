-- Jobs: what is to be done in a child process, and how it went. Times are microseconds since 1970.

CREATE TABLE job (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id),
    -- The project's name, for the audit trail.
    project TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- What to do, as JSON; `job.json` of the work folder is made from it.
    task TEXT NOT NULL,
    state TEXT NOT NULL,
    cancel_requested BOOLEAN NOT NULL,
    attempts BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    -- Which home runs it, and until when it may be believed to.
    lease_owner TEXT,
    lease_until BIGINT,
    progress TEXT,
    result TEXT,
    failure TEXT,
    -- The events of all attempts of a job that has ended.
    events_blob TEXT
);

CREATE INDEX job_by_state ON job (state, created_at);
CREATE INDEX job_by_project ON job (project_id, created_at);
