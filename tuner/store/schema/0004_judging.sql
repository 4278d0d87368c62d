-- What people think of answers. `subject` names a model within its team: `job-2/trial-3`, `job-2/base` and the like.
-- Columns `messages` hold JSON.

-- One prompt answered by two models, sides drawn by lot. `request` and `place` make asking again harmless.
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
CREATE INDEX pairs_of_team ON pairs (team, created_at);

-- Once a person and pair; a later vote replaces the earlier one.
CREATE TABLE votes (
    pair TEXT NOT NULL REFERENCES pairs (id) ON DELETE CASCADE,
    person TEXT NOT NULL,
    choice TEXT NOT NULL CHECK (choice IN ('left', 'right', 'tie', 'both_bad')),
    at REAL NOT NULL,
    PRIMARY KEY (pair, person)
);

-- Verdicts on single answers in chat. `correction`: the answer that a person would have liked; '' : left as it is.
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
CREATE INDEX ratings_of_job ON ratings (team, job);
