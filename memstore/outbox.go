package memstore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/snapshot"
)

// outbox is what programs publish in transactions of their own. These commit late and in
// any order, as in a database with many writers.
type outbox struct {
	// rows are in the order of their ids; those of transactions that run are there, too,
	// but nobody sees them.
	rows    []bellhop.OutboxEntry
	nextTx  uint64
	nextID  int64
	running map[uint64]bool

	reader *snapshot.Reader
	mark   int64
	// arrived is closed when a transaction commits, and replaced.
	arrived chan struct{}

	refused map[int64]refusal
}

// refusal is kept among those of an app, or of none that there is ("").
type refusal struct {
	bellhop.RefusedEntry
	of string
}

func newOutbox() outbox {
	return outbox{
		nextTx: 1, running: map[uint64]bool{}, arrived: make(chan struct{}), refused: map[int64]refusal{},
		reader: snapshot.NewReader(snapshot.Snapshot{Max: 1}, nil),
	}
}

func (o *outbox) now() snapshot.Snapshot {
	return snapshot.Snapshot{Max: o.nextTx, Running: slices.Sorted(maps.Keys(o.running))}
}

func position(e *bellhop.OutboxEntry) snapshot.Position {
	return snapshot.Position{Tx: uint64(e.Tx), ID: e.ID}
}

// OutboxTx is a transaction of a program in the same database.
type OutboxTx struct {
	store *Store
	tx    uint64
}

// OutboxTx begins a transaction. Of several, each may end before or after the others.
func (s *Store) OutboxTx() *OutboxTx { return &OutboxTx{store: s} }

// Publish adds entries, which are there once the transaction commits. They get their Tx,
// ID and Size.
func (t *OutboxTx) Publish(entries ...bellhop.OutboxEntry) {
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	o := &t.store.outbox
	if t.tx == 0 {
		t.tx = o.nextTx
		o.nextTx++
		o.running[t.tx] = true
	}
	for _, e := range entries {
		o.nextID++
		e.Tx, e.ID, e.Size, e.Data = int64(t.tx), o.nextID, int64(len(e.Data)), slices.Clone(e.Data)
		o.rows = append(o.rows, e)
	}
}

// Commit ends the transaction.
func (t *OutboxTx) Commit() {
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	o := &t.store.outbox
	delete(o.running, t.tx)
	close(o.arrived)
	o.arrived = make(chan struct{})
}

// Rollback ends the transaction, and nothing of it was ever there.
func (t *OutboxTx) Rollback() {
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	o := &t.store.outbox
	delete(o.running, t.tx)
	o.rows = slices.DeleteFunc(o.rows, func(e bellhop.OutboxEntry) bool { return uint64(e.Tx) == t.tx && t.tx != 0 })
}

