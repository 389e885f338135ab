package desk_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/memstore"
)

func (h *house) troubles(app string) map[string]desk.Trouble {
	h.t.Helper()
	list, err := h.Troubled(h.t.Context(), owner, app, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	byURL := map[string]desk.Trouble{}
	for _, t := range list {
		byURL[strings.TrimSuffix(strings.TrimPrefix(t.Endpoint.URL, "https://"), "/hook")] = t
	}
	return byURL
}

func TestTroubledSaysWhatIsWrong(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("other")
		h.net.on("gone.example", status(410))
		h.net.on("down.example", func(received) answer { return answer{status: 200, after: time.Hour} })
		h.net.on("failing.example", status(500))
		h.net.on("slow.example", func(received) answer { return answer{status: 200, after: 10 * time.Second} })
		for _, host := range []string{"well", "gone", "down", "paused", "disabled", "idle"} {
			h.endpoint(host+".example", wanting("all"))
		}
		h.endpoint("slow.example", wanting("slow"), func(c *bellhop.EndpointChange) { c.Concurrency = bellhop.Of(1) })
		h.endpoint("failing.example", wanting("failing"))
		for _, e := range h.all() {
			if strings.Contains(e.URL, "paused") {
				h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
			}
			if strings.Contains(e.URL, "//disabled") {
				h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointDisabled)})
			}
		}
		if got := h.troubles(""); len(got) != 0 {
			t.Errorf("before anything happened: %+v", got)
		}
		for range 20 {
			h.publish(`{}`, ofType("all"))
		}
		h.publish(`{}`, ofType("failing"))
		for range 700 { // more than fits into memory
			h.publish(`{}`, ofType("slow"))
		}
		wait(6 * time.Minute)
		got := h.troubles("")
		for host, want := range map[string]struct{ reason, says string }{
			"gone.example":    {desk.TroubleDisabled, "410"},
			"down.example":    {desk.TroubleCircuitOpen, "did not answer in time"},
			"failing.example": {desk.TroubleFailing, "answered with an error"},
			"slow.example":    {desk.TroubleBacklog, "6 minutes ago"},
		} {
			x := got[host]
			if x.Reason != want.reason || !strings.Contains(x.Detail, want.says) || x.Since.IsZero() || (x.Pending == 0 && x.Reason != desk.TroubleDisabled) {
				t.Errorf("%s: %s since %s, %d pending: %s", host, x.Reason, x.Since, x.Pending, x.Detail)
			}
			t.Logf("%-16s %-13s %4d %s", host, x.Reason, x.Pending, x.Detail)
			delete(got, host)
		}
		if len(got) != 0 {
			t.Errorf("in trouble without a reason: %+v", got)
		}
		list, err := h.Troubled(t.Context(), owner, "acme", 2)
		if err != nil || len(list) != 2 || list[0].Reason != desk.TroubleDisabled || list[1].Reason != desk.TroubleCircuitOpen {
			t.Errorf("the two gravest: %+v, %v", list, err)
		}
		if got := h.troubles("other"); len(got) != 0 {
			t.Errorf("of another app: %+v", got)
		}
	})
}

func TestWhatIsScheduledIsNoBacklog(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.endpoint("later.example")
		at := time.Now().Add(time.Hour)
		h.publish(`{}`, func(p *engine.Publication) { p.DeliverAt = at })
		wait(30 * time.Minute)
		if got := h.troubles(""); len(got) != 0 {
			t.Errorf("%+v", got)
		}
		wait(31 * time.Minute)
		s, err := h.store.Stats(t.Context(), bellhop.StatsFilter{Scope: bellhop.Everything(), Bucket: time.Hour})
		if err != nil || s.Total.Succeeded != 1 || s.Total.Latency.P99 > 1000 {
			t.Errorf("an event that was scheduled took %v: %v", s.Total.Latency, err)
		}
	})
}

func TestTheBacklogIsSampled(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		e := h.endpoint("paused.example")
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		since := time.Now()
		wait(time.Hour)
		h.publish(`{}`)
		h.publish(`{}`)
		wait(time.Hour)
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointActive)})
		wait(time.Hour)
		list, err := h.store.BacklogSamples(t.Context(), bellhop.BacklogFilter{Since: since, Until: time.Now(), Points: 500})
		if err != nil || len(list) != 2 || list[0].Pending != 2 || list[1].Pending != 0 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// TestToLookForTroubleChangesNothing: a dead node's deliveries are taken over by the
// living, not by whoever looks.
func TestToLookForTroubleChangesNothing(t *testing.T) {
	simulate(t, func(t *testing.T) {
		var looking, changed bool
		h := openOn(t, meddle(func(_ context.Context, step string) error {
			if step == "TakeOver" && looking {
				changed = true
			}
			return nil
		}), desk.Options{})
		e := h.endpoint("paused.example")
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		dead, err := h.store.Join(t.Context(), bellhop.NodeAbout{}, time.Second, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		h.stop() // nobody takes over
		time.Sleep(time.Hour)
		looking = true
		if _, err := h.Troubled(t.Context(), owner, "", 0); err != nil {
			t.Error(err)
		}
		looking = false
		if n, err := h.store.TakeOver(t.Context(), time.Now()); changed || len(n) != 1 || err != nil {
			t.Errorf("%v are left to take over, want node %d: %v", n, dead.Lease.Node, err)
		}
	})
}

// TestTroubledOfOnesApps, each endpoint once.
func TestTroubledOfOnesApps(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		h.app("initech")
		h.net.on("both.example", status(410))
		h.net.on("other.example", status(410))
		h.endpoint("both.example", of("acme", "globex"))
		h.endpoint("other.example", of("initech"))
		h.publish(`{}`)
		h.publish(`{}`, func(p *engine.Publication) { p.App = "initech" })
		wait(time.Second)
		for p, want := range map[*bellhop.Principal]int{
			{Role: bellhop.RoleViewer, Scope: bellhop.Only("acme", "globex")}: 1,
			{Role: bellhop.RoleViewer, Scope: bellhop.Only("initech")}:        1,
			{Role: bellhop.RoleViewer}:                                        0,
			{Role: bellhop.RoleViewer, Scope: bellhop.Everything()}:           2,
		} {
			list, err := h.Troubled(t.Context(), *p, "", 0)
			if err != nil || len(list) != want {
				t.Errorf("%+v: %+v, %v", *p, list, err)
			}
		}
	})
}

// BenchmarkTroubled looks for trouble among 10,000 endpoints that are well.
func BenchmarkTroubled(b *testing.B) {
	e, err := engine.New(b.Context(), memstore.New(), engine.Config{Sealer: sealer(b), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	d := desk.New(e, desk.Options{MaxEndpoints: 10_000})
	if _, err := d.CreateApp(b.Context(), owner, "acme", desk.AppChange{}); err != nil {
		b.Fatal(err)
	}
	for i := range 10_000 {
		if _, _, err := d.CreateEndpoint(b.Context(), owner, hook(fmt.Sprintf("host%d.example", i))); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if list, err := d.Troubled(b.Context(), owner, "", 0); err != nil || len(list) != 0 {
			b.Fatal(len(list), err)
		}
	}
}
