-- What programs publish may have labels, and say for how long its data is kept. Labels are a
-- JSON array of texts, as those of events, or one of them as it is; retain is in microseconds.
ALTER TABLE bellhop.outbox_0
  ADD COLUMN channels text NOT NULL DEFAULT '', ADD COLUMN tags text NOT NULL DEFAULT '', ADD COLUMN retain bigint NOT NULL DEFAULT 0,
  ADD CONSTRAINT outbox_labels_have_at_most_4096_bytes CHECK (octet_length(channels) <= 4096 AND octet_length(tags) <= 4096);
ALTER TABLE bellhop.outbox_1
  ADD COLUMN channels text NOT NULL DEFAULT '', ADD COLUMN tags text NOT NULL DEFAULT '', ADD COLUMN retain bigint NOT NULL DEFAULT 0,
  ADD CONSTRAINT outbox_labels_have_at_most_4096_bytes CHECK (octet_length(channels) <= 4096 AND octet_length(tags) <= 4096);
ALTER TABLE bellhop.outbox_refused
  ADD COLUMN channels text NOT NULL DEFAULT '', ADD COLUMN tags text NOT NULL DEFAULT '', ADD COLUMN retain bigint NOT NULL DEFAULT 0;

CREATE OR REPLACE VIEW bellhop.outbox AS
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
  SELECT e.id, e.app, e.type, e.data, e.subject, e.external_id, e.deliver_at, e.at,
    e.channels, e.tags, e.retain
  FROM entry e CROSS JOIN seen LEFT JOIN behind b ON b.app = e.app
  WHERE NOT pg_visible_in_snapshot(e.tx, seen.high)
    OR NOT pg_visible_in_snapshot(e.tx, b.high)
    OR NOT pg_visible_in_snapshot(e.tx, b.low) AND (e.tx, e.id) > (b.tx, b.id);

CREATE OR REPLACE FUNCTION bellhop.outbox_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO bellhop.outbox_0 (id, app, type, data, subject, external_id, deliver_at, at, channels, tags, retain)
  VALUES (coalesce(NEW.id, nextval('bellhop.outbox_ids')), NEW.app, NEW.type, NEW.data, coalesce(NEW.subject, ''),
    coalesce(NEW.external_id, ''), coalesce(NEW.deliver_at, 0), coalesce(NEW.at, bellhop.clock()),
    coalesce(NEW.channels, ''), coalesce(NEW.tags, ''), coalesce(NEW.retain, 0));
  RETURN NEW;
END $$;

-- A function with more arguments is another one: it takes the old one's place, and whoever
-- might execute that may execute this.
ALTER FUNCTION bellhop.publish(text, text, text, text, text, timestamptz) RENAME TO publish_before;
ALTER FUNCTION bellhop.publish(text, text, json, text, text, timestamptz) RENAME TO publish_before;
ALTER FUNCTION bellhop.publish(text, text, jsonb, text, text, timestamptz) RENAME TO publish_before;

