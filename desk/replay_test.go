package desk_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/memstore"
)

func TestResendIsAChainOfItsOwn(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("down.example", status(500))
		e := h.endpoint("down.example", func(c *bellhop.EndpointChange) {
			c.Retry = bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Hour), bellhop.Duration(time.Hour)}})
		})
		ev := h.publish(`{}`)
		wait(time.Minute)
		ds, err := h.Resend(t.Context(), owner, ev, e.ID)
		if err != nil || len(ds) != 1 {
			t.Fatalf("resend: %v, %v", ds, err)
		}
		wait(4 * time.Hour)
		if n := len(h.net.at("down.example")); n != 6 {
			t.Errorf("%d requests, want 3 of each chain", n)
		}
		all := h.deliveries(bellhop.DeliveryFilter{Event: ev})
		if len(all) != 2 || all[0].Attempts != 3 || all[1].Attempts != 3 {
			t.Errorf("deliveries: %+v", all)
		}
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointDisabled)})
		if _, err := h.Resend(t.Context(), owner, ev, e.ID); bellhop.CodeOf(err) != bellhop.CodeEndpointStatus {
			t.Errorf("resend to a disabled endpoint: %v", err)
		}
	})
}

// TestResendOfWhatWaits: an event that is to go next to an endpoint is not added again,
// however often that is asked for; one that waits for a retry goes now.
func TestResendOfWhatWaits(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("a.example", status(500))
		e := h.endpoint("a.example")
		ev := h.publish(`{}`)
		wait(time.Second)
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		wait(time.Second)
		var first bellhop.DeliveryID
		for i := range 20 {
			to := e.ID
			if i%2 == 1 {
				to = 0
			}
			made, err := h.Resend(t.Context(), owner, ev, to)
			if err != nil || len(made) != 1 {
				t.Fatalf("resend %d: %v, %v", i, made, err)
			}
			if first == 0 {
				first = made[0].ID
			}
			if made[0].ID != first {
				t.Errorf("resend %d made another delivery", i)
			}
		}
		if all := h.deliveries(bellhop.DeliveryFilter{Event: ev}); len(all) != 2 {
			t.Errorf("deliveries: %+v", all)
		}
	})
}

func TestReplay(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		since := time.Now()
		once := bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{}})
		h.net.on("a.example", func(r received) answer {
			if strings.Contains(r.body, `"bad"`) && r.n == 1 {
				return answer{status: 500}
			}
			return answer{status: 200}
		})
		for range 3 {
			h.publish(`"early"`)
		}
		wait(time.Second)
		a := h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Retry = once; c.Events = bellhop.Of([]string{"invoice.*"}) })
		for range 5 {
			h.publish(`"bad"`)
		}
		for range 7 {
			h.publish(`"good"`)
		}
		h.publish(`"unwanted"`, func(p *engine.Publication) { p.Type = "ticket.created" })
		wait(time.Second)
		for _, c := range []struct {
			status bellhop.ReplayStatus
			want   int
		}{{bellhop.ReplayFailed, 5}, {bellhop.ReplayMissing, 3}, {bellhop.ReplayAll, 15}} {
			res, err := h.Replay(t.Context(), owner, a.ID, desk.Replay{Since: since, Status: c.status, DryRun: true})
			if err != nil || res.Matched != c.want || res.Enqueued != 0 || res.Next != 0 {
				t.Errorf("dry run of %s: %+v, %v; want %d", c.status, res, err, c.want)
			}
		}
		before := len(h.net.at("a.example"))
		// In two calls: the cursor goes on where the first stopped.
		q := desk.Replay{Since: since, Status: bellhop.ReplayFailed, Limit: 2}
		total, calls := 0, 0
		for {
			res, err := h.Replay(t.Context(), owner, a.ID, q)
			if err != nil {
				t.Fatal(err)
			}
			total, calls = total+res.Enqueued, calls+1
			if q.After = res.Next; res.Next == 0 {
				break
			}
		}
		wait(time.Second)
		if n := len(h.net.at("a.example")) - before; total != 5 || n != 5 || calls < 3 {
			t.Errorf("replayed %d in %d calls, %d arrived; want 5", total, calls, n)
		}
		res, err := h.Replay(t.Context(), owner, a.ID, desk.Replay{Since: since, Status: bellhop.ReplayFailed})
		if err != nil || res.Matched != 0 {
			t.Errorf("again: %+v, %v; nothing is left that failed", res, err)
		}
	})
}

