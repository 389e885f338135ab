-- Who looks after an endpoint: addresses, as JSON. NULL: nobody in particular.
ALTER TABLE endpoints ADD COLUMN notify TEXT;

-- Whom to tell of what is broken in an app, or with '*' in any; as JSON.
CREATE TABLE notice_settings (
  app      TEXT PRIMARY KEY,
  revision INTEGER NOT NULL,
  settings TEXT NOT NULL
) WITHOUT ROWID;

-- What an audience was told of that has not ended for it. The row about '' is of the
-- audience itself.
CREATE TABLE told (
  audience TEXT NOT NULL,
  about    TEXT NOT NULL,
  state    TEXT NOT NULL,
  since    INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  digest   INTEGER NOT NULL,
  count    INTEGER NOT NULL,
  version  INTEGER NOT NULL,
  PRIMARY KEY (audience, about)
) WITHOUT ROWID;

-- What is still to be sent to somebody.
CREATE TABLE notices (
  id        INTEGER PRIMARY KEY,
  audience  TEXT NOT NULL,
  recipient TEXT NOT NULL,
  content   BLOB NOT NULL,
  tries     INTEGER NOT NULL,
  due       INTEGER NOT NULL
);
CREATE INDEX notices_due ON notices (due);

CREATE TABLE unsubscribed (
  audience TEXT PRIMARY KEY,
  at       INTEGER NOT NULL
) WITHOUT ROWID;
