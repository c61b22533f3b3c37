-- Times are microseconds since the epoch.
CREATE TABLE documents (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL DEFAULT '',
    owner TEXT NOT NULL DEFAULT '',
    revision INTEGER NOT NULL DEFAULT 0,
    trimmed INTEGER NOT NULL DEFAULT 0,
    snapshot_revision INTEGER NOT NULL DEFAULT 0,
    lamport INTEGER NOT NULL DEFAULT 0,
    replica TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    text TEXT NOT NULL DEFAULT ''
);

CREATE INDEX documents_owner ON documents (owner, id);

CREATE TABLE operations (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    site TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    base INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    edits TEXT NOT NULL,
    operation TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (document_id, revision)
) WITHOUT ROWID;

CREATE TABLE client_progress (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    client TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (document_id, client)
) WITHOUT ROWID;

CREATE TABLE permissions (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'editor', 'viewer')),
    PRIMARY KEY (document_id, user_id)
) WITHOUT ROWID;

CREATE INDEX permissions_user ON permissions (user_id, document_id);

CREATE TABLE versions (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    label TEXT NOT NULL DEFAULT '',
    user_id TEXT NOT NULL DEFAULT '',
    text TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (document_id, version)
);

CREATE TABLE revoked_tokens (
    jti TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
