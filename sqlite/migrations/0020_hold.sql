-- Whether the sending to all endpoints is held, and when that last ended: one row, or
-- none as long as nobody asked for it.
CREATE TABLE hold (
  id          INTEGER PRIMARY KEY CHECK (id = 1),
  since       INTEGER NOT NULL,
  released_at INTEGER NOT NULL
);
