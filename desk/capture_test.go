package desk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/memstore"
)

func capturing(name, pointer string) func(*bellhop.EndpointChange) {
	return func(c *bellhop.EndpointChange) {
		c.Name, c.Capture = bellhop.Of("Door"), bellhop.Of(map[string]string{name: pointer})
	}
}

func saying(body string) func(received) answer {
	return func(received) answer { return answer{status: 200, body: body} }
}

// told is what endpoints were told of captures.
type told struct {
	Event        string            `json:"event"`
	EventType    string            `json:"event_type"`
	App          string            `json:"app"`
	Subject      string            `json:"subject"`
	Endpoint     string            `json:"endpoint"`
	EndpointName string            `json:"endpoint_name"`
	Delivery     string            `json:"delivery"`
	Attempt      string            `json:"attempt"`
	Captured     map[string]string `json:"captured"`
}

func (h *house) told(host string) (list []told) {
	h.t.Helper()
	for _, r := range h.net.at(host) {
		var body struct {
			Type string `json:"type"`
			Data told   `json:"data"`
		}
		if err := json.Unmarshal([]byte(r.body), &body); err != nil || body.Type != engine.TypeDeliveryCaptured {
			h.t.Fatalf("%s: %v", r.body, err)
		}
		list = append(list, body.Data)
	}
	return list
}

func TestWhatIsCapturedIsToldToWhoAsks(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("door.example", saying(`{"access":{"pin":"4711"}}`))
		h.net.on("platform.example", saying(`{"access":{"pin":"a loop"}}`))
		door := h.endpoint("door.example", capturing("pin", "/access/pin"), wanting("booking.accepted"))
		h.endpoint("platform.example", capturing("pin", "/access/pin"), wanting("bellhop.delivery.captured"))
		h.endpoint("others.example", wanting("*"), of("acme"))
		event := h.publish(`{}`, ofType("booking.accepted"), func(p *engine.Publication) { p.Subject = "booking:7" })
		wait(time.Second)

		a := h.attempts(bellhop.AttemptFilter{Endpoint: door.ID})[0]
		full, err := h.Attempt(t.Context(), owner, a.ID)
		if err != nil || full.Captured["pin"] != "4711" {
			t.Errorf("the attempt has %v, %v", full.Captured, err)
		}
		want := told{
			Event: event.String(), EventType: "booking.accepted", App: "acme", Subject: "booking:7", Endpoint: door.ID.String(),
			EndpointName: "Door", Delivery: a.Delivery.String(), Attempt: a.ID.String(),
		}
		list := h.told("platform.example")
		if len(list) != 1 || list[0].Captured["pin"] != "4711" {
			t.Fatalf("told %+v", list)
		}
		if list[0].Captured = nil; fmt.Sprint(list[0]) != fmt.Sprint(want) {
			t.Errorf("told %+v, want %+v", list[0], want)
		}
		page, err := h.Events(t.Context(), owner, "acme", desk.EventQuery{EventFilter: bellhop.EventFilter{Type: engine.TypeDeliveryCaptured, Limit: 10}})
		own := page.Events
		if err != nil || len(own) != 1 || own[0].Subject != "booking:7" {
			t.Errorf("published %+v, %v", own, err)
		}

		// A test shows what would be captured, and tells nobody.
		test, err := h.TestEndpoint(t.Context(), owner, door.ID, "booking.accepted", nil)
		if err != nil || test.Captured["pin"] != "4711" {
			t.Errorf("the test captured %v, %v", test.Captured, err)
		}
		wait(time.Minute)
		if list := h.told("platform.example"); len(list) != 1 {
			t.Errorf("told then: %+v", list)
		}
		if left, err := h.store.Reactions(t.Context(), "", 10); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}

		// What is erased is erased there, too.
		if err := h.EraseEvent(t.Context(), owner, event); err != nil {
			t.Fatal(err)
		}
		if e, err := h.Event(t.Context(), owner, own[0].ID); err != nil || !e.Erased || len(e.Data) > 0 {
			t.Errorf("after its event was erased: %+v, %v", e, err)
		}
		if full, err = h.Attempt(t.Context(), owner, a.ID); err != nil || full.Captured != nil {
			t.Errorf("the attempt then has %v, %v", full.Captured, err)
		}
	})
}

func TestNothingIsPublishedOfACaptureThatNobodyAsksFor(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("door.example", saying(`{"pin":"4711"}`))
		h.endpoint("door.example", capturing("pin", "/pin"))
		h.endpoint("off.example", wanting("bellhop.delivery.captured"), func(c *bellhop.EndpointChange) { c.Status = bellhop.Of(bellhop.EndpointDisabled) })
		h.publish(`{}`)
		wait(time.Minute)
		events, err := h.Events(t.Context(), owner, "", desk.EventQuery{EventFilter: bellhop.EventFilter{Limit: 10}})
		if err != nil || len(events.Events) != 1 {
			t.Errorf("%+v, %v", events, err)
		}
		if left, err := h.store.Reactions(t.Context(), "", 10); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
}

// stumbling is a store that a process dies on: before captures are published, or after.
type stumbling struct {
	bellhop.Store
	before, after atomic.Bool
}

func (s *stumbling) Enqueue(ctx context.Context, l bellhop.Lease, routes int64, events []bellhop.NewEvent, now time.Time) ([]bellhop.Receipt, error) {
	if s.before.Load() && events[0].Event.Type == engine.TypeDeliveryCaptured {
		return nil, bellhop.ErrUnavailable
	}
	return s.Store.Enqueue(ctx, l, routes, events, now)
}

