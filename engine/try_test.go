package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/memstore"
)

var aTest = engine.Publication{App: "acme", Type: "webhook.test", Data: bellhop.JSON(`{"message":"hello"}`)}

func TestTry(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) { c.EnforceEventTypes = true })
		h.net.on("a.example", status(418))
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Ordering = bellhop.Of(bellhop.OrderingEndpoint) })
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		w := h.Watch(bellhop.AttemptFilter{Scope: bellhop.Everything()})
		a, err := h.Try(t.Context(), e.ID, aTest)
		if err != nil || a.Status != bellhop.AttemptFailed || !a.Final || a.ResponseStatus != 418 || a.Reason != bellhop.ReasonStatus || a.Number != 1 {
			t.Fatalf("%+v, %v", a, err)
		}
		if seen := <-w.C(); seen.ID != a.ID {
			t.Errorf("watched %+v", seen)
		}
		wait(time.Hour)
		if got := h.net.at("a.example"); len(got) != 1 || !strings.Contains(got[0].body, `{"message":"hello"}`) {
			t.Errorf("sent %v", got)
		}
		ev, err := h.store.Event(t.Context(), a.Event)
		if err != nil || !ev.Test || ev.Deliveries != 1 {
			t.Errorf("event %+v, %v", ev, err)
		}
		if d := h.deliveries(bellhop.DeliveryFilter{}); len(d) != 1 || d[0].Status != bellhop.DeliveryFailed || d[0].Trigger != bellhop.TriggerTest {
			t.Errorf("deliveries %+v", d)
		}
		h.net.on("a.example", status(200))
		if a, err := h.Try(t.Context(), e.ID, aTest); err != nil || a.Status != bellhop.AttemptSucceeded {
			t.Errorf("%+v, %v", a, err)
		}

		for name, c := range map[string]struct {
			endpoint bellhop.EndpointID
			change   func(*engine.Publication)
			want     bellhop.Code
		}{
			"no such endpoint":      {e.ID + 1, func(*engine.Publication) {}, bellhop.CodeNotFound},
			"another app":           {e.ID, func(p *engine.Publication) { p.App = "other" }, bellhop.CodeUnsubscribed},
			"a type of Bellhop's":   {e.ID, func(p *engine.Publication) { p.Type = "bellhop.x" }, bellhop.CodeInvalid},
			"data that is not JSON": {e.ID, func(p *engine.Publication) { p.Data = bellhop.JSON(`{`) }, bellhop.CodeInvalid},
		} {
			p := aTest
			c.change(&p)
			if _, err := h.Try(t.Context(), c.endpoint, p); bellhop.CodeOf(err) != c.want {
				t.Errorf("%s: %v", name, err)
			}
		}
		h.set(e.ID, bellhop.EndpointChange{Dialect: bellhop.Of("none")})
		if _, err := h.Try(t.Context(), e.ID, aTest); bellhop.CodeOf(err) != bellhop.CodeEndpointStatus {
			t.Errorf("an endpoint whose dialect is gone: %v", err)
		}
	})
}

// events counts what is stored.
func (h *house) events() int {
	h.t.Helper()
	list, err := h.store.Events(h.t.Context(), bellhop.EventFilter{Scope: bellhop.Everything(), Limit: 1000})
	if err != nil {
		h.t.Fatal(err)
	}
	return len(list)
}

func TestATestOfAnEngineThatStopsIsNotStored(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("slow.example", func(received) answer { return answer{status: 200, after: 5 * time.Second} })
		slow := h.endpoint("slow.example")
		a := h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Events = bellhop.Of([]string{"none"}) })
		h.publish(`1`)
		wait(time.Second)
		done := make(chan struct{})
		go func() { defer close(done); h.stop() }()
		wait(time.Second) // it drains
		before := h.events()
		if _, err := h.Try(t.Context(), a.ID, aTest); bellhop.CodeOf(err) != bellhop.CodeUnavailable {
			t.Errorf("while it drains: %v", err)
		}
		<-done
		if _, err := h.Try(t.Context(), a.ID, aTest); bellhop.CodeOf(err) != bellhop.CodeUnavailable {
			t.Errorf("after it ended: %v", err)
		}
		if n := h.events() - before; n != 0 {
			t.Errorf("%d refused tests were stored", n)
		}
		h.start()
		wait(time.Hour)
		if n := len(h.net.at("a.example")); n != 0 {
			t.Errorf("%d refused tests went out after the next start", n)
		}
		if n := len(h.net.at("slow.example")); n != 1 {
			t.Errorf("%s got its event %d times", slow.URL, n)
		}
	})
}

