-- By what else the platform knows an app, and how fast each of its endpoints is sent to at
-- most. NULL: nothing, and no bound.
ALTER TABLE apps ADD COLUMN uid TEXT;
ALTER TABLE apps ADD COLUMN rate_limit TEXT;
CREATE UNIQUE INDEX apps_uid ON apps (uid) WHERE uid IS NOT NULL;

-- Which version schema is, and the schemas of others: texts by version, as JSON. heading is
-- the group that catalogues show a type under; feature_flags hide it from portal links that
-- have none of them.
ALTER TABLE event_types ADD COLUMN schema_version TEXT NOT NULL DEFAULT '';
ALTER TABLE event_types ADD COLUMN earlier_schemas TEXT;
ALTER TABLE event_types ADD COLUMN deprecated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE event_types ADD COLUMN heading TEXT NOT NULL DEFAULT '';
ALTER TABLE event_types ADD COLUMN feature_flags TEXT;

ALTER TABLE keys ADD COLUMN feature_flags TEXT;
-- No two keys have one token. Keys without a token cannot be used.
CREATE UNIQUE INDEX keys_hash ON keys (hash) WHERE hash <> x'0000000000000000000000000000000000000000000000000000000000000000';