func (s *stumbling) EndReactions(ctx context.Context, attempts []bellhop.AttemptID) error {
	if s.after.Load() {
		return bellhop.ErrUnavailable
	}
	return s.Store.EndReactions(ctx, attempts)
}

func TestACrashLosesNoCaptureAndDoublesNone(t *testing.T) {
	for name, renamed := range map[string]bool{"as it was": false, "renamed meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				s := &stumbling{Store: memstore.New()}
				h := openOn(t, s, desk.Options{})
				h.net.on("door.example", saying(`{"pin":"4711"}`))
				door := h.endpoint("door.example", capturing("pin", "/pin"), wanting("a.b"))
				h.endpoint("platform.example", wanting("bellhop.delivery.captured"))
				restart := func() {
					wait(time.Second)
					h.stop()
					h.start()
					wait(time.Minute)
				}
				s.before.Store(true)
				for range 3 {
					h.publish(`{}`, ofType("a.b"))
				}
				restart()
				if list := h.told("platform.example"); len(list) != 0 {
					t.Fatalf("told too early: %+v", list)
				}
				s.before.Store(false)
				s.after.Store(true)
				restart()
				if list := h.told("platform.example"); len(list) != 3 {
					t.Fatalf("told: %+v", list)
				}
				if renamed {
					h.set(door.ID, bellhop.EndpointChange{Name: bellhop.Of("Another door")})
				}
				s.after.Store(false)
				h.publish(`{}`, ofType("a.b"))
				restart()
				list := h.told("platform.example")
				of := map[string]bool{}
				for _, x := range list {
					of[x.Delivery] = true
				}
				if len(list) != 4 || len(of) != 4 {
					t.Errorf("told in the end: %+v", list)
				}
				if left, err := s.Reactions(t.Context(), "", 10); err != nil || len(left) > 0 {
					t.Errorf("left: %v, %v", left, err)
				}
			})
		})
	}
}

// TestCapturesOfOneAppDoNotWaitForAnother: where one app has no room for more, the
// other's captures are published, and its own as soon as there is room.
func TestCapturesOfOneAppDoNotWaitForAnother(t *testing.T) {
	simulate(t, func(t *testing.T) {
		const most, captures = 100, 10
		h := openOn(t, memstore.New(), desk.Options{}, func(c *engine.Config) { c.MaxPending = most })
		h.app("other")
		h.net.on("door.example", func(received) answer { return answer{status: 200, body: `{"pin":"4711"}`, after: time.Second} })
		h.endpoint("door.example", capturing("pin", "/pin"), of("acme", "other"), wanting("a.b"))
		h.endpoint("platform.example", wanting("bellhop.delivery.captured"))
		var parked []bellhop.EndpointID
		for i := range 20 {
			parked = append(parked, h.endpoint(fmt.Sprintf("parked%d.example", i), wanting("park")).ID)
			h.set(parked[i], bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		}
		h.endpoint("well.example", wanting("bellhop.delivery.captured"), of("other"))
		for range captures {
			h.publish(`{}`, ofType("a.b"))
		}
		for range most / len(parked) {
			h.publish(`{}`, ofType("park"))
		}
		h.publish(`{}`, ofType("a.b"), func(p *engine.Publication) { p.App = "other" })
		wait(10 * time.Second)
		if list := h.told("well.example"); len(list) != 1 {
			t.Fatalf("the other app was told %+v", list)
		}
		left, err := h.store.Reactions(t.Context(), "", 100)
		if err != nil || len(left) != captures || left[0].App != "acme" {
			t.Fatalf("left: %v, %v", left, err)
		}
		for _, e := range parked {
			h.set(e, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointActive)})
		}
		wait(time.Minute)
		if list := h.told("platform.example"); len(list) != captures {
			t.Errorf("told in the end: %+v", list)
		}
	})
}

func TestCaptureIsChecked(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		many := map[string]string{}
		for i := range 21 {
			many[fmt.Sprint("n", i)] = "/a"
		}
		for name, tc := range map[string]struct {
			capture map[string]string
			field   string
			remedy  string
		}{
			"too many":       {many, "capture", "at most 20"},
			"a name":         {map[string]string{"a b": "/a"}, "capture", "letters, digits"},
			"no name":        {map[string]string{"": "/a"}, "capture", "letters, digits"},
			"a path":         {map[string]string{"pin": "$.access.pin"}, "capture.pin", `did you mean "/access/pin"?`},
			"an escape":      {map[string]string{"pin": "/a~2"}, "capture.pin", "~0"},
			"too long":       {map[string]string{"pin": "/" + strings.Repeat("a", 600)}, "capture.pin", "512"},
			"too deep":       {map[string]string{"pin": strings.Repeat("/a", 33)}, "capture.pin", "32"},
			"all is well":    {map[string]string{"pin": "/a~1b/~0/0", "all": "", "x.y-z_1": "/"}, "", ""},
			"as many as may": {map[string]string{"a": "/" + strings.Repeat("a", 511), "b": strings.Repeat("/a", 32)}, "", ""},
		} {
			_, _, err := h.CreateEndpoint(t.Context(), owner, hook("a.example", func(c *bellhop.EndpointChange) { c.Capture = bellhop.Of(tc.capture) }))
			if tc.field == "" {
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			code(t, name, err, bellhop.CodeInvalid, tc.field)
			if e, ok := err.(*bellhop.Error); !ok || !strings.Contains(e.Fields[0].Detail, tc.remedy) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
