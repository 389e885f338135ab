-- What attempts have said of an endpoint's receiver since since, when it was last made
-- active or led elsewhere: by its revision of then. Apart from the endpoints, whose rows
-- are large, since failures write it.
CREATE TABLE vitals (
  endpoint        INTEGER PRIMARY KEY,
  revision        INTEGER NOT NULL,
  since           INTEGER NOT NULL,
  taken           INTEGER NOT NULL DEFAULT 0,
  failures        INTEGER NOT NULL DEFAULT 0,
  ill             INTEGER NOT NULL DEFAULT 0,
  failed_since    INTEGER NOT NULL DEFAULT 0,
  failing_since   INTEGER NOT NULL DEFAULT 0,
  open_since      INTEGER NOT NULL DEFAULT 0,
  last            INTEGER NOT NULL DEFAULT 0,
  reason          TEXT NOT NULL DEFAULT '',
  response_status INTEGER NOT NULL DEFAULT 0
);

-- Those that were failing still are, with as many failures as their newest hundred
-- attempts show. Others are well if the newest attempt was a success at the same URL.
-- If it failed, the endpoint was resumed or changed since: nothing is known of it.
INSERT INTO vitals (endpoint, revision, since, failing_since, failed_since, last, failures)
  SELECT e.id, e.revision, e.updated_at, e.failing_since, e.failing_since,
    CASE WHEN e.failing_since = 0 THEN 0 ELSE coalesce((SELECT max(id) FROM (
      SELECT id, status, trigger FROM attempts WHERE attempts.endpoint = e.id ORDER BY id DESC LIMIT 100)
      WHERE status = 1 AND trigger <> 'test'), 0) END,
    CASE WHEN e.failing_since = 0 THEN 0 ELSE max(1, (SELECT count(*) FROM (
      SELECT id, status, trigger FROM attempts WHERE attempts.endpoint = e.id ORDER BY id DESC LIMIT 100)
      WHERE status = 1 AND trigger <> 'test' AND (id >> 21) * 1000 >= e.failing_since - 1000)) END
  FROM endpoints AS e;
UPDATE vitals SET ill = min(failures, 9) WHERE failures > 0;
UPDATE vitals SET (reason, response_status) = (SELECT a.reason, a.response_status FROM attempts AS a WHERE a.id = vitals.last)
  WHERE EXISTS (SELECT 1 FROM attempts AS a WHERE a.id = vitals.last);
UPDATE vitals SET taken = 1 WHERE failing_since = 0 AND EXISTS (
  SELECT 1 FROM attempts AS a JOIN endpoints AS e ON e.id = a.endpoint
  WHERE a.id = (SELECT max(id) FROM attempts WHERE attempts.endpoint = vitals.endpoint)
    AND a.status = 0 AND a.url = e.url AND (a.id >> 21) * 1000 >= e.resumed_at);
ALTER TABLE endpoints DROP COLUMN failing_since;