// TestReplayByState: what ended in some way is sent again, what waits to be tried again is
// tried now, what is held is let go; and labels and answers narrow each of them.
func TestReplayByState(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := openOn(t, holding{memstore.New()}, desk.Options{}, seldom)
		since := time.Now()
		once := bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{}})
		e := h.endpoint("a.example", hourly)
		in := func(channel string) func(*engine.Publication) {
			return func(p *engine.Publication) { p.Channels = []string{channel} }
		}
		both := func(answer int) {
			h.net.on("a.example", status(answer))
			h.publish(`1`, in("red"))
			h.publish(`2`, in("blue"))
			wait(time.Second)
		}
		both(200)
		both(422) // is held
		both(503) // is tried again in an hour
		h.set(e.ID, bellhop.EndpointChange{Retry: once})
		both(500) // is given up
		h.net.on("a.example", status(200))
		red := bellhop.LabelFilter{Channel: "red"}
		for _, c := range []struct {
			q    desk.Replay
			want desk.ReplayResult
		}{
			{desk.Replay{Status: bellhop.ReplaySucceeded}, desk.ReplayResult{Matched: 2}},
			{desk.Replay{Status: bellhop.ReplaySucceeded, Response: "5xx"}, desk.ReplayResult{}},
			{desk.Replay{Status: bellhop.ReplayFailed, LabelFilter: red}, desk.ReplayResult{Matched: 1, Failed: 1, Waiting: 1}},
			{desk.Replay{Status: bellhop.ReplayGivenUp}, desk.ReplayResult{Matched: 2, Failed: 2}},
			{desk.Replay{Status: bellhop.ReplayRetrying}, desk.ReplayResult{Waiting: 2}},
			{desk.Replay{Status: bellhop.ReplayRetrying, Cause: bellhop.Cause{ResponseStatus: 500}}, desk.ReplayResult{}},
			{desk.Replay{Status: bellhop.ReplayRetrying, Response: "5xx", LabelFilter: red}, desk.ReplayResult{Waiting: 1}},
			{desk.Replay{Status: bellhop.ReplayHeld}, desk.ReplayResult{Waiting: 2}},
			{desk.Replay{Status: bellhop.ReplayHeld, LabelFilter: red}, desk.ReplayResult{Waiting: 1}},
			{desk.Replay{Status: bellhop.ReplayHeld, Types: []string{"no.such"}}, desk.ReplayResult{}},
			{desk.Replay{Status: bellhop.ReplayCanceled}, desk.ReplayResult{}},
		} {
			c.q.Since, c.q.DryRun = since, true
			if got, err := h.Replay(t.Context(), owner, e.ID, c.q); err != nil || got != c.want {
				t.Errorf("dry run of %+v: %+v, %v; want %+v", c.q, got, err, c.want)
			}
		}
		before := len(h.net.at("a.example"))
		for _, c := range []struct {
			q    desk.Replay
			want desk.ReplayResult
		}{
			{desk.Replay{Status: bellhop.ReplayRetrying, LabelFilter: red}, desk.ReplayResult{Waiting: 1, Moved: 1}},
			{desk.Replay{Status: bellhop.ReplayHeld, LabelFilter: red}, desk.ReplayResult{Waiting: 1, Moved: 1}},
			{desk.Replay{Status: bellhop.ReplayGivenUp, LabelFilter: red}, desk.ReplayResult{Matched: 1, Failed: 1, Enqueued: 1}},
			{desk.Replay{Status: bellhop.ReplaySucceeded, LabelFilter: red}, desk.ReplayResult{Matched: 4, Enqueued: 4}},
		} {
			c.q.Since = since
			if got, err := h.Replay(t.Context(), owner, e.ID, c.q); err != nil || got != c.want {
				t.Errorf("%+v: %+v, %v; want %+v", c.q, got, err, c.want)
			}
			wait(5 * time.Minute)
		}
		if n := len(h.net.at("a.example")) - before; n != 7 {
			t.Errorf("%d requests were made", n)
		}
		for field, q := range map[string]desk.Replay{
			"reason":   {Status: bellhop.ReplaySucceeded, Cause: bellhop.Cause{ResponseStatus: 200}},
			"response": {Status: bellhop.ReplayHeld, Response: "5xx"},
		} {
			q.Since = since
			_, err := h.Replay(t.Context(), owner, e.ID, q)
			code(t, field, err, bellhop.CodeInvalid, field)
		}
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointDisabled)})
		_, err := h.Replay(t.Context(), owner, e.ID, desk.Replay{Since: since, Status: bellhop.ReplayHeld})
		code(t, "a disabled endpoint", err, bellhop.CodeEndpointStatus)
	})
}

