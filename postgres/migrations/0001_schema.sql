-- Times are microseconds since 1970 (0: none); ids are those of internal/id, so that a
-- range of time is a range of ids. Every table of the flow has the app, and every unique
-- key of one contains it, so that a database that is spread over several machines can be
-- spread by app. What is published is bytea or text, never jsonb: it is given back byte
-- for byte; names are compared by their bytes, whatever the database's locale.

CREATE SCHEMA IF NOT EXISTS bellhop;

-- The present time, in microseconds. All judgement of leases is by this clock.
CREATE FUNCTION bellhop.clock() RETURNS bigint LANGUAGE sql VOLATILE
  AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;

-- The day that an id was made on, in days since 1970: events and attempts have a
-- partition for each.
CREATE FUNCTION bellhop.day(id bigint) RETURNS integer LANGUAGE sql IMMUTABLE
  AS $$ SELECT ((id >> 21) / 86400000)::integer $$;

-- Who holds which node number. held: 0 nobody, 1 a node, 2 its lease is over and what it
-- owned is being released. mark: no event of the lease with a lower id has a delivery
-- that is fresh.
CREATE TABLE bellhop.nodes (
  id          integer PRIMARY KEY,
  epoch       bigint NOT NULL,
  held        smallint NOT NULL,
  lease_until bigint NOT NULL,
  mark        bigint NOT NULL,
  joined      bigint NOT NULL DEFAULT 0,
  name        text NOT NULL DEFAULT '',
  version     text NOT NULL DEFAULT '',
  started     bigint NOT NULL DEFAULT 0,
  status      text
) WITH (fillfactor = 50);

