package postgres

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// smallDay is up to which size (in bytes, of its events or its attempts) a day is emptied
// row by row as its rows expire. A larger one goes as a whole, when the last of it has
// expired: to delete its rows would cost more than to have written them.
const smallDay = 32 << 20

// Expire deletes at most limit old rows of each log, or a day's. What to delete is looked
// up first.
func (s *Store) Expire(ctx context.Context, before time.Time, limit int, now time.Time) (int, error) {
	bound := int64(id.First[id.Event](before))
	days, err := s.oldDays(ctx, bound)
	if err != nil {
		return 0, err
	}
	deleted := 0
	var more [2]bool // of events and of attempts: a piece has gone, or a day is waited for
	for i := range days {
		d := &days[i]
		of := oneIf(d.events)
		if more[of] {
			continue
		}
		n, err := s.expireDay(ctx, d, limit, now)
		if deleted += n; err != nil {
			return deleted, err
		}
		more[of] = n > 0 || d.half
	}
	n, err := s.expireOthers(ctx, before, limit, now)
	return deleted + n, err
}

// oldDay is a day of which some rows have expired.
type oldDay struct {
	day    int64
	table  string // its partition
	events bool   // of events; or else of attempts
	// from and to are the ids of it that have expired; whole says that these are all.
	from, to int64
	whole    bool
	bytes    int64
	rows     int64 // about
	// half says that the partition is being taken off, off that it was.
	half, off bool
}

// oldDays gives the partitions that have expired rows, oldest first.
func (s *Store) oldDays(ctx context.Context, bound int64) ([]oldDay, error) {
	var days []oldDay
	err := s.readFor(ctx, forUpkeep, "look for old days", func(q *reading) error {
		days = nil
		var d oldDay
		return q.each(scan(func() {
			day, ok := dayOfPartition(d.table)
			if !ok {
				return
			}
			until := firstOfDay(day + 1)
			d.from, d.to, d.whole, d.day = firstOfDay(day), min(until, bound), until <= bound, day
			if d.from < bound {
				days = append(days, d)
			}
		}, &d.table, &d.events, &d.bytes, &d.rows, &d.half, &d.off), partitionsByDay)
	})
	return days, err
}

// owedDrop is a partition that is being taken off, to be dropped.
const owedDrop = "drop"

// partitionsByDay reads the days that have partitions, and those whose partition is being
// taken off, or was: they come first. One that somebody else has taken off stays.
const partitionsByDay = `SELECT c.relname::text, c.relname LIKE 'events%', pg_relation_size(c.oid), greatest(c.reltuples, 0)::bigint, coalesce(i.inhdetachpending, false), i.inhrelid IS NULL
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
	WHERE n.nspname = 'bellhop' AND c.relkind = 'r' AND c.relname ~ '^(events|attempts)_[0-9]{8}$'
		AND (i.inhrelid IS NOT NULL OR EXISTS (SELECT 1 FROM bellhop.owed o WHERE o.what = 'drop' AND o.name = c.relname))
	ORDER BY coalesce(i.inhdetachpending, true) DESC, c.relname LIKE 'events%' DESC, c.relname /* all apps */`

// expireDay deletes some of a day, or all of it. It answers how many rows; 0 when nothing
// of it can go.
func (s *Store) expireDay(ctx context.Context, d *oldDay, limit int, now time.Time) (int, error) {
	if d.half || d.off {
		return s.dropDay(ctx, d)
	}
	if d.events {
		if n, err := s.expireHeld(ctx, d, limit, now); err != nil || n > 0 {
			return n, err
		}
	}
	if d.whole {
		kept, sql := false, keptInDay
		if !d.events {
			sql = neededInDay
		}
		err := s.readFor(ctx, forUpkeep, "look for what is still needed of a day", func(q *reading) error {
			_, err := q.one(into(&kept), sql, d.from, d.to)
			return err
		})
		if err != nil {
			return 0, err
		}
		if !kept {
			return s.dropDay(ctx, d)
		}
	} else if d.bytes > smallDay {
		return 0, nil
	}
	if d.events {
		return s.expireEvents(ctx, d, limit)
	}
	return s.expireAttempts(ctx, d, limit)
}