// What a crash, or the end of the drain timeout, leaves of a test is closed in the
// log and does not go out again.
func TestATestThatWasCutOffIsNotMadeLater(t *testing.T) {
	for _, crash := range []bool{true, false} {
		t.Run(fmt.Sprint("crash: ", crash), func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				m := &mortal{Store: memstore.New()}
				h := openOn(t, m, func(c *engine.Config) { c.DrainTimeout = time.Millisecond })
				h.net.on("slow.example", func(received) answer { return answer{status: 200, after: 10 * time.Second} })
				e := h.endpoint("slow.example")
				failed := make(chan error, 1)
				go func() { _, err := h.Try(t.Context(), e.ID, aTest); failed <- err }()
				wait(time.Second)
				m.dead.Store(crash)
				h.stop()
				if err := <-failed; bellhop.CodeOf(err) != bellhop.CodeUnavailable {
					t.Errorf("the test that was cut off: %v", err)
				}
				m.dead.Store(false)
				h.start()
				wait(time.Minute)
				if n := len(h.net.at("slow.example")); n != 1 {
					t.Errorf("the test was sent %d times", n)
				}
				a := h.attempts(bellhop.AttemptFilter{Endpoint: e.ID})
				if len(a) != 1 || !a[0].Final || a[0].Status != bellhop.AttemptFailed || a[0].Reason != bellhop.ReasonCutShort || a[0].Detail == "" {
					t.Errorf("the log: %+v", a)
				}
				if s, err := h.LaneState(t.Context(), e.ID); err != nil || s.ConsecutiveFailures != 0 || !s.FailingSince.IsZero() {
					t.Errorf("it was held against the endpoint: %+v, %v", s, err)
				}
			})
		})
	}
}

func TestTestsAreFewAndApart(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) { c.MaxInFlight = 4 })
		for i := range 125 {
			h.app(fmt.Sprint("app", i))
		}
		var under, most atomic.Int64
		var endpoints []bellhop.Endpoint
		for i := range 500 {
			host := fmt.Sprintf("t%d.example", i)
			h.net.on(host, func(received) answer {
				most.Store(max(most.Load(), under.Add(1)))
				time.Sleep(5 * time.Second)
				under.Add(-1)
				return answer{status: 200}
			})
			endpoints = append(endpoints, h.endpoint(host, func(c *bellhop.EndpointChange) { c.Apps = bellhop.Of([]string{fmt.Sprint("app", i%125)}) }))
		}
		h.endpoint("well.example")
		var all sync.WaitGroup
		var made, refused atomic.Int64
		for _, e := range endpoints {
			all.Go(func() {
				p := aTest
				p.App = e.Apps[0]
				_, err := h.Try(t.Context(), e.ID, p)
				var limit *bellhop.Error
				switch {
				case err == nil:
					made.Add(1)
				case errors.As(err, &limit) && limit.Code == bellhop.CodeTooMany && limit.RetryAfter > 0:
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wait(time.Second)
		sent := h.publish(`1`)
		wait(10 * time.Millisecond)
		if got := h.net.at("well.example"); len(got) != 1 || got[0].id != sent.String() {
			t.Error("tests hold up a delivery")
		}
		all.Wait()
		if made.Load() != 32 || refused.Load() != 468 || most.Load() != 32 {
			t.Errorf("%d tests were made, %d at once, and %d refused", made.Load(), most.Load(), refused.Load())
		}
		if _, err := h.Try(t.Context(), endpoints[0].ID, engine.Publication{App: "app0", Type: "webhook.test", Data: aTest.Data}); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestTrialSlots(t *testing.T) {
	simulate(t, func(t *testing.T) {
		e := newEngine(t, memstore.New(), func(c *engine.Config) { c.MaxTrials = 16 })
		take := func(endpoint bellhop.EndpointID, apps ...string) func() {
			t.Helper()
			release, err := e.TrialSlot(endpoint, apps)
			if err != nil {
				t.Fatal(err)
			}
			return release
		}
		refused := func(endpoint bellhop.EndpointID, apps ...string) {
			t.Helper()
			if _, err := e.TrialSlot(endpoint, apps); bellhop.CodeOf(err) != bellhop.CodeTooMany {
				t.Errorf("err: %v", err)
			}
		}
		first := take(1, "a", "b", "a")
		refused(1, "c") // one per endpoint
		take(2, "a")
		refused(3, "a") // an eighth per app
		refused(3, "c", "a")
		take(3, "b")
		first()
		first() // once is enough
		again := take(1, "a")
		refused(4, "b", "a")
		again()
		for i := range 14 {
			take(0, fmt.Sprint("x", i)) // endpoints that do not exist yet
		}
		refused(0, "y")
		refused(0)
	})
}

func TestATestByOldRoutes(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		e := h.endpoint("old.example")
		moved := e
		moved.URL = "https://new.example/hook"
		// Another node's changes, which this one has not heard of.
		if err := h.store.SaveEndpoint(t.Context(), moved, h.AuditEntry(bellhop.System, "endpoint.update", e.ID.String(), nil, nil), time.Now()); err != nil {
			t.Fatal(err)
		}
		if a, err := h.Try(t.Context(), e.ID, aTest); err != nil || a.URL != moved.URL || len(h.net.at("new.example")) != 1 {
			t.Errorf("%+v, %v", a, err)
		}
		if err := h.store.DeleteEndpoint(t.Context(), e.ID, h.AuditEntry(bellhop.System, "endpoint.delete", e.ID.String(), nil, nil), time.Now()); err != nil {
			t.Fatal(err)
		}
		before := h.events()
		if _, err := h.Try(t.Context(), e.ID, aTest); !bellhop.IsNotFound(err) {
			t.Errorf("an endpoint that is gone: %v", err)
		}
		if n := h.events() - before; n != 0 || len(h.net.at("old.example"))+len(h.net.at("new.example")) != 1 {
			t.Errorf("%d tests of it were stored; sent %v, %v", n, h.net.at("old.example"), h.net.at("new.example"))
		}
	})
}

func TestTheCallersGoingAwayDoesNotEndATest(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("slow.example", func(received) answer { return answer{status: 200, after: 5 * time.Second} })
		e := h.endpoint("slow.example")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.Try(ctx, e.ID, aTest); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err: %v", err)
		}
		if _, err := h.Try(t.Context(), e.ID, aTest); bellhop.CodeOf(err) != bellhop.CodeTooMany {
			t.Errorf("another, while it goes on: %v", err)
		}
		wait(10 * time.Second)
		if a := h.attempts(bellhop.AttemptFilter{Endpoint: e.ID}); len(a) != 1 || a[0].Status != bellhop.AttemptSucceeded {
			t.Errorf("the log: %+v", a)
		}
	})
}

