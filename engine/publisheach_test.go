package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/memstore"
)

// TestPublishEach: what is wrong with one event is told of it alone, as if it had been
// published alone, and all others are accepted in their order.
func TestPublishEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := openOn(t, store, func(c *engine.Config) { c.MaxPending = 2 })
		h.app("full")
		h.app("globex")
		paused := h.endpoint("a", raw, of("full"))
		h.set(paused.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		event := func(app, id, data string) engine.Publication {
			return engine.Publication{App: app, Type: "a.b", ExternalID: id, Data: bellhop.JSON(data)}
		}
		for i := range 2 {
			if _, err := h.Engine.Publish(t.Context(), event("full", fmt.Sprint("before", i), "1")); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := h.Engine.Publish(t.Context(), event("acme", "taken", "1")); err != nil {
			t.Fatal(err)
		}
		typeless := event("acme", "", "1")
		typeless.Type = "not a type"
		for _, x := range [][]struct {
			p     engine.Publication
			code  bellhop.Code
			field string
			again bool
		}{
			{ // one by one
				{p: event("none", "", "1"), code: bellhop.CodeUnknownApp, field: "app"},
			},
			{
				{p: event("acme", "taken", "2"), code: bellhop.CodeIDConflict, field: "id"},
			},
			{ // together
				{p: event("acme", "1", `{"n":1}`)},
				{p: event("acme", "", `{"n":`), code: bellhop.CodeInvalid, field: "data"},
				{p: event("acme", "taken", "2"), code: bellhop.CodeIDConflict, field: "id"},
				{p: typeless, code: bellhop.CodeInvalid, field: "type"},
				{p: event("none", "", "1"), code: bellhop.CodeUnknownApp, field: "app"},
				{p: event("acme", "1", `{"n":1}`), again: true},
				{p: event("acme", "1", `{"n":2}`), code: bellhop.CodeIDConflict, field: "id"},
				{p: event(bellhop.AllApps, "", "1"), code: bellhop.CodeUnknownApp, field: "app"},
				{p: event("full", "", "1"), code: bellhop.CodeBacklogFull},
				{p: event("globex", "", "1")},
				{p: event("acme", "taken", "1"), again: true},
				{p: event("acme", "", "3")},
			},
			{
				{p: event("full", "", "1"), code: bellhop.CodeBacklogFull},
			},
			{ // what was accepted before a backlog was full, beside what comes too late
				{p: event("full", "before0", "1"), again: true},
				{p: event("full", "late", "1"), code: bellhop.CodeBacklogFull},
				{p: event("full", "before1", "2"), code: bellhop.CodeIDConflict, field: "id"},
				{p: event("full", "late", "1"), code: bellhop.CodeBacklogFull},
				{p: event("full", "before1", "1"), again: true},
				{p: event("full", "late", "2"), code: bellhop.CodeBacklogFull}, // as long as nothing has the id
				{p: event("full", "", "1"), code: bellhop.CodeBacklogFull},
				{p: event("globex", "late", "1")},
				{p: event("globex", "late", "2"), code: bellhop.CodeIDConflict, field: "id"},
			},
			{
				{p: event("full", "before0", "1"), again: true},
				{p: event("full", "late", "1"), code: bellhop.CodeBacklogFull},
			},
			{},
		} {
			var ps []engine.Publication
			for _, one := range x {
				ps = append(ps, one.p)
			}
			done, err := h.Engine.PublishEach(t.Context(), ps)
			if err != nil || len(done) != len(ps) {
				t.Fatalf("%d of %d, %v", len(done), len(ps), err)
			}
			var last bellhop.EventID
			for i, one := range x {
				got := done[i]
				switch {
				case bellhop.CodeOf(got.Err) != one.code:
					t.Errorf("event %d of %d: %v, and not %q", i, len(x), got.Err, one.code)
				case one.code == "" && (got.Receipt.Event == 0 || got.Receipt.Duplicate != one.again):
					t.Errorf("event %d of %d has the receipt %+v", i, len(x), got.Receipt)
				case one.field != "" && !strings.HasPrefix(fieldOf(t, got.Err), one.field):
					t.Errorf("event %d of %d: at fault is %s, and not %s", i, len(x), fieldOf(t, got.Err), one.field)
				}
				if one.code == "" && !one.again && one.p.App == "acme" {
					if got.Receipt.Event <= last {
						t.Errorf("event %d of %d came before the one before it", i, len(x))
					}
					last = got.Receipt.Event
				}
			}
		}
		if _, err := h.Engine.PublishEach(t.Context(), make([]engine.Publication, engine.MaxBatch+1)); bellhop.CodeOf(err) != bellhop.CodeInvalid {
			t.Errorf("more than may be: %v", err)
		}
	})
}

func fieldOf(t *testing.T, err error) string {
	t.Helper()
	e, ok := err.(*bellhop.Error)
	if !ok || len(e.Fields) != 1 {
		t.Fatalf("%#v names not one field", err)
	}
	return e.Fields[0].Field
}