-- publish adds an event to the outbox, as a part of the caller's transaction, and answers
-- the number of the entry. data is any JSON; as text it is kept byte for byte. Whoever may
-- execute it needs no right to any table.
CREATE FUNCTION bellhop.publish(
  app text, type text, data text, subject text DEFAULT NULL, id text DEFAULT NULL, deliver_at timestamptz DEFAULT NULL,
  channels text[] DEFAULT NULL, tags text[] DEFAULT NULL, retain interval DEFAULT NULL
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
  IF octet_length(array_to_json(channels)::text) > 4096 OR octet_length(array_to_json(tags)::text) > 4096 THEN
    RAISE EXCEPTION 'bellhop.publish: % are longer than 4096 bytes', CASE WHEN octet_length(array_to_json(channels)::text) > 4096 THEN 'channels' ELSE 'tags' END
      USING ERRCODE = 'string_data_right_truncation', HINT = 'Give fewer or shorter ones; an event has at most 10 of each.';
  END IF;
  IF retain < interval '0' OR retain > interval '10000 years' THEN
    RAISE EXCEPTION 'bellhop.publish: retain is not within 0 and 10000 years' USING ERRCODE = 'interval_field_overflow',
      HINT = 'Give for how long the data is kept, such as interval ''7 days'', or leave retain out to keep it as long as history.';
  END IF;
  PERFORM data::json; -- fails here, where the mistake is, and not later
  SELECT s.slot INTO STRICT slot FROM bellhop.outbox_slot s;
  IF slot = 0 THEN
    INSERT INTO bellhop.outbox_0 AS o (app, type, data, subject, external_id, deliver_at, channels, tags, retain)
    VALUES (app, type, data, coalesce(subject, ''), coalesce(id, ''), coalesce((extract(epoch FROM deliver_at) * 1000000)::bigint, 0),
      coalesce(array_to_json(channels)::text, ''), coalesce(array_to_json(tags)::text, ''), coalesce((extract(epoch FROM retain) * 1000000)::bigint, 0))
    RETURNING o.id INTO entry;
  ELSE
    INSERT INTO bellhop.outbox_1 AS o (app, type, data, subject, external_id, deliver_at, channels, tags, retain)
    VALUES (app, type, data, coalesce(subject, ''), coalesce(id, ''), coalesce((extract(epoch FROM deliver_at) * 1000000)::bigint, 0),
      coalesce(array_to_json(channels)::text, ''), coalesce(array_to_json(tags)::text, ''), coalesce((extract(epoch FROM retain) * 1000000)::bigint, 0))
    RETURNING o.id INTO entry;
  END IF;
  RETURN entry;
END $$;

-- The same for data that is json or jsonb already: json keeps its text, jsonb is written
-- anew by the database.
CREATE FUNCTION bellhop.publish(
  app text, type text, data json, subject text DEFAULT NULL, id text DEFAULT NULL, deliver_at timestamptz DEFAULT NULL,
  channels text[] DEFAULT NULL, tags text[] DEFAULT NULL, retain interval DEFAULT NULL
) RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS 'SELECT bellhop.publish(app, type, data::text, subject, id, deliver_at, channels, tags, retain)';

CREATE FUNCTION bellhop.publish(
  app text, type text, data jsonb, subject text DEFAULT NULL, id text DEFAULT NULL, deliver_at timestamptz DEFAULT NULL,
  channels text[] DEFAULT NULL, tags text[] DEFAULT NULL, retain interval DEFAULT NULL
) RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS 'SELECT bellhop.publish(app, type, data::text, subject, id, deliver_at, channels, tags, retain)';

REVOKE ALL ON FUNCTION bellhop.publish(text, text, text, text, text, timestamptz, text[], text[], interval) FROM PUBLIC;
REVOKE ALL ON FUNCTION bellhop.publish(text, text, json, text, text, timestamptz, text[], text[], interval) FROM PUBLIC;
REVOKE ALL ON FUNCTION bellhop.publish(text, text, jsonb, text, text, timestamptz, text[], text[], interval) FROM PUBLIC;

DO $$
DECLARE
  g record;
BEGIN
  FOR g IN
    SELECT format_type(p.proargtypes[2], NULL) AS data, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS role
    FROM pg_proc p CROSS JOIN LATERAL aclexplode(p.proacl) a
    WHERE p.pronamespace = 'bellhop'::regnamespace AND p.proname = 'publish_before' AND a.grantee <> p.proowner
  LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION bellhop.publish(text, text, %s, text, text, timestamptz, text[], text[], interval) TO %s', g.data, g.role);
  END LOOP;
END $$;
DROP FUNCTION bellhop.publish_before(text, text, text, text, text, timestamptz);
DROP FUNCTION bellhop.publish_before(text, text, json, text, text, timestamptz);
DROP FUNCTION bellhop.publish_before(text, text, jsonb, text, text, timestamptz);