// noLongerPending holds of an event e of which nothing can be delivered any more: what is
// held by a disabled endpoint is not.
const noLongerPending = ` AND NOT EXISTS (SELECT 1 FROM bellhop.fanouts f WHERE f.app = e.app AND f.event = e.id)
	AND NOT EXISTS (SELECT 1 FROM bellhop.fresh f WHERE f.event = e.id)
	AND NOT EXISTS (SELECT 1 FROM bellhop.pending p LEFT JOIN bellhop.endpoints x ON x.id = p.endpoint WHERE p.event = e.id AND coalesce(x.status, '') <> 'disabled')`

const (
	keptInDay = `SELECT EXISTS (SELECT 1 FROM bellhop.pending WHERE event >= $1 AND event < $2)
		OR EXISTS (SELECT 1 FROM bellhop.fanouts WHERE event >= $1 AND event < $2)
		OR EXISTS (SELECT 1 FROM bellhop.fresh WHERE event >= $1 AND event < $2) /* all apps */`
	// Events that only disabled endpoints hold go with their deliveries.
	heldInDay = `SELECT e.app, e.id FROM bellhop.events e WHERE e.id >= $1 AND e.id < $2
		AND e.id IN (SELECT p.event FROM bellhop.pending p JOIN bellhop.endpoints x ON x.id = p.endpoint WHERE p.event >= $1 AND p.event < $2 AND x.status = 'disabled')` +
		noLongerPending + " ORDER BY e.id LIMIT $3 /* all apps */"
	oldInDay     = "SELECT e.app, e.id FROM bellhop.events e WHERE e.id >= $1 AND e.id < $2" + noLongerPending + " ORDER BY e.id LIMIT $3 /* all apps */"
	lockOld      = "SELECT e.app, e.id FROM bellhop.events e WHERE (e.app = ANY($1)) IS TRUE AND e.id = ANY($2) ORDER BY e.id FOR UPDATE"
	stillOld     = "SELECT e.app, e.id FROM bellhop.events e WHERE (e.app = ANY($1)) IS TRUE AND e.id = ANY($2)" + noLongerPending
	pendingOfOld = "SELECT app, id, endpoint, coalesce(order_key, '') FROM bellhop.pending WHERE (app = ANY($1)) IS TRUE AND event = ANY($2) ORDER BY id LIMIT $3"
	dropOld      = "DELETE FROM bellhop.events WHERE (app = ANY($1)) IS TRUE AND id = ANY($2)"
	dropOldIDs   = "DELETE FROM bellhop.external_ids WHERE (app = ANY($1)) IS TRUE AND event = ANY($2)"

	// As long as an event is above a node's mark, its attempts tell that its deliveries are
	// not fresh any more.
	neededEvent = "a.event >= (SELECT coalesce(min(n.mark), 9223372036854775807) FROM bellhop.nodes n WHERE n.held > 0) AND EXISTS (SELECT 1 FROM bellhop.events e WHERE e.app = a.app AND e.id = a.event)"
	neededInDay = "SELECT $2 > (SELECT coalesce(min(n.mark), 9223372036854775807) FROM bellhop.nodes n WHERE n.held > 0) AND EXISTS (SELECT 1 FROM bellhop.attempts a WHERE a.id >= $1 AND a.id < $2 AND " + neededEvent + ") /* all apps */"
	oldAttempts = `DELETE FROM bellhop.attempts x USING (SELECT a.app, a.id FROM bellhop.attempts a WHERE a.id >= $1 AND a.id < $2 AND NOT (` + neededEvent + `) ORDER BY a.id LIMIT $3) o
		WHERE x.app = o.app AND x.id = o.id AND x.id >= $1 AND x.id < $2 /* all apps */`
)

// expireHeld deletes events that disabled endpoints hold, with their deliveries.
func (s *Store) expireHeld(ctx context.Context, d *oldDay, limit int, now time.Time) (int, error) {
	apps, events, err := s.eventsOfDay(ctx, d, heldInDay, limit)
	if err != nil || len(events) == 0 {
		return 0, err
	}
	gone := 0
	err = s.write(ctx, upkeep, "expire what is held", func(t *txn) (err error) {
		gone = 0
		apps, events, err := t.stillOld(apps, events)
		if err != nil || len(events) == 0 {
			return err
		}
		held, err := t.find(pendingOfOld, apps, events, limit)
		if err != nil {
			return err
		}
		list, err := t.take(held, takeAny)
		if err == nil {
			err = t.promoteAll(list, now)
		}
		if err != nil {
			return err
		}
		if len(list) == limit { // the rest goes next, and their events with it
			gone = 1
			return nil
		}
		gone, err = t.dropEvents(apps, events)
		return err
	})
	return gone, err
}