// TestReplayOfTypesThatMatchNothing: the types are the store's business, and one call
// looks at a bounded number of events, in bounded steps, whatever it finds.
func TestReplayOfTypesThatMatchNothing(t *testing.T) {
	simulate(t, func(t *testing.T) {
		looked := 0
		h := openOn(t, meddle(func(_ context.Context, step string) error {
			if step == "Candidates" {
				looked++
			}
			return nil
		}), desk.Options{})
		since := time.Now()
		for range 11 {
			batch := make([]engine.Publication, 1000)
			for i := range batch {
				batch[i] = engine.Publication{App: "acme", Type: "invoice.purchase", Data: bellhop.JSON(`1`)}
			}
			if _, err := h.PublishBatch(t.Context(), owner, batch); err != nil {
				t.Fatal(err)
			}
		}
		h.publish(`"wanted"`, ofType("ticket.sold"))
		wait(time.Second)
		e := h.endpoint("a.example")
		q := desk.Replay{Since: since, Status: bellhop.ReplayAll, Types: []string{"room.*", "ticket.sold"}}
		res, err := h.Replay(t.Context(), owner, e.ID, q)
		if err != nil || res.Matched != 0 || res.Next == 0 || looked > 50 {
			t.Fatalf("the first call looked %d times: %+v, %v", looked, res, err)
		}
		q.After = res.Next
		res, err = h.Replay(t.Context(), owner, e.ID, q)
		if err != nil || res.Matched != 1 || res.Enqueued != 1 || res.Next != 0 {
			t.Errorf("the second call: %+v, %v", res, err)
		}
		wait(time.Second)
		if got := h.net.at("a.example"); len(got) != 1 || !strings.Contains(got[0].body, "wanted") {
			t.Errorf("%d requests", len(got))
		}

		// Where every event is covered, a call covers as many as it looks at.
		res, err = h.Replay(t.Context(), owner, e.ID, desk.Replay{Since: since, Status: bellhop.ReplayAll, DryRun: true})
		if err != nil || res.Matched != desk.MaxReplay || res.Next == 0 {
			t.Errorf("all: %+v, %v", res, err)
		}
		res, err = h.Replay(t.Context(), owner, e.ID, desk.Replay{Since: since, Status: bellhop.ReplayAll, DryRun: true, Limit: 250})
		if err != nil || res.Matched != 250 || res.Next == 0 {
			t.Errorf("250: %+v, %v", res, err)
		}
	})
}

// TestReplayThatFailsInTheMiddle answers what it did, and where to go on; one that has
// done nothing answers the failure.
func TestReplayThatFailsInTheMiddle(t *testing.T) {
	simulate(t, func(t *testing.T) {
		sent := 0
		broken := errors.New("broken")
		h := openOn(t, meddle(func(_ context.Context, step string) error {
			if step == "Redeliver" {
				if sent++; sent == 2 || sent == 3 {
					return broken
				}
			}
			return nil
		}), desk.Options{})
		since := time.Now()
		for range 300 {
			h.publish(`1`)
		}
		wait(time.Second)
		e := h.endpoint("a.example")
		q := desk.Replay{Since: since, Status: bellhop.ReplayMissing}
		res, err := h.Replay(t.Context(), owner, e.ID, q)
		if err != nil || res.Enqueued != 200 || res.Next == 0 {
			t.Fatalf("%+v, %v", res, err)
		}
		q.After = res.Next
		if res, err := h.Replay(t.Context(), owner, e.ID, q); !errors.Is(err, broken) || res.Enqueued != 0 || res.Next != q.After {
			t.Errorf("nothing was sent: %+v, %v", res, err)
		}
		if res, err = h.Replay(t.Context(), owner, e.ID, q); err != nil || res.Enqueued != 100 || res.Next != 0 {
			t.Errorf("%+v, %v", res, err)
		}
		wait(time.Minute)
		if n := len(h.net.at("a.example")); n != 300 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestReplayWhoseEndpointGoes, with its app or by being disabled, is never as if it were done.
func TestReplayWhoseEndpointGoes(t *testing.T) {
	for what, tt := range map[string]struct {
		look int // during which look for events it goes
		goes func(h *house, e bellhop.EndpointID) error
		code bellhop.Code
	}{
		"the app is deleted": {2, func(h *house, _ bellhop.EndpointID) error {
			return h.store.DeleteApp(context.Background(), "acme", nil)
		}, bellhop.CodeNotFound},
		"the endpoint is disabled": {1, func(h *house, e bellhop.EndpointID) error {
			_, err := h.UpdateEndpoint(context.Background(), owner, e, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointDisabled)})
			return err
		}, bellhop.CodeEndpointStatus},
	} {
		t.Run(what, func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				var goes func() error
				looks := 0
				h := openOn(t, meddle(func(_ context.Context, step string) error {
					if step == "Candidates" {
						if looks++; looks == tt.look {
							return goes()
						}
					}
					return nil
				}), desk.Options{})
				since := time.Now()
				for range 300 {
					h.publish(`1`)
				}
				wait(time.Second)
				e := h.endpoint("a.example")
				goes = func() error { return tt.goes(h, e.ID) }
				q := desk.Replay{Since: since, Status: bellhop.ReplayAll}
				res, err := h.Replay(t.Context(), owner, e.ID, q)
				if err != nil || res.Enqueued != 200 || res.Next == 0 {
					t.Fatalf("%+v, %v", res, err)
				}
				q.After = res.Next
				_, err = h.Replay(t.Context(), owner, e.ID, q)
				if bellhop.CodeOf(err) != tt.code || strings.Contains(err.Error(), "nothing was sent") {
					t.Errorf("it goes on: %v", err)
				}
			})
		})
	}
}

