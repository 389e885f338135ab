-- What the clock showed last, to tell whether it was set since: one row. Doubts and
-- turned are JSON.
CREATE TABLE clock (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  at     INTEGER NOT NULL,
  doubts TEXT,
  turned TEXT
);
