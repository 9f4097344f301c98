-- What the old SLAP wire needs: trees, shares, addresses with their interfaces, certificates.

-- When an instance was last to be looked at again: an old node works on it when this differs.
ALTER TABLE instance ADD COLUMN stamp BIGINT NOT NULL DEFAULT 0;
UPDATE instance SET stamp = changed_at;

-- An instance and a share of the same name are two things.
DROP INDEX instance_name;
CREATE UNIQUE INDEX instance_name ON instance (requester_id, name, is_shared) WHERE destroyed_at IS NULL;
-- Of children, hosts and waiting shares only: a root of its own pays for none of them.
CREATE INDEX instance_root ON instance (root_id) WHERE destroyed_at IS NULL AND parent_id IS NOT NULL;
CREATE INDEX instance_host ON instance (host_id) WHERE destroyed_at IS NULL AND host_id IS NOT NULL;
CREATE INDEX instance_lonely ON instance (project_id, url)
    WHERE destroyed_at IS NULL AND is_shared = 1 AND host_id IS NULL;
DROP INDEX instance_waiting;
CREATE INDEX instance_waiting ON instance (project_id, created_at)
    WHERE partition_id IS NULL AND host_id IS NULL AND destroyed_at IS NULL;
CREATE INDEX instance_offer ON instance (project_id, url) WHERE destroyed_at IS NULL AND is_shared = 0;

-- JSON list of the addresses as an old node names them: interface, address, netmask, gateway, network.
ALTER TABLE partition ADD COLUMN networks TEXT NOT NULL DEFAULT '[]';

-- Client certificates of persons and instances; that of a node is its key in `node`.
CREATE TABLE certificate (
    key_hash TEXT PRIMARY KEY,              -- SHA-256 of the public key
    subject_id TEXT NOT NULL REFERENCES subject (id),
    instance_id TEXT REFERENCES instance (id),
    pem TEXT NOT NULL,
    key_pem TEXT,                           -- only where the old wire asks for it again and again
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX certificate_subject ON certificate (subject_id);

-- What nodes said was used, as they said it; priced later.
CREATE TABLE usage_report (
    id TEXT PRIMARY KEY,
    node_id TEXT NOT NULL REFERENCES node (id),
    at BIGINT NOT NULL,
    hash TEXT NOT NULL,                     -- of the text: the same report twice is one
    document TEXT NOT NULL,
    UNIQUE (node_id, hash)
);

-- Was it a person who ordered the release there, or an instance of it that was placed?
ALTER TABLE supply ADD COLUMN is_by_person BIGINT NOT NULL DEFAULT 0;
UPDATE supply SET is_by_person = 1;

UPDATE meta SET value = '3' WHERE name = 'schema';
