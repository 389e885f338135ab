package desk_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/testlong"
)

func TestEraseCancelsAndBlanks(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("down.example", status(500))
		h.endpoint("down.example")
		person := func(p *engine.Publication) { p.Subject = "person:7" }
		one := h.publish(`{"name":"Ayşe"}`, person)
		two := h.publish(`{"name":"Ayşe"}`, person)
		other := h.publish(`{"name":"Luca"}`)
		wait(time.Second)
		gone, err := h.EraseSubject(t.Context(), owner, "acme", "person:7")
		if err != nil || gone != 2 {
			t.Fatalf("erased %v, %v", gone, err)
		}
		wait(24 * time.Hour)
		for _, e := range []bellhop.EventID{one, two} {
			ev, err := h.store.Event(t.Context(), e)
			if err != nil || !ev.Erased || ev.Data != nil {
				t.Errorf("event: %+v, %v", ev, err)
			}
			d := h.deliveries(bellhop.DeliveryFilter{Event: e})
			if len(d) != 1 || d[0].Status != bellhop.DeliveryCanceled {
				t.Errorf("deliveries: %+v", d)
			}
			if _, err := h.Resend(t.Context(), owner, e, 0); bellhop.CodeOf(err) != bellhop.CodeErased {
				t.Errorf("resend of an erased event: %v", err)
			}
		}
		if d := h.deliveries(bellhop.DeliveryFilter{Event: other}); len(d) != 1 || d[0].Status != bellhop.DeliveryPending {
			t.Errorf("the other event: %+v", d)
		}
	})
}

// TestDataThatIsKeptForAWhile is erased when its time has come, as if somebody had asked for
// it: also what is still pending, and what was captured of answers.
func TestDataThatIsKeptForAWhile(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("down.example", status(500))
		h.endpoint("down.example")
		h.endpoint("well.example", func(c *bellhop.EndpointChange) { c.Capture = bellhop.Of(map[string]string{"pin": ""}) })
		h.net.on("well.example", func(received) answer { return answer{status: 200, body: `"1234"`} })
		h.endpoint("own.example", func(c *bellhop.EndpointChange) { c.Events = bellhop.Of([]string{engine.TypeDeliveryCaptured}) })
		for _, bad := range []time.Duration{time.Minute, -time.Hour, 1000 * 24 * time.Hour} {
			if _, err := h.e.Publish(t.Context(), engine.Publication{App: "acme", Type: "invoice.paid", Data: bellhop.JSON(`1`), Retain: bad}); bellhop.CodeOf(err) != bellhop.CodeInvalid || !strings.Contains(fmt.Sprint(err.(*bellhop.Error).Fields), "retain") {
				t.Errorf("retain %v: %v", bad, err)
			}
		}
		var short []bellhop.EventID
		for range 450 {
			short = append(short, h.publish(`{"name":"Ayşe"}`, func(p *engine.Publication) { p.Retain = 90 * time.Minute }))
		}
		long := h.publish(`{"name":"Luca"}`)
		wait(89 * time.Minute)
		captured, err := h.store.Events(t.Context(), bellhop.EventFilter{Scope: bellhop.Everything(), Type: engine.TypeDeliveryCaptured, Limit: 1000, WithData: true})
		if err != nil || len(captured) != 451 {
			t.Fatalf("%d captured, %v", len(captured), err)
		}
		for _, id := range append(short, long) {
			if e, err := h.store.Event(t.Context(), id); err != nil || e.Erased || e.Data == nil {
				t.Fatalf("before: %+v, %v", e, err)
			}
		}
		wait(2 * time.Minute)
		sent := len(h.net.at("down.example"))
		for _, id := range short {
			e, err := h.store.Event(t.Context(), id)
			if err != nil || !e.Erased || e.Data != nil {
				t.Fatalf("after: %+v, %v", e, err)
			}
			for _, d := range h.deliveries(bellhop.DeliveryFilter{Event: id}) {
				if d.Status == bellhop.DeliveryPending {
					t.Fatalf("pending: %+v", d)
				}
			}
		}
		kept := 0
		for i := range captured {
			if e, err := h.store.Event(t.Context(), captured[i].ID); err != nil {
				t.Fatal(err)
			} else if !e.Erased {
				kept++
			}
		}
		if kept != 1 {
			t.Errorf("%d captures are kept, want that of the event that is", kept)
		}
		if e, err := h.store.Event(t.Context(), long); err != nil || e.Erased {
			t.Errorf("the other: %+v, %v", e, err)
		}
		wait(24 * time.Hour)
		for _, r := range h.net.at("down.example")[sent:] {
			if strings.Contains(r.body, "Ay") {
				t.Fatal("erased data was sent")
			}
		}
	})
}

