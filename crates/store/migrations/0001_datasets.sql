-- Datasets and their immutable versions. Times are microseconds since 1970; digests are SHA-256 in hexadecimal and name blobs.
-- Cells of tables, their profiles and the texts of their categories live in blobs, never here.

CREATE TABLE dataset (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (project_id, name)
);

CREATE TABLE dataset_version (
    dataset_id TEXT NOT NULL REFERENCES dataset (id),
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    job_id TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    byte_count BIGINT NOT NULL,
    data_blob TEXT NOT NULL,
    schema_blob TEXT NOT NULL,
    profile_blob TEXT NOT NULL,
    preview_blob TEXT NOT NULL,
    csv_blob TEXT,
    source_file TEXT NOT NULL,
    source_sha256 TEXT NOT NULL,
    source_bytes BIGINT NOT NULL,
    source_options TEXT NOT NULL,
    PRIMARY KEY (dataset_id, version),
    -- The same bytes, read in the same way, are one version.
    UNIQUE (dataset_id, source_sha256, source_options)
);
