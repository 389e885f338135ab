package sim

import (
	"fmt"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
)

// Programs publish in transactions of their own, which run for a while, commit in another
// order than they began, or are rolled back. Whoever keeps house takes what they have
// published.

// entry is something that a program has put into the outbox.
type entry struct {
	committed bool
	events    int // that were made of it
}

// program has a program publish in a transaction.
func (w *world) program() {
	tx := w.store.OutboxTx()
	var list []*entry
	for range w.number(1, 4) {
		p := engine.Publication{App: appName(0), Type: pick(&w.loop, kinds[:]), Data: w.data()}
		if w.chance(0.5) {
			p.Subject = fmt.Sprintf("thing:%d", w.number(1, 3))
		}
		tx.Publish(bellhop.OutboxEntry{App: p.App, Type: p.Type, Subject: p.Subject, Data: p.Data})
		e := &entry{}
		w.entries[string(p.Data)] = e
		list = append(list, e)
	}
	w.programs++
	w.after(w.between(time.Millisecond, 10*time.Second), "program", 0, func() {
		w.programs--
		if w.chance(0.2) {
			w.log("rolled back", 0, int64(len(list)), "")
			tx.Rollback()
			return
		}
		w.log("program committed", 0, int64(len(list)), "")
		tx.Commit()
		for _, e := range list {
			e.committed = true
		}
		if w.programs > 0 {
			w.reached("a program committed while another was in the middle")
		}
		for _, n := range w.nodes {
			if n != nil && !w.chance(w.plan.deaf) {
				w.after(w.transit(), "wakeup", n.no, func() { n.when("wakeup", 0, n.readOutbox) })
			}
		}
	})
}

// readOutbox is engine.outboxReader, of one app whose entries are never refused.
func (n *node) readOutbox() {
	w := n.w
	if n.reading || !n.running || !n.ownsBucket(0) {
		return
	}
	n.reading = true
	var b bellhop.OutboxBatch
	n.read("outbox", func() (err error) {
		b, err = w.store.ReadOutbox(ctx, bellhop.OutboxRequest{Limit: 6, Each: 3, MaxBytes: 1 << 20, MaxData: 1 << 20})
		return err
	}, func(err error) {
		if err != nil || len(b.Entries) == 0 || !n.running {
			n.reading = false
			return
		}
		ps := make([]engine.Publication, len(b.Entries))
		for i, e := range b.Entries {
			ps[i] = engine.Publication{App: e.App, Type: e.Type, Subject: e.Subject, Data: e.Data}
		}
		n.accept(&publishing{
			own: true, taking: &bellhop.OutboxTaking{Mark: b.Mark, Entries: b.Entries},
			over: func() {
				n.reading = false
				n.after(firstWait, "outbox again", 0, n.readOutbox)
			},
		}, ps...)
	})
}

// madeOf: an event was stored, which may have been made of an entry.
func (l *ledger) madeOf(e *event) {
	x := l.w.entries[string(e.data)]
	if x == nil {
		return
	}
	if x.events++; x.events > 1 || !x.committed {
		l.w.broken("1 durable", "of what a program published once, %s is the event number %d; it has committed: %v", l.w.trace.of(int64(e.id)), x.events, x.committed)
	}
	l.w.reached("what a program published was taken out of the outbox")
}

// untaken counts what programs have published and nobody has taken.
func (w *world) untaken() (n int) {
	for _, x := range w.entries {
		if x.committed && x.events == 0 {
			n++
		}
	}
	return n
}
