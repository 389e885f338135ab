package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/bellhop/bellhop/internal/snapshot"
)

// The tables of the outbox take turns: rows are added to one pair of them, entries and
// progress, until it is large or old; then the other begins, with all of the progress, and
// what is left in the first is taken. Once nothing is, it is truncated: at a moment when
// nobody uses it, since whoever came after a lock that waits would wait as well.
const (
	outboxLarge   = 16 << 20 // bytes of entries
	progressLarge = 1 << 20
	outboxOld     = time.Minute
	tendEvery     = time.Second
	// movedAlong is how many entries that were not taken may be carried over to the other
	// table, for the sake of those that were.
	movedAlong = 1000
)

const outboxSizes = `SELECT slot, at <= bellhop.clock() - $1,
		pg_relation_size('bellhop.outbox_0'), pg_relation_size('bellhop.outbox_1'),
		pg_relation_size('bellhop.outbox_progress_0'), pg_relation_size('bellhop.outbox_progress_1')
	FROM bellhop.outbox_slot /* all apps */`

// tendOutbox looks after the tables, now and then.
func (s *Store) tendOutbox(ctx context.Context) error {
	s.outbox.mu.Lock()
	due := time.Since(s.outbox.tended) >= tendEvery && s.outbox.reader != nil
	if due {
		s.outbox.tended = time.Now()
	}
	s.outbox.mu.Unlock()
	if !due {
		return nil
	}
	return s.turnOutbox(ctx)
}

// turnOutbox has the tables take turns, where that is due.
func (s *Store) turnOutbox(ctx context.Context) error {
	var slot int
	var old bool
	var entries, progress [2]int64
	err := s.lookAtOutbox(ctx, "look at the outbox's tables", func(q *reading, _ *outbox) error {
		_, err := q.one(into(&slot, &old, &entries[0], &entries[1], &progress[0], &progress[1]), outboxSizes, outboxOld.Microseconds())
		return err
	})
	if err != nil {
		return err
	}
	other := 1 - slot
	if entries[other] > 0 || progress[other] > 0 {
		return s.emptyOutbox(ctx, other)
	}
	if entries[slot] < outboxLarge && progress[slot] < progressLarge && !(old && entries[slot] > 0) {
		return nil
	}
	return s.withOutbox(ctx, "turn the outbox", func(t *txn, p *progressed, now int) (bool, error) {
		if now != slot {
			return false, nil
		}
		sql, args := p.add(other, true)
		if _, err := t.exec(sql, args...); err != nil {
			return true, err
		}
		_, err := t.exec(turnedOutbox, other)
		return true, err
	})
}

// withOutbox runs f in a transaction that nobody takes entries beside. f tells whether it
// has stored the progress.
func (s *Store) withOutbox(ctx context.Context, what string, f func(t *txn, p *progressed, slot int) (bool, error)) error {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	o := &s.outbox
	stored := false
	err := s.write(ctx, upkeep, what, func(t *txn) error {
		var slot int
		var mark int64
		if _, err := t.one(into(&slot), lockOutbox); err != nil {
			return err
		}
		if _, err := t.one(into(&mark), outboxMark); err != nil {
			return err
		}
		lives := false
		if _, err := t.one(into(&lives), backendLives, o.backend); err != nil {
			return err
		}
		if o.reader == nil || o.mark != mark || !lives {
			if err := o.load(&t.reading); err != nil {
				return err
			}
		}
		var err error
		stored, err = f(t, &progressed{reader: o.reader, seq: mark + 1}, slot)
		return err
	})
	if stored || err != nil {
		o.reader = nil // it is read again
	}
	return err
}

const (
	lockNoWait = "55P03"

	countUnread0 = `SELECT count(*) FROM (SELECT FROM bellhop.outbox_0 e ` + unread + ` LIMIT $8) n`
	countUnread1 = `SELECT count(*) FROM (SELECT FROM bellhop.outbox_1 e ` + unread + ` LIMIT $8) n`
	carryOver0   = `INSERT INTO bellhop.outbox_1 SELECT e.* FROM bellhop.outbox_0 e ` + unread
	carryOver1   = `INSERT INTO bellhop.outbox_0 SELECT e.* FROM bellhop.outbox_1 e ` + unread

	// unread is what the progress does not say was taken.
	unread = `LEFT JOIN unnest($3::text[], $4::text[]::pg_snapshot[], $5::text[]::pg_snapshot[], $6::text[]::xid8[], $7::bigint[]) b (app, low, high, tx, id) ON b.app = e.app
		WHERE (e.tx >= $1::text::xid8 AND NOT pg_visible_in_snapshot(e.tx, $2::text::pg_snapshot)
			OR NOT pg_visible_in_snapshot(e.tx, b.high)
			OR NOT pg_visible_in_snapshot(e.tx, b.low) AND (e.tx, e.id) > (b.tx, b.id)) /* all apps */`
)