func TestBadReplaysAreRefused(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		e := h.endpoint("a.example")
		now := time.Now()
		for field, q := range map[string]desk.Replay{
			"since":  {Status: bellhop.ReplayAll},
			"until":  {Status: bellhop.ReplayAll, Since: now, Until: now},
			"status": {Since: now.Add(-time.Hour)},
		} {
			_, err := h.Replay(t.Context(), owner, e.ID, q)
			code(t, field, err, bellhop.CodeInvalid, field)
		}
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointDisabled)})
		q := desk.Replay{Since: now.Add(-time.Hour), Status: bellhop.ReplayAll}
		_, err := h.Replay(t.Context(), owner, e.ID, q)
		code(t, "a disabled endpoint", err, bellhop.CodeEndpointStatus)
		q.DryRun = true
		if _, err := h.Replay(t.Context(), owner, e.ID, q); err != nil {
			t.Errorf("to count is allowed: %v", err)
		}
	})
}

// TestResendToAll reaches those who got the event and those who would get it now, and
// no test goes to anybody else.
func TestResendToAll(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		got := h.endpoint("got.example", wanting("invoice.*"))
		h.endpoint("other.example", wanting("ticket.*"))
		event := h.publish(`{}`)
		wait(time.Second)
		h.set(got.ID, bellhop.EndpointChange{Events: bellhop.Of([]string{"ticket.*"})})
		would := h.endpoint("would.example")
		foreign := h.endpoint("foreign.example", of("globex"))
		h.set(h.endpoint("disabled.example").ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointDisabled)})
		list, err := h.Resend(t.Context(), as(bellhop.RoleEditor, "acme"), event, 0)
		if err != nil || len(list) != 2 || list[0].Endpoint != got.ID || list[1].Endpoint != would.ID || list[0].Trigger != bellhop.TriggerResend {
			t.Errorf("%+v, %v", list, err)
		}
		wait(time.Second)
		if len(h.net.at("got.example")) != 2 || len(h.net.at("would.example")) != 1 || len(h.net.at("other.example")) != 0 {
			t.Errorf("%d requests", len(h.net.log))
		}
		_, err = h.Resend(t.Context(), owner, event, foreign.ID)
		code(t, "to an endpoint of another app", err, bellhop.CodeUnsubscribed)
		_, err = h.Resend(t.Context(), as(bellhop.RoleEditor, "acme"), event, foreign.ID)
		code(t, "to one that is not to be seen", err, bellhop.CodeNotFound)
	})
}

