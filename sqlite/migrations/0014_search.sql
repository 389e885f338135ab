-- What the body of a request was that its dialect made: the dialect, and the body's
-- SHA-256, after which comes, where it is not 0, how many milliseconds after the attempt
-- began the time lies that the request tells (a signed varint). NULL where none was made.
ALTER TABLE attempts ADD COLUMN dialect TEXT;
ALTER TABLE attempts ADD COLUMN request_proof BLOB;

-- Attempts that did not succeed are looked for by cause: the answer's status and the
-- reason are in their indexes, so that rows which are left out need not be read.
DROP INDEX attempts_trouble;
DROP INDEX attempts_trouble_endpoint;
DROP INDEX attempts_trouble_app;
DROP INDEX attempts_trouble_type;
CREATE INDEX attempts_trouble ON attempts (status, id, response_status, reason) WHERE status <> 0;
CREATE INDEX attempts_trouble_endpoint ON attempts (endpoint, status, id, response_status, reason) WHERE status <> 0;
CREATE INDEX attempts_trouble_app ON attempts (app, status, id, response_status, reason) WHERE status <> 0;
CREATE INDEX attempts_trouble_type ON attempts (type, status, id, response_status, reason) WHERE status <> 0;
-- The few that succeeded with another answer than a 2xx, as some recipes have it.
CREATE INDEX attempts_odd ON attempts (id, response_status, endpoint, app, type)
  WHERE status = 0 AND (response_status < 200 OR response_status > 299);

-- Events that failed or were canceled at an endpoint, newest first.
CREATE INDEX attempts_event_trouble ON attempts (event, status, app) WHERE final = 1 AND status <> 0;
