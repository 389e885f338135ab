package bellhop_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/memstore"
)

func (h *house) troubles(apps ...string) map[string]bellhop.Trouble {
	h.t.Helper()
	list, err := h.Troubled(h.t.Context(), apps, 100)
	if err != nil {
		h.t.Fatal(err)
	}
	byURL := map[string]bellhop.Trouble{}
	for _, t := range list {
		byURL[strings.TrimSuffix(strings.TrimPrefix(t.Endpoint.URL, "https://"), "/hook")] = t
	}
	return byURL
}

func TestTroubledSaysWhatIsWrong(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("gone.example", status(410))
		h.net.on("down.example", func(received) answer { return answer{status: 200, after: time.Hour} })
		h.net.on("failing.example", status(500))
		h.net.on("slow.example", func(received) answer { return answer{status: 200, after: 10 * time.Second} })
		for _, host := range []string{"well", "gone", "down", "paused", "disabled", "idle"} {
			h.endpoint(host+".example", wanting("all"))
		}
		h.endpoint("slow.example", wanting("slow"), func(c *bellhop.EndpointChange) { c.Concurrency = bellhop.Of(1) })
		h.endpoint("failing.example", wanting("failing"))
		for _, e := range h.Endpoints(bellhop.EndpointFilter{Limit: 100}) {
			if strings.Contains(e.URL, "paused") {
				h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
			}
			if strings.Contains(e.URL, "//disabled") {
				h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointDisabled)})
			}
		}
		if got := h.troubles(); len(got) != 0 {
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
		got := h.troubles()
		for host, want := range map[string]struct{ reason, says string }{
			"gone.example":    {bellhop.TroubleDisabled, "410"},
			"down.example":    {bellhop.TroubleCircuitOpen, "did not answer in time"},
			"failing.example": {bellhop.TroubleFailing, "answered with an error"},
			"slow.example":    {bellhop.TroubleBacklog, "6 minutes ago"},
		} {
			x := got[host]
			if x.Reason != want.reason || !strings.Contains(x.Detail, want.says) || x.Since.IsZero() || (x.Pending == 0 && x.Reason != bellhop.TroubleDisabled) {
				t.Errorf("%s: %s since %s, %d pending: %s", host, x.Reason, x.Since, x.Pending, x.Detail)
			}
			t.Logf("%-16s %-13s %4d %s", host, x.Reason, x.Pending, x.Detail)
			delete(got, host)
		}
		if len(got) != 0 {
			t.Errorf("in trouble without a reason: %+v", got)
		}
		list, err := h.Troubled(t.Context(), []string{"acme"}, 2)
		if err != nil || len(list) != 2 || list[0].Reason != bellhop.TroubleDisabled || list[1].Reason != bellhop.TroubleCircuitOpen {
			t.Errorf("the two gravest: %+v, %v", list, err)
		}
		if got := h.troubles("nobody"); len(got) != 0 {
			t.Errorf("of another app: %+v", got)
		}
	})
}

func TestWhatIsScheduledIsNoBacklog(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.endpoint("later.example")
		at := time.Now().Add(time.Hour)
		h.publish(`{}`, func(p *bellhop.Publication) { p.DeliverAt = at })
		wait(30 * time.Minute)
		if got := h.troubles(); len(got) != 0 {
			t.Errorf("%+v", got)
		}
		wait(31 * time.Minute)
		s, err := h.store.Stats(t.Context(), bellhop.StatsFilter{Bucket: time.Hour})
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

// BenchmarkTroubled looks for trouble among 10,000 endpoints that are well.
func BenchmarkTroubled(b *testing.B) {
	h, err := bellhop.New(b.Context(), memstore.New(), bellhop.Config{Sealer: sealer(b), Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		_, _, err = h.SaveApp(b.Context(), "test", bellhop.App{ID: "acme"})
	}
	if err != nil {
		b.Fatal(err)
	}
	for i := range 10_000 {
		url := fmt.Sprintf("https://host%d.example/hook", i)
		_, _, err := h.CreateEndpoint(b.Context(), "test", bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of(url)})
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if list, err := h.Troubled(b.Context(), nil, 100); err != nil || len(list) != 0 {
			b.Fatal(len(list), err)
		}
	}
}