// Answers that are lost neither lose a test nor send it twice.
func TestATestWhoseStoringIsInDoubt(t *testing.T) {
	for _, stored := range []bool{true, false} {
		simulate(t, func(t *testing.T) {
			lost := &losing{Store: memstore.New(), done: stored}
			h := openOn(t, lost)
			e := h.endpoint("a.example")
			lost.on.Store(true)
			go func() {
				time.Sleep(time.Second)
				lost.on.Store(false)
			}()
			if a, err := h.Try(t.Context(), e.ID, aTest); err != nil || a.Status != bellhop.AttemptSucceeded {
				t.Errorf("%+v, %v", a, err)
			}
			wait(time.Hour)
			if n := len(h.net.at("a.example")); n != 1 {
				t.Errorf("sent %d times", n)
			}
			if n := h.events(); n != 1 {
				t.Errorf("%d tests are stored", n)
			}
		})
	}
}

func TestVerify(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("a.example", status(202))
		h.net.on("bug.example", func(received) answer { panic("a bug") })
		now := time.Now()
		m := dialect.Message{ID: "evt_1", App: "acme", Type: "webhook.test", Time: now, Data: []byte(`{}`), Timestamp: now}
		e := h.endpoint("a.example")
		e.ID++ // one that does not exist yet
		e.Secrets = []bellhop.Secret{{Sealed: h.config.Sealer.Seal([]byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), e.ID.String())}}
		r := h.Routes().Compile(e)
		for unsigned, signature := range map[bool]bool{false: true, true: false} {
			o, err := h.Verify(t.Context(), r, unsigned, m)
			got := h.net.at("a.example")
			if err != nil || o.Class != bellhop.ClassTaken || o.Exchange.ResponseStatus != 202 {
				t.Errorf("%+v, %v", o, err)
			}
			if has := got[len(got)-1].header.Get("webhook-signature") != ""; has != signature {
				t.Errorf("unsigned %v, but signed %v", unsigned, has)
			}
		}
		e.URL = "https://bug.example/"
		if o, err := h.Verify(t.Context(), h.Routes().Compile(e), false, m); err != nil || o.Class != bellhop.ClassOurs || o.Reason != bellhop.ReasonPanic {
			t.Errorf("a panic: %+v, %v", o, err)
		}
		release, err := h.TrialSlot(e.ID, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		if _, err := h.Verify(t.Context(), r, false, m); bellhop.CodeOf(err) != bellhop.CodeTooMany {
			t.Errorf("beyond the slots: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		e.ID++
		e.Secrets, e.URL = nil, "https://slow.example/"
		h.net.on("slow.example", func(received) answer { return answer{status: 200, after: time.Second} })
		if _, err := h.Verify(ctx, h.Routes().Compile(e), true, m); err == nil {
			t.Error("no error although the caller is gone")
		}
	})
}