-- Which lease owns the endpoints of a bucket, and how often the owner has changed.
CREATE TABLE bellhop.buckets (
  bucket     smallint PRIMARY KEY,
  epoch      bigint NOT NULL,
  node       integer NOT NULL, -- 0: nobody; nor is it anybody whose lease is over
  node_epoch bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO bellhop.buckets SELECT b, 0, 0, 0 FROM generate_series(0, 255) b;

-- What there is once, in one row: key_check is what only the master key of the nodes opens.
CREATE TABLE bellhop.installation (
  one       boolean PRIMARY KEY DEFAULT true CHECK (one),
  key_check bytea
);
INSERT INTO bellhop.installation DEFAULT VALUES;

-- One row, which is never written. Who locks it may set up what is made once, whatever
-- starts at the same moment.
CREATE TABLE bellhop.starting (one boolean PRIMARY KEY DEFAULT true CHECK (one));
INSERT INTO bellhop.starting DEFAULT VALUES;

-- What the clock showed last, to tell whether it was set since: one row. Doubts and
-- turned are JSON.
CREATE TABLE bellhop.clock_mark (
  id     smallint PRIMARY KEY CHECK (id = 1),
  at     bigint NOT NULL,
  doubts text,
  turned text
);

-- Routes, catalogue and access have a version and a feed each. Erasures says how often events
-- were erased.
CREATE TABLE bellhop.versions (
  part    text COLLATE "C" PRIMARY KEY,
  version bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO bellhop.versions VALUES ('routes', 0), ('catalogue', 0), ('access', 0), ('erasures', 0);

-- What was saved or deleted. Only the newest lines of a part are kept.
CREATE TABLE bellhop.feed (
  part    text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  name    text COLLATE "C" NOT NULL,   -- of an app or event type, or ''
  id      bigint NOT NULL, -- of an endpoint or key, or 0
  PRIMARY KEY (part, version)
);

-- Whether the sending to all endpoints is held, and when that last ended: one row, or none
-- as long as nobody asked for it.
CREATE TABLE bellhop.hold (
  id          smallint PRIMARY KEY CHECK (id = 1),
  since       bigint NOT NULL,
  released_at bigint NOT NULL
);

CREATE TABLE bellhop.apps (
  id              text COLLATE "C" PRIMARY KEY,
  revision        bigint NOT NULL,
  name            text COLLATE "C" NOT NULL,
  metadata        text,
  max_endpoints   bigint NOT NULL DEFAULT 0,
  dialects        text,
  dialect_options text,
  created_at      bigint NOT NULL,
  updated_at      bigint NOT NULL
);

CREATE TABLE bellhop.event_types (
  name        text COLLATE "C" PRIMARY KEY,
  revision    bigint NOT NULL,
  description text NOT NULL,
  schema      bytea,
  example     bytea,
  validate    boolean NOT NULL,
  archived    boolean NOT NULL,
  created_at  bigint NOT NULL,
  updated_at  bigint NOT NULL
);

CREATE TABLE bellhop.endpoints (
  id              bigint PRIMARY KEY,
  revision        bigint NOT NULL,
  status          text NOT NULL,
  ordering        text NOT NULL,
  apps            text NOT NULL,
  url             text NOT NULL,
  name            text COLLATE "C" NOT NULL,
  description     text NOT NULL DEFAULT '',
  events          text NOT NULL,
  subjects        text NOT NULL,
  filter          bytea,
  -- What it wants of apps that have terms of their own: a list of {app, events, subjects,
  -- filter}, the filter as text, to keep its bytes. NULL: no app has.
  terms           text,
  dialect         text NOT NULL,
  dialect_options text,
  headers         text,
  disabled_reason text NOT NULL,
  locked          boolean NOT NULL DEFAULT false,
  locked_reason   text NOT NULL DEFAULT '',
  timeout         bigint NOT NULL, -- nanoseconds
  retry           text,            -- NULL: the default schedule
  rate_limit      text,
  concurrency     bigint NOT NULL,
  -- Whether somebody asked for that concurrency.
  exact_concurrency boolean NOT NULL DEFAULT false,
  metadata        text,
  -- How its requests are made (recipe, transformation, authentication, capture), and its
  -- credentials besides signing secrets, sealed, by name. NULL: by its dialect alone.
  making          text,
  credentials     text,
  -- Who looks after it: addresses, as JSON. NULL: nobody in particular.
  notify          text,
  created_at      bigint NOT NULL,
  updated_at      bigint NOT NULL,
  -- Since when it is not paused any more: deliveries age from then on.
  resumed_at      bigint NOT NULL DEFAULT 0,
  secrets         text             -- encrypted by the engine
);

-- What attempts have said of an endpoint's receiver since since, when it was last made
-- active or led elsewhere: by its revision of then. Apart from the endpoints, whose rows
-- are large, since failures write it.
CREATE TABLE bellhop.vitals (
  endpoint        bigint PRIMARY KEY,
  revision        bigint NOT NULL,
  since           bigint NOT NULL,
  taken           boolean NOT NULL DEFAULT false,
  failures        bigint NOT NULL DEFAULT 0,
  ill             bigint NOT NULL DEFAULT 0,
  failed_since    bigint NOT NULL DEFAULT 0,
  failing_since   bigint NOT NULL DEFAULT 0,
  open_since      bigint NOT NULL DEFAULT 0,
  last            bigint NOT NULL DEFAULT 0,
  reason          text NOT NULL DEFAULT '',
  response_status integer NOT NULL DEFAULT 0
);

-- What endpoints' authorization servers gave last, encrypted by the engine.
CREATE TABLE bellhop.tokens (
  endpoint   bigint PRIMARY KEY,
  version    bigint NOT NULL,
  expires_at bigint NOT NULL,
  token      bytea NOT NULL
);

-- Who asks for the next token of an endpoint, and until when nobody else may.
CREATE TABLE bellhop.token_claims (
  endpoint   bigint PRIMARY KEY,
  claimed_by text NOT NULL,
  until      bigint NOT NULL
);

-- What listeners answered, on its way to the node that waits for it. It is gone a moment later.
CREATE TABLE bellhop.listen_answers (
  endpoint bigint NOT NULL,
  request  text COLLATE "C" NOT NULL,
  sealed   bytea NOT NULL,
  at       bigint NOT NULL,
  PRIMARY KEY (endpoint, request)
);

CREATE TABLE bellhop.keys (
  id         bigint PRIMARY KEY,
  name       text COLLATE "C" NOT NULL,
  role       text NOT NULL,
  apps       text,
  portal     boolean NOT NULL,
  session    bigint NOT NULL DEFAULT 0, -- the key that it was signed in with; 0: no session
  device     text NOT NULL DEFAULT '',
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  hash       bytea NOT NULL
);

-- When a key was last used. What is noted of a key is not part of it: nobody needs to
-- read the keys anew for it.
CREATE TABLE bellhop.key_uses (
  key bigint PRIMARY KEY,
  at  bigint NOT NULL
);

-- An event and its fan-out. fresh_ids and fresh_endpoints are the deliveries that were
-- committed as owned by the lease (node, epoch), and have no row in pending for as long as
-- they are in that node's memory alone: one that succeeds at once is an event and an
-- attempt, and nothing is changed or deleted. There is no unique index but the key: an
-- idempotency key is in external_ids.
CREATE TABLE bellhop.events (
  id              bigint NOT NULL,
  epoch           bigint NOT NULL DEFAULT 0,
  deliver_at      bigint NOT NULL,
  node            integer NOT NULL DEFAULT 0,
  deliveries      integer NOT NULL,
  erased          boolean NOT NULL,
  test            boolean NOT NULL,
  app             text COLLATE "C" NOT NULL,
  type            text COLLATE "C" NOT NULL,
  subject         text COLLATE "C" NOT NULL,
  external_id     text COLLATE "C",
  fresh_ids       bigint[],
  fresh_endpoints bigint[],
  data            bytea,
  -- The id alone says which it is. The app is in every key; the type, so that a list by type
  -- is decided in the index: without reading the rows that it leaves out.
  PRIMARY KEY (id, app, type)
) PARTITION BY RANGE (id);
CREATE INDEX events_app ON bellhop.events (app, id, type);
CREATE INDEX events_subject ON bellhop.events (subject, app, id) WHERE subject <> '';

-- Idempotency keys: the event that was published first under each and, to tell a
-- repetition from a conflict, the digest of its content. Apart from the events, whose
-- partitions cannot have a unique key that goes across days.
CREATE TABLE bellhop.external_ids (
  event       bigint NOT NULL,
  deliveries  integer NOT NULL,
  erased      boolean NOT NULL,
  app         text COLLATE "C" NOT NULL,
  external_id text COLLATE "C" NOT NULL,
  digest      bytea NOT NULL,
  PRIMARY KEY (external_id, app)
);
CREATE INDEX external_ids_event ON bellhop.external_ids (event);

-- One row per unfinished delivery that has left the fast lane, or was never in it: it is
-- to be tried again, later or in its turn, was more than its lane could hold, or takes
-- longer than a few seconds.
CREATE TABLE bellhop.pending (
  id           bigint NOT NULL,
  event        bigint NOT NULL,
  endpoint     bigint NOT NULL,
  due          bigint, -- NULL: waits for an earlier one of its order, or is held
  last_attempt bigint NOT NULL,
  order_pos    bigint NOT NULL,
  born         bigint NOT NULL, -- since when its age counts
  released     bigint NOT NULL DEFAULT 0,
  -- The later delivery of the same event to the same endpoint, sent again, that has
  -- arrived: this one is not sent any more, and Sweep ends it. 0: none.
  settled      bigint NOT NULL DEFAULT 0,
  attempts     integer NOT NULL,
  owner        integer, -- NULL: nobody
  bucket       smallint NOT NULL, -- of the endpoint
  -- A delivery is held, and has no due, where no request can be made of its event by its
  -- endpoint's settings. holds is how often it was, released when it was last let go.
  holds        integer NOT NULL DEFAULT 0,
  held         boolean NOT NULL DEFAULT false,
  app          text COLLATE "C" NOT NULL,
  trigger      text NOT NULL,
  order_key    text COLLATE "C",
  PRIMARY KEY (app, id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX pending_id ON bellhop.pending (id);
-- An event of very many endpoints is asked for by endpoint.
CREATE INDEX pending_event ON bellhop.pending (event, endpoint);
-- First attempts and retries are claimed apart, so that neither wait for the other. (Not
-- attempts > 0: compared with false, that is simplified, and finds no index any more.)
CREATE INDEX pending_due ON bellhop.pending (bucket, endpoint, least(attempts, 1), due, id) WHERE owner IS NULL AND due IS NOT NULL;
CREATE INDEX pending_owner ON bellhop.pending (owner, endpoint) WHERE owner IS NOT NULL;
CREATE INDEX pending_order ON bellhop.pending (endpoint, order_key, order_pos, id) WHERE order_key IS NOT NULL;
-- Which orders have a delivery under way. One without an order is not in it.
CREATE INDEX pending_busy ON bellhop.pending (endpoint, order_key) WHERE owner IS NOT NULL AND order_key IS NOT NULL;
CREATE INDEX pending_idle_endpoint ON bellhop.pending (endpoint, id) WHERE owner IS NULL;
CREATE INDEX pending_idle_app ON bellhop.pending (app, id) WHERE owner IS NULL;
CREATE INDEX pending_held ON bellhop.pending (endpoint, id) WHERE held;
-- Deliveries end by their age; what is held does not.
CREATE INDEX pending_age ON bellhop.pending (endpoint, born) WHERE owner IS NULL AND NOT held;

-- How many deliveries are in pending: waiting has the sums as they were once, and
-- waiting_deltas what has come and gone since. Every transaction appends its own; so no
-- two wait for one row.
CREATE TABLE bellhop.waiting (
  app      text COLLATE "C" NOT NULL,
  endpoint bigint NOT NULL,
  again    boolean NOT NULL, -- of a replay or resend
  n        bigint NOT NULL,
  held     bigint NOT NULL,
  PRIMARY KEY (app, endpoint, again)
);
CREATE INDEX waiting_endpoint ON bellhop.waiting (endpoint);
CREATE TABLE bellhop.waiting_deltas (
  id       bigint GENERATED ALWAYS AS IDENTITY,
  app      text COLLATE "C" NOT NULL,
  endpoint bigint NOT NULL,
  again    boolean NOT NULL,
  n        bigint NOT NULL,
  held     bigint NOT NULL,
  PRIMARY KEY (app, id)
);

CREATE VIEW bellhop.waiting_now AS
  SELECT app, endpoint, again, n, held FROM bellhop.waiting
  UNION ALL SELECT app, endpoint, again, n, held FROM bellhop.waiting_deltas;

-- Changes of an endpoint's ordering that are being carried over to its pending
-- deliveries: those up to an id have it. What others had in hand they may store with the
-- order of before: again says that all is to be gone through once more, when the
-- transactions below xid have ended.
CREATE TABLE bellhop.reorders (
  endpoint bigint PRIMARY KEY,
  after    bigint NOT NULL,
  since    bigint NOT NULL,
  again    boolean NOT NULL,
  xid      xid8
);

-- Endpoints whose held deliveries may go: those up to an id have been let go.
CREATE TABLE bellhop.releases (
  endpoint bigint PRIMARY KEY,
  after    bigint NOT NULL,
  since    bigint NOT NULL
);

-- Events that have endpoints whose deliveries are still to be made, and up to which
-- endpoint they are. A list is the steps from id to id, as varints; events of one app in
-- a batch share it.
CREATE TABLE bellhop.fanouts (
  event bigint NOT NULL,
  app   text COLLATE "C" NOT NULL,
  list  bigint NOT NULL,
  done  bigint NOT NULL,
  PRIMARY KEY (app, event)
);
CREATE INDEX fanouts_event ON bellhop.fanouts (event);
CREATE INDEX fanouts_list ON bellhop.fanouts (list);
-- The id of a list is that of the first event that has it.
CREATE TABLE bellhop.fanout_lists (
  id        bigint NOT NULL,
  app       text COLLATE "C" NOT NULL,
  endpoints bytea NOT NULL,
  PRIMARY KEY (app, id)
);

-- status: 0 succeeded, 1 failed, 2 canceled; duration in microseconds.
CREATE TABLE bellhop.attempts (
  id                bigint NOT NULL,
  delivery          bigint NOT NULL,
  event             bigint NOT NULL,
  endpoint          bigint NOT NULL,
  next_at           bigint NOT NULL,
  duration          bigint NOT NULL,
  -- How long a delivery took that ended with this attempt in success, in microseconds:
  -- from when it was due to the end of the attempt; 0 for other attempts.
  latency           bigint NOT NULL,
  number            integer NOT NULL,
  response_status   integer NOT NULL,
  status            smallint NOT NULL,
  final             boolean NOT NULL,
  truncated         boolean NOT NULL,
  request_truncated boolean,
  -- It began within a second of its delivery's birth, and ended it. That is how nearly all
  -- go: they are found by delivery from the range of their ids, and need no index for it.
  prompt            boolean GENERATED ALWAYS AS (final AND (id >> 21) - (delivery >> 21) BETWEEN 0 AND 999) STORED,
  app               text COLLATE "C" NOT NULL,
  type              text COLLATE "C" NOT NULL,
  trigger           text NOT NULL,
  url               text NOT NULL,
  reason            text COLLATE "C" NOT NULL,
  detail            text NOT NULL,
  -- All are NULL but where a recipe, a transformation or a mail made the request, or
  -- values were taken out of the answer (a JSON object). The method is POST otherwise.
  method            text,
  captured          text,
  -- What the body of a request was that its dialect made: the dialect, and the body's
  -- SHA-256, after which comes, where it is not 0, how many milliseconds after the attempt
  -- began the time lies that the request tells (a signed varint).
  dialect           text,
  request_proof     bytea,
  request_header    text,
  response_header   text,
  response_body     bytea,
  request_body      bytea,
  PRIMARY KEY (id, app, type)
) PARTITION BY RANGE (id);
-- A delivery that succeeds at once is in these four and no more. What lists are filtered by
-- most is in their keys, so that they need not read the rows that they leave out.
CREATE INDEX attempts_app ON bellhop.attempts (app, id, type, status);
CREATE INDEX attempts_endpoint ON bellhop.attempts (endpoint, id, app, type, status);
CREATE INDEX attempts_event ON bellhop.attempts (event, endpoint);
CREATE INDEX attempts_delivery ON bellhop.attempts (delivery, final, type) WHERE NOT prompt;
CREATE INDEX attempts_ended_app ON bellhop.attempts (app, delivery, type, status) WHERE final AND NOT prompt;
CREATE INDEX attempts_ended_endpoint ON bellhop.attempts (endpoint, delivery, app, type, status) WHERE final AND NOT prompt;
-- What failed or was canceled is rare and looked for most: by cause, too.
CREATE INDEX attempts_trouble ON bellhop.attempts (status, id, response_status, reason, type) WHERE status <> 0;
CREATE INDEX attempts_trouble_app ON bellhop.attempts (app, status, id, response_status, reason, type) WHERE status <> 0;
CREATE INDEX attempts_trouble_endpoint ON bellhop.attempts (endpoint, status, id, response_status, reason, app, type) WHERE status <> 0;
CREATE INDEX attempts_ended_trouble ON bellhop.attempts (status, delivery, type) WHERE final AND status <> 0;
CREATE INDEX attempts_ended_trouble_app ON bellhop.attempts (app, status, delivery, type) WHERE final AND status <> 0;
CREATE INDEX attempts_ended_trouble_endpoint ON bellhop.attempts (endpoint, status, delivery, app, type) WHERE final AND status <> 0;
CREATE INDEX attempts_event_trouble ON bellhop.attempts (status, event, app) WHERE final AND status <> 0;
CREATE INDEX attempts_exhausted ON bellhop.attempts (endpoint, event) WHERE final AND status = 1;
-- The few that succeeded with another answer than a 2xx, as some recipes have it.
CREATE INDEX attempts_odd ON bellhop.attempts (id, response_status, endpoint, app, type)
  WHERE status = 0 AND (response_status < 200 OR response_status > 299);

-- Days that events and attempts have a partition of.
CREATE TABLE bellhop.days (
  day integer PRIMARY KEY
);

-- Attempts whose captured values are still to be published.
CREATE TABLE bellhop.reactions (
  attempt bigint NOT NULL,
  app     text COLLATE "C" NOT NULL,
  PRIMARY KEY (app, attempt)
);

-- What a commit leaves to be done after it, until it is done: 'wipe', a table that is to be
-- vacuumed; 'drop', a partition that is being taken off; 'app', a deleted one that still has
-- rows; 'late', one whose events up to upto may still be in nodes' memory; 'endpoint',
-- 'event' and 'settled', whose pending deliveries Sweep has to end; 'blank', an erased event
-- whose attempts are still to be blanked. count tells whether more came up meanwhile. What
-- others had in hand they may commit later: xid says which transactions those can be (all
-- below it, written by whoever sees the mark first), and it is done once more after they
-- have ended.
CREATE TABLE bellhop.owed (
  what  text COLLATE "C" NOT NULL,
  app   text COLLATE "C" NOT NULL,
  name  text COLLATE "C" NOT NULL,
  count bigint NOT NULL,
  xid   xid8,
  upto  bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (what, app, name)
);

CREATE TABLE bellhop.audit (
  id     bigint PRIMARY KEY,
  actor  text NOT NULL,
  action text NOT NULL,
  object text NOT NULL,
  apps   text,
  detail bytea
);
CREATE TABLE bellhop.audit_apps (
  app   text COLLATE "C" NOT NULL,
  audit bigint NOT NULL,
  PRIMARY KEY (app, audit)
);

-- What the attempts of a slice of time add up to, for each endpoint and app, and for each
-- app as a whole (endpoint 0). Derived: with both tables empty, all is counted from the
-- attempts, and RollUp fills them again. Width and slice (its start) are milliseconds, as
-- in ids; duration and longest, too; the histograms are those of internal/histogram, over
-- microseconds.
CREATE TABLE bellhop.rollups (
  width     bigint NOT NULL,
  endpoint  bigint NOT NULL,
  slice     bigint NOT NULL,
  app       text COLLATE "C" NOT NULL,
  succeeded bigint NOT NULL,
  failed    bigint NOT NULL,
  exhausted bigint NOT NULL,
  duration  bigint NOT NULL,
  longest   bigint NOT NULL,
  durations bytea,
  latencies bytea,
  PRIMARY KEY (app, endpoint, width, slice)
);
CREATE INDEX rollups_endpoint ON bellhop.rollups (endpoint, width, slice);
CREATE INDEX rollups_slice ON bellhop.rollups (width, slice);

-- Slices of a width that end at until or before are rolled up. Width 0: what began before
-- until has expired, although a rolled-up slice may still hold it.
CREATE TABLE bellhop.rolled (
  width bigint PRIMARY KEY,
  until bigint NOT NULL
);

-- What is about to be rolled up, or was: all below this id. A transaction that logs an
-- attempt of below it notes it in late_attempts as well: roll-up may not see it. settles is
-- the number up to which transactions may not know of it yet.
CREATE TABLE bellhop.rolling (
  one     boolean PRIMARY KEY DEFAULT true CHECK (one),
  until   bigint NOT NULL,
  settles xid8
);
INSERT INTO bellhop.rolling VALUES (true, 0, NULL);

-- Attempts that were logged late, and are not part of the slices yet.
CREATE TABLE bellhop.late_attempts (
  id       bigint NOT NULL,
  endpoint bigint NOT NULL,
  duration bigint NOT NULL,
  latency  bigint NOT NULL,
  status   smallint NOT NULL,
  final    boolean NOT NULL,
  app      text COLLATE "C" NOT NULL,
  PRIMARY KEY (id, app)
);

-- Samples of the backlog; each holds until the next one.
CREATE TABLE bellhop.backlog (
  at      bigint PRIMARY KEY,
  pending bigint NOT NULL,
  oldest  bigint NOT NULL -- the id of the oldest unfinished delivery, or 0
);

-- Whom to tell of what is broken in an app, or with '*' in any; as JSON.
CREATE TABLE bellhop.notice_settings (
  app      text COLLATE "C" PRIMARY KEY,
  revision bigint NOT NULL,
  settings text NOT NULL
);

-- What an audience was told of that has not ended for it. The row about '' is of the
-- audience itself.
CREATE TABLE bellhop.told (
  audience text COLLATE "C" NOT NULL,
  about    text COLLATE "C" NOT NULL,
  state    text NOT NULL,
  since    bigint NOT NULL,
  at       bigint NOT NULL,
  digest   bigint NOT NULL,
  count    bigint NOT NULL,
  version  bigint NOT NULL,
  PRIMARY KEY (audience, about)
);

-- What is still to be sent to somebody.
CREATE TABLE bellhop.notices (
  id        bigint PRIMARY KEY,
  audience  text COLLATE "C" NOT NULL,
  recipient text NOT NULL,
  content   bytea NOT NULL,
  tries     bigint NOT NULL,
  due       bigint NOT NULL
);
CREATE INDEX notices_due ON bellhop.notices (due);

CREATE TABLE bellhop.unsubscribed (
  audience text COLLATE "C" PRIMARY KEY,
  at       bigint NOT NULL
);

-- Temporary receivers, by a hash of their token, which is encrypted by the engine. The
-- answer is JSON; fail_left is how many of the next requests fail, bytes what is kept.
CREATE TABLE bellhop.inboxes (
  name       bytea PRIMARY KEY,
  app        text COLLATE "C" NOT NULL,
  token      bytea NOT NULL,
  answer     bytea NOT NULL,
  fail_left  bigint NOT NULL,
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  received   bigint NOT NULL,
  bytes      bigint NOT NULL
);

-- What they received last. The event is 0 where a request is no delivery.
CREATE TABLE bellhop.inbox_requests (
  inbox    bytea NOT NULL,
  id       bigint NOT NULL,
  app      text COLLATE "C" NOT NULL,
  event    bigint NOT NULL,
  at       bigint NOT NULL,
  answered integer NOT NULL,
  content  bytea NOT NULL,
  PRIMARY KEY (inbox, id)
);
CREATE INDEX inbox_requests_event ON bellhop.inbox_requests (event) WHERE event <> 0;
CREATE INDEX inbox_requests_app ON bellhop.inbox_requests (app);

-- The deliveries that are fresh: of events above the mark of a lease that is not over (or
-- whose orphans are being released), without a final attempt and without a row in pending.
CREATE VIEW bellhop.fresh AS
  SELECT d.id, e.id AS event, d.endpoint, e.app, e.type, e.subject, e.deliver_at, e.erased,
    CASE WHEN e.test THEN 'test' ELSE 'publish' END AS trigger, n.id AS owner
  FROM bellhop.nodes n
  JOIN bellhop.events e ON e.id >= n.mark AND e.node = n.id AND e.epoch = n.epoch
    AND e.id >= (SELECT min(mark) FROM bellhop.nodes WHERE held > 0) -- a range of an index, whichever table comes first
  CROSS JOIN LATERAL unnest(e.fresh_ids, e.fresh_endpoints) AS d (id, endpoint)
  WHERE n.held > 0
    AND NOT EXISTS (SELECT 1 FROM bellhop.attempts a WHERE a.app = e.app AND a.event = e.id AND a.endpoint = d.endpoint AND a.delivery = d.id AND a.final
      AND a.id >= e.id)
    AND NOT EXISTS (SELECT 1 FROM bellhop.pending p WHERE p.app = e.app AND p.id = d.id);
