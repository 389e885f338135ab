package postgres

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bellhop/bellhop/internal/id"
)

// Events and attempts have a partition for each day that an id of theirs was made on, so
// that old days go as a whole. There is no default partition: rows in it would keep a day's
// own from being made.

// daysAhead is how many days after today have a partition already.
const daysAhead = 3

// days are those that are known to have partitions.
type days struct {
	mu    sync.Mutex
	known map[int64]bool
}

// missing leaves out those that are known.
func (d *days) missing(list []int64) (rest []int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, day := range list {
		if !d.known[day] && !slices.Contains(rest, day) {
			rest = append(rest, day)
		}
	}
	slices.Sort(rest)
	return rest
}

func (d *days) add(list []int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil {
		d.known = map[int64]bool{}
	}
	for _, day := range list {
		d.known[day] = true
	}
}

// forget is for when one that was known is gone.
func (d *days) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known = nil
}

// maxDay is the last day of which an id can be.
const maxDay = math.MaxInt64 >> 21 / (24 * 60 * 60 * 1000)

// partitionOf names a table's partition for a day.
func partitionOf(table string, day int64) string {
	return table + "_" + time.Unix(day*24*60*60, 0).UTC().Format("20060102")
}

func daysOfSteps(batch []*step) (list []int64) {
	add := func(id int64) {
		if day := dayOf(id); !slices.Contains(list, day) {
			list = append(list, day)
		}
	}
	for _, st := range batch {
		if st.enqueue != nil {
			for i := range st.enqueue.events {
				add(int64(st.enqueue.events[i].Event.ID))
			}
		}
		for i := range st.record {
			add(int64(st.record[i].Attempt.ID))
		}
	}
	return list
}

// haveDaysOf makes the partitions that ids need and that are not there yet.
func haveDaysOf[K id.Kind](ctx context.Context, s *Store, ids []id.ID[K]) error {
	var list []int64
	for _, i := range ids {
		if day := dayOf(int64(i)); !slices.Contains(list, day) {
			list = append(list, day)
		}
	}
	return s.haveDays(ctx, list)
}

// haveDays makes the partitions of days that are not there yet.
func (s *Store) haveDays(ctx context.Context, list []int64) error {
	list = s.days.missing(list)
	if len(list) == 0 {
		return nil
	}
	err := s.write(ctx, upkeep, "make partitions", func(t *txn) error { return t.makeDays(list) })
	if err == nil {
		s.days.add(list)
	}
	return err
}

// makeDaysAhead makes those of today and the next days. It costs nothing once they are
// there.
func (s *Store) makeDaysAhead(ctx context.Context, now time.Time) error {
	today := dayOf(int64(id.First[id.Event](now)))
	var list []int64
	for day := today; day <= min(today+daysAhead, maxDay); day++ {
		list = append(list, day)
	}
	return s.haveDays(ctx, list)
}

const (
	// Who makes or drops partitions holds this lock: readers are not kept waiting.
	lockDays  = "LOCK TABLE bellhop.days IN SHARE ROW EXCLUSIVE MODE"
	knownDays = "SELECT day FROM bellhop.days WHERE day = ANY($1)"
)

// makeDays makes the partitions of days. A table is made by itself and then attached, which
// keeps nobody waiting who reads or writes.
func (t *txn) makeDays(list []int64) error {
	if _, err := t.exec(lockDays); err != nil {
		return err
	}
	have := map[int64]bool{}
	var day int64
	if err := t.each(scan(func() { have[day] = true }, &day), knownDays, list); err != nil {
		return err
	}
	for _, day := range list {
		if have[day] {
			continue
		}
		until := fmt.Sprint(firstOfDay(day + 1))
		if day >= maxDay {
			until = "MAXVALUE"
		}
		for _, table := range []string{"events", "attempts"} {
			part := partitionOf(table, day)
			for _, sql := range []string{
				fmt.Sprintf("CREATE TABLE bellhop.%s (LIKE bellhop.%s INCLUDING ALL)", part, table),
				fmt.Sprintf("ALTER TABLE bellhop.%s ATTACH PARTITION bellhop.%s FOR VALUES FROM (%d) TO (%s)", table, part, firstOfDay(day), until),
			} {
				if _, err := t.conn.PgConn().Exec(t.ctx, sql).ReadAll(); err != nil {
					return err
				}
			}
		}
		if _, err := t.exec("INSERT INTO bellhop.days (day) VALUES ($1)", day); err != nil {
			return err
		}
	}
	return nil
}

// noPartition tells whether a row had no partition to go to.
func noPartition(err error) bool {
	return codeOf(err) == checkViolation && strings.Contains(err.Error(), "no partition")
}
