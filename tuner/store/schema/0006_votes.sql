-- A paused job that goes on by itself as soon as so many of its comparisons, in all, were voted on; 0: it waits for none.
ALTER TABLE jobs ADD COLUMN votes_wanted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN votes_asked_at REAL; -- when people were last asked for them
