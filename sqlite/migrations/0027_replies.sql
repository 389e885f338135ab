-- What requests with an idempotency key were answered, by a hash of what was asked and with
-- one of who asked. The answer is encrypted by the desk.
CREATE TABLE replies (
  request BLOB PRIMARY KEY,
  token   BLOB NOT NULL,
  at      INTEGER NOT NULL,
  size    INTEGER NOT NULL,
  sealed  BLOB NOT NULL
);
CREATE INDEX replies_token ON replies (token, at, size);
CREATE INDEX replies_at ON replies (at);
