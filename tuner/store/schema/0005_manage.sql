-- What people call a job, or one try of it (`trial` -1: the job itself). A name means one thing in its team.
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

-- Which checkpoint became a team's model, and when. The newest row counts; undoing takes it away.
CREATE TABLE promotions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    team TEXT NOT NULL,
    job INTEGER NOT NULL REFERENCES jobs (id),
    trial INTEGER NOT NULL,
    person TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE INDEX promotions_of_team ON promotions (team, seq);

-- The highest number that a job of the team ever had: the number of a deleted job is not given again.
CREATE TABLE job_numbers (
    team TEXT PRIMARY KEY,
    last INTEGER NOT NULL
);

ALTER TABLE datasets ADD COLUMN person TEXT NOT NULL DEFAULT ''; -- who brought it; '': nobody wrote that down
