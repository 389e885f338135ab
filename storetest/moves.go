package storetest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
)

// pages is a list with one of its filters: the ids of its rows before one, newest
// first; 0 is from the newest on.
type pages struct {
	name string
	list func(f *fixture, before int64, limit int) ([]int64, error)
}

// listsOf are the lists that a store gives in pages, by every kind of filter whose rows
// stay selected while the world moves.
func listsOf(w *world) []pages {
	var all []pages
	since := w.events[2].CreatedAt()
	for name, d := range map[string]bellhop.DeliveryFilter{
		"all": {Scope: anyApp}, "app": {Scope: bellhop.Only("acme")}, "apps": {Scope: bellhop.Only("acme", "globex")},
		"endpoint": {Scope: anyApp, Endpoint: w.a.ID}, "endpoint, app": {Scope: bellhop.Only("acme"), Endpoint: w.b.ID},
		"event": {Scope: anyApp, Event: w.events[5].ID}, "type": {Scope: anyApp, Type: "ticket.open"}, "prefix": {Scope: anyApp, Type: "invoice.*"},
		"since": {Scope: anyApp, Since: since}, "until": {Scope: anyApp, Until: w.events[20].CreatedAt()},
		"pending": {Scope: anyApp, Status: bellhop.DeliveryPending}, "held": {Scope: anyApp, Status: bellhop.DeliveryHeld},
		"succeeded": {Scope: anyApp, Status: bellhop.DeliverySucceeded}, "failed": {Scope: anyApp, Status: bellhop.DeliveryFailed},
		"failed, endpoint": {Scope: anyApp, Status: bellhop.DeliveryFailed, Endpoint: w.a.ID}, "failed, app": {Scope: bellhop.Only("globex"), Status: bellhop.DeliveryFailed},
	} {
		all = append(all, pages{"deliveries, " + name, func(f *fixture, before int64, limit int) ([]int64, error) {
			d.Before, d.Limit = bellhop.DeliveryID(before), limit
			list, err := f.s.Deliveries(f.Context(), d)
			return idsOf(list, func(d *bellhop.Delivery) int64 { return int64(d.ID) }), err
		}})
	}
	for name, a := range map[string]bellhop.AttemptFilter{
		"all": {Scope: anyApp}, "app": {Scope: bellhop.Only("acme")}, "endpoint": {Scope: anyApp, Endpoint: w.a.ID},
		"event": {Scope: anyApp, Event: w.events[3].ID}, "type": {Scope: anyApp, Type: "invoice.paid"}, "prefix": {Scope: anyApp, Type: "inv*"},
		"failed": {Scope: anyApp, Status: bellhop.AttemptFailed}, "succeeded": {Scope: anyApp, Status: bellhop.AttemptSucceeded}, "since": {Scope: anyApp, Since: since},
	} {
		all = append(all, pages{"attempts, " + name, func(f *fixture, before int64, limit int) ([]int64, error) {
			a.Before, a.Limit = bellhop.AttemptID(before), limit
			list, err := f.s.Attempts(f.Context(), a)
			return idsOf(list, func(a *bellhop.Attempt) int64 { return int64(a.ID) }), err
		}})
	}
	for name, e := range map[string]bellhop.EventFilter{
		"all": {Scope: anyApp}, "app": {Scope: bellhop.Only("acme")}, "app, type": {Scope: bellhop.Only("acme"), Type: "invoice.sent"},
		"app, prefix": {Scope: bellhop.Only("acme", "globex"), Type: "inv*"}, "type": {Scope: anyApp, Type: "ticket.open"},
		"subject": {Scope: anyApp, Subject: "ticket:1"}, "since": {Scope: anyApp, Since: since},
	} {
		all = append(all, pages{"events, " + name, func(f *fixture, before int64, limit int) ([]int64, error) {
			e.Before, e.Limit = bellhop.EventID(before), limit
			list, err := f.s.Events(f.Context(), e)
			return idsOf(list, func(e *bellhop.Event) int64 { return int64(e.ID) }), err
		}})
	}
	for name, a := range map[string]bellhop.AuditFilter{"all": {Scope: anyApp}, "app": {Scope: bellhop.Only("acme")}, "actor": {Scope: anyApp, Actor: "system"}} {
		all = append(all, pages{"audit, " + name, func(f *fixture, before int64, limit int) ([]int64, error) {
			a.Before, a.Limit = bellhop.AuditID(before), limit
			list, err := f.s.Audit(f.Context(), a)
			return idsOf(list, func(a *bellhop.AuditEntry) int64 { return int64(a.ID) }), err
		}})
	}
	return all
}

