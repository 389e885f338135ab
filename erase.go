package bellhop

import "context"

// eraseStep is how many events one transaction erases, so that it does not hold up
// everybody else.
const eraseStep = 200

// Erase removes for good the data of one event, or of all events of a subject, and
// everything that was captured of their deliveries; what is pending is canceled.
// The log lines stay. It answers the events that it erased. Large subjects are
// erased in steps: after an error, call it again.
func (b *Bellhop) Erase(ctx context.Context, actor string, sel EraseSelector) ([]EventID, error) {
	object, app := "", sel.App
	switch {
	case sel.Event != 0:
		e, err := b.store.Event(ctx, sel.Event)
		if err != nil {
			return nil, err
		}
		object, app = sel.Event.String(), e.App
	case sel.App == "":
		return nil, invalid("app", "required", "is missing: name the app whose subject is to be erased")
	case sel.Subject == "":
		return nil, invalid("subject", "required", "is missing: name the subject that is to be erased")
	default:
		if _, err := b.App(sel.App); err != nil {
			return nil, unknownApp("app", sel.App)
		}
		object = sel.Subject
	}
	entry := b.auditEntry(actor, "event.erase", object, []string{app}, nil)
	sel.Limit = eraseStep
	var erased []EventID
	for more := true; more; {
		some, err := b.store.Erase(ctx, sel, b.attemptIDs(), entry, b.cfg.Now())
		if err != nil {
			return erased, b.wrote("erase events", err)
		}
		gone := make(map[EventID]bool, len(some))
		for _, e := range some {
			gone[e], sel.After = true, e
		}
		b.lanes.forget(func(w *Work) bool { return gone[w.Event.ID] })
		b.inboxes.forget(gone, b.cfg.Now())
		erased = append(erased, some...)
		entry, more = nil, len(some) == eraseStep
	}
	b.routes.mu.RLock()
	routes := b.routes.byApp[app]
	b.routes.mu.RUnlock()
	for _, r := range routes {
		if r.Ordering != OrderingNone {
			b.lanes.lane(r).noteDue(b.cfg.Now()) // what waited for an erased one may go
		}
	}
	return erased, b.wipe(ctx)
}

// wipe overwrites the remains of what was erased. The caller's going away does not
// end it; what fails is done again, at the latest by the next hour's maintenance.
func (b *Bellhop) wipe(ctx context.Context) error {
	return b.wrote("done, but remains are left in the files for now: overwrite them", b.store.Wipe(context.WithoutCancel(ctx)))
}
