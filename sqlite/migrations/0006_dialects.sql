-- Which dialects an app's people may choose, and what was chosen for dialects' options.
ALTER TABLE apps ADD COLUMN dialects TEXT;
ALTER TABLE apps ADD COLUMN dialect_options TEXT;
ALTER TABLE endpoints ADD COLUMN dialect_options TEXT;