func idsOf[T any](list []T, id func(*T) int64) []int64 {
	ids := make([]int64, len(list))
	for i := range list {
		ids[i] = id(&list[i])
	}
	return ids
}

// moves are what happens to the rows of a world, one between each page and the next.
func moves(w *world) map[string]func(f *fixture) {
	status := func(s bellhop.EndpointStatus) func(*fixture) {
		return func(f *fixture) {
			e := f.stored(w.a.ID)
			e.Status = s
			f.save(e)
		}
	}
	end := func(s bellhop.AttemptStatus) func(*fixture) {
		return func(f *fixture) {
			for _, e := range []bellhop.Endpoint{w.a, w.b} {
				for _, work := range f.claim(e, 2) {
					f.record(f.attempt(work.Delivery, s))
				}
			}
		}
	}
	return map[string]func(*fixture){
		"paused":    status(bellhop.EndpointPaused),
		"resumed":   status(bellhop.EndpointActive),
		"disabled":  status(bellhop.EndpointDisabled),
		"succeeded": end(bellhop.AttemptSucceeded),
		"failed":    end(bellhop.AttemptFailed),
		"put off": func(f *fixture) {
			for _, work := range f.claim(w.b, 2) {
				f.record(f.retry(work.Delivery, time.Minute))
			}
		},
		"late": func(f *fixture) { // the attempt began before the list did
			for _, work := range f.claim(w.a, 1) {
				a := f.attempt(work.Delivery, bellhop.AttemptSucceeded)
				f.pass(time.Minute)
				f.record(a)
			}
		},
		"sent again": func(f *fixture) {
			d := f.delivery(&w.events[3], &w.a)
			d.App, d.Type, d.Trigger = w.events[3].App, w.events[3].Type, bellhop.TriggerResend
			f.redeliver(f.audit("acme"), d)
		},
		"reordered": func(f *fixture) {
			e := f.stored(w.b.ID)
			e.Ordering = map[bellhop.Ordering]bellhop.Ordering{"": bellhop.OrderingSubject}[e.Ordering]
			f.save(e)
		},
		"renamed": func(f *fixture) {
			e := f.stored(w.b.ID)
			e.Name += "x"
			f.save(e)
			f.app("acme")
			f.must(f.s.AddAudit(f.Context(), f.audit("acme")))
		},
		"erased": func(f *fixture) {
			_, err := f.s.Erase(f.Context(), bellhop.EraseSelector{Event: w.events[7].ID}, f.audit("globex"), f.now)
			f.must(err)
			f.sweep()
		},
		"published": func(f *fixture) { f.publish(w.a, w.b) },
		"unsubscribed": func(f *fixture) {
			gone := f.endpoint("acme")
			f.publish(gone)
			f.unsubscribe(gone)
			f.sweep()
		},
	}
}

// movesTests: what is selected before a listing, between any two of its pages and after
// it must be in it, and once, whatever happens to it meanwhile.
var movesTests = []test{
	{"no row is missed, whatever moves between two pages", func(f *fixture) {
		w := history(f)
		moves := moves(&w)
		names := slices.Sorted(maps.Keys(moves))
		lists := listsOf(&w)
		slices.SortFunc(lists, func(a, b pages) int { return strings.Compare(a.name, b.name) })
		for i, l := range lists {
			for range 3 {
				moves["published"](f)
				f.pass(time.Second)
			}
			throughout, err := l.list(f, 0, 10_000)
			f.must(err)
			limit := len(throughout)/6 + 1
			var got []int64
			last := int64(0)
			var happened []string
			for turn := 5 * i; ; turn++ { // each list meets others
				page, err := l.list(f, last, limit)
				f.must(err)
				if got = append(got, page...); len(page) < limit {
					break
				}
				last = page[limit-1]
				name := names[turn%len(names)]
				happened = append(happened, name)
				moves[name](f)
				f.pass(time.Second)
				now, err := l.list(f, 0, 10_000)
				f.must(err)
				throughout = slices.DeleteFunc(throughout, func(row int64) bool { return !slices.Contains(now, row) })
			}
			if err := listed(got, throughout); err != nil {
				f.Errorf("%s, with %v in between: %v", l.name, happened, err)
			}
		}
	}},
}

// listed checks a listing against what was selected throughout.
func listed(got, throughout []int64) error {
	if !slices.IsSortedFunc(got, func(a, b int64) int { return cmp.Compare(b, a) }) {
		return fmt.Errorf("not newest first: %v", got)
	}
	if once := slices.Compact(slices.Clone(got)); len(once) != len(got) {
		return fmt.Errorf("some rows are listed twice: %v", got)
	}
	for _, row := range throughout {
		if !slices.Contains(got, row) {
			return fmt.Errorf("row %d is missed", row)
		}
	}
	return nil
}
