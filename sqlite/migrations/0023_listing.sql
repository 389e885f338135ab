-- Rows enter the indexes that lists are read by late, many at once: where they arrive, that
-- would touch a page of each index for each app, endpoint and type. Listed says that they
-- have. Those that have not are the newest: their ids are above until.
ALTER TABLE events ADD COLUMN listed INTEGER NOT NULL DEFAULT 1;
ALTER TABLE attempts ADD COLUMN listed INTEGER NOT NULL DEFAULT 1;
CREATE TABLE listing (
  name  TEXT PRIMARY KEY,
  until INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO listing SELECT 'events', coalesce(max(id), 0) FROM events;
INSERT INTO listing SELECT 'attempts', coalesce(max(id), 0) FROM attempts;

DROP INDEX events_app;
DROP INDEX events_type;
DROP INDEX events_app_type;
DROP INDEX events_subject;
-- An app's events of a type are found by going through either the app's or the type's.
CREATE INDEX events_app ON events (app, id, type) WHERE listed = 1;
CREATE INDEX events_type ON events (type, id, app) WHERE listed = 1;
CREATE INDEX events_subject ON events (subject, app, id) WHERE subject <> '' AND listed = 1;

DROP INDEX attempts_endpoint;
DROP INDEX attempts_app;
DROP INDEX attempts_type;
DROP INDEX attempts_ended_endpoint;
DROP INDEX attempts_ended_app;
CREATE INDEX attempts_endpoint ON attempts (endpoint, id, delivery, status, final, duration, type, latency, app) WHERE listed = 1;
CREATE INDEX attempts_app ON attempts (app, id, delivery, status, final, duration, type, latency, endpoint) WHERE listed = 1;
CREATE INDEX attempts_type ON attempts (type, id) WHERE listed = 1;
-- Deliveries that ended promptly are found by their attempts, whose ids are close to theirs:
-- up to 100 ms before and 5 s after, which is the time in ids.
CREATE INDEX attempts_ended_endpoint ON attempts (endpoint, delivery, type, app)
  WHERE final = 1 AND listed = 1 AND (id - delivery) NOT BETWEEN -209715200 AND 10485760000;
CREATE INDEX attempts_ended_app ON attempts (app, delivery, type)
  WHERE final = 1 AND listed = 1 AND (id - delivery) NOT BETWEEN -209715200 AND 10485760000;
