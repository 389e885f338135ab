-- First attempts and retries are claimed apart, so that neither wait for the other.
DROP INDEX pending_due;
CREATE INDEX pending_due ON pending (endpoint, attempts > 0, due) WHERE owner IS NULL AND due IS NOT NULL;

-- Deliveries end by their age: since when it counts, and since when an endpoint that
-- was paused is not any more.
ALTER TABLE pending ADD COLUMN born INTEGER NOT NULL DEFAULT 0;
UPDATE pending SET born = max((id >> 21) * 1000,
  CASE trigger WHEN 'publish' THEN coalesce((SELECT deliver_at FROM events WHERE events.id = pending.event), 0) ELSE 0 END);
CREATE INDEX pending_age ON pending (endpoint, born) WHERE owner IS NULL;
ALTER TABLE endpoints ADD COLUMN resumed_at INTEGER NOT NULL DEFAULT 0;
