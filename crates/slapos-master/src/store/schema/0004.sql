-- Instances that are asked for here and served by another master.
CREATE TABLE forward (
    master_url TEXT NOT NULL,
    title TEXT NOT NULL,                    -- as it is called there
    is_shared BIGINT NOT NULL,
    ask TEXT NOT NULL,                      -- JSON: what was asked last
    is_pending BIGINT NOT NULL,             -- the other master has not taken it yet
    message TEXT,                           -- why not
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (master_url, title, is_shared)
);
CREATE INDEX forward_pending ON forward (changed_at) WHERE is_pending = 1;
UPDATE meta SET value = '4' WHERE name = 'schema';
