-- When a key was last used. What is noted of a key is not part of it: nobody needs to
-- read the keys anew for it.
CREATE TABLE key_uses (
  key INTEGER PRIMARY KEY,
  at  INTEGER NOT NULL
);

-- Where a session was started: browser and system.
ALTER TABLE keys ADD COLUMN device TEXT NOT NULL DEFAULT '';
