-- What a node says of itself, and the owners of the buckets of endpoints. A bucket whose
-- owner's lease is over has none; one without a row was never taken.
ALTER TABLE nodes ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE nodes ADD COLUMN version TEXT NOT NULL DEFAULT '';
ALTER TABLE nodes ADD COLUMN started INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN joined INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN status TEXT NOT NULL DEFAULT '{}';

CREATE TABLE buckets (
  bucket      INTEGER PRIMARY KEY,
  node        INTEGER NOT NULL,
  lease_epoch INTEGER NOT NULL,
  epoch       INTEGER NOT NULL
);

-- Whether somebody asked for the concurrency that an endpoint has. Of those that have what
-- is the default nobody knows any more: it holds for them as it does for new ones.
ALTER TABLE endpoints ADD COLUMN exact_concurrency INTEGER NOT NULL DEFAULT 0;
UPDATE endpoints SET exact_concurrency = 1 WHERE concurrency <> 32;
