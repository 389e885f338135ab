-- Further words in owed: 'endpoint' and 'event', whose pending deliveries Sweep has
-- to end, and 'blank', an erased event whose attempts are still to be blanked.

-- The epoch of a number's newest lease: the next one's is higher.
ALTER TABLE nodes ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;

-- Routes, catalogue and access have a version and a feed each. All go on from where
-- the one version of before was.
CREATE TABLE versions (
  part    TEXT PRIMARY KEY,
  version INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO versions SELECT 'routes', coalesce(max(version), 0) FROM changes;
INSERT INTO versions SELECT 'catalogue', coalesce(max(version), 0) FROM changes;
INSERT INTO versions SELECT 'access', coalesce(max(version), 0) FROM changes;

-- What was saved or deleted. Only the newest lines of a part are kept.
CREATE TABLE feed (
  part    TEXT NOT NULL,
  version INTEGER NOT NULL,
  name    TEXT NOT NULL,    -- of an app or event type, or ''
  id      INTEGER NOT NULL, -- of an endpoint or key, or 0
  PRIMARY KEY (part, version)
) WITHOUT ROWID;
DROP TABLE changes;

ALTER TABLE apps ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE apps ADD COLUMN max_endpoints INTEGER NOT NULL DEFAULT 0;
ALTER TABLE event_types ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;

-- What a node owns of one endpoint is found by itself.
DROP INDEX pending_owner;
CREATE INDEX pending_owner ON pending (owner, endpoint) WHERE owner IS NOT NULL;

-- Which orders have a delivery under way. One without an order is not in it.
CREATE INDEX pending_busy ON pending (endpoint, order_key, owner) WHERE owner IS NOT NULL AND order_key IS NOT NULL;

-- Changes of an endpoint's ordering that are being carried over to its pending
-- deliveries: those up to an id have it.
CREATE TABLE reorders (
  endpoint INTEGER PRIMARY KEY,
  after    INTEGER NOT NULL,
  since    INTEGER NOT NULL
);

-- Events that have endpoints whose deliveries are still to be made, and up to which
-- endpoint they are. A list is the steps from id to id, as varints; events of one
-- batch share it.
CREATE TABLE fanouts (
  event INTEGER PRIMARY KEY,
  app   TEXT NOT NULL,
  list  INTEGER NOT NULL,
  done  INTEGER NOT NULL
);
CREATE INDEX fanouts_app ON fanouts (app, event);
CREATE INDEX fanouts_list ON fanouts (list);
CREATE TABLE fanout_lists (
  id        INTEGER PRIMARY KEY,
  endpoints BLOB NOT NULL
);
