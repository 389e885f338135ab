-- First attempts and retries are claimed apart, so that neither wait for the other.
DROP INDEX pending_due;
CREATE INDEX pending_due ON pending (endpoint, attempts > 0, due) WHERE owner IS NULL AND due IS NOT NULL;
