-- What an event says of itself besides its data: JSON lists. Most have none: NULL.
-- data_expires_at is when its data is erased; NULL: with the event.
ALTER TABLE bellhop.events ADD COLUMN channels text, ADD COLUMN tags text, ADD COLUMN data_expires_at bigint;

-- The events whose data is erased before they are, until then.
CREATE TABLE bellhop.expiring (
  at    bigint NOT NULL,
  event bigint NOT NULL,
  app   text COLLATE "C" NOT NULL,
  PRIMARY KEY (app, at, event)
);
CREATE INDEX expiring_at ON bellhop.expiring (at, event);

ALTER TABLE bellhop.endpoints ADD COLUMN uid text COLLATE "C" NOT NULL DEFAULT '', ADD COLUMN former_id text COLLATE "C" NOT NULL DEFAULT '', ADD COLUMN channels text;
-- By which names an app's endpoints are known besides their ids: the key proves that each
-- belongs to one of them.
CREATE TABLE bellhop.endpoint_names (
  app      text COLLATE "C" NOT NULL,
  name     text COLLATE "C" NOT NULL,
  endpoint bigint NOT NULL,
  PRIMARY KEY (app, name)
);
CREATE INDEX endpoint_names_endpoint ON bellhop.endpoint_names (endpoint);
