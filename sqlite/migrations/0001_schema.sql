-- Times are microseconds since 1970 (0: none); ids are those of internal/id, so
-- that rows land at the end of their table and a range of time is a range of ids.
-- Columns that are large come last: SQLite reads a row only as far as it must.

-- Which program brought the file to which schema, to say in an error.
CREATE TABLE history (
  schema  INTEGER PRIMARY KEY,
  program TEXT NOT NULL
);

CREATE TABLE nodes (
  id          INTEGER PRIMARY KEY,
  lease_until INTEGER NOT NULL,
  held        INTEGER NOT NULL
);

-- The feed that Routes reads: what was saved or deleted. Only the newest lines
-- are kept; the highest version is the routes version.
CREATE TABLE changes (
  version INTEGER PRIMARY KEY,
  kind    TEXT NOT NULL,
  name    TEXT NOT NULL,
  id      INTEGER NOT NULL
);

CREATE TABLE apps (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  metadata   TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE event_types (
  name        TEXT PRIMARY KEY,
  description TEXT NOT NULL,
  schema      BLOB,
  example     BLOB,
  validate    INTEGER NOT NULL,
  archived    INTEGER NOT NULL,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE endpoints (
  id              INTEGER PRIMARY KEY,
  revision        INTEGER NOT NULL,
  status          TEXT NOT NULL,
  ordering        TEXT NOT NULL,
  failing_since   INTEGER NOT NULL,
  apps            TEXT NOT NULL,
  url             TEXT NOT NULL,
  name            TEXT NOT NULL,
  events          TEXT NOT NULL,
  subjects        TEXT NOT NULL,
  filter          BLOB,
  dialect         TEXT NOT NULL,
  headers         TEXT,
  disabled_reason TEXT NOT NULL,
  timeout         INTEGER NOT NULL, -- nanoseconds
  retry           TEXT,             -- NULL: the default schedule
  rate_limit      TEXT,
  concurrency     INTEGER NOT NULL,
  metadata        TEXT,
  created_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL,
  secrets         TEXT              -- encrypted by the engine
);

CREATE TABLE keys (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL,
  role       TEXT NOT NULL,
  apps       TEXT,
  portal     INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  hash       BLOB NOT NULL
);

-- An event's idempotency key lives and goes with it: external_id and, to tell a
-- repetition from a conflict, the digest of the content.
CREATE TABLE events (
  id          INTEGER PRIMARY KEY,
  app         TEXT NOT NULL,
  type        TEXT NOT NULL,
  subject     TEXT NOT NULL,
  external_id TEXT,
  digest      BLOB,
  deliver_at  INTEGER NOT NULL,
  deliveries  INTEGER NOT NULL,
  erased      INTEGER NOT NULL,
  test        INTEGER NOT NULL,
  data        BLOB
);
CREATE UNIQUE INDEX events_external ON events (external_id, app) WHERE external_id IS NOT NULL;
CREATE INDEX events_app ON events (app, id);
CREATE INDEX events_type ON events (type, id);
CREATE INDEX events_subject ON events (subject, app, id) WHERE subject <> '';

-- One row per unfinished delivery. The common one is born owned and dies young,
-- so the indexes of unowned rows do not cost it anything.
CREATE TABLE pending (
  id           INTEGER PRIMARY KEY,
  event        INTEGER NOT NULL,
  endpoint     INTEGER NOT NULL,
  app          TEXT NOT NULL,
  trigger      TEXT NOT NULL,
  owner        INTEGER, -- NULL: nobody
  due          INTEGER, -- NULL: waits for an earlier one of its order
  attempts     INTEGER NOT NULL,
  last_attempt INTEGER NOT NULL,
  order_key    TEXT,
  order_pos    INTEGER NOT NULL
);
CREATE INDEX pending_event ON pending (event);
CREATE INDEX pending_owner ON pending (owner) WHERE owner IS NOT NULL;
CREATE INDEX pending_order ON pending (endpoint, order_key, order_pos) WHERE order_key IS NOT NULL;
CREATE INDEX pending_due ON pending (endpoint, due) WHERE owner IS NULL AND due IS NOT NULL;
CREATE INDEX pending_idle_endpoint ON pending (endpoint, id) WHERE owner IS NULL;
CREATE INDEX pending_idle_app ON pending (app, id) WHERE owner IS NULL;

-- status: 0 succeeded, 1 failed, 2 canceled; duration in microseconds.
CREATE TABLE attempts (
  id              INTEGER PRIMARY KEY,
  delivery        INTEGER NOT NULL,
  event           INTEGER NOT NULL,
  endpoint        INTEGER NOT NULL,
  app             TEXT NOT NULL,
  type            TEXT NOT NULL,
  trigger         TEXT NOT NULL,
  number          INTEGER NOT NULL,
  status          INTEGER NOT NULL,
  final           INTEGER NOT NULL,
  next_at         INTEGER NOT NULL,
  duration        INTEGER NOT NULL,
  response_status INTEGER NOT NULL,
  truncated       INTEGER NOT NULL,
  url             TEXT NOT NULL,
  reason          TEXT NOT NULL,
  detail          TEXT NOT NULL,
  request_header  TEXT,
  response_header TEXT,
  response_body   BLOB
);
CREATE INDEX attempts_delivery ON attempts (delivery);
CREATE INDEX attempts_event ON attempts (event, endpoint);
-- These two carry what Stats counts, so that it need not read the rows.
CREATE INDEX attempts_endpoint ON attempts (endpoint, id, status, final, duration, type);
CREATE INDEX attempts_app ON attempts (app, id, status, final, duration, type);
CREATE INDEX attempts_type ON attempts (type, id);
-- What failed or was canceled is rare and looked for most.
CREATE INDEX attempts_trouble ON attempts (status, id) WHERE status <> 0;
CREATE INDEX attempts_trouble_endpoint ON attempts (endpoint, status, id) WHERE status <> 0;
CREATE INDEX attempts_trouble_app ON attempts (app, status, id) WHERE status <> 0;
CREATE INDEX attempts_exhausted ON attempts (endpoint, event) WHERE final = 1 AND status = 1;

-- What a commit leaves to be done after it, until it is done: 'wipe', or 'app' and
-- the name of a deleted one that still has rows. The count tells whether more came
-- up meanwhile.
CREATE TABLE owed (
  what  TEXT NOT NULL,
  name  TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (what, name)
) WITHOUT ROWID;

CREATE TABLE audit (
  id     INTEGER PRIMARY KEY,
  actor  TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  apps   TEXT,
  detail BLOB
);
CREATE TABLE audit_apps (
  app   TEXT NOT NULL,
  audit INTEGER NOT NULL,
  PRIMARY KEY (app, audit)
) WITHOUT ROWID;
