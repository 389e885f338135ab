-- How long a delivery took that ended with this attempt in success, in microseconds:
-- from when it was due to the end of the attempt; 0 for other attempts. NULL: not
-- known yet when the attempt was recorded.
ALTER TABLE attempts ADD COLUMN latency INTEGER;

-- These two carry what Stats and RollUp count, so that they need not read the rows.
DROP INDEX attempts_endpoint;
DROP INDEX attempts_app;
CREATE INDEX attempts_endpoint ON attempts (endpoint, id, status, final, duration, type, latency, app);
CREATE INDEX attempts_app ON attempts (app, id, status, final, duration, type, latency, endpoint);

CREATE INDEX attempts_trouble_type ON attempts (type, status, id) WHERE status <> 0;

-- What the attempts of a slice of time add up to, for each endpoint and app, and
-- for each app as a whole (endpoint 0). Derived: with both tables empty, all is
-- counted from the attempts, and RollUp fills them again. Width and slice (its
-- start) are milliseconds, as in ids; duration and longest, too; the histograms
-- are those of internal/histogram, over microseconds.
CREATE TABLE rollups (
  width     INTEGER NOT NULL,
  endpoint  INTEGER NOT NULL,
  slice     INTEGER NOT NULL,
  app       TEXT NOT NULL,
  succeeded INTEGER NOT NULL,
  failed    INTEGER NOT NULL,
  exhausted INTEGER NOT NULL,
  duration  INTEGER NOT NULL,
  longest   INTEGER NOT NULL,
  durations BLOB,
  latencies BLOB,
  PRIMARY KEY (width, endpoint, slice, app)
) WITHOUT ROWID;
CREATE INDEX rollups_app ON rollups (app, endpoint, width, slice);
CREATE INDEX rollups_slice ON rollups (width, slice);

-- Slices of a width that end at until or before are rolled up. Width 0: what began
-- before until has expired, although a rolled-up slice may still hold it.
CREATE TABLE rolled (
  width INTEGER PRIMARY KEY,
  until INTEGER NOT NULL
);

-- Samples of the backlog; each holds until the next one.
CREATE TABLE backlog (
  at      INTEGER PRIMARY KEY,
  pending INTEGER NOT NULL,
  oldest  INTEGER NOT NULL -- the id of the oldest unfinished delivery, or 0
);
