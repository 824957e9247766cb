-- Models, their immutable versions, aliases, and routes. Times are microseconds since 1970; digests are SHA-256 in hexadecimal and name blobs.

CREATE TABLE model (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- A deleted model comes back when its name is trained again, so that a version's number never means two things.
    deleted_at BIGINT,
    UNIQUE (project_id, name)
);

CREATE TABLE model_version (
    model_id TEXT NOT NULL REFERENCES model (id),
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    job_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    -- File name to blob, as JSON.
    files TEXT NOT NULL,
    dataset TEXT NOT NULL,
    task TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    metric TEXT NOT NULL,
    validation DOUBLE PRECISION,
    test DOUBLE PRECISION,
    deleted_at BIGINT,
    PRIMARY KEY (model_id, version)
);

CREATE TABLE model_alias (
    model_id TEXT NOT NULL REFERENCES model (id),
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (model_id, name),
    FOREIGN KEY (model_id, version) REFERENCES model_version (model_id, version)
);

-- Append-only: what answered when.
CREATE TABLE model_route (
    model_id TEXT NOT NULL REFERENCES model (id),
    number BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    action TEXT NOT NULL,
    PRIMARY KEY (model_id, number),
    FOREIGN KEY (model_id, version) REFERENCES model_version (model_id, version)
);

-- Grows with each change of the three tables above, so that replicas see that there is something to read.
CREATE TABLE model_revision (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    value BIGINT NOT NULL
);
INSERT INTO model_revision (one, value) VALUES (1, 0);
