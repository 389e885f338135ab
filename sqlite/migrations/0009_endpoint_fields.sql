ALTER TABLE endpoints ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE endpoints ADD COLUMN locked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE endpoints ADD COLUMN locked_reason TEXT NOT NULL DEFAULT '';
-- What it wants of apps that have terms of their own: a list of {app, events, subjects,
-- filter}, the filter as text, to keep its bytes. NULL: no app has.
ALTER TABLE endpoints ADD COLUMN terms TEXT;
