-- Who had a turn in which round (turns.py); person '' is the team itself. Forgotten when nobody waits and nothing runs.
CREATE TABLE turns (
    team TEXT NOT NULL,
    person TEXT NOT NULL,
    round INTEGER NOT NULL,
    PRIMARY KEY (team, person)
);

-- What was spent on a person's jobs, by day since the epoch, so that a month counts what ran in it.
CREATE TABLE spent (
    team TEXT NOT NULL,
    person TEXT NOT NULL,
    day INTEGER NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (team, person, day)
);
INSERT INTO spent (team, person, day, seconds)
SELECT team, person, CAST(COALESCE(started_at, created_at) / 86400 AS INTEGER) AS day, SUM(ran_s)
FROM jobs WHERE ran_s > 0 GROUP BY team, person, day;

ALTER TABLE jobs ADD COLUMN had_turn INTEGER NOT NULL DEFAULT 0; -- a worker gave it back: it goes on first
ALTER TABLE jobs ADD COLUMN expected_s REAL NOT NULL DEFAULT 0;  -- what its plan was expected to take