// TestErasingInSteps: a subject with many events is erased as a whole, and what was
// pending has its last line when that is answered.
func TestErasingInSteps(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("down.example", status(500))
		e := h.endpoint("down.example", func(c *bellhop.EndpointChange) { c.Ordering = bellhop.Of(bellhop.OrderingEndpoint) })
		for i := range 450 {
			h.publish(fmt.Sprint(i), func(p *engine.Publication) { p.Subject = "person:7" })
		}
		last := h.publish(`"last"`)
		wait(time.Second)
		h.net.on("down.example", status(200))
		n, err := h.EraseSubject(t.Context(), as(bellhop.RoleAdmin, "acme"), "acme", "person:7")
		if err != nil || n != 450 {
			t.Fatalf("%d erased, %v", n, err)
		}
		for _, d := range h.deliveries(bellhop.DeliveryFilter{Endpoint: e.ID, Status: bellhop.DeliveryPending}) {
			if d.Event != last { // which may be on its way already
				t.Errorf("pending: %+v", d)
			}
		}
		if lines := h.attempts(bellhop.AttemptFilter{Status: bellhop.AttemptCanceled}); len(lines) != 450 {
			t.Errorf("%d last lines", len(lines))
		}
		wait(time.Second) // what waited for an erased one goes at once
		if d := h.deliveries(bellhop.DeliveryFilter{Event: last}); len(d) != 1 || d[0].Status != bellhop.DeliverySucceeded {
			t.Errorf("the next in order: %+v", d)
		}
		entries, err := h.Audit(t.Context(), owner, "acme", bellhop.AuditFilter{Action: "event.erase", Limit: 10})
		if err != nil || len(entries) != 1 || entries[0].Object != "person:7" || entries[0].Actor != "admin" {
			t.Errorf("%+v, %v", entries, err)
		}
		if n, err := h.EraseSubject(t.Context(), owner, "acme", "person:7"); n != 0 || err != nil {
			t.Errorf("again: %d, %v", n, err)
		}
		_, err = h.EraseSubject(t.Context(), owner, "", "person:7")
		code(t, "no app", err, bellhop.CodeInvalid, "app")
		_, err = h.EraseSubject(t.Context(), owner, "acme", "")
		code(t, "no subject", err, bellhop.CodeInvalid, "subject")
	})
}

// TestDeletingAnEndpointWithABacklog: it is gone at once, and its deliveries have
// their last lines; where that takes long, nobody waits for it.
func TestDeletingAnEndpointWithABacklog(t *testing.T) {
	simulate(t, func(t *testing.T) {
		stuck := make(chan struct{})
		var hold atomic.Bool
		h := openOn(t, meddle(func(ctx context.Context, step string) error {
			if step == "Sweep" && hold.Load() {
				select {
				case <-stuck:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		}), desk.Options{})
		fill := func() bellhop.Endpoint {
			e := h.endpoint("a.example")
			h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
			for range 1500 {
				h.publish(`1`)
			}
			return e
		}
		lines := func(e bellhop.Endpoint) int {
			return len(h.attempts(bellhop.AttemptFilter{Endpoint: e.ID, Status: bellhop.AttemptCanceled, Limit: 5000}))
		}
		e := fill()
		if err := h.DeleteEndpoint(t.Context(), owner, e.ID); err != nil {
			t.Fatal(err)
		}
		if n := lines(e); n != 1500 {
			t.Errorf("%d last lines", n)
		}

		e = fill()
		hold.Store(true)
		began := time.Now()
		if err := h.DeleteEndpoint(t.Context(), owner, e.ID); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
		if _, err := h.Endpoint(t.Context(), owner, e.ID); !bellhop.IsNotFound(err) {
			t.Errorf("it is still there: %v", err)
		}
		e = h.endpoint("b.example")
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if err := h.DeleteEndpoint(impatient, owner, e.ID); err != nil || time.Since(began) > time.Second {
			t.Errorf("an impatient caller waited %v: %v", time.Since(began), err)
		}
		hold.Store(false)
		close(stuck)
		wait(time.Hour)
		if n := len(h.deliveries(bellhop.DeliveryFilter{Status: bellhop.DeliveryPending})); n != 0 {
			t.Errorf("%d are left", n)
		}
	})
}
