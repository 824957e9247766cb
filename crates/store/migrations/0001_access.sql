-- Who may do what: projects, principals, roles, keys. Times are microseconds since 1970.

CREATE TABLE project (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    -- The id of the key that made it; none made the first one. (No reference: that key has a project of its own.)
    made_with  TEXT,
    created_at BIGINT NOT NULL
);

CREATE TABLE principal (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE role (
    project_id   TEXT NOT NULL REFERENCES project (id),
    principal_id TEXT NOT NULL REFERENCES principal (id),
    role         TEXT NOT NULL CHECK (role IN ('viewer', 'scientist', 'admin')),
    granted_at   BIGINT NOT NULL,
    PRIMARY KEY (project_id, principal_id)
);

-- A key itself is nowhere: `mac` is its HMAC-SHA-256, hexadecimal. A row is never deleted: `made_with`, the id of the key
-- that made this one, is part of what this one may open.
CREATE TABLE api_key (
    id           TEXT PRIMARY KEY,
    prefix       TEXT NOT NULL UNIQUE,
    mac          TEXT NOT NULL,
    principal_id TEXT NOT NULL REFERENCES principal (id),
    project_id   TEXT NOT NULL REFERENCES project (id),
    made_with    TEXT REFERENCES api_key (id),
    note         TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT
);

-- One row: whoever changes access takes it first, and `turns` tells others that there is something new.
CREATE TABLE access_lock (
    one   BIGINT PRIMARY KEY CHECK (one = 1),
    turns BIGINT NOT NULL
);

INSERT INTO access_lock (one, turns) VALUES (1, 0);
