package postgres

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
	"github.com/bellhop/bellhop/internal/snapshot"
)

// outboxPoll is how often the outbox is looked at. Who publishes tells nobody: to notify in
// a transaction that writes has all commits wait for each other.
const outboxPoll = 50 * time.Millisecond

// outbox is how far this process has seen and read the outbox. What is stored of it is
// written with what was taken; the rest can be found out again.
type outbox struct {
	mu     sync.Mutex
	reader *snapshot.Reader // nil: not known
	// mark is the last line of progress that reader has.
	mark int64
	// backend is the server's process that has told what reader knows beyond that. Should
	// the server crash, numbers of transactions that it had forgotten are given once more:
	// while that process lives, it has not.
	backend int64
	// read is, of each app of the last batch, what was read of its window.
	read map[string]readEntries
	// tended is when the tables were looked after last.
	tended time.Time
}

// readEntries says how many entries were read, and whether the window has no more.
type readEntries struct {
	n     int
	ended bool
}

// AwaitOutbox looks at the outbox until there is something in it.
func (s *Store) AwaitOutbox(ctx context.Context) error {
	tick := time.NewTicker(outboxPoll)
	defer tick.Stop()
	for {
		some := false
		err := s.lookAtOutbox(ctx, "look at the outbox", func(q *reading, o *outbox) error {
			err := o.notice(q)
			some = err == nil && len(o.reader.Behind) > 0
			return err
		})
		if err != nil || some {
			return err
		}
		if err := s.tendOutbox(ctx); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lookAtOutbox runs f with statements each of which sees what was committed before it: what
// they read is complete and does not change, whatever else happens meanwhile.
func (s *Store) lookAtOutbox(ctx context.Context, what string, f func(*reading, *outbox) error) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	for try := 1; ; try++ {
		err = s.readOnce(ctx, forOutbox, func(q *reading) error { return f(q, &s.outbox) })
		if errors.Is(err, errRenumbered) && try < tries {
			if err = s.renumberOutbox(ctx); err == nil {
				continue
			}
		}
		if err == nil || ctx.Err() != nil || try == tries || !lostConnection(err) {
			return s.readError(ctx, what, err)
		}
	}
}

const outboxNow = `SELECT pg_current_snapshot()::text, pg_backend_pid(),
	greatest((SELECT max(seq) FROM bellhop.outbox_progress_0), (SELECT max(seq) FROM bellhop.outbox_progress_1))`

// notice looks whose entries have come since the last time.
func (o *outbox) notice(q *reading) error {
	var text string
	var backend, mark int64
	if _, err := q.one(into(&text, &backend, &mark), outboxNow); err != nil {
		return err
	}
	now, err := snapshot.Parse(text)
	if err != nil {
		return err
	}
	if o.reader == nil || o.mark != mark || o.backend != backend {
		if err := o.load(q); err != nil {
			return err
		}
		o.backend = backend
	}
	if now.Max < o.reader.Seen.Max {
		return errRenumbered
	}
	for limit := noticeLimit; ; {
		apps, until, err := o.appsBetween(q, o.reader.Seen, now, limit)
		if err != nil {
			return err
		}
		part := now.Below(until)
		if until > 0 && len(snapshot.Between(o.reader.Seen, part)) == 0 {
			limit = 0 // one transaction alone is more than that
			continue
		}
		if until == 0 {
			part = now
		}
		o.reader.Noticed(part, apps...)
		return nil
	}
}

// load reads how far the outbox was taken.
func (o *outbox) load(q *reading) error {
	o.reader, o.read = nil, nil
	var seen string
	behind := map[string]snapshot.Window{}
	var mark int64
	err := q.each(func(r row) error {
		var app, low, high, tx *string
		var id *int64
		var whole, done bool
		if err := r.Scan(&mark, &whole, &app, &low, &high, &tx, &id, &done); err != nil {
			return err
		}
		switch {
		case app == nil:
			if seen = *high; whole {
				clear(behind)
			}
		case done:
			delete(behind, *app)
		default:
			w, err := windowOf(*low, *high, *tx, *id)
			if err != nil {
				return err
			}
			behind[*app] = w
		}
		return nil
	}, outboxProgress)
	if err != nil {
		return err
	}
	s, err := snapshot.Parse(seen)
	if err != nil {
		return err
	}
	o.reader, o.mark = snapshot.NewReader(s, behind), mark
	return nil
}

// Within a line of progress, that of all apps comes first.
const outboxProgress = `SELECT seq, whole, app, low::text, high::text, tx::text, id, done
	FROM (SELECT * FROM bellhop.outbox_progress_0 UNION ALL SELECT * FROM bellhop.outbox_progress_1) p
	WHERE seq >= (SELECT max(seq) FROM (SELECT * FROM bellhop.outbox_progress_0 UNION ALL SELECT * FROM bellhop.outbox_progress_1) w WHERE whole)
	ORDER BY seq, app NULLS FIRST`

func windowOf(low, high, tx string, id int64) (w snapshot.Window, err error) {
	if w.From, err = snapshot.Parse(low); err != nil {
		return w, err
	}
	if w.To, err = snapshot.Parse(high); err != nil {
		return w, err
	}
	w.At.ID = id
	w.At.Tx, err = strconv.ParseUint(tx, 10, 64)
	return w, err
}

// noticeLimit bounds how many transactions are looked at at once to see whose entries they
// have added: about what takes a tenth of a second.
const noticeLimit = 10_000

// outboxApps finds the apps of each transaction of some ranges: from each it goes on to the
// next by the index, so that what one transaction has added costs nothing.
const outboxApps = `WITH RECURSIVE found AS (
		SELECT r.n, r.high, e.tx, e.app, 1 AS depth
		FROM unnest($1::text[]::xid8[], $2::text[]::xid8[]) WITH ORDINALITY r (low, high, n) CROSS JOIN LATERAL (
			SELECT tx, app FROM (
				(SELECT tx, app FROM bellhop.outbox_0 WHERE tx >= r.low AND tx < r.high ORDER BY tx, app LIMIT 1)
				UNION ALL
				(SELECT tx, app FROM bellhop.outbox_1 WHERE tx >= r.low AND tx < r.high ORDER BY tx, app LIMIT 1)
			) b ORDER BY tx, app LIMIT 1) e
		UNION ALL
		SELECT f.n, f.high, e.tx, e.app, f.depth + 1
		FROM found f CROSS JOIN LATERAL (
			SELECT tx, app FROM (
				(SELECT tx, app FROM bellhop.outbox_0 WHERE (tx, app) > (f.tx, f.app) AND tx < f.high ORDER BY tx, app LIMIT 1)
				UNION ALL
				(SELECT tx, app FROM bellhop.outbox_1 WHERE (tx, app) > (f.tx, f.app) AND tx < f.high ORDER BY tx, app LIMIT 1)
			) b ORDER BY tx, app LIMIT 1) e
	)
	SELECT n, tx::text, app, depth FROM found LIMIT $3 /* all apps */`

// appsBetween tells whose entries are in what one snapshot sees and an earlier one does
// not. Where more than limit transactions are to be looked at (0: however many), until is
// the first that was not.
func (o *outbox) appsBetween(q *reading, from, to snapshot.Snapshot, limit int) (apps []string, until uint64, err error) {
	low, high := texts(snapshot.Between(from, to))
	if len(low) == 0 {
		return nil, 0, nil
	}
	type place struct {
		tx    uint64
		depth int64
	}
	last := map[int64]place{} // of each range
	of := map[string]uint64{} // in which transaction each app is first
	n, deepest := 0, int64(0)
	var bound any
	if limit > 0 {
		bound = limit
	}
	var part, depth int64
	var text, app string
	var wrong error
	err = q.each(scan(func() {
		tx, err := strconv.ParseUint(text, 10, 64)
		wrong = errors.Join(wrong, err)
		n++
		last[part], deepest = place{tx, depth}, max(deepest, depth)
		if first, known := of[app]; !known || tx < first {
			of[app] = tx
		}
	}, &part, &text, &app, &depth), outboxApps, low, high, bound)
	if err = errors.Join(err, wrong); err != nil {
		return nil, 0, err
	}
	if limit > 0 && n == limit {
		// What was not looked at comes behind the last of a range that was gone through as far
		// as any.
		for _, p := range last {
			if p.depth >= deepest-1 && (until == 0 || p.tx < until) {
				until = p.tx
			}
		}
	}
	for app, first := range of {
		if until == 0 || first < until {
			apps = append(apps, app)
		}
	}
	return apps, until, nil
}

func texts(ranges []snapshot.Range) (low, high []string) {
	for _, r := range ranges {
		low, high = append(low, strconv.FormatUint(r.Low, 10)), append(high, strconv.FormatUint(r.High, 10))
	}
	return low, high
}

// ReadOutbox gives entries that nobody has taken.
func (s *Store) ReadOutbox(ctx context.Context, r bellhop.OutboxRequest) (bellhop.OutboxBatch, error) {
	if err := s.tendOutbox(ctx); err != nil {
		return bellhop.OutboxBatch{}, err
	}
	var b bellhop.OutboxBatch
	err := s.lookAtOutbox(ctx, "read the outbox", func(q *reading, o *outbox) error {
		b = bellhop.OutboxBatch{}
		if err := o.notice(q); err != nil {
			return err
		}
		b.Mark, o.read = o.mark, map[string]readEntries{}
		// Where the windows of all are at their end, there may be next ones.
		for apps := o.turns(&r); len(b.Entries) == 0 && len(apps) > 0; apps = o.turns(&r) {
			bytes := 0
			for len(apps) > 0 && len(b.Entries) < r.Limit && bytes < r.MaxBytes {
				some := apps[:min(len(apps), readTogether)]
				apps = apps[len(some):]
				var err error
				if bytes, err = o.readOf(q, &r, some, &b, bytes); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return b, err
}

// turns are the apps that a request is about, in the order in which it is their turn.
func (o *outbox) turns(r *bellhop.OutboxRequest) []string {
	if r.Only != "" {
		if _, behind := o.reader.Behind[r.Only]; !behind {
			return nil
		}
		return []string{r.Only}
	}
	apps := slices.Sorted(maps.Keys(o.reader.Behind))
	i, found := slices.BinarySearch(apps, r.After)
	if found {
		i++
	}
	without := map[string]bool{}
	for _, app := range r.Without {
		without[app] = true
	}
	return slices.DeleteFunc(slices.Concat(apps[i:], apps[:i]), func(app string) bool { return without[app] })
}

// readTogether is of how many apps one statement looks for entries.
const readTogether = 50

// outboxPlaces finds the first entries of the windows of apps: where they are, and how
// large. Each window is some ranges of transactions.
const outboxPlaces = `SELECT w.n, e.tx::text, e.id, e.size
	FROM unnest($1::bigint[], $2::text[], $3::text[]::xid8[], $4::text[]::xid8[], $5::text[]::xid8[], $6::bigint[]) w (n, app, low, high, tx, id)
	CROSS JOIN LATERAL (
		SELECT * FROM (
			(SELECT o.tx, o.id, octet_length(o.data) AS size FROM bellhop.outbox_0 o
				WHERE o.app = w.app AND o.tx >= w.low AND o.tx < w.high AND (o.tx, o.id) > (w.tx, w.id) ORDER BY o.tx, o.id LIMIT $7)
			UNION ALL
			(SELECT o.tx, o.id, octet_length(o.data) FROM bellhop.outbox_1 o
				WHERE o.app = w.app AND o.tx >= w.low AND o.tx < w.high AND (o.tx, o.id) > (w.tx, w.id) ORDER BY o.tx, o.id LIMIT $7)
		) b ORDER BY tx, id LIMIT $7
	) e`

// outboxEntries reads entries.
const outboxEntries = `SELECT k.n, e.tx::text, e.id, e.app, e.type, e.subject, e.external_id, e.deliver_at, e.at, octet_length(e.data),
		CASE WHEN octet_length(e.data) <= $4 THEN e.data END, e.channels, e.tags, e.retain
	FROM unnest($1::text[], $2::text[]::xid8[], $3::bigint[]) WITH ORDINALITY k (app, tx, id, n)
	CROSS JOIN LATERAL (
		SELECT * FROM bellhop.outbox_0 o WHERE o.app = k.app AND o.tx = k.tx AND o.id = k.id
		UNION ALL SELECT * FROM bellhop.outbox_1 o WHERE o.app = k.app AND o.tx = k.tx AND o.id = k.id
	) e`

// readOf reads entries of apps, as far as the request allows.
func (o *outbox) readOf(q *reading, r *bellhop.OutboxRequest, apps []string, b *bellhop.OutboxBatch, bytes int) (int, error) {
	each := min(r.Each, r.Limit-len(b.Entries))
	type at struct {
		snapshot.Position
		size int64
	}
	var ns, ids []int64
	var names, low, high, txs []string
	for n, app := range apps {
		w := o.reader.Behind[app]
		from, to := texts(w.Ranges())
		for i := range from {
			ns, names, low, high = append(ns, int64(n)), append(names, app), append(low, from[i]), append(high, to[i])
			txs, ids = append(txs, strconv.FormatUint(w.At.Tx, 10)), append(ids, w.At.ID)
		}
	}
	found := make([][]at, len(apps))
	var n int64
	var tx string
	var p at
	var wrong error
	err := q.each(scan(func() {
		var err error
		p.Tx, err = strconv.ParseUint(tx, 10, 64)
		wrong = errors.Join(wrong, err)
		found[n] = append(found[n], p)
	}, &n, &tx, &p.ID, &p.size), outboxPlaces, ns, names, low, high, txs, ids, each+1)
	if err = errors.Join(err, wrong); err != nil {
		return bytes, err
	}
	var wantedOf, wantedTx []string
	var wantedID []int64
	left := r.Limit - len(b.Entries)
	for n, app := range apps {
		list := found[n]
		slices.SortFunc(list, func(a, b at) int { return cmp.Or(cmp.Compare(a.Tx, b.Tx), cmp.Compare(a.ID, b.ID)) })
		k := 0
		for ; k < len(list) && k < r.Each && left > 0; k++ {
			size := 0
			if list[k].size <= int64(r.MaxData) {
				size = int(list[k].size)
			}
			if bytes > 0 && bytes+size > r.MaxBytes {
				left, bytes = 0, max(bytes, r.MaxBytes)
				break
			}
			bytes += size
			left--
			wantedOf, wantedTx, wantedID = append(wantedOf, app), append(wantedTx, strconv.FormatUint(list[k].Tx, 10)), append(wantedID, list[k].ID)
		}
		o.read[app] = readEntries{n: k, ended: k == len(list) && k <= each}
		if len(list) == 0 {
			o.reader.Ended(app)
		}
	}
	return bytes, o.readThese(q, r, wantedOf, wantedTx, wantedID, b)
}

func (o *outbox) readThese(q *reading, r *bellhop.OutboxRequest, apps, txs []string, ids []int64, b *bellhop.OutboxBatch) error {
	if len(ids) == 0 {
		return nil
	}
	type numbered struct {
		n int64
		bellhop.OutboxEntry
	}
	var list []numbered
	err := q.each(func(r row) error {
		var x numbered
		var tx string
		var deliverAt, at, retain int64
		var data *string
		var channels, tags string
		err := r.Scan(&x.n, &tx, &x.ID, &x.App, &x.Type, &x.Subject, &x.ExternalID, &deliverAt, &at, &x.Size, &data, &channels, &tags, &retain)
		if err != nil {
			return err
		}
		x.DeliverAt, x.At = moment(deliverAt), moment(at)
		x.Channels, x.Tags, x.Retain = column.LabelsGiven(channels), column.LabelsGiven(tags), column.Span(retain)
		if data != nil {
			x.Data = bellhop.JSON(*data)
		}
		x.Tx, err = strconv.ParseInt(tx, 10, 64)
		list = append(list, x)
		return err
	}, outboxEntries, apps, txs, ids, r.MaxData)
	if err != nil {
		return err
	}
	if len(list) != len(ids) {
		return errors.New("some entries of the outbox have gone while they were read")
	}
	slices.SortFunc(list, func(a, b numbered) int { return cmp.Compare(a.n, b.n) })
	for i := range list {
		b.Entries = append(b.Entries, list[i].OutboxEntry)
	}
	return nil
}

// progressed is how far the outbox is taken once a taking is stored.
type progressed struct {
	reader  *snapshot.Reader
	seq     int64
	changes []snapshot.Change
}

// after works out what a taking leads to. It fails with ErrOutboxMoved if it is not of what
// was read last.
func (o *outbox) after(t *bellhop.OutboxTaking) (*progressed, error) {
	if o.reader == nil || o.mark != t.Mark {
		return nil, bellhop.ErrOutboxMoved
	}
	p := &progressed{reader: o.reader.Clone(), seq: o.mark + 1}
	taken := map[string]int{}
	for i := range t.Entries {
		e := &t.Entries[i]
		at := snapshot.Position{Tx: uint64(e.Tx), ID: e.ID}
		if w, behind := p.reader.Behind[e.App]; !behind || !w.Holds(at) {
			return nil, bellhop.ErrOutboxMoved
		}
		p.reader.Took(e.App, at)
		taken[e.App]++
	}
	for app, n := range taken {
		if was, known := o.read[app]; known && was.ended && was.n == n {
			p.reader.Ended(app)
		}
	}
	p.changes, _ = p.reader.Changes()
	return p, nil
}

const (
	lockOutbox = `SELECT slot FROM bellhop.outbox_slot FOR UPDATE`
	// outboxMark is read once the lock is had: in a statement of its own, which sees what
	// the one before has committed.
	outboxMark = `SELECT greatest((SELECT max(seq) FROM bellhop.outbox_progress_0), (SELECT max(seq) FROM bellhop.outbox_progress_1))`

	addProgress0 = `INSERT INTO bellhop.outbox_progress_0 (seq, whole, app, low, high, tx, id, done) ` + progressRows
	addProgress1 = `INSERT INTO bellhop.outbox_progress_1 (seq, whole, app, low, high, tx, id, done) ` + progressRows
	progressRows = `SELECT $1::bigint, $2::boolean, NULL::text, NULL::pg_snapshot, $3::text::pg_snapshot, NULL::xid8, NULL::bigint, false
		UNION ALL SELECT $1, false, w.app, w.low::pg_snapshot, w.high::pg_snapshot, w.tx::xid8, w.id, w.done
		FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::boolean[]) w (app, low, high, tx, id, done)`
)

// add gives the statement that stores how far the outbox is taken, and its arguments.
// whole has it begin anew with everything.
func (p *progressed) add(slot int, whole bool) (sql string, args []any) {
	changes := p.changes
	if whole {
		changes = nil
		for _, app := range slices.Sorted(maps.Keys(p.reader.Behind)) {
			changes = append(changes, snapshot.Change{Name: app, Window: p.reader.Behind[app]})
		}
	}
	var apps, low, high, txs []string
	var ids []int64
	var done []bool
	for _, c := range changes {
		w := c.Window
		if c.Done {
			w = snapshot.Window{From: p.reader.Seen, To: p.reader.Seen}
		}
		apps, low, high = append(apps, c.Name), append(low, w.From.String()), append(high, w.To.String())
		txs, ids, done = append(txs, strconv.FormatUint(w.At.Tx, 10)), append(ids, w.At.ID), append(done, c.Done)
	}
	sql = addProgress0
	if slot == 1 {
		sql = addProgress1
	}
	return sql, []any{p.seq, whole, p.reader.Seen.String(), apps, low, high, txs, ids, done}
}
