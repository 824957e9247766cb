-- The audit trail: each entry carries an HMAC-SHA-256 over its fields and over the code of the entry before it.
CREATE TABLE audit_entry (
    seq      BIGINT PRIMARY KEY,
    at       BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    project  TEXT NOT NULL,
    action   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    details  TEXT NOT NULL,
    previous TEXT NOT NULL,
    mac      TEXT NOT NULL
);

CREATE INDEX audit_entry_by_project ON audit_entry (project, seq);

-- One row: the newest entry. Advancing it is what makes concurrent writers queue.
CREATE TABLE audit_head (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    seq BIGINT NOT NULL,
    mac TEXT NOT NULL
);

INSERT INTO audit_head (one, seq, mac) VALUES (1, 0, '');
