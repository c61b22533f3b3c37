-- Names compare as code points, as everywhere else. Times are those of the database.
CREATE TABLE documents (
    id text COLLATE "C" PRIMARY KEY,
    title text NOT NULL DEFAULT '',
    owner text COLLATE "C" NOT NULL DEFAULT '',
    revision bigint NOT NULL DEFAULT 0,
    trimmed bigint NOT NULL DEFAULT 0,
    snapshot_revision bigint NOT NULL DEFAULT 0,
    lamport bigint NOT NULL DEFAULT 0,
    replica text COLLATE "C" NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    text text NOT NULL DEFAULT ''
) WITH (fillfactor = 60);

CREATE INDEX documents_owner ON documents (owner, id);

CREATE TABLE operations (
    document_id text COLLATE "C" NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    revision bigint NOT NULL,
    site text COLLATE "C" NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    base bigint NOT NULL,
    branch boolean NOT NULL,
    -- JSON as it was sent; not jsonb, which refuses the escape of U+0000
    edits json NOT NULL,
    operation json NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (document_id, revision)
);

CREATE TABLE client_progress (
    document_id text COLLATE "C" NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    client text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL,
    last_sequence bigint NOT NULL DEFAULT 0,
    revision bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (document_id, client)
) WITH (fillfactor = 60);

CREATE TABLE permissions (
    document_id text COLLATE "C" NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    user_id text COLLATE "C" NOT NULL,
    role text NOT NULL CHECK (role IN ('owner', 'editor', 'viewer')),
    PRIMARY KEY (document_id, user_id)
);

CREATE INDEX permissions_user ON permissions (user_id, document_id);

CREATE TABLE versions (
    document_id text COLLATE "C" NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    version bigint NOT NULL,
    revision bigint NOT NULL,
    label text NOT NULL DEFAULT '',
    user_id text COLLATE "C" NOT NULL DEFAULT '',
    text text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (document_id, version)
);

CREATE TABLE revoked_tokens (
    jti text COLLATE "C" PRIMARY KEY,
    expires_at bigint NOT NULL
);
