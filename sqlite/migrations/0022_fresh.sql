-- An event's deliveries that have no row in pending as long as they are under way for the
-- first time, in the program's own code (freshColumn). It comes after the data, since it is
-- read after a crash alone.
ALTER TABLE events ADD COLUMN fresh BLOB;

-- The lowest event that may have such, of a node that holds its lease. 0: none has.
ALTER TABLE nodes ADD COLUMN mark INTEGER NOT NULL DEFAULT 0;
