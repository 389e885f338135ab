-- What programs publish in transactions of their own in this file, until Bellhop takes it.
-- They add rows; that is all they may do here. Their SQLite may be older than ours: what is
-- asked for below is what all have. Times are in microseconds (Unix).
CREATE TABLE outbox (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  app         TEXT NOT NULL CHECK (typeof(app) = 'text' AND app <> ''),
  type        TEXT NOT NULL CHECK (typeof(type) = 'text' AND type <> ''),
  data        TEXT NOT NULL CHECK (typeof(data) = 'text'),
  subject     TEXT NOT NULL DEFAULT '' CHECK (typeof(subject) = 'text'),
  external_id TEXT NOT NULL DEFAULT '' CHECK (typeof(external_id) = 'text'),
  deliver_at  INTEGER NOT NULL DEFAULT 0 CHECK (typeof(deliver_at) = 'integer'),
  at          INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)),
  CONSTRAINT outbox_texts_have_at_most_1024_bytes CHECK (
    length(CAST(app AS BLOB)) <= 1024 AND length(CAST(type AS BLOB)) <= 1024
    AND length(CAST(subject AS BLOB)) <= 1024 AND length(CAST(external_id AS BLOB)) <= 1024),
  CONSTRAINT outbox_times_are_of_the_years_1_to_9999 CHECK (
    deliver_at BETWEEN -62135596800000000 AND 253402300799999999 AND at BETWEEN -62135596800000000 AND 253402300799999999)
);

CREATE INDEX outbox_app ON outbox (app, id);

-- What of it was refused, and why. Kept among that of the app "of", or of none ('').
CREATE TABLE outbox_refused (
  id          INTEGER PRIMARY KEY,
  of          TEXT NOT NULL,
  app         TEXT NOT NULL,
  type        TEXT NOT NULL,
  data        BLOB,
  size        INTEGER NOT NULL,
  subject     TEXT NOT NULL,
  external_id TEXT NOT NULL,
  deliver_at  INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  refused_at  INTEGER NOT NULL,
  code        TEXT NOT NULL,
  detail      TEXT NOT NULL,
  fields      TEXT
);

CREATE INDEX outbox_refused_of ON outbox_refused (of, id);
CREATE INDEX outbox_refused_app ON outbox_refused (app, id);
CREATE INDEX outbox_refused_at ON outbox_refused (refused_at);
