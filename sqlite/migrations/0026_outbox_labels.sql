-- What programs publish may have labels, and say for how long its data is kept. Labels are a
-- JSON array of texts, as that of events, or one of them as it is; retain is in microseconds.
ALTER TABLE outbox ADD COLUMN channels TEXT NOT NULL DEFAULT '' CHECK (typeof(channels) = 'text' AND length(CAST(channels AS BLOB)) <= 4096);
ALTER TABLE outbox ADD COLUMN tags TEXT NOT NULL DEFAULT '' CHECK (typeof(tags) = 'text' AND length(CAST(tags AS BLOB)) <= 4096);
ALTER TABLE outbox ADD COLUMN retain INTEGER NOT NULL DEFAULT 0 CHECK (typeof(retain) = 'integer');

ALTER TABLE outbox_refused ADD COLUMN channels TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox_refused ADD COLUMN tags TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox_refused ADD COLUMN retain INTEGER NOT NULL DEFAULT 0;
