-- By what else the platform knows an app, and how fast each of its endpoints is sent to at
-- most. NULL: nothing, and no bound.
ALTER TABLE bellhop.apps ADD COLUMN uid text COLLATE "C", ADD COLUMN rate_limit text;
CREATE UNIQUE INDEX apps_uid ON bellhop.apps (uid) WHERE uid IS NOT NULL;

-- Which version schema is, and the schemas of others: texts by version, as JSON. heading is
-- the group that catalogues show a type under; feature_flags hide it from portal links that
-- have none of them.
ALTER TABLE bellhop.event_types ADD COLUMN schema_version text NOT NULL DEFAULT '', ADD COLUMN earlier_schemas text,
  ADD COLUMN deprecated boolean NOT NULL DEFAULT false, ADD COLUMN heading text NOT NULL DEFAULT '', ADD COLUMN feature_flags text;

ALTER TABLE bellhop.keys ADD COLUMN feature_flags text;
-- No two keys have one token. Keys without a token cannot be used.
CREATE UNIQUE INDEX keys_hash ON bellhop.keys (hash) WHERE hash <> '\x0000000000000000000000000000000000000000000000000000000000000000';
