-- Times are seconds since the epoch. Columns named `plan`, `report`, `record`, `body`, `value` of dialogues hold JSON.

CREATE TABLE datasets (
    team TEXT NOT NULL,
    id TEXT NOT NULL,
    folder TEXT NOT NULL,
    report TEXT NOT NULL,
    PRIMARY KEY (team, id)
);

-- One file may be posted under several names, and one name may have held several files: the newest naming wins.
CREATE TABLE dataset_names (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    team TEXT NOT NULL,
    dataset TEXT NOT NULL,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    added_at REAL NOT NULL,
    UNIQUE (team, dataset, folded),
    FOREIGN KEY (team, dataset) REFERENCES datasets (team, id)
);
CREATE INDEX dataset_names_by_name ON dataset_names (team, folded, seq);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    team TEXT NOT NULL,
    number INTEGER NOT NULL,
    person TEXT NOT NULL,
    channel TEXT NOT NULL,
    message_id TEXT NOT NULL,
    language TEXT NOT NULL,
    plan TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'finished', 'stopped', 'failed')),
    wish TEXT NOT NULL DEFAULT '' CHECK (wish IN ('', 'stop', 'pause')),
    place INTEGER NOT NULL,               -- order in the queue
    worker TEXT,
    lease_until REAL NOT NULL DEFAULT 0,
    counted_until REAL NOT NULL DEFAULT 0, -- running time up to here is already in ran_s
    resumed INTEGER NOT NULL DEFAULT 0,   -- the wish was taken back while the worker may already obey it
    extended INTEGER NOT NULL DEFAULT 0,  -- the plan grew while the worker may already be at its end
    created_at REAL NOT NULL,
    started_at REAL,
    ended_at REAL,
    ran_s REAL NOT NULL DEFAULT 0,
    problem TEXT,
    UNIQUE (team, number),
    UNIQUE (team, message_id),
    CHECK ((worker IS NULL) = (state <> 'running'))
);
CREATE INDEX jobs_waiting ON jobs (state, place);

CREATE TABLE trials (
    job INTEGER NOT NULL REFERENCES jobs (id),
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    record TEXT NOT NULL,
    started_at REAL NOT NULL,
    PRIMARY KEY (job, number)
);

CREATE TABLE tests (
    job INTEGER NOT NULL REFERENCES jobs (id),
    subject TEXT NOT NULL,
    trial INTEGER,
    record TEXT NOT NULL,
    PRIMARY KEY (job, subject)
);

CREATE TABLE checkpoints (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL REFERENCES jobs (id),
    trial INTEGER NOT NULL,
    folder TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    value REAL,
    added_at REAL NOT NULL,
    UNIQUE (job, trial)
);

CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL REFERENCES jobs (id),
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX events_by_job ON events (job, seq);
CREATE INDEX events_by_kind ON events (kind, seq);

CREATE TABLE deliveries (
    seq INTEGER NOT NULL REFERENCES events (seq),
    channel TEXT NOT NULL,
    message TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (seq, channel)
);

CREATE TABLE dialogues (
    person TEXT NOT NULL,
    channel TEXT NOT NULL,
    value TEXT NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (person, channel)
);

-- scope: 'team' (person is then empty) or 'person'.
CREATE TABLE preferences (
    team TEXT NOT NULL,
    scope TEXT NOT NULL CHECK (scope IN ('team', 'person')),
    person TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (team, scope, person, key)
);

CREATE TABLE speeds (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    value REAL NOT NULL,
    at REAL NOT NULL
);
CREATE INDEX speeds_by_key ON speeds (key, seq);
