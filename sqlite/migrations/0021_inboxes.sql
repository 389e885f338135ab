-- Temporary receivers, by a hash of their token, which is encrypted by the engine. The
-- answer is JSON; fail_left is how many of the next requests fail, bytes what is kept.
CREATE TABLE inboxes (
  name       BLOB PRIMARY KEY,
  app        TEXT NOT NULL,
  token      BLOB NOT NULL,
  answer     TEXT NOT NULL,
  fail_left  INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  received   INTEGER NOT NULL,
  bytes      INTEGER NOT NULL
) WITHOUT ROWID;

-- What they received last. The event is 0 where a request is no delivery.
CREATE TABLE inbox_requests (
  inbox    BLOB NOT NULL,
  id       INTEGER NOT NULL,
  app      TEXT NOT NULL,
  event    INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  answered INTEGER NOT NULL,
  content  BLOB NOT NULL,
  PRIMARY KEY (inbox, id)
);
CREATE INDEX inbox_requests_event ON inbox_requests (event) WHERE event <> 0;
CREATE INDEX inbox_requests_app ON inbox_requests (app);
