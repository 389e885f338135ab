-- What programs publish in transactions of their own, until Bellhop takes it. Two tables
-- take turns: rows are only ever added, what was taken is remembered as a place among
-- them, and a table of which everything was taken is truncated. So neither old snapshots
-- nor dead rows cost anything.
--
-- tx is the transaction that has added a row: with a snapshot one knows what had become
-- visible, however late it committed. Ids begin above all those of SQLite, so that what is
-- moved here does not meet them.
CREATE SEQUENCE bellhop.outbox_ids AS bigint START WITH 1099511627776;

CREATE TABLE bellhop.outbox_0 (
  id          bigint NOT NULL DEFAULT nextval('bellhop.outbox_ids'),
  tx          xid8 NOT NULL DEFAULT pg_current_xact_id(),
  app         text COLLATE "C" NOT NULL,
  type        text COLLATE "C" NOT NULL,
  data        text NOT NULL,
  subject     text COLLATE "C" NOT NULL DEFAULT '',
  external_id text COLLATE "C" NOT NULL DEFAULT '',
  deliver_at  bigint NOT NULL DEFAULT 0,
  at          bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
  PRIMARY KEY (app, tx, id),
  CONSTRAINT outbox_texts_have_at_most_1024_bytes CHECK (
    octet_length(app) <= 1024 AND octet_length(type) <= 1024 AND octet_length(subject) <= 1024 AND octet_length(external_id) <= 1024),
  CONSTRAINT outbox_times_are_of_the_years_1_to_9999 CHECK (
    deliver_at BETWEEN -62135596800000000 AND 253402300799999999 AND at BETWEEN -62135596800000000 AND 253402300799999999)
) WITH (autovacuum_vacuum_insert_threshold = -1);
-- Whose entries transactions have added. With id: one entry is found at once by either index,
-- however many its transaction has added. Descending: those of one app are listed in order by
-- the primary key alone, which does not go through what others have added meanwhile.
CREATE INDEX outbox_0_tx ON bellhop.outbox_0 (tx, app, id DESC);

CREATE TABLE bellhop.outbox_1 (LIKE bellhop.outbox_0 INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (app, tx, id))
  WITH (autovacuum_vacuum_insert_threshold = -1);
CREATE INDEX outbox_1_tx ON bellhop.outbox_1 (tx, app, id DESC);

-- Into which of the two rows are added: one row. Whoever takes entries locks it.
CREATE TABLE bellhop.outbox_slot (
  one  boolean PRIMARY KEY DEFAULT true CHECK (one),
  slot smallint NOT NULL,
  at   bigint NOT NULL -- when that changed last
);
INSERT INTO bellhop.outbox_slot (slot, at) VALUES (0, bellhop.clock());

-- How far it was taken: what was written last counts. Without an app: all that "high" sees
-- was taken, but for what is in the windows of apps that are behind; "whole" begins anew.
-- With an app: of what "high" sees and "low" does not, all up to tx and id was taken; or
-- with "done", the app is not behind any more. The tables take turns with the others.
CREATE TABLE bellhop.outbox_progress_0 (
  seq   bigint NOT NULL,
  whole boolean NOT NULL,
  app   text COLLATE "C",
  low   pg_snapshot,
  high  pg_snapshot,
  tx    xid8,
  id    bigint,
  done  boolean NOT NULL
) WITH (autovacuum_vacuum_insert_threshold = -1);
CREATE INDEX outbox_progress_0_seq ON bellhop.outbox_progress_0 (seq);

CREATE TABLE bellhop.outbox_progress_1 (LIKE bellhop.outbox_progress_0) WITH (autovacuum_vacuum_insert_threshold = -1);
CREATE INDEX outbox_progress_1_seq ON bellhop.outbox_progress_1 (seq);

INSERT INTO bellhop.outbox_progress_0 (seq, whole, high, done) VALUES (1, true, '1:1:', false);

-- What was refused, and why. Kept among that of the app "of", or of none ('').
CREATE TABLE bellhop.outbox_refused (
  id          bigint NOT NULL,
  of          text COLLATE "C" NOT NULL,
  app         text COLLATE "C" NOT NULL,
  type        text NOT NULL,
  data        bytea,
  size        bigint NOT NULL,
  subject     text COLLATE "C" NOT NULL,
  external_id text NOT NULL,
  deliver_at  bigint NOT NULL,
  at          bigint NOT NULL,
  refused_at  bigint NOT NULL,
  code        text NOT NULL,
  detail      text NOT NULL,
  fields      text,
  PRIMARY KEY (app, id)
);
CREATE INDEX outbox_refused_id ON bellhop.outbox_refused (id);
CREATE INDEX outbox_refused_of ON bellhop.outbox_refused (of, id);
CREATE INDEX outbox_refused_at ON bellhop.outbox_refused (refused_at);

