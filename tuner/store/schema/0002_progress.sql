-- A trial's progress is news and not history: its record keeps the curve. `trial` is set on TrialProgress events only, so
-- that those of one trial are found and thinned without reading their bodies.

DELETE FROM events
WHERE kind = 'TrialProgress' AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.seq = events.seq);

ALTER TABLE events ADD COLUMN trial INTEGER;
CREATE INDEX events_of_progress ON events (job, trial, seq) WHERE trial IS NOT NULL;
