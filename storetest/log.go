package storetest

import (
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// world is a store with some history to make lists of.
type world struct {
	events   []bellhop.Event // oldest first
	attempts []bellhop.Attempt
	a, b     bellhop.Endpoint
}

// history publishes 24 events in two apps, of three types and subjects, to two
// endpoints, a second apart: attempts succeed, fail for good, fail for now, or
// were not made yet.
func history(f *fixture) world {
	f.Helper()
	w := world{a: f.endpoint("acme", "globex"), b: f.endpoint("acme", "globex")}
	for i := range 24 {
		n := f.event(w.a, w.b)
		n.Event.App = []string{"acme", "globex"}[i%2]
		n.Event.Type = []string{"invoice.paid", "invoice.sent", "ticket.open"}[i%3]
		n.Event.Subject = []string{"", "ticket:1", "ticket:22"}[i%3]
		if i%4 == 0 {
			n.Event.ExternalID = "ext-" + string(rune('a'+i))
		}
		for j := range n.Deliveries {
			n.Deliveries[j].App, n.Deliveries[j].Type = n.Event.App, n.Event.Type
		}
		f.enqueue(n)
		w.events = append(w.events, n.Event)
		for _, e := range []bellhop.Endpoint{w.a, w.b} {
			if i%6 == 5 {
				continue
			}
			var a bellhop.Attempt
			for _, work := range f.claim(e, 1) {
				switch i % 6 {
				case 0, 1, 2:
					a = captured(f.attempt(work.Delivery, bellhop.AttemptSucceeded))
				case 3:
					a = captured(f.attempt(work.Delivery, bellhop.AttemptFailed))
				case 4:
					a = captured(f.retry(work.Delivery, 24*time.Hour))
				}
				f.record(a)
				w.attempts = append(w.attempts, a)
			}
		}
		// The untouched ones must not be claimed by the next round.
		f.claim(w.a, 10)
		f.claim(w.b, 10)
		f.pass(time.Second)
	}
	return w
}

// walk follows a list page by page, from the newest to the oldest and back, with pages of
// several sizes, and compares it with what should be in it, given oldest first.
func walk[T any, K ~int64](f *fixture, what string, want []T, id func(*T) K, page func(before, after K, limit int) ([]T, error)) {
	f.Helper()
	down := slices.Clone(want)
	slices.Reverse(down)
	for _, limit := range []int{1, 3, 1000} {
		walkBy(f, what, limit, 0, down, id, func(before K, limit int) ([]T, error) { return page(before, 0, limit) })
		walkBy(f, what+", oldest first", limit, 1, want, id, func(after K, limit int) ([]T, error) { return page(0, after, limit) })
	}
}

// walkBy is walk by pages of one size, from one cursor on.
func walkBy[T any, K ~int64](f *fixture, what string, limit int, start K, want []T, id func(*T) K, page func(cursor K, limit int) ([]T, error)) {
	f.Helper()
	var got []T
	for cursor := start; ; {
		list, err := page(cursor, limit)
		f.must(err)
		if len(list) > limit {
			f.Fatalf("%s: a page of %d with limit %d", what, len(list), limit)
		}
		got = append(got, list...)
		if len(list) < limit || len(got) > 10_000 {
			break
		}
		cursor = id(&got[len(got)-1])
	}
	same(f, what, got, want)
}

func idOfEvent(e *bellhop.Event) bellhop.EventID          { return e.ID }
func idOfAttempt(a *bellhop.Attempt) bellhop.AttemptID    { return a.ID }
func idOfDelivery(d *bellhop.Delivery) bellhop.DeliveryID { return d.ID }
func idOfEntry(a *bellhop.AuditEntry) bellhop.AuditID     { return a.ID }

func filter[T any](list []T, keep func(*T) bool) []T {
	var kept []T
	for i := range list {
		if keep(&list[i]) {
			kept = append(kept, list[i])
		}
	}
	return kept
}

var logTests = []test{
	{"Events with every filter, by cursor", func(f *fixture) {
		w := history(f)
		t5, t15 := w.events[5].CreatedAt(), w.events[15].CreatedAt()
		for name, tc := range map[string]struct {
			filter bellhop.EventFilter
			keep   func(*bellhop.Event) bool
		}{
			"all":            {bellhop.EventFilter{Scope: anyApp}, func(*bellhop.Event) bool { return true }},
			"app":            {bellhop.EventFilter{Scope: bellhop.Only("acme")}, func(e *bellhop.Event) bool { return e.App == "acme" }},
			"apps":           {bellhop.EventFilter{Scope: bellhop.Only("globex", "acme", "no")}, func(*bellhop.Event) bool { return true }},
			"no app":         {bellhop.EventFilter{Scope: bellhop.Only("no")}, func(*bellhop.Event) bool { return false }},
			"type":           {bellhop.EventFilter{Scope: anyApp, Type: "invoice.paid"}, func(e *bellhop.Event) bool { return e.Type == "invoice.paid" }},
			"type prefix":    {bellhop.EventFilter{Scope: anyApp, Type: "invoice.*"}, func(e *bellhop.Event) bool { return e.Type != "ticket.open" }},
			"subject":        {bellhop.EventFilter{Scope: anyApp, Subject: "ticket:1"}, func(e *bellhop.Event) bool { return e.Subject == "ticket:1" }},
			"subject prefix": {bellhop.EventFilter{Scope: anyApp, Subject: "ticket:*"}, func(e *bellhop.Event) bool { return e.Subject != "" }},
			"app, subject":   {bellhop.EventFilter{Scope: bellhop.Only("acme"), Subject: "ticket:1"}, func(e *bellhop.Event) bool { return e.App == "acme" && e.Subject == "ticket:1" }},
			"external id":    {bellhop.EventFilter{Scope: anyApp, ExternalID: "ext-e"}, func(e *bellhop.Event) bool { return e.ExternalID == "ext-e" }},
			"uuid":           {bellhop.EventFilter{Scope: anyApp, UUID: bellhop.UUIDOf(w.events[7].ID)}, func(e *bellhop.Event) bool { return e.ID == w.events[7].ID }},
			"app, uuid":      {bellhop.EventFilter{Scope: bellhop.Only(w.events[7].App), UUID: bellhop.UUIDOf(w.events[7].ID)}, func(e *bellhop.Event) bool { return e.ID == w.events[7].ID }},
			"foreign uuid":   {bellhop.EventFilter{Scope: bellhop.Only("no"), UUID: bellhop.UUIDOf(w.events[7].ID)}, func(*bellhop.Event) bool { return false }},
			"since":          {bellhop.EventFilter{Scope: anyApp, Since: t5}, func(e *bellhop.Event) bool { return !e.CreatedAt().Before(t5) }},
			"until":          {bellhop.EventFilter{Scope: anyApp, Until: t5}, func(e *bellhop.Event) bool { return e.CreatedAt().Before(t5) }},
			"everything": {
				bellhop.EventFilter{Scope: bellhop.Only("acme", "globex"), Type: "inv*", Subject: "ticket:1", Since: t5, Until: t15},
				func(e *bellhop.Event) bool {
					return e.Type != "ticket.open" && e.Subject == "ticket:1" && !e.CreatedAt().Before(t5) && e.CreatedAt().Before(t15)
				},
			},
		} {
			for _, withData := range []bool{true, false} {
				want := filter(w.events, tc.keep)
				for i := range want {
					if !withData {
						want[i].Data = nil
					}
				}
				tc.filter.WithData = withData
				walk(f, name, want, idOfEvent, func(before, after bellhop.EventID, limit int) ([]bellhop.Event, error) {
					page := tc.filter
					page.Before, page.After, page.Limit = before, after, limit
					return f.s.Events(f.Context(), page)
				})
			}
		}
	}},
	{"Attempts with every filter, by cursor", func(f *fixture) {
		w := history(f)
		t5, t15 := w.events[5].CreatedAt(), w.events[15].CreatedAt()
		one := w.attempts[7]
		for name, tc := range map[string]struct {
			filter bellhop.AttemptFilter
			keep   func(*bellhop.Attempt) bool
		}{
			"all":      {bellhop.AttemptFilter{Scope: anyApp}, func(*bellhop.Attempt) bool { return true }},
			"app":      {bellhop.AttemptFilter{Scope: bellhop.Only("acme")}, func(a *bellhop.Attempt) bool { return a.App == "acme" }},
			"apps":     {bellhop.AttemptFilter{Scope: bellhop.Only("acme", "globex")}, func(*bellhop.Attempt) bool { return true }},
			"endpoint": {bellhop.AttemptFilter{Scope: anyApp, Endpoint: w.a.ID}, func(a *bellhop.Attempt) bool { return a.Endpoint == w.a.ID }},
			"event":    {bellhop.AttemptFilter{Scope: anyApp, Event: one.Event}, func(a *bellhop.Attempt) bool { return a.Event == one.Event }},
			"delivery": {bellhop.AttemptFilter{Scope: anyApp, Delivery: one.Delivery}, func(a *bellhop.Attempt) bool { return a.Delivery == one.Delivery }},
			"type":     {bellhop.AttemptFilter{Scope: anyApp, Type: "ticket.open"}, func(a *bellhop.Attempt) bool { return a.Type == "ticket.open" }},
			"prefix":   {bellhop.AttemptFilter{Scope: anyApp, Type: "invoice.*"}, func(a *bellhop.Attempt) bool { return a.Type != "ticket.open" }},
			"failed":   {bellhop.AttemptFilter{Scope: anyApp, Status: bellhop.AttemptFailed}, func(a *bellhop.Attempt) bool { return a.Status == bellhop.AttemptFailed }},
			"succeeded": {bellhop.AttemptFilter{Scope: anyApp, Status: bellhop.AttemptSucceeded}, func(a *bellhop.Attempt) bool {
				return a.Status == bellhop.AttemptSucceeded
			}},
			"no such prefix": {bellhop.AttemptFilter{Scope: anyApp, Type: "no.*"}, func(*bellhop.Attempt) bool { return false }},
			"failed, type": {bellhop.AttemptFilter{Scope: anyApp, Status: bellhop.AttemptFailed, Type: "ticket.open"}, func(a *bellhop.Attempt) bool {
				return a.Status == bellhop.AttemptFailed && a.Type == "ticket.open"
			}},
			"failed, prefix": {bellhop.AttemptFilter{Scope: anyApp, Status: bellhop.AttemptFailed, Type: "inv*"}, func(a *bellhop.Attempt) bool {
				return a.Status == bellhop.AttemptFailed && a.Type != "ticket.open"
			}},
			"canceled": {bellhop.AttemptFilter{Scope: anyApp, Status: bellhop.AttemptCanceled}, func(*bellhop.Attempt) bool { return false }},
			"endpoint, failed": {bellhop.AttemptFilter{Scope: anyApp, Endpoint: w.b.ID, Status: bellhop.AttemptFailed}, func(a *bellhop.Attempt) bool {
				return a.Endpoint == w.b.ID && a.Status == bellhop.AttemptFailed
			}},
			"app, failed": {bellhop.AttemptFilter{Scope: bellhop.Only("acme"), Status: bellhop.AttemptFailed}, func(a *bellhop.Attempt) bool {
				return a.App == "acme" && a.Status == bellhop.AttemptFailed
			}},
			"time": {bellhop.AttemptFilter{Scope: anyApp, Since: t5, Until: t15}, func(a *bellhop.Attempt) bool {
				return !a.StartedAt().Before(t5) && a.StartedAt().Before(t15)
			}},
			"everything": {
				bellhop.AttemptFilter{Scope: bellhop.Only("globex", "acme"), Endpoint: w.a.ID, Type: "invoice.*", Status: bellhop.AttemptFailed, Since: t5, Until: t15},
				func(a *bellhop.Attempt) bool {
					return a.Endpoint == w.a.ID && a.Type != "ticket.open" && a.Status == bellhop.AttemptFailed &&
						!a.StartedAt().Before(t5) && a.StartedAt().Before(t15)
				},
			},
		} {
			for _, withBodies := range []bool{true, false} {
				want := filter(w.attempts, tc.keep)
				for i := range want {
					if !withBodies {
						want[i].RequestHeader, want[i].ResponseHeader, want[i].ResponseBody = nil, nil, nil
						want[i].Dialect, want[i].Proof = "", bellhop.BodyProof{}
					}
				}
				tc.filter.WithBodies = withBodies
				walk(f, name, want, idOfAttempt, func(before, after bellhop.AttemptID, limit int) ([]bellhop.Attempt, error) {
					page := tc.filter
					page.Before, page.After, page.Limit = before, after, limit
					return f.s.Attempts(f.Context(), page)
				})
			}
		}
	}},
	{"what is not there is not found", func(f *fixture) {
		_, event := f.s.Event(f.Context(), 42)
		_, delivery := f.s.Delivery(f.Context(), 42)
		_, attempt := f.s.Attempt(f.Context(), 42)
		for _, err := range []error{event, delivery, attempt} {
			if !bellhop.IsNotFound(err) {
				f.Errorf("got %v, want not found", err)
			}
		}
	}},
	{"Pending counts and finds the oldest", func(f *fixture) {
		a, b := f.endpoint(), f.endpoint()
		first, second := f.event(a), f.event(a, b)
		second.Deliveries[0].Owner = f.node
		f.enqueue(second, first)
		check := func(e bellhop.EndpointID, count int64, oldest bellhop.DeliveryID) {
			n, id, err := f.s.Pending(f.Context(), anyApp, e)
			f.must(err)
			same(f, "count", n, count)
			same(f, "oldest", id, oldest)
		}
		check(0, 3, first.Deliveries[0].ID)
		check(a.ID, 2, first.Deliveries[0].ID)
		check(b.ID, 1, second.Deliveries[1].ID)
		check(42, 0, 0)
	}},
	{"Audit with every filter, by cursor", func(f *fixture) {
		var all []bellhop.AuditEntry
		for i := range 12 {
			a := f.audit([][]string{nil, {"acme"}, {"acme", "globex"}}[i%3]...)
			a.Actor = []string{"system", "key_1"}[i%2]
			a.Action = []string{"app.save", "key.delete"}[i/2%2]
			a.Object = []string{"acme", "x"}[i/3%2]
			if i == 0 {
				a.Detail = nil
			}
			f.must(f.s.AddAudit(f.Context(), a))
			all = append(all, *a)
			f.pass(time.Second)
		}
		at := all[4].At()
		for name, tc := range map[string]struct {
			filter bellhop.AuditFilter
			keep   func(*bellhop.AuditEntry) bool
		}{
			"all":    {bellhop.AuditFilter{Scope: anyApp}, func(*bellhop.AuditEntry) bool { return true }},
			"app":    {bellhop.AuditFilter{Scope: bellhop.Only("globex")}, func(a *bellhop.AuditEntry) bool { return slices.Contains(a.Apps, "globex") }},
			"apps":   {bellhop.AuditFilter{Scope: bellhop.Only("globex", "acme")}, func(a *bellhop.AuditEntry) bool { return len(a.Apps) > 0 }},
			"actor":  {bellhop.AuditFilter{Scope: anyApp, Actor: "system"}, func(a *bellhop.AuditEntry) bool { return a.Actor == "system" }},
			"action": {bellhop.AuditFilter{Scope: anyApp, Action: "app.save"}, func(a *bellhop.AuditEntry) bool { return a.Action == "app.save" }},
			"object": {bellhop.AuditFilter{Scope: anyApp, Object: "x"}, func(a *bellhop.AuditEntry) bool { return a.Object == "x" }},
			"since":  {bellhop.AuditFilter{Scope: anyApp, Since: at}, func(a *bellhop.AuditEntry) bool { return !a.At().Before(at) }},
			"until, app": {bellhop.AuditFilter{Scope: bellhop.Only("acme"), Until: at}, func(a *bellhop.AuditEntry) bool {
				return a.At().Before(at) && len(a.Apps) > 0
			}},
		} {
			walk(f, name, filter(all, tc.keep), idOfEntry, func(before, after bellhop.AuditID, limit int) ([]bellhop.AuditEntry, error) {
				page := tc.filter
				page.Before, page.After, page.Limit = before, after, limit
				return f.s.Audit(f.Context(), page)
			})
		}
	}},
}
