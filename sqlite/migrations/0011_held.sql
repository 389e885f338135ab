-- A delivery is held, and has no due, where no request can be made of its event by its
-- endpoint's settings. holds is how often it was, released when it was last let go: it
-- is born anew then.
ALTER TABLE pending ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pending ADD COLUMN holds INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pending ADD COLUMN released INTEGER NOT NULL DEFAULT 0;
CREATE INDEX pending_held ON pending (endpoint, id) WHERE held = 1;
-- What is held does not end by its age.
DROP INDEX pending_age;
CREATE INDEX pending_age ON pending (endpoint, born) WHERE owner IS NULL AND held = 0;

-- Endpoints whose held deliveries may go: those up to an id have been let go.
CREATE TABLE releases (
  endpoint INTEGER PRIMARY KEY,
  after    INTEGER NOT NULL,
  since    INTEGER NOT NULL
);

-- All are NULL but where a recipe, a transformation or a mail made the request, or
-- values were taken out of the answer (a JSON object). The method is POST otherwise.
ALTER TABLE attempts ADD COLUMN method TEXT;
ALTER TABLE attempts ADD COLUMN request_truncated INTEGER;
ALTER TABLE attempts ADD COLUMN request_body BLOB;
ALTER TABLE attempts ADD COLUMN captured TEXT;

-- Attempts whose captured values are still to be published.
CREATE TABLE reactions (
  attempt INTEGER PRIMARY KEY,
  app     TEXT NOT NULL
);
CREATE INDEX reactions_app ON reactions (app, attempt);

-- What endpoints' authorization servers gave last, encrypted by the engine.
CREATE TABLE tokens (
  endpoint   INTEGER PRIMARY KEY,
  version    INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  token      BLOB NOT NULL
);
