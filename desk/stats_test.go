package desk_test

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
)

func TestStats(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		ctx := t.Context()
		both := h.endpoint("both.example", of("acme", "globex"))
		other := h.endpoint("other.example", of("globex"))
		for range 3 {
			h.publish(`1`)
		}
		h.publish(`1`, func(p *engine.Publication) { p.App = "globex" })
		wait(time.Minute)
		viewer := as(bellhop.RoleViewer, "acme")

		s, err := h.Stats(ctx, viewer, desk.StatsQuery{})
		if err != nil || s.Total.Succeeded != 3 || s.Until.Sub(s.Since) != 24*time.Hour || s.Bucket != bellhop.Duration(15*time.Minute) {
			t.Errorf("%+v, %v", s, err)
		}
		if s, err := h.Stats(ctx, owner, desk.StatsQuery{App: "globex"}); err != nil || s.Total.Succeeded != 2 {
			t.Errorf("%+v, %v", s, err)
		}
		of, err := h.EndpointStats(ctx, viewer, both.ID, desk.StatsRange{})
		if err != nil || of.Total.Succeeded != 3 || of.Lane.Circuit != "closed" || of.Pending != 0 || !of.OldestPendingAt.IsZero() {
			t.Errorf("%+v, %v", of, err)
		}
		c, err := h.CompareEndpoints(ctx, owner, []bellhop.EndpointID{other.ID, both.ID, other.ID}, desk.StatsRange{})
		if err != nil || len(c.Series) != 2 || c.Series[0].Endpoint != other.ID || c.Series[0].Total.Succeeded != 1 || c.Series[1].Total.Succeeded != 4 || c.Bucket == 0 {
			t.Errorf("%+v, %v", c, err)
		}
		for what, ids := range map[string][]bellhop.EndpointID{
			"required": {}, "range": make([]bellhop.EndpointID, 101), "unknown_endpoint": {both.ID, other.ID},
		} {
			_, err := h.CompareEndpoints(ctx, viewer, ids, desk.StatsRange{})
			code(t, what, err, bellhop.CodeInvalid, "endpoints")
		}

		h.set(both.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		h.publish(`1`)
		wait(time.Minute)
		if of, err := h.EndpointStats(ctx, viewer, both.ID, desk.StatsRange{}); err != nil || of.Pending != 1 || of.OldestPendingAt.IsZero() {
			t.Errorf("%+v, %v", of, err)
		}
		b, err := h.Backlog(ctx, owner, time.Time{}, time.Time{})
		if err != nil || b.Pending != 1 || b.Oldest == 0 || !b.OldestPendingAt.Equal(b.Oldest.Time()) || len(b.Samples) == 0 || b.Until.Sub(b.Since) != 24*time.Hour {
			t.Errorf("%+v, %v", b, err)
		}
		_, err = h.Backlog(ctx, as(bellhop.RoleAdmin, "acme"), time.Time{}, time.Time{})
		code(t, "the backlog of all", err, bellhop.CodeForbidden)
	})
}

func TestStatsRange(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		now := time.Now()
		for _, c := range []struct {
			length time.Duration
			want   time.Duration
		}{
			{time.Minute, time.Second},
			{time.Hour, time.Minute},
			{7 * 24 * time.Hour, 3 * time.Hour},
			{90 * 24 * time.Hour, 24 * time.Hour},
			{1000 * 24 * time.Hour, 10 * 24 * time.Hour},
		} {
			s, err := h.Stats(t.Context(), owner, desk.StatsQuery{StatsRange: desk.StatsRange{Since: now.Add(-c.length), Until: now}})
			if err != nil || time.Duration(s.Bucket) != c.want {
				t.Errorf("%v: buckets of %v, want %v; %v", c.length, s.Bucket, c.want, err)
			}
		}
		for field, r := range map[string]desk.StatsRange{
			"until":  {Since: now, Until: now},
			"bucket": {Bucket: bellhop.Duration(time.Millisecond)},
		} {
			_, err := h.Stats(t.Context(), owner, desk.StatsQuery{StatsRange: r})
			code(t, field, err, bellhop.CodeInvalid, field)
		}
		_, err := h.Stats(t.Context(), owner, desk.StatsQuery{StatsRange: desk.StatsRange{Bucket: bellhop.Duration(time.Second)}})
		code(t, "too many buckets", err, bellhop.CodeInvalid, "bucket")
	})
}

// TestSpans: a list of a range that is none is refused, and not answered empty.
func TestSpans(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		ctx, now := t.Context(), time.Now()
		event := h.publish(`1`)
		_, err1 := h.Events(ctx, owner, "", desk.EventQuery{EventFilter: bellhop.EventFilter{Since: now, Until: now}})
		_, err2 := h.Deliveries(ctx, owner, "", bellhop.DeliveryFilter{Since: now, Until: now})
		_, err3 := h.Attempts(ctx, owner, "", bellhop.AttemptFilter{Since: now, Until: now.Add(-time.Second)})
		_, err4 := h.Audit(ctx, owner, "", bellhop.AuditFilter{Since: now, Until: now})
		_, err5 := h.EventDeliveries(ctx, owner, event, bellhop.DeliveryFilter{Since: now, Until: now})
		for _, err := range []error{err1, err2, err3, err4, err5} {
			code(t, "list", err, bellhop.CodeInvalid, "until")
		}
		// What a caller puts into the filter's scope does not widen its own.
		list, err := h.Events(ctx, as(bellhop.RoleViewer, "nobody"), "", desk.EventQuery{EventFilter: bellhop.EventFilter{Scope: bellhop.Everything(), Limit: 10}})
		if err != nil || len(list.Events) != 0 {
			t.Errorf("%d events, %v", len(list.Events), err)
		}
	})
}

// TestWatch follows the attempts of one's apps.
func TestWatch(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		h.endpoint("a.example", of("acme", "globex"))
		w, err := h.Watch(t.Context(), as(bellhop.RolePublisher, "globex"), "", bellhop.AttemptFilter{Scope: bellhop.Everything()}, bellhop.LabelFilter{})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		h.publish(`1`)
		h.publish(`1`, func(p *engine.Publication) { p.App = "globex" })
		wait(time.Second)
		if a := <-w.C(); a.App != "globex" || a.RequestHeader != nil {
			t.Errorf("%+v", a)
		}
		select {
		case a := <-w.C():
			t.Errorf("%+v", a)
		default:
		}
	})
}
