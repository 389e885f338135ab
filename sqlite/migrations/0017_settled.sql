-- The later delivery of the same event to the same endpoint, sent again, that has arrived:
-- this one is not sent any more, and Sweep ends it. 0: none.
ALTER TABLE pending ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
