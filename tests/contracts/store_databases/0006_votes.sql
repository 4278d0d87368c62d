BEGIN TRANSACTION;
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
INSERT INTO "checkpoints" VALUES(1,1,0,'teams/red/jobs/1/trial-0','abababababababababababababababababababababababababababababababab',0.5,1000.0);
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
INSERT INTO "dataset_names" VALUES(1,'red','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','faq.csv','faq.csv',5.0);
CREATE TABLE datasets (
    team TEXT NOT NULL,
    id TEXT NOT NULL,
    folder TEXT NOT NULL,
    report TEXT NOT NULL, person TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (team, id)
);
INSERT INTO "datasets" VALUES('red','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','teams/red/data/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','{"examples":30}','');
CREATE TABLE deliveries (
    seq INTEGER NOT NULL REFERENCES events (seq),
    channel TEXT NOT NULL,
    message TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (seq, channel)
);
INSERT INTO "deliveries" VALUES(2,'lab','message-1',1020.0);
CREATE TABLE dialogues (
    person TEXT NOT NULL,
    channel TEXT NOT NULL,
    value TEXT NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (person, channel)
);
INSERT INTO "dialogues" VALUES('ana','lab','{"asked":"\u3069\u306e\u5217\u3067\u3059\u304b"}',1000001020.0);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL REFERENCES jobs (id),
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
, trial INTEGER);
INSERT INTO "events" VALUES(1,1,1000.0,'TrialFinished','{"kind":"TrialFinished","number":0,"state":"complete","value":0.5,"cause":"","best":true}',NULL);
INSERT INTO "events" VALUES(2,1,1020.0,'StudyFinished','{"kind":"StudyFinished","reason":"done","report":{"job":1,"model":"onsa-tiny","metric":"loss","maximise":false,"findings":[],"trials":[{"number":0,"settings":{"learning_rate":0.0001,"epochs":3},"state":"complete","value":0.5,"cause":"","error":"","curve":[[1,2.5,null],[2,1.5,1.75]],"metrics":{"loss":0.5},"seconds":3.5,"checkpoint":"trial-0"},{"number":1,"settings":{"learning_rate":0.0001,"epochs":3},"state":"failed","value":null,"cause":"nan","error":"","curve":[[1,2.5,null],[2,1.5,1.75]],"metrics":{"loss":null},"seconds":3.5,"checkpoint":null}],"test":[{"subject":"base","trial":null,"rows":[3,9],"right":[true,false],"losses":[0.5,Infinity],"answers":["\u306f\u3044","no \ud83d"],"questions":[],"references":[],"metrics":{"loss":1.0}},{"subject":"best","trial":0,"rows":[3,9],"right":[true,false],"losses":[0.5,Infinity],"answers":["\u306f\u3044","no \ud83d"],"questions":[],"references":[],"metrics":{"loss":1.0}}],"searched":["learning_rate"],"log_knobs":[]}}',NULL);
CREATE TABLE job_numbers (
    team TEXT PRIMARY KEY,
    last INTEGER NOT NULL
);
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
    problem TEXT, had_turn INTEGER NOT NULL DEFAULT 0, expected_s REAL NOT NULL DEFAULT 0, votes_wanted INTEGER NOT NULL DEFAULT 0, votes_asked_at REAL,
    UNIQUE (team, number),
    UNIQUE (team, message_id),
    CHECK ((worker IS NULL) = (state <> 'running'))
);
INSERT INTO "jobs" VALUES(1,'red',1,'ana','lab','m-1','ja','{"model":"onsa-tiny","dataset":"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd","space":{"learning_rate":{"low":1e-05,"high":0.001,"log":true}},"defaults":{"learning_rate":0.0002,"epochs":3,"lr_schedule":"cosine"},"method":"tpe","pruner":"median","metric":"loss","trials":8,"parallel":1,"time_budget_s":null,"general_chat":0,"seed":7,"split":[80,10,10],"assumed":["epochs"]}','finished','',1,NULL,0.0,1000.0,0,0,1000.0,1000.0,1020.0,20.0,NULL,0,0.0,0,NULL);
INSERT INTO "jobs" VALUES(2,'red',2,'ana','lab','m-2','ja','{"model":"onsa-tiny","dataset":"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd","space":{"learning_rate":{"low":1e-05,"high":0.001,"log":true}},"defaults":{"learning_rate":0.0002,"epochs":3,"lr_schedule":"cosine"},"method":"tpe","pruner":"median","metric":"loss","trials":8,"parallel":1,"time_budget_s":null,"general_chat":0,"seed":7,"split":[80,10,10],"assumed":["epochs"]}','queued','',2,NULL,0.0,0.0,0,0,1020.0,NULL,NULL,0.0,NULL,0,0.0,0,NULL);
CREATE TABLE migrations (name TEXT PRIMARY KEY, applied_at REAL NOT NULL);
INSERT INTO "migrations" VALUES('0001_first',1000.0);
INSERT INTO "migrations" VALUES('0002_progress',2000.0);
INSERT INTO "migrations" VALUES('0003_turns',3000.0);
INSERT INTO "migrations" VALUES('0004_judging',1000.0);
INSERT INTO "migrations" VALUES('0005_manage',1000.0);
INSERT INTO "migrations" VALUES('0006_votes',3000.0);
CREATE TABLE names (
    team TEXT NOT NULL,
    folded TEXT NOT NULL,
    name TEXT NOT NULL,
    job INTEGER NOT NULL REFERENCES jobs (id),
    trial INTEGER NOT NULL,
    person TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (team, folded),
    UNIQUE (job, trial)
);
INSERT INTO "names" VALUES('red','refund bot','refund bot',1,-1,'ana',1000.0);
INSERT INTO "names" VALUES('red','calm one','calm one',1,0,'ana',1000.0);
CREATE TABLE pairs (
    id TEXT PRIMARY KEY,
    team TEXT NOT NULL,
    channel TEXT NOT NULL,
    request TEXT NOT NULL,                -- what asked for it: the same words delivered again make no second pair
    place INTEGER NOT NULL,               -- its place among the pairs of that request, from 0
    messages TEXT NOT NULL,
    left_subject TEXT NOT NULL,
    right_subject TEXT NOT NULL,
    left_answer TEXT NOT NULL,
    right_answer TEXT NOT NULL,
    created_at REAL NOT NULL,
    UNIQUE (team, request, place)
);
INSERT INTO "pairs" VALUES('p1','red','lab','m-1',0,'[{"role":"user","content":"\u3069\u3053\u3067\u3059\u304b"}]','job-1/trial-0','base/onsa-tiny','ここです','',1000.0);
CREATE TABLE preferences (
    team TEXT NOT NULL,
    scope TEXT NOT NULL CHECK (scope IN ('team', 'person')),
    person TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (team, scope, person, key)
);
INSERT INTO "preferences" VALUES('red','team','','language','ja');
CREATE TABLE promotions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    team TEXT NOT NULL,
    job INTEGER NOT NULL REFERENCES jobs (id),
    trial INTEGER NOT NULL,
    person TEXT NOT NULL,
    at REAL NOT NULL
);
INSERT INTO "promotions" VALUES(1,'red',1,0,'ana',1000.0);
CREATE TABLE ratings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    team TEXT NOT NULL,
    person TEXT NOT NULL,
    answer_id TEXT NOT NULL,
    job INTEGER NOT NULL,                 -- the job's number in the team
    subject TEXT NOT NULL,
    messages TEXT NOT NULL,
    answer TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('good', 'bad')),
    reason TEXT NOT NULL DEFAULT '',
    correction TEXT,
    used_in TEXT,                         -- the data set that was made with the correction
    at REAL NOT NULL,
    UNIQUE (team, answer_id, person)
);
INSERT INTO "ratings" VALUES(1,'red','ana','a1',1,'job-1/trial-0','[{"role":"user","content":"\u3069\u3053\u3067\u3059\u304b"}]','ここです','bad','ちがう',NULL,NULL,1000.0);
CREATE TABLE speeds (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    value REAL NOT NULL,
    at REAL NOT NULL
);
INSERT INTO "speeds" VALUES(1,'seconds_per_token',0.5,1020.0);
CREATE TABLE spent (
    team TEXT NOT NULL,
    person TEXT NOT NULL,
    day INTEGER NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (team, person, day)
);
INSERT INTO "spent" VALUES('red','ana',0,20.0);
CREATE TABLE tests (
    job INTEGER NOT NULL REFERENCES jobs (id),
    subject TEXT NOT NULL,
    trial INTEGER,
    record TEXT NOT NULL,
    PRIMARY KEY (job, subject)
);
INSERT INTO "tests" VALUES(1,'base',NULL,'{"subject":"base","trial":null,"rows":[3,9],"right":[true,false],"losses":[0.5,Infinity],"answers":["\u306f\u3044","no \ud83d"],"questions":[],"references":[],"metrics":{"loss":1.0}}');
INSERT INTO "tests" VALUES(1,'best',0,'{"subject":"best","trial":0,"rows":[3,9],"right":[true,false],"losses":[0.5,Infinity],"answers":["\u306f\u3044","no \ud83d"],"questions":[],"references":[],"metrics":{"loss":1.0}}');
CREATE TABLE trials (
    job INTEGER NOT NULL REFERENCES jobs (id),
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    record TEXT NOT NULL,
    started_at REAL NOT NULL,
    PRIMARY KEY (job, number)
);
INSERT INTO "trials" VALUES(1,0,'complete','{"number":0,"settings":{"learning_rate":0.0001,"epochs":3},"state":"complete","value":0.5,"cause":"","error":"","curve":[[1,2.5,null],[2,1.5,1.75]],"metrics":{"loss":0.5},"seconds":3.5,"checkpoint":"trial-0"}',1000.0);
INSERT INTO "trials" VALUES(1,1,'failed','{"number":1,"settings":{"learning_rate":0.0001,"epochs":3},"state":"failed","value":null,"cause":"nan","error":"","curve":[[1,2.5,null],[2,1.5,1.75]],"metrics":{"loss":null},"seconds":3.5,"checkpoint":null}',1000.0);
CREATE TABLE turns (
    team TEXT NOT NULL,
    person TEXT NOT NULL,
    round INTEGER NOT NULL,
    PRIMARY KEY (team, person)
);
CREATE TABLE votes (
    pair TEXT NOT NULL REFERENCES pairs (id) ON DELETE CASCADE,
    person TEXT NOT NULL,
    choice TEXT NOT NULL CHECK (choice IN ('left', 'right', 'tie', 'both_bad')),
    at REAL NOT NULL,
    PRIMARY KEY (pair, person)
);
INSERT INTO "votes" VALUES('p1','ana','left',1000.0);
CREATE INDEX dataset_names_by_name ON dataset_names (team, folded, seq);
CREATE INDEX jobs_waiting ON jobs (state, place);
CREATE INDEX events_by_job ON events (job, seq);
CREATE INDEX events_by_kind ON events (kind, seq);
CREATE INDEX speeds_by_key ON speeds (key, seq);
CREATE INDEX events_of_progress ON events (job, trial, seq) WHERE trial IS NOT NULL;
CREATE INDEX pairs_of_team ON pairs (team, created_at);
CREATE INDEX ratings_of_job ON ratings (team, job);
CREATE INDEX promotions_of_team ON promotions (team, seq);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('dataset_names',1);
INSERT INTO "sqlite_sequence" VALUES('jobs',2);
INSERT INTO "sqlite_sequence" VALUES('events',2);
INSERT INTO "sqlite_sequence" VALUES('checkpoints',1);
INSERT INTO "sqlite_sequence" VALUES('speeds',1);
INSERT INTO "sqlite_sequence" VALUES('ratings',1);
INSERT INTO "sqlite_sequence" VALUES('promotions',1);
COMMIT;