// expireEvents deletes events one by one.
func (s *Store) expireEvents(ctx context.Context, d *oldDay, limit int) (int, error) {
	// What is kept is passed once, and not before each step.
	looked := *d
	looked.from = max(d.from, s.passed.of(d.table))
	apps, events, err := s.eventsOfDay(ctx, &looked, oldInDay, limit)
	if err != nil || len(events) == 0 {
		s.passed.set(d.table, 0)
		return 0, err
	}
	s.passed.set(d.table, events[len(events)-1]+1)
	gone := 0
	err = s.write(ctx, upkeep, "expire", func(t *txn) error {
		apps, events, err := t.stillOld(apps, events)
		if err == nil {
			gone, err = t.dropEvents(apps, events)
		}
		return err
	})
	return max(gone, 1), err
}

// passed remembers how far days were looked through that have something to be kept.
type passed struct {
	mu sync.Mutex
	up map[string]int64
}

func (p *passed) of(table string) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up[table]
}

func (p *passed) set(table string, id int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.up == nil {
		p.up = map[string]int64{}
	}
	if p.up[table] = id; id == 0 {
		delete(p.up, table)
	}
}

func (s *Store) eventsOfDay(ctx context.Context, d *oldDay, sql string, limit int) (apps []string, events []int64, err error) {
	err = s.readFor(ctx, forUpkeep, "look for old events", func(q *reading) error {
		apps, events = nil, nil
		var app string
		var event int64
		return q.each(scan(func() { apps, events = append(apps, app), append(events, event) }, &app, &event), sql, d.from, d.to, limit)
	})
	return apps, events, err
}

// stillOld gives those of some events that can go: one may have been sent again since it
// was looked up.
func (t *txn) stillOld(apps []string, events []int64) (left []string, ids []int64, err error) {
	apps = slices.Compact(slices.Sorted(slices.Values(apps)))
	if err := t.each(func(row) error { return nil }, lockOld, apps, events); err != nil {
		return nil, nil, err
	}
	var app string
	var event int64
	err = t.each(scan(func() { left, ids = append(left, app), append(ids, event) }, &app, &event), stillOld, apps, events)
	return slices.Compact(slices.Sorted(slices.Values(left))), ids, err
}

// dropEvents deletes events, with what they are known by.
func (t *txn) dropEvents(apps []string, events []int64) (int, error) {
	if len(events) == 0 {
		return 0, nil
	}
	if _, err := t.exec(dropOldIDs, apps, events); err != nil {
		return 0, err
	}
	n, err := t.exec(dropOld, apps, events)
	return int(n), err
}

func (s *Store) expireAttempts(ctx context.Context, d *oldDay, limit int) (gone int, err error) {
	err = s.write(ctx, upkeep, "expire attempts", func(t *txn) error {
		n, err := t.exec(oldAttempts, d.from, d.to, limit)
		gone = int(n)
		return err
	})
	return gone, err
}

// dropPatience bounds how long a day that goes is waited for: statements that still read it
// end first, and nobody waits behind them.
const dropPatience = 20 * time.Second

// dropDay detaches a day's partition, which holds up nobody, and drops it. Whoever has sent
// one of its events again in this moment finds that gone, as if it had been a moment later:
// Claim leaves the delivery to Sweep.
func (s *Store) dropDay(ctx context.Context, d *oldDay) (int, error) {
	parent := "attempts"
	if d.events {
		parent = "events"
	}
	table := pgx.Identifier{"bellhop", d.table}.Sanitize()
	if s.options.Plain {
		return s.dropPlain(ctx, d, table)
	}
	if !d.half && !d.off {
		err := s.write(ctx, upkeep, "note which day goes", func(t *txn) error { return t.owe(owedDrop, "", d.table) })
		if err != nil {
			return 0, err
		}
	}
	waiting, cancel := context.WithTimeout(ctx, dropPatience)
	defer cancel()
	err := s.alone(waiting, "detach an old day", func(q *reading) error {
		if d.off {
			return nil
		}
		how := " CONCURRENTLY"
		if d.half {
			how = " FINALIZE"
		}
		_, err := q.conn.Exec(q.ctx, "ALTER TABLE bellhop."+parent+" DETACH PARTITION "+table+how)
		if d.half && codeOf(err) == noSuchTable {
			return nil // who began it has come to the end
		}
		return err
	})
	if err != nil {
		if ctx.Err() == nil && waiting.Err() != nil {
			s.log.Info("an expired day is still being read; it is dropped later", "table", d.table)
			return 0, nil
		}
		return 0, err
	}
	err = s.write(ctx, upkeep, "drop an old day", func(t *txn) error { return t.dropTable(d, table) })
	return int(max(d.rows, 1)), err
}

