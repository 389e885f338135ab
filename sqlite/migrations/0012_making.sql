-- How an endpoint's requests are made (recipe, transformation, authentication, capture),
-- and its credentials besides signing secrets, sealed, by name. NULL: by its dialect alone.
ALTER TABLE endpoints ADD COLUMN making TEXT;
ALTER TABLE endpoints ADD COLUMN credentials TEXT;
