package routes

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/match"
)

// What an index leaves out does not want the event, however the routes change.
func TestListening(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	events := [][]string{nil, {"*"}, {"a.*"}, {"a.1"}, {"a.1", "a.2"}, {"a.2", "b.*"}, {"b.1"}, {"b.2", "a.1"}}
	table := New(Options{})
	current := table.Routes()
	endpoints := map[bellhop.EndpointID]bellhop.Endpoint{}
	found := 0
	for version := int64(1); version < 200; version++ {
		c := &bellhop.RouteChanges{Version: version, Apps: []bellhop.App{{ID: "acme"}}}
		var compiled []*Route
		for range 1 + random.IntN(20) {
			e := bellhop.Endpoint{ID: bellhop.EndpointID(1 + random.IntN(300)), Apps: []string{"acme"}, Events: events[random.IntN(len(events))]}
			if random.IntN(5) == 0 {
				e.Apps, e.Terms = []string{"other", "acme"}, []bellhop.AppTerms{{App: "acme", Events: events[random.IntN(len(events))]}}
			}
			if _, known := endpoints[e.ID]; known && random.IntN(3) == 0 {
				delete(endpoints, e.ID)
				if !slices.Contains(c.DeletedEndpoints, e.ID) {
					c.DeletedEndpoints = append(c.DeletedEndpoints, e.ID)
				}
				compiled = slices.DeleteFunc(compiled, func(r *Route) bool { return r.ID == e.ID })
				continue
			}
			endpoints[e.ID] = e
			compiled = append(slices.DeleteFunc(compiled, func(r *Route) bool { return r.ID == e.ID }), table.Compile(e))
			c.DeletedEndpoints = slices.DeleteFunc(c.DeletedEndpoints, func(id bellhop.EndpointID) bool { return id == e.ID })
		}
		current, _ = current.with(c, compiled)
		for _, name := range []string{"a.1", "a.2", "a.3", "b.1", "c"} {
			e := &bellhop.Event{App: "acme", Type: name}
			wanting := func(list []*Route) (ids []bellhop.EndpointID) {
				for _, r := range list {
					if r.Wants(e, func() match.Data { return match.Data{} }) {
						ids = append(ids, r.ID)
					}
				}
				return ids
			}
			all, some := current.Of("acme"), current.Listening("acme", name)
			if got, want := fmt.Sprint(wanting(some)), fmt.Sprint(wanting(all)); got != want {
				t.Fatalf("version %d: %s goes to %s, want %s", version, name, got, want)
			}
			if len(some) < len(all) {
				found++
			}
		}
	}
	if found == 0 {
		t.Error("nothing was ever left out")
	}
}