// TestListsByLabelLookAtABoundedNumber: where few have a label, a page ends after so many,
// and says where to go on.
func TestListsByLabelLookAtABoundedNumber(t *testing.T) {
	simulate(t, func(t *testing.T) {
		reads := 0
		h := openOn(t, meddle(func(_ context.Context, step string) error {
			if step == "Labelled" {
				reads++
			}
			return nil
		}), desk.Options{})
		e := h.endpoint("a.example")
		h.publish(`"wanted"`, func(p *engine.Publication) { p.Tags = []string{"vip"} })
		wait(time.Second)
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		for range 6 {
			batch := make([]engine.Publication, 1000)
			for i := range batch {
				batch[i] = engine.Publication{App: "acme", Type: "invoice.purchase", Data: bellhop.JSON(`1`)}
			}
			if _, err := h.PublishBatch(t.Context(), owner, batch); err != nil {
				t.Fatal(err)
			}
		}
		vip := bellhop.LabelFilter{Tag: "vip"}
		list, next, err := h.LabelledDeliveries(t.Context(), owner, "", bellhop.DeliveryFilter{Limit: 10}, vip)
		if err != nil || len(list) != 0 || next == 0 || reads != 20 {
			t.Fatalf("%d found after %d reads, next %v, %v", len(list), reads, next, err)
		}
		list, next, err = h.LabelledDeliveries(t.Context(), owner, "", bellhop.DeliveryFilter{Limit: 10, Before: next}, vip)
		if err != nil || len(list) != 1 || next != 0 || reads > 25 {
			t.Errorf("%d found after %d reads, next %v, %v", len(list), reads, next, err)
		}
		attempts, more, err := h.LabelledAttempts(t.Context(), owner, "", bellhop.AttemptFilter{Limit: 1}, vip)
		if err != nil || len(attempts) != 1 || more != 0 {
			t.Errorf("%d attempts, more %v, %v", len(attempts), more, err)
		}
		attempts, more, err = h.LabelledAttempts(t.Context(), as(bellhop.RoleViewer, "globex"), "", bellhop.AttemptFilter{Limit: 1}, vip)
		if err != nil || len(attempts) != 0 || more != 0 {
			t.Errorf("of another app: %d attempts, more %v, %v", len(attempts), more, err)
		}
	})
}

// A replay for one of the apps of an endpoint leaves what is of the others alone: what was
// given up, what waits, and what it never got.
func TestReplayOfOneApp(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		since := time.Now()
		of := func(app string) func(*engine.Publication) { return func(p *engine.Publication) { p.App = app } }
		h.publish(`"acme missing"`)
		h.publish(`"globex missing"`, of("globex"))
		wait(time.Second)
		down := true
		h.net.on("a.example", func(received) answer {
			if down {
				return answer{status: 500}
			}
			return answer{status: 200}
		})
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) {
			c.Apps = bellhop.Of([]string{"acme", "globex"})
			c.Retry = bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{}})
		})
		h.publish(`"acme given up"`)
		h.publish(`"globex given up"`, of("globex"))
		wait(time.Second)
		h.set(e.ID, bellhop.EndpointChange{Retry: bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(24 * time.Hour)}})})
		h.publish(`"acme waits"`)
		h.publish(`"globex waits"`, of("globex"))
		wait(time.Second)
		down = false
		for _, c := range []struct {
			status bellhop.ReplayStatus
			want   []string
		}{
			{bellhop.ReplayMissing, []string{`"acme missing"`}},
			{bellhop.ReplayRetrying, []string{`"acme waits"`}},
			{bellhop.ReplayFailed, []string{`"acme given up"`}},
			{bellhop.ReplayAll, []string{`"acme missing"`, `"acme given up"`, `"acme waits"`}},
		} {
			before := len(h.net.at("a.example"))
			res, err := h.Replay(t.Context(), owner, e.ID, desk.Replay{Since: since, Status: c.status, App: "acme"})
			wait(time.Second)
			var bodies []string
			for _, r := range h.net.at("a.example")[before:] {
				bodies = append(bodies, r.body)
			}
			all := strings.Join(bodies, " ")
			if err != nil || len(bodies) != len(c.want) || strings.Contains(all, "globex") {
				t.Errorf("%s: %+v, %v: %s", c.status, res, err, all)
			}
			for _, body := range c.want {
				if !strings.Contains(all, body) {
					t.Errorf("%s: %s, want %s", c.status, all, body)
				}
			}
		}
		_, err := h.Replay(t.Context(), owner, e.ID, desk.Replay{Since: since, Status: bellhop.ReplayAll, App: "initech"})
		code(t, "of another app", err, bellhop.CodeInvalid, "app")
	})
}
