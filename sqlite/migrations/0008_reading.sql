-- Deliveries are listed by their own id, which never moves: finished ones are found by
-- it, too. What a list is filtered by most is in the index, so that it need not read
-- the rows that it leaves out.
DROP INDEX attempts_delivery;
CREATE INDEX attempts_delivery ON attempts (delivery, final, type);
CREATE INDEX attempts_ended_endpoint ON attempts (endpoint, delivery, type, app) WHERE final = 1;
CREATE INDEX attempts_ended_app ON attempts (app, delivery, type) WHERE final = 1;
CREATE INDEX attempts_ended_trouble ON attempts (status, delivery) WHERE final = 1 AND status <> 0;
CREATE INDEX attempts_ended_trouble_endpoint ON attempts (endpoint, status, delivery) WHERE final = 1 AND status <> 0;
CREATE INDEX attempts_ended_trouble_app ON attempts (app, status, delivery) WHERE final = 1 AND status <> 0;

-- An event of very many endpoints is asked for by endpoint.
DROP INDEX pending_event;
CREATE INDEX pending_event ON pending (event, endpoint);

-- The types that an app has are looked up one by one.
CREATE INDEX events_app_type ON events (app, type, id);
