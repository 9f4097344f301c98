CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO meta (name, value) VALUES ('schema', '1');

CREATE TABLE project (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

-- Whoever can be asked who it is: persons by token, nodes and instances by certificate.
CREATE TABLE subject (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    is_disabled BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE member (
    project_id TEXT NOT NULL REFERENCES project (id),
    subject_id TEXT NOT NULL REFERENCES subject (id),
    role TEXT NOT NULL,
    PRIMARY KEY (project_id, subject_id)
);
CREATE INDEX member_subject ON member (subject_id);

-- Only the SHA-256 of a token's secret is here.
CREATE TABLE token (
    id TEXT PRIMARY KEY,
    subject_id TEXT NOT NULL REFERENCES subject (id),
    hash TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX token_subject ON token (subject_id);

CREATE TABLE node (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id),
    subject_id TEXT NOT NULL REFERENCES subject (id),
    name TEXT NOT NULL,
    key_hash TEXT NOT NULL UNIQUE,          -- SHA-256 of its public key: what it is
    generation BIGINT NOT NULL DEFAULT 0,   -- raised at each change of what it is asked
    version TEXT NOT NULL DEFAULT '',
    facts TEXT NOT NULL DEFAULT '{}',
    is_disabled BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    seen_at BIGINT,
    UNIQUE (project_id, name)
);

CREATE TABLE partition (
    id TEXT PRIMARY KEY,
    node_id TEXT NOT NULL REFERENCES node (id),
    name TEXT NOT NULL,
    ordinal BIGINT NOT NULL,                -- place in the node's offer
    addresses TEXT NOT NULL,
    is_enabled BIGINT NOT NULL DEFAULT 1,
    instance_id TEXT,                       -- until its node said that it is removed
    UNIQUE (node_id, name)
);
CREATE INDEX partition_instance ON partition (instance_id) WHERE instance_id IS NOT NULL;
CREATE INDEX partition_free ON partition (node_id, ordinal) WHERE instance_id IS NULL AND is_enabled = 1;

CREATE TABLE release (
    url TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    title TEXT NOT NULL,
    summary TEXT NOT NULL,
    schema TEXT NOT NULL,
    connection TEXT NOT NULL,
    readme TEXT NOT NULL,
    files TEXT NOT NULL,
    is_default BIGINT NOT NULL,             -- the version that the bare name means
    created_at BIGINT NOT NULL,
    UNIQUE (name, version)
);

CREATE TABLE supply (
    node_id TEXT NOT NULL REFERENCES node (id),
    url TEXT NOT NULL,
    requested_state TEXT NOT NULL,
    attempt BIGINT NOT NULL DEFAULT 0,      -- raised when a person wants a failed build tried again
    reported_state TEXT NOT NULL DEFAULT 'waiting',
    message TEXT,
    progress TEXT,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (node_id, url)
);

CREATE TABLE instance (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id),
    requester_id TEXT NOT NULL REFERENCES subject (id),
    subject_id TEXT,                        -- itself as a subject, once it has a certificate
    root_id TEXT NOT NULL,
    parent_id TEXT,
    host_id TEXT,                           -- the instance whose capacity a shared one uses
    is_shared BIGINT NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    software_type TEXT NOT NULL,
    parameters TEXT NOT NULL,
    filter TEXT NOT NULL,
    requested_state TEXT NOT NULL,
    generation BIGINT NOT NULL DEFAULT 1,   -- raised at each change of what is asked
    node_id TEXT REFERENCES node (id),
    partition_id TEXT REFERENCES partition (id),
    wait_reason TEXT,
    reported_state TEXT NOT NULL DEFAULT 'unknown',
    applied_generation BIGINT NOT NULL DEFAULT 0,
    message TEXT,
    connection TEXT NOT NULL DEFAULT '{}',
    processes TEXT NOT NULL DEFAULT '[]',
    kept BIGINT NOT NULL DEFAULT 0,
    total BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,             -- last change of what is asked
    green_at BIGINT,                        -- since when it is as asked and every promise kept
    destroyed_at BIGINT                     -- the row stays; the name is free again
);
CREATE UNIQUE INDEX instance_name ON instance (requester_id, name) WHERE destroyed_at IS NULL;
CREATE INDEX instance_project ON instance (project_id, name) WHERE destroyed_at IS NULL;
CREATE INDEX instance_node ON instance (node_id) WHERE destroyed_at IS NULL;
CREATE INDEX instance_waiting ON instance (project_id, created_at) WHERE partition_id IS NULL AND destroyed_at IS NULL;

CREATE TABLE promise (
    instance_id TEXT NOT NULL REFERENCES instance (id),
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    message TEXT NOT NULL,
    checked_at BIGINT NOT NULL,
    since BIGINT NOT NULL,
    history TEXT NOT NULL,
    PRIMARY KEY (instance_id, name)
);

CREATE TABLE event (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    project_id TEXT,
    node_id TEXT,
    instance_id TEXT,
    subject_id TEXT,
    data TEXT NOT NULL
);
CREATE INDEX event_project ON event (project_id, seq);
CREATE INDEX event_node ON event (node_id, seq);
