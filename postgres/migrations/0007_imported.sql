-- What an import from another product noted of what it took over: from where, and a fingerprint
-- of what it was there.
ALTER TABLE bellhop.apps ADD COLUMN imported text NOT NULL DEFAULT '';
ALTER TABLE bellhop.event_types ADD COLUMN imported text NOT NULL DEFAULT '';
ALTER TABLE bellhop.endpoints ADD COLUMN imported text NOT NULL DEFAULT '';
