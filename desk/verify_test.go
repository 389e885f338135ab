package desk_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
)

// TestFiveHundredTestsAtOnce stay within the reserve that tests have, share it among
// the apps, and take nothing away from deliveries.
func TestFiveHundredTestsAtOnce(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) { c.MaxInFlight = 4 })
		var now, most atomic.Int32
		var endpoints []bellhop.Endpoint
		for i := range 50 {
			app := fmt.Sprint("app", i)
			h.app(app)
			for j := range 10 {
				host := fmt.Sprintf("e%d-%d.example", i, j)
				h.net.on(host, func(received) answer {
					n := now.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					time.AfterFunc(time.Second, func() { now.Add(-1) })
					return answer{status: 200, after: time.Second}
				})
				endpoints = append(endpoints, h.endpoint(host, of(app)))
			}
		}
		h.endpoint("well.example")
		perApp := map[string]int{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		var done, refused atomic.Int32
		for _, e := range endpoints {
			wg.Go(func() {
				a, err := h.TestEndpoint(t.Context(), owner, e.ID, "", nil)
				switch x, _ := errors.AsType[*bellhop.Error](err); {
				case err == nil && a.Status == bellhop.AttemptSucceeded:
					done.Add(1)
					mu.Lock()
					perApp[e.Apps[0]]++
					mu.Unlock()
				case x != nil && x.Code == bellhop.CodeTooMany && x.RetryAfter > 0:
					refused.Add(1)
				default:
					t.Errorf("%+v, %v", a, err)
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		event := h.publish(`{}`)
		synctest.Wait()
		if got := h.net.at("well.example"); len(got) != 1 || got[0].id != event.String() || got[0].at.After(began) {
			t.Error("tests kept an event from its endpoint")
		}
		wg.Wait()
		if most.Load() > 32 || most.Load() < 8 || done.Load() > 32 || done.Load()+refused.Load() != 500 {
			t.Errorf("%d tests at once, %d done, %d refused", most.Load(), done.Load(), refused.Load())
		}
		for app, n := range perApp {
			if n > 4 {
				t.Errorf("%d tests of %s at once", n, app)
			}
		}
		wait(2 * time.Second)
		if _, err := h.TestEndpoint(t.Context(), owner, endpoints[0].ID, "", nil); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestEachTrialTakesASlot: where there is none, a test, a verification and a preview
// are refused, and nothing is saved.
func TestEachTrialTakesASlot(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) { c.MaxTrials = 8 })
		e := h.endpoint("a.example")
		release, err := h.e.TrialSlot(0, []string{"acme"}) // an eighth
		if err != nil {
			t.Fatal(err)
		}
		verified := func(c *bellhop.EndpointChange) { c.Verify = bellhop.Of(true) }
		trials := map[string]func() error{
			"test": func() error { _, err := h.TestEndpoint(t.Context(), owner, e.ID, "", nil); return err },
			"preview": func() error {
				_, err := h.Preview(t.Context(), as(bellhop.RoleEditor, "acme"), desk.PreviewRequest{})
				return err
			},
			"creation": func() error {
				_, _, err := h.CreateEndpoint(t.Context(), owner, hook("b.example", verified))
				return err
			},
			"update": func() error {
				_, err := h.UpdateEndpoint(t.Context(), owner, e.ID, bellhop.EndpointChange{URL: bellhop.Of("https://b.example/"), Verify: bellhop.Of(true)})
				return err
			},
		}
		for name, try := range trials {
			code(t, name, try(), bellhop.CodeTooMany)
		}
		if n := len(h.all()); n != 1 || len(h.net.log) != 0 {
			t.Errorf("%d endpoints, %d requests", n, len(h.net.log))
		}
		release()
		for name, try := range trials {
			if err := try(); err != nil {
				t.Errorf("%s, with a free slot: %v", name, err)
			}
		}
	})
}

// TestVerificationHoldsNothingUp: while a receiver takes its time, other endpoints of
// the same app are made and changed.
func TestVerificationHoldsNothingUp(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := openOn(t, meddle(nothing), desk.Options{MaxEndpoints: 3})
		h.net.on("slow.example", func(received) answer { return answer{status: 200, after: 10 * time.Second} })
		e := h.endpoint("a.example")
		verified := func(c *bellhop.EndpointChange) { c.Verify = bellhop.Of(true) }
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _, err := h.CreateEndpoint(t.Context(), owner, hook("slow.example", verified))
			// The last place went to one that was quicker: it counts when it is saved.
			code(t, "the slow one", err, bellhop.CodeConflict)
		})
		synctest.Wait()
		began := time.Now()
		h.endpoint("b.example")
		h.endpoint("c.example")
		h.set(e.ID, bellhop.EndpointChange{Name: bellhop.Of("x")})
		if took := time.Since(began); took > 0 {
			t.Errorf("a verification held others up for %v", took)
		}
		wg.Wait()
	})
}

// TestTestsAreAudited, and carry the catalogue's example.
// TestShowpassTestsCarryAnInvoice: receivers check with a test that they can read one.
func TestShowpassTestsCarryAnInvoice(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Dialect = bellhop.Of("showpass") })
		if _, err := h.TestEndpoint(t.Context(), owner, e.ID, "", nil); err != nil {
			t.Fatal(err)
		}
		got := h.net.at("a.example")
		if len(got) != 1 || !strings.Contains(got[0].body, `"event_type":"webhook.test"`) ||
			!strings.Contains(got[0].body, `"ticket_items":[`) || !strings.HasPrefix(got[0].body, `{"id":"c4-88d1-`) {
			t.Errorf("%+v", got)
		}
	})
}

func TestTestsAreAudited(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) { c.EnforceEventTypes = true })
		e := h.endpoint("a.example")
		if _, _, err := h.PutEventType(t.Context(), owner, bellhop.EventType{Name: "ticket.sold", Example: bellhop.JSON(`{"seat":7}`)}); err != nil {
			t.Fatal(err)
		}
		a, err := h.TestEndpoint(t.Context(), as(bellhop.RoleEditor, "acme"), e.ID, "ticket.sold", nil)
		if err != nil || a.Type != "ticket.sold" || a.Trigger != bellhop.TriggerTest {
			t.Errorf("%+v, %v", a, err)
		}
		if got := h.net.at("a.example"); len(got) != 1 || !strings.Contains(got[0].body, `{"seat":7}`) {
			t.Errorf("%+v", got)
		}
		if _, err := h.TestEndpoint(t.Context(), owner, e.ID, "not.in.the.catalogue", bellhop.JSON(`1`)); err != nil {
			t.Error(err)
		}
		_, err = h.TestEndpoint(t.Context(), owner, e.ID, "", bellhop.JSON(`{`))
		code(t, "bad data", err, bellhop.CodeInvalid, "data")
		entries, err := h.Audit(t.Context(), owner, "acme", bellhop.AuditFilter{Action: "endpoint.test", Limit: 10})
		if err != nil || len(entries) != 2 || entries[1].Actor != "editor" || entries[1].Object != e.ID.String() {
			t.Errorf("%+v, %v", entries, err)
		}
	})
}