-- What waits in the outbox, for people and for moving to another database.
CREATE VIEW bellhop.outbox AS
  WITH progress AS (
    SELECT * FROM bellhop.outbox_progress_0 UNION ALL SELECT * FROM bellhop.outbox_progress_1
  ), seen AS (
    SELECT high FROM progress WHERE app IS NULL ORDER BY seq DESC LIMIT 1
  ), behind AS (
    SELECT * FROM (
      SELECT DISTINCT ON (app) * FROM progress
      WHERE app IS NOT NULL AND seq >= (SELECT max(seq) FROM progress WHERE whole) ORDER BY app, seq DESC
    ) latest WHERE NOT done
  ), entry AS (
    SELECT * FROM bellhop.outbox_0 UNION ALL SELECT * FROM bellhop.outbox_1
  )
  SELECT e.id, e.app, e.type, e.data, e.subject, e.external_id, e.deliver_at, e.at
  FROM entry e CROSS JOIN seen LEFT JOIN behind b ON b.app = e.app
  WHERE NOT pg_visible_in_snapshot(e.tx, seen.high)
    OR NOT pg_visible_in_snapshot(e.tx, b.high)
    OR NOT pg_visible_in_snapshot(e.tx, b.low) AND (e.tx, e.id) > (b.tx, b.id);

CREATE FUNCTION bellhop.outbox_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO bellhop.outbox_0 (id, app, type, data, subject, external_id, deliver_at, at)
  VALUES (coalesce(NEW.id, nextval('bellhop.outbox_ids')), NEW.app, NEW.type, NEW.data, coalesce(NEW.subject, ''),
    coalesce(NEW.external_id, ''), coalesce(NEW.deliver_at, 0), coalesce(NEW.at, bellhop.clock()));
  RETURN NEW;
END $$;
CREATE TRIGGER outbox_insert INSTEAD OF INSERT ON bellhop.outbox FOR EACH ROW EXECUTE FUNCTION bellhop.outbox_insert();

-- publish adds an event to the outbox, as a part of the caller's transaction, and answers
-- the number of the entry. data is any JSON; as text it is kept byte for byte. Whoever may
-- execute it needs no right to any table.
CREATE FUNCTION bellhop.publish(
  app text, type text, data text, subject text DEFAULT NULL, id text DEFAULT NULL, deliver_at timestamptz DEFAULT NULL
) RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  slot smallint;
  entry bigint;
BEGIN
  IF app IS NULL OR app = '' THEN
    RAISE EXCEPTION 'bellhop.publish: app is missing' USING ERRCODE = 'null_value_not_allowed', HINT = 'Give the id of the app that the event belongs to.';
  END IF;
  IF type IS NULL OR type = '' THEN
    RAISE EXCEPTION 'bellhop.publish: type is missing' USING ERRCODE = 'null_value_not_allowed', HINT = 'Give the event type, such as ''invoice.purchase''.';
  END IF;
  IF data IS NULL THEN
    RAISE EXCEPTION 'bellhop.publish: data is missing' USING ERRCODE = 'null_value_not_allowed', HINT = 'Give the payload, any JSON; ''null'' is one.';
  END IF;
  IF greatest(octet_length(app), octet_length(type), octet_length(subject), octet_length(id)) > 1024 THEN
    RAISE EXCEPTION 'bellhop.publish: % is longer than 1024 bytes', CASE WHEN octet_length(app) > 1024 THEN 'app'
      WHEN octet_length(type) > 1024 THEN 'type' WHEN octet_length(subject) > 1024 THEN 'subject' ELSE 'id' END
      USING ERRCODE = 'string_data_right_truncation', HINT = 'Give a shorter one; what is long belongs into data.';
  END IF;
  IF deliver_at < '0001-01-01 00:00:00+00' OR deliver_at >= '10000-01-01 00:00:00+00' THEN
    RAISE EXCEPTION 'bellhop.publish: deliver_at is not in the years 1 to 9999' USING ERRCODE = 'datetime_field_overflow',
      HINT = 'Give a time within a year, or leave deliver_at out to deliver at once.';
  END IF;
  PERFORM data::json; -- fails here, where the mistake is, and not later
  SELECT s.slot INTO STRICT slot FROM bellhop.outbox_slot s;
  IF slot = 0 THEN
    INSERT INTO bellhop.outbox_0 AS o (app, type, data, subject, external_id, deliver_at)
    VALUES (app, type, data, coalesce(subject, ''), coalesce(id, ''), coalesce((extract(epoch FROM deliver_at) * 1000000)::bigint, 0))
    RETURNING o.id INTO entry;
  ELSE
    INSERT INTO bellhop.outbox_1 AS o (app, type, data, subject, external_id, deliver_at)
    VALUES (app, type, data, coalesce(subject, ''), coalesce(id, ''), coalesce((extract(epoch FROM deliver_at) * 1000000)::bigint, 0))
    RETURNING o.id INTO entry;
  END IF;
  RETURN entry;
END $$;

-- The same for data that is json or jsonb already: json keeps its text, jsonb is written
-- anew by the database.
CREATE FUNCTION bellhop.publish(
  app text, type text, data json, subject text DEFAULT NULL, id text DEFAULT NULL, deliver_at timestamptz DEFAULT NULL
) RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS 'SELECT bellhop.publish(app, type, data::text, subject, id, deliver_at)';

CREATE FUNCTION bellhop.publish(
  app text, type text, data jsonb, subject text DEFAULT NULL, id text DEFAULT NULL, deliver_at timestamptz DEFAULT NULL
) RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS 'SELECT bellhop.publish(app, type, data::text, subject, id, deliver_at)';

REVOKE ALL ON FUNCTION bellhop.publish(text, text, text, text, text, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION bellhop.publish(text, text, json, text, text, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION bellhop.publish(text, text, jsonb, text, text, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION bellhop.outbox_insert() FROM PUBLIC;
