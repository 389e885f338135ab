-- What requests with an idempotency key were answered, by a hash of what was asked and with
-- one of who asked. The answer is encrypted by the desk.
CREATE TABLE bellhop.replies (
  request bytea PRIMARY KEY,
  token   bytea NOT NULL,
  at      bigint NOT NULL,
  size    bigint NOT NULL,
  sealed  bytea NOT NULL
);
CREATE INDEX replies_token ON bellhop.replies (token, at, size);
CREATE INDEX replies_at ON bellhop.replies (at);

-- Who has such a request done, and until when nobody else does.
CREATE TABLE bellhop.reply_claims (
  request    bytea PRIMARY KEY,
  claimed_by text COLLATE "C" NOT NULL,
  until      bigint NOT NULL
);