// AwaitOutbox returns when there is something in the outbox.
func (s *Store) AwaitOutbox(ctx context.Context) error {
	for {
		var arrived chan struct{}
		some := false
		err := s.step(ctx, func() error {
			o := &s.outbox
			now := o.now()
			some = slices.ContainsFunc(o.rows, func(e bellhop.OutboxEntry) bool { return now.Sees(uint64(e.Tx)) })
			arrived = o.arrived
			return nil
		})
		if err != nil || some {
			return err
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ReadOutbox gives entries that nobody has taken.
func (s *Store) ReadOutbox(ctx context.Context, r bellhop.OutboxRequest) (bellhop.OutboxBatch, error) {
	var b bellhop.OutboxBatch
	err := s.step(ctx, func() error {
		o := &s.outbox
		o.notice()
		b = bellhop.OutboxBatch{Mark: o.mark}
		bytes := 0
		for _, app := range turns(sortedKeys(o.reader.Behind), r) {
			list := o.unread(app)
			for i, of := range list {
				e := *of
				if i == r.Each || len(b.Entries) == r.Limit || len(b.Entries) > 0 && bytes+len(e.Data) > r.MaxBytes {
					break
				}
				if e.Size > int64(r.MaxData) {
					e.Data = nil
				}
				e.Data = slices.Clone(e.Data)
				bytes += len(e.Data)
				b.Entries = append(b.Entries, e)
			}
		}
		return nil
	})
	return b, err
}

// turns are the apps that a request is about, in the order in which it is their turn.
func turns(apps []string, r bellhop.OutboxRequest) []string {
	i, found := slices.BinarySearch(apps, r.After)
	if found {
		i++
	}
	list := slices.Concat(apps[i:], apps[:i])
	return slices.DeleteFunc(list, func(app string) bool {
		return r.Only != "" && app != r.Only || slices.Contains(r.Without, app)
	})
}

// notice looks whose entries have come.
func (o *outbox) notice() {
	now := o.now()
	apps := map[string]bool{}
	for i := range o.rows {
		if tx := uint64(o.rows[i].Tx); now.Sees(tx) && !o.reader.Seen.Sees(tx) {
			apps[o.rows[i].App] = true
		}
	}
	o.reader.Noticed(now, sortedKeys(apps)...)
}

// unread are the entries of an app's window that were not taken, in order.
func (o *outbox) unread(app string) []*bellhop.OutboxEntry {
	for {
		w, behind := o.reader.Behind[app]
		if !behind {
			return nil
		}
		var list []*bellhop.OutboxEntry
		ranges := w.Ranges()
		for i := range o.rows {
			e := &o.rows[i]
			in := slices.ContainsFunc(ranges, func(r snapshot.Range) bool { return r.Low <= uint64(e.Tx) && uint64(e.Tx) < r.High })
			if in && e.App == app && w.At.Before(position(e)) {
				list = append(list, e)
			}
		}
		if len(list) > 0 || !o.reader.Ended(app) {
			slices.SortFunc(list, func(a, b *bellhop.OutboxEntry) int { return cmp.Or(cmp.Compare(a.Tx, b.Tx), cmp.Compare(a.ID, b.ID)) })
			return list
		}
	}
}

// TakeOutbox stores what was made of entries, and takes them out.
func (s *Store) TakeOutbox(ctx context.Context, l bellhop.Lease, routes int64, t bellhop.OutboxTaking, now time.Time) ([]bellhop.Receipt, error) {
	var receipts []bellhop.Receipt
	err := s.step(ctx, func() (err error) {
		if err := s.holds(l); err != nil {
			return err
		}
		if err := s.outbox.next(t); err != nil {
			return err
		}
		if len(t.Events) > 0 {
			if receipts, err = s.enqueue(l, routes, t.Events, l.Node, now); err != nil {
				return err
			}
		}
		o := &s.outbox
		taken := map[int64]bool{}
		for i := range t.Entries {
			e := &t.Entries[i]
			taken[e.ID] = true
			o.reader.Took(e.App, position(e))
		}
		if len(t.Entries) > 0 {
			o.mark++
		}
		o.rows = slices.DeleteFunc(o.rows, func(e bellhop.OutboxEntry) bool { return taken[e.ID] })
		for _, id := range t.Mended {
			delete(o.refused, id)
		}
		s.refuse(t.Refused)
		return nil
	})
	return receipts, err
}

// next fails unless a taking is of the entries that are to be taken next.
func (o *outbox) next(t bellhop.OutboxTaking) error {
	for _, id := range t.Mended {
		if _, ok := o.refused[id]; !ok {
			return bellhop.ErrOutboxMoved
		}
	}
	if len(t.Entries) > 0 && t.Mark != o.mark {
		return bellhop.ErrOutboxMoved
	}
	left := map[string][]*bellhop.OutboxEntry{}
	for i := range t.Entries {
		e := &t.Entries[i]
		list, known := left[e.App]
		if !known {
			list = o.unread(e.App)
		}
		if len(list) == 0 || list[0].ID != e.ID {
			return bellhop.ErrOutboxMoved
		}
		left[e.App] = list[1:]
	}
	return nil
}

// refuse keeps refused entries, and lets go of the oldest where there are too many.
func (s *Store) refuse(entries []bellhop.RefusedEntry) {
	all := s.outbox.refused
	changed := map[string]bool{}
	for _, e := range entries {
		of := e.App
		if _, known := s.apps[of]; !known {
			of = ""
		}
		e.Data = slices.Clone(e.Data)
		all[e.ID] = refusal{e, of}
		changed[of] = true
	}
	if len(changed) == 0 {
		return
	}
	type kept struct{ n, bytes int }
	of := map[string]kept{}
	for _, id := range slices.Backward(sortedKeys(all)) {
		x := all[id]
		if !changed[x.of] {
			continue
		}
		k := of[x.of]
		k.n, k.bytes = k.n+1, k.bytes+len(x.Data)
		of[x.of] = k
		if k.n > bellhop.MaxRefused || k.bytes > bellhop.MaxRefusedBytes {
			delete(all, id)
		}
	}
}

// Refused lists what was refused.
func (s *Store) Refused(ctx context.Context, f bellhop.RefusedFilter) ([]bellhop.RefusedEntry, error) {
	var list []bellhop.RefusedEntry
	err := s.step(ctx, func() error {
		for _, id := range slices.Backward(sortedKeys(s.outbox.refused)) {
			e := s.outbox.refused[id].RefusedEntry
			if f.Before != 0 && id >= f.Before || f.App != "" && e.App != f.App {
				continue
			}
			if len(list) == f.Limit {
				break
			}
			e.Data = nil
			list = append(list, e)
		}
		return nil
	})
	return list, err
}

// RefusedEntry gives one with its data.
func (s *Store) RefusedEntry(ctx context.Context, id int64) (bellhop.RefusedEntry, error) {
	var e bellhop.RefusedEntry
	err := s.step(ctx, func() error {
		x, ok := s.outbox.refused[id]
		if !ok {
			return bellhop.NoRefusedEntry(id)
		}
		e = x.RefusedEntry
		e.Data = slices.Clone(e.Data)
		return nil
	})
	return e, err
}

// ForgetRefused removes what was refused.
func (s *Store) ForgetRefused(ctx context.Context, id int64, app string, limit int, audit *bellhop.AuditEntry) (int, error) {
	n := 0
	err := s.step(ctx, func() error {
		n = s.forgetRefused(limit, func(e *bellhop.RefusedEntry) bool {
			return id != 0 && e.ID == id || id == 0 && (app == "" || e.App == app)
		})
		if n > 0 {
			s.addAudit(audit)
		}
		return nil
	})
	return n, err
}

// forgetRefused removes the oldest that are selected.
func (s *Store) forgetRefused(limit int, selected func(*bellhop.RefusedEntry) bool) (n int) {
	for _, id := range sortedKeys(s.outbox.refused) {
		if e := s.outbox.refused[id].RefusedEntry; n < limit && selected(&e) {
			delete(s.outbox.refused, id)
			n++
		}
	}
	return n
}
