package desk

import (
	"context"
	"fmt"
	"sync"

	"github.com/bellhop/bellhop"
)

// eraseStep is how many events one transaction erases, so that it does not hold up
// everybody else.
const eraseStep = 200

// EraseEvent removes for good the data of one event, and everything that was captured
// of its deliveries, also where that was published (engine.TypeDeliveryCaptured); what
// is pending is canceled. The log lines stay. Erasing again changes nothing.
func (d *Desk) EraseEvent(ctx context.Context, p bellhop.Principal, id bellhop.EventID) error {
	if err := Permits(p, "eraseEvent"); err != nil {
		return err
	}
	e, err := d.event(ctx, p, id)
	if err != nil {
		return err
	}
	if _, err = d.eraseAll(ctx, bellhop.EraseSelector{Event: id}, e.App, d.e.AuditEntry(p.Actor, "event.erase", id.String(), []string{e.App}, nil)); err == nil {
		err = d.eraseCaptured(ctx, &e)
	}
	return d.erasedAll(ctx, err)
}

// EraseSubject is EraseEvent for all events of a subject. It answers how many it
// erased; those erased before are not counted. Large subjects are erased in steps:
// after an error, call it again.
func (d *Desk) EraseSubject(ctx context.Context, p bellhop.Principal, app, subject string) (erased int, err error) {
	if err := Permits(p, "eraseSubject"); err != nil {
		return 0, err
	}
	if app == "" {
		return 0, bellhop.Wrong("app", "required", "is missing: name the app whose subject is to be erased")
	}
	if err := d.knownApp(p, "app", app); err != nil {
		return 0, err
	}
	if subject == "" {
		return 0, bellhop.Wrong("subject", "required", "is empty: give the exact subject whose events are to be erased")
	}
	return d.erase(ctx, bellhop.EraseSelector{App: app, Subject: subject}, app, d.e.AuditEntry(p.Actor, "event.erase", subject, []string{app}, nil))
}

func (d *Desk) erase(ctx context.Context, sel bellhop.EraseSelector, app string, entry *bellhop.AuditEntry) (erased int, err error) {
	erased, err = d.eraseAll(ctx, sel, app, entry)
	return erased, d.erasedAll(ctx, err)
}

// erasedAll ends an erasure that went well or (err) not.
func (d *Desk) erasedAll(ctx context.Context, err error) error {
	// What was erased stays erased, also if the rest failed. What waited for it, in its
	// order, goes once it has its last line.
	d.sweep(ctx)
	if err != nil {
		return err
	}
	return d.e.Wipe(ctx)
}

func (d *Desk) eraseAll(ctx context.Context, sel bellhop.EraseSelector, app string, entry *bellhop.AuditEntry) (erased int, err error) {
	all := sel
	sel.Limit = eraseStep
	for {
		var some []bellhop.EventID
		lost, err := d.answered(ctx, func() (err error) {
			some, err = d.store.Erase(ctx, sel, entry, d.e.Now())
			return err
		})
		if lost {
			d.doubts.note(all)
		}
		if err := d.e.Wrote("erase events", err); err != nil {
			return erased, err
		}
		gone := make(map[bellhop.EventID]bool, len(some))
		for _, e := range some {
			gone[e], sel.After = true, e
		}
		// At once, not at the end: until then they could still be sent.
		d.e.Forget(gone, "")
		entry = nil
		if erased += len(some); len(some) < eraseStep {
			return erased, d.settle(ctx, all, app)
		}
	}
}

// doubts are the selections some of whose events may have been erased without anybody
// being told which. They are few: an answer must have been lost.
type doubts struct {
	mu sync.Mutex
	of map[bellhop.EraseSelector]bool
}

func (x *doubts) note(sel bellhop.EraseSelector) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.of == nil {
		x.of = map[bellhop.EraseSelector]bool{}
	}
	x.of[sel] = true
}

func (x *doubts) has(sel bellhop.EraseSelector) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.of[sel]
}

func (x *doubts) clear(sel bellhop.EraseSelector) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.of, sel)
}

// settle forgets what of a selection in doubt is erased: an answer that named it was
// lost, in this call or an earlier one that failed, and until lanes are told they send
// what they hold.
func (d *Desk) settle(ctx context.Context, sel bellhop.EraseSelector, app string) error {
	if !d.doubts.has(sel) {
		return nil
	}
	if sel.Event != 0 {
		d.e.Forget(map[bellhop.EventID]bool{sel.Event: true}, "")
		d.doubts.clear(sel)
		return nil
	}
	const page = 1000
	f := bellhop.EventFilter{Scope: bellhop.Only(app), Subject: sel.Subject, Limit: page}
	for {
		list, err := d.store.Events(ctx, f)
		if err != nil {
			return fmt.Errorf("look for what was erased: %w", err)
		}
		gone := map[bellhop.EventID]bool{}
		for _, e := range list {
			f.Before = e.ID
			if e.Erased && e.Subject == sel.Subject { // a filter takes a trailing * for a pattern
				gone[e.ID] = true
			}
		}
		d.e.Forget(gone, "")
		if len(list) < page {
			d.doubts.clear(sel)
			return nil
		}
	}
}