// dropTable drops a partition; with the last of a day's, the day is forgotten.
func (t *txn) dropTable(d *oldDay, table string) error {
	if _, err := t.exec(lockDays); err != nil {
		return err
	}
	if _, err := t.exec("DROP TABLE IF EXISTS " + table); err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM bellhop.owed WHERE what = 'drop' AND name = $1 /* all apps */", d.table); err != nil {
		return err
	}
	_, err := t.exec(forgetDay, d.day, partitionOf("events", d.day), partitionOf("attempts", d.day))
	return err
}

const forgetDay = "DELETE FROM bellhop.days WHERE day = $1 AND to_regclass('bellhop.' || $2) IS NULL AND to_regclass('bellhop.' || $3) IS NULL"

// plainPatience is how long writers may wait for a day to be dropped at once.
const plainPatience = 200 * time.Millisecond

// dropPlain drops a day at once. That needs a moment in which nobody uses the log.
func (s *Store) dropPlain(ctx context.Context, d *oldDay, table string) (int, error) {
	err := s.write(ctx, upkeep, "drop an old day", func(t *txn) error {
		if _, err := t.exec("SET LOCAL lock_timeout = " + strconv.FormatInt(plainPatience.Milliseconds(), 10)); err != nil {
			return err
		}
		return t.dropTable(d, table)
	})
	if errors.Is(err, bellhop.ErrUnavailable) && codeOf(err) == "55P03" {
		s.log.Info("an expired day is still being read; it is dropped later", "table", d.table)
		return 0, nil
	}
	return int(max(d.rows, 1)), err
}

const (
	// Of days that were dropped. One that is still there keeps its own.
	oldExternal = `DELETE FROM bellhop.external_ids x USING (SELECT i.app, i.external_id FROM bellhop.external_ids i WHERE i.event < $1
			AND NOT EXISTS (SELECT 1 FROM bellhop.events e WHERE e.app = i.app AND e.id = i.event) ORDER BY i.event LIMIT $2) o
		WHERE x.app = o.app AND x.external_id = o.external_id /* all apps */`
	// anyOld looks for either, and for what was refused.
	anyOld   = "SELECT EXISTS (SELECT 1 FROM bellhop.audit WHERE id < $1) OR EXISTS (SELECT 1 FROM bellhop.external_ids WHERE event < $1) OR EXISTS (SELECT 1 FROM bellhop.outbox_refused WHERE refused_at < $2) /* all apps */"
	oldAudit = `WITH old AS (SELECT id FROM bellhop.audit WHERE id < $1 ORDER BY id LIMIT $2),
			names AS (DELETE FROM bellhop.audit_apps WHERE audit IN (SELECT id FROM old))
		DELETE FROM bellhop.audit WHERE id IN (SELECT id FROM old) /* all apps */`
)

// expireOthers deletes what is not kept by day.
func (s *Store) expireOthers(ctx context.Context, before time.Time, limit int, now time.Time) (deleted int, err error) {
	bound, some := int64(id.First[id.Event](before)), false
	err = s.readFor(ctx, forUpkeep, "look for old rows", func(q *reading) (err error) {
		if some, err = oldCounts(q, before, now); err != nil || some {
			return err
		}
		_, err = q.one(into(&some), anyOld, bound, micros(before))
		return err
	})
	if err != nil || !some {
		return 0, err
	}
	err = s.write(ctx, upkeep, "expire", func(t *txn) error {
		deleted = 0
		if err := t.expireSlices(before, limit, now, &deleted); err != nil {
			return err
		}
		if err := t.expireSamples(before, limit, &deleted); err != nil {
			return err
		}
		refused, err := t.expireRefused(before, limit)
		if deleted += refused; err != nil {
			return err
		}
		for _, sql := range []string{oldExternal, oldAudit} {
			n, err := t.exec(sql, bound, limit)
			if err != nil {
				return err
			}
			deleted += int(n)
		}
		return nil
	})
	return deleted, err
}

// dayOfPartition reads what partitionOf has written.
func dayOfPartition(name string) (day int64, ok bool) {
	_, date, _ := strings.Cut(name, "_")
	at, err := time.Parse("20060102", date)
	return at.Unix() / (24 * 60 * 60), err == nil
}