// emptyOutbox truncates the tables of a slot that nothing is added to any more, if nobody
// uses them, and all of their entries were taken or are few.
func (s *Store) emptyOutbox(ctx context.Context, slot int) error {
	err := s.withOutbox(ctx, "empty a table of the outbox", func(t *txn, p *progressed, now int) (bool, error) {
		if now == slot {
			return false, nil
		}
		if _, err := t.exec(fmt.Sprintf("LOCK TABLE bellhop.outbox_%d, bellhop.outbox_progress_%d IN ACCESS EXCLUSIVE MODE NOWAIT", slot, slot)); err != nil {
			return false, err
		}
		args := unreadArgs(p.reader)
		count, carry := countUnread0, carryOver0
		if slot == 1 {
			count, carry = countUnread1, carryOver1
		}
		n := 0
		if _, err := t.one(into(&n), count, append(slices.Clone(args), movedAlong+1)...); err != nil {
			return false, err
		}
		if n > movedAlong {
			return false, nil // they are being taken
		}
		if n > 0 {
			if _, err := t.exec(carry, args...); err != nil {
				return false, err
			}
		}
		_, err := t.exec(fmt.Sprintf("TRUNCATE bellhop.outbox_%d, bellhop.outbox_progress_%d", slot, slot))
		return false, err
	})
	if codeOf(err) == lockNoWait {
		return nil // later
	}
	return err
}

func unreadArgs(r *snapshot.Reader) []any {
	lowest := r.Seen.Max
	if len(r.Seen.Running) > 0 {
		lowest = r.Seen.Running[0]
	}
	apps := slices.Sorted(maps.Keys(r.Behind))
	var low, high, txs []string
	var ids []int64
	for _, app := range apps {
		w := r.Behind[app]
		low, high = append(low, w.From.String()), append(high, w.To.String())
		txs, ids = append(txs, strconv.FormatUint(w.At.Tx, 10)), append(ids, w.At.ID)
	}
	return []any{strconv.FormatUint(lowest, 10), r.Seen.String(), apps, low, high, txs, ids}
}

// errRenumbered says that transactions have lower numbers than some that were seen: the
// database was restored into another server.
var errRenumbered = errors.New("the numbers of transactions have begun anew")

const (
	dropTaken0   = `DELETE FROM bellhop.outbox_0 d WHERE d.tx >= $8::text::xid8 AND (d.app, d.tx, d.id) NOT IN (SELECT e.app, e.tx, e.id FROM bellhop.outbox_0 e ` + unread + `)`
	dropTaken1   = `DELETE FROM bellhop.outbox_1 d WHERE d.tx >= $8::text::xid8 AND (d.app, d.tx, d.id) NOT IN (SELECT e.app, e.tx, e.id FROM bellhop.outbox_1 e ` + unread + `)`
	numberAnew0  = `UPDATE bellhop.outbox_0 SET tx = pg_current_xact_id() /* all apps */`
	numberAnew1  = `UPDATE bellhop.outbox_1 SET tx = pg_current_xact_id() /* all apps */`
	lockEntries  = `LOCK TABLE bellhop.outbox_0, bellhop.outbox_1 IN ACCESS EXCLUSIVE MODE`
	turnedOutbox = `UPDATE bellhop.outbox_slot SET slot = $1, at = bellhop.clock()`
)

// renumberOutbox gives what waits numbers of this server's. Of what was published since the
// restore all is taken, and what cannot be told from it: rather twice than never.
func (s *Store) renumberOutbox(ctx context.Context) error {
	s.outbox.reader = nil
	s.log.Warn("the database was restored into another server: what waits in the outbox is numbered anew")
	return s.write(ctx, upkeep, "number the outbox anew", func(t *txn) error {
		// First of all: this transaction itself comes behind what is seen.
		var text string
		var backend, mark int64
		if _, err := t.one(into(&text, &backend, &mark), outboxNow); err != nil {
			return err
		}
		now, err := snapshot.Parse(text)
		if err != nil {
			return err
		}
		var slot int
		if _, err := t.one(into(&slot), lockOutbox); err != nil {
			return err
		}
		var stored outbox
		if err := stored.load(&t.reading); err != nil || stored.reader.Seen.Max <= now.Max {
			return err // or somebody was faster
		}
		if _, err := t.exec(lockEntries); err != nil {
			return err
		}
		taken := append(unreadArgs(stored.reader), strconv.FormatUint(now.Max, 10))
		for _, sql := range []string{dropTaken0, dropTaken1} {
			if _, err := t.exec(sql, slices.Clone(taken)...); err != nil {
				return err
			}
		}
		for _, sql := range []string{numberAnew0, numberAnew1} {
			if _, err := t.exec(sql); err != nil {
				return err
			}
		}
		p := &progressed{reader: snapshot.NewReader(now, nil), seq: stored.mark + 1}
		sql, args := p.add(slot, true)
		_, err = t.exec(sql, args...)
		return err
	})
}
