-- What an import from another product noted of what it took over: from where, and a fingerprint
-- of what it was there.
ALTER TABLE apps ADD COLUMN imported TEXT NOT NULL DEFAULT '';
ALTER TABLE event_types ADD COLUMN imported TEXT NOT NULL DEFAULT '';
ALTER TABLE endpoints ADD COLUMN imported TEXT NOT NULL DEFAULT '';
