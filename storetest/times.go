package storetest

import (
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// Ranges of time may end beyond what ids can carry, or before the first of them: a
// filter then selects all that is on the near side, and nothing that is on the far one.
var timesTests = []test{
	{"Every filter takes times beyond those of ids", func(f *fixture) {
		w := history(f)
		audited := f.audit("acme")
		f.must(f.s.AddAudit(f.Context(), audited))
		f.must(f.s.SampleBacklog(f.Context(), f.now))
		lists := map[string]func(since, until time.Time) int{
			"events": func(since, until time.Time) int {
				list, err := f.s.Events(f.Context(), bellhop.EventFilter{Scope: anyApp, Since: since, Until: until, Limit: 1000})
				f.must(err)
				return len(list)
			},
			"attempts": func(since, until time.Time) int {
				list, err := f.s.Attempts(f.Context(), bellhop.AttemptFilter{Scope: anyApp, Since: since, Until: until, Limit: 1000})
				f.must(err)
				return len(list)
			},
			"deliveries": func(since, until time.Time) int {
				list, err := f.s.Deliveries(f.Context(), bellhop.DeliveryFilter{Scope: anyApp, Since: since, Until: until, Limit: 1000})
				f.must(err)
				return len(list)
			},
			"finished deliveries": func(since, until time.Time) int {
				list, err := f.s.Deliveries(f.Context(), bellhop.DeliveryFilter{
					Scope: anyApp, Status: bellhop.DeliverySucceeded, Since: since, Until: until, Limit: 1000,
				})
				f.must(err)
				return len(list)
			},
			"audit": func(since, until time.Time) int {
				list, err := f.s.Audit(f.Context(), bellhop.AuditFilter{Scope: anyApp, Since: since, Until: until, Limit: 1000})
				f.must(err)
				return len(list)
			},
			"stats": func(since, until time.Time) int {
				s, err := f.s.Stats(f.Context(), bellhop.StatsFilter{Scope: anyApp, Since: since, Until: until, Bucket: time.Hour})
				f.must(err)
				return int(s.Total.Succeeded + s.Total.Failed)
			},
			"backlog": func(since, until time.Time) int {
				list, err := f.s.BacklogSamples(f.Context(), bellhop.BacklogFilter{Since: since, Until: until, Points: 10})
				f.must(err)
				// What was before the range is moved to its start.
				return len(slices.DeleteFunc(list, func(b bellhop.BacklogSample) bool { return b.At.Equal(since) }))
			},
		}
		for _, status := range []bellhop.ReplayStatus{bellhop.ReplayAll, bellhop.ReplayFailed, bellhop.ReplayMissing} {
			lists["replay "+string(status)] = func(since, until time.Time) int {
				list, _, err := f.s.Candidates(f.Context(), bellhop.ReplayFilter{
					Endpoint: w.a.ID, Apps: []string{"acme", "globex"}, Status: status, Since: since, Until: until, Limit: 1000, Scan: 1000,
				})
				f.must(err)
				return len(list)
			}
		}
		before := []time.Time{time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{}.Add(1), time.Unix(0, -1)}
		// From a second before ids end, over their end, to the end of time.
		after := []time.Time{
			time.UnixMilli(1<<42 - 1000), time.UnixMilli(1<<42 - 1).Add(1), time.UnixMilli(1 << 42),
			time.Date(2110, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		}
		for name, list := range lists {
			all := list(f.now.Add(-24*time.Hour), f.now.Add(24*time.Hour))
			if all == 0 && name != "replay missing" {
				f.Errorf("%s: nothing to find", name)
			}
			for _, early := range before {
				for _, late := range after {
					same(f, name+" from "+early.String()+" until "+late.String(), list(early, late), all)
				}
				same(f, name+" until "+early.String(), list(early.Add(-1), early), 0)
			}
			for _, late := range after {
				same(f, name+" since "+late.String(), list(late, late.Add(1)), 0)
			}
		}
	}},
}
