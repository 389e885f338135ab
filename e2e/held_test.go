package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// TestHeldDeliveriesOutliveACrash: an event that a transformation fails on is held, is
// so after a crash, and goes out once the transformation is mended.
func TestHeldDeliveriesOutliveACrash(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) {
		c.Transform = bellhop.Of(&bellhop.Transform{Code: "function transform(event) {\n  return { body: event.data.total.gross };\n}"})
	})
	event := s.publish("acme", "invoice.purchase", `{"total":null}`)
	good := s.publish("acme", "invoice.purchase", `{"total":{"gross":"1.00"}}`)
	s.attempts(event.ID, e.ID, 1)
	s.attempts(good.ID, e.ID, 1)
	s.kill()
	s.start()
	x := s.explain(event.ID, e.ID)
	if x.Outcome != bellhop.FateHeld || x.Reason != bellhop.ReasonTransform || !strings.Contains(x.Detail, "2:34") || !strings.Contains(x.Detail, "goes out by itself") {
		t.Errorf("explained as %+v", x)
	}
	if out := s.cli("deliveries", "list", "--status", "held"); !strings.Contains(out, event.ID.String()) || strings.Contains(out, good.ID.String()) {
		t.Errorf("held deliveries:\n%s", out)
	}
	if _, err := s.api.UpdateEndpoint(t.Context(), e.ID, bellhop.EndpointChange{
		Transform: bellhop.Of(&bellhop.Transform{Code: "function transform(event) { return { body: 'gross: ' + (event.data.total ?? 0) }; }"}),
	}); err != nil {
		t.Fatal(err)
	}
	s.waitDone(e.ID)
	if got := r.requests(); len(got) != 2 || string(got[1].body) != "gross: 0" {
		t.Errorf("%d requests, the last with %s", len(got), got[len(got)-1].body)
	}
	if a := s.attempts(event.ID, e.ID, 2); a[0].Final || !a[0].NextAt.IsZero() || a[1].RequestBody != "gross: 0" || a[1].Status != bellhop.AttemptSucceeded {
		t.Errorf("attempts: %+v", a)
	}
}

// TestCapturesOutliveCrashes kills the server again and again while answers are
// captured: each is published once, and arrives.
func TestCapturesOutliveCrashes(t *testing.T) {
	t.Parallel()
	const events = 60
	s := serve(t)
	s.app("acme")
	door := newReceiver(t, func(_ *receiver, w http.ResponseWriter, req *http.Request) {
		var body struct{ Data struct{ N int } }
		_ = json.NewDecoder(req.Body).Decode(&body)
		_, _ = io.WriteString(w, fmt.Sprintf(`{"access":{"pin":"pin-%d"}}`, body.Data.N))
	})
	platform := newReceiver(t, answers(http.StatusOK))
	s.cli("endpoints", "create", door.URL, "--app", "acme", "--events", "booking.*", "--name", "Door", "--capture", "pin=/access/pin")
	asks := s.endpoint("acme", platform.URL, func(c *bellhop.EndpointChange) { c.Events = bellhop.Of([]string{"bellhop.delivery.captured"}) })
	var first client.Receipt
	for i := range events {
		if i > 0 && i%20 == 0 {
			s.kill()
			s.start()
		}
		r := s.publish("acme", "booking.accepted", fmt.Sprintf(`{"n":%d}`, i))
		if i == 0 {
			first = r
		}
	}
	pins := func() (list []string) {
		for e, err := range s.api.Events(t.Context(), client.EventFilter{Type: "bellhop.delivery.captured"}) {
			if err != nil {
				t.Fatal(err)
			}
			full, err := s.api.Event(t.Context(), e.ID)
			var data struct {
				Captured map[string]string `json:"captured"`
			}
			if err == nil {
				err = json.Unmarshal(full.Data, &data)
			}
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, data.Captured["pin"])
		}
		return list
	}
	eventually(t, "all is told", func() bool { return len(pins()) >= events })
	s.waitDone(asks.ID)
	got := pins()
	if slices.Sort(got); len(got) != events || len(slices.Compact(got)) != events {
		t.Errorf("%d captures were published", len(got))
	}
	told := map[string]bool{}
	for _, q := range platform.requests() {
		told[q.header.Get("webhook-id")] = true
	}
	if len(told) != events {
		t.Errorf("the platform was told of %d captures", len(told))
	}
	var taken bellhop.EndpointID
	for e, err := range s.api.Endpoints(t.Context(), client.EndpointFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Name == "Door" {
			taken = e.ID
		}
	}
	a := s.attempts(first.ID, taken, 1)
	if out := s.cli("logs", a[len(a)-1].ID.String()); !strings.Contains(out, "pin: pin-0") {
		t.Errorf("the log shows\n%s", out)
	}
}
