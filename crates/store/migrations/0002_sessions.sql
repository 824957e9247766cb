-- Who is signed in to the console. The token in the browser's cookie is nowhere: `mac` is its HMAC-SHA-256, hexadecimal.
-- A session is no more than its key: it ends with it, and opens what it opens.
CREATE TABLE session (
    id         TEXT PRIMARY KEY,
    prefix     TEXT NOT NULL UNIQUE,
    mac        TEXT NOT NULL,
    key_id     TEXT NOT NULL REFERENCES api_key (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
