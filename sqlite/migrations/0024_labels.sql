-- What an event says of itself besides its data: JSON lists. Most have none: NULL. They come
-- after the data, where a NULL takes no room that would have to be read.
ALTER TABLE events ADD COLUMN channels TEXT;
ALTER TABLE events ADD COLUMN tags TEXT;
-- When its data is erased, in microseconds; NULL: with the event. Those that have such a time
-- have a row here as well, until then.
ALTER TABLE events ADD COLUMN data_expires_at INTEGER;
CREATE TABLE expiring (
  at    INTEGER NOT NULL,
  event INTEGER NOT NULL,
  app   TEXT NOT NULL,
  PRIMARY KEY (at, event)
) WITHOUT ROWID;

ALTER TABLE endpoints ADD COLUMN uid TEXT NOT NULL DEFAULT '';
ALTER TABLE endpoints ADD COLUMN former_id TEXT NOT NULL DEFAULT '';
ALTER TABLE endpoints ADD COLUMN channels TEXT;
-- By which names an app's endpoints are known besides their ids: the key proves that each
-- belongs to one of them.
CREATE TABLE endpoint_names (
  app      TEXT NOT NULL,
  name     TEXT NOT NULL,
  endpoint INTEGER NOT NULL,
  PRIMARY KEY (app, name)
) WITHOUT ROWID;
CREATE INDEX endpoint_names_endpoint ON endpoint_names (endpoint);
