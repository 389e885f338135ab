-- The key that a session was signed in with; 0: not a session.
ALTER TABLE keys ADD COLUMN session INTEGER NOT NULL DEFAULT 0;
