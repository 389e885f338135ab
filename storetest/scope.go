package storetest

import (
	"time"

	"github.com/bellhop/bellhop"
)

var scopeTests = []test{
	{"the zero scope selects nothing", func(f *fixture) {
		w := history(f)
		f.must(f.s.AddAudit(f.Context(), f.audit("acme")))
		f.must(f.s.AddAudit(f.Context(), f.audit()))
		one := w.attempts[0]
		for _, filter := range []bellhop.EventFilter{{}, {Type: one.Type}, {Subject: "ticket:1"}, {ExternalID: "ext-a"}, {Subject: "*"}} {
			filter.Limit = 10
			list, err := f.s.Events(f.Context(), filter)
			f.must(err)
			same(f, "events", list, nil)
		}
		for _, filter := range []bellhop.AttemptFilter{
			{},
			{Endpoint: one.Endpoint},
			{Event: one.Event},
			{Delivery: one.Delivery},
			{Type: one.Type},
			{Type: "inv*"},
			{Status: bellhop.AttemptFailed},
			{Status: bellhop.AttemptSucceeded},
		} {
			filter.Limit = 10
			list, err := f.s.Attempts(f.Context(), filter)
			f.must(err)
			same(f, "attempts", list, nil)
		}
		for _, filter := range []bellhop.DeliveryFilter{
			{},
			{Endpoint: one.Endpoint},
			{Event: one.Event},
			{Type: one.Type},
			{Status: bellhop.DeliveryPending},
			{Status: bellhop.DeliveryFailed},
			{Event: w.events[5].ID},
			{Endpoint: w.b.ID, Status: bellhop.DeliveryPending},
		} {
			filter.Limit = 10
			list, err := f.s.Deliveries(f.Context(), filter)
			f.must(err)
			same(f, "deliveries", list, nil)
		}
		for _, filter := range []bellhop.StatsFilter{{}, {Endpoint: one.Endpoint}, {Type: one.Type}} {
			filter.Bucket = time.Hour
			stats, err := f.s.Stats(f.Context(), filter)
			f.must(err)
			same(f, "stats", stats, bellhop.Stats{})
		}
		audits, err := f.s.Audit(f.Context(), bellhop.AuditFilter{Limit: 10})
		f.must(err)
		same(f, "audit entries", audits, nil)
		list, _, err := f.s.Candidates(f.Context(), bellhop.ReplayFilter{Endpoint: w.a.ID, Status: bellhop.ReplayAll, Limit: 10})
		f.must(err)
		same(f, "candidates of no app", list, nil)
	}},
	{"everything is more than the apps that are named beside it", func(f *fixture) {
		history(f)
		list, err := f.s.Events(f.Context(), bellhop.EventFilter{Scope: bellhop.Scope{All: true, Apps: []string{"no"}}, Limit: 100})
		f.must(err)
		same(f, "events", len(list), 24)
	}},
	{"entries of the audit log without an app are for who sees all", func(f *fixture) {
		of, without := f.audit("acme", "globex"), f.audit()
		f.must(f.s.AddAudit(f.Context(), of))
		f.must(f.s.AddAudit(f.Context(), without))
		for _, tc := range []struct {
			scope bellhop.Scope
			want  []bellhop.AuditEntry
		}{
			{bellhop.Everything(), []bellhop.AuditEntry{*without, *of}},
			{bellhop.Only("globex"), []bellhop.AuditEntry{*of}},
			{bellhop.Only("no"), nil},
		} {
			list, err := f.s.Audit(f.Context(), bellhop.AuditFilter{Scope: tc.scope, Limit: 10})
			f.must(err)
			same(f, "entries", list, tc.want)
		}
	}},
}
