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
	events := [][]string{nil, {"*"}, {"a.*"}, {"a.1"}, {"a.1", "a.2"}, {"a.2", "b.*"}, {"b.1"}, {"b.2", "a.1"}, {OwnTypes + "*"}}
	channels := [][]string{nil, {"x"}, {"y"}, {"x", "y", "z"}, {"z"}}
	table := New(Options{})
	current := table.Routes()
	endpoints := map[bellhop.EndpointID]bellhop.Endpoint{}
	found := 0
	for version := int64(1); version < 200; version++ {
		c := &bellhop.RouteChanges{Version: version, Apps: []bellhop.App{{ID: "acme"}}}
		var compiled []*Route
		for range 1 + random.IntN(20) {
			e := bellhop.Endpoint{ID: bellhop.EndpointID(1 + random.IntN(300)), Apps: []string{"acme"}, Events: events[random.IntN(len(events))]}
			if random.IntN(3) == 0 {
				e.Channels = channels[random.IntN(len(channels))]
			}
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
		for _, name := range []string{"a.1", "a.2", "a.3", "b.1", "c", OwnTypes + "backlog"} {
			e := &bellhop.Event{App: "acme", Type: name, Channels: [][]string{nil, {"x"}, {"x", "z"}, {"nobody"}}[random.IntN(4)]}
			wanting := func(list []*Route) (ids []bellhop.EndpointID) {
				for _, r := range list {
					if r.Wants(e, func() match.Data { return match.Data{} }) {
						ids = append(ids, r.ID)
					}
				}
				return ids
			}
			all, some := current.Of("acme"), current.Listening("acme", name, e.Channels)
			if got, want := fmt.Sprint(wanting(some)), fmt.Sprint(wanting(all)); got != want {
				t.Fatalf("version %d: %s in %q goes to %s, want %s", version, name, e.Channels, got, want)
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

func TestNoNameStandsBeforeAnEndpointsID(t *testing.T) {
	table := New(Options{})
	first, second := bellhop.EndpointID(1), bellhop.EndpointID(2)
	var compiled []*Route
	for _, e := range []bellhop.Endpoint{
		{ID: first, Apps: []string{"acme"}, FormerID: "ep_old"},
		{ID: second, Apps: []string{"acme", "globex"}, UID: "books", FormerID: first.String()},
	} {
		compiled = append(compiled, table.Compile(e))
	}
	current, _ := table.Routes().with(&bellhop.RouteChanges{Version: 1}, compiled)
	for _, x := range []struct {
		app, name string
		want      bellhop.EndpointID
	}{
		{"acme", first.String(), first},
		{"acme", "ep_old", first},
		{"acme", "books", second},
		{"acme", second.String(), second},
		{"globex", first.String(), second},
		{"globex", "ep_old", 0},
		{"initech", second.String(), 0},
	} {
		got := bellhop.EndpointID(0)
		if r := current.EndpointNamed(x.app, x.name); r != nil {
			got = r.ID
		}
		if got != x.want {
			t.Errorf("%s of %s is %s, want %s", x.name, x.app, got, x.want)
		}
	}
}

func TestEndpointOf(t *testing.T) {
	table := New(Options{})
	current := table.Routes()
	version := int64(0)
	change := func(gone []bellhop.EndpointID, saved ...bellhop.Endpoint) {
		version++
		var compiled []*Route
		for _, e := range saved {
			compiled = append(compiled, table.Compile(e))
		}
		current, _ = current.with(&bellhop.RouteChanges{Version: version, DeletedEndpoints: gone}, compiled)
	}
	is := func(app, name string, want bellhop.EndpointID) {
		t.Helper()
		got := bellhop.EndpointID(0)
		if r := current.EndpointOf(app, name); r != nil {
			got = r.ID
		}
		if got != want {
			t.Errorf("%s of %s is %d, want %d", name, app, got, want)
		}
	}
	both := []string{"acme", "globex"}
	change(nil, bellhop.Endpoint{ID: 1, Apps: both, UID: "books", FormerID: "ep_old"}, bellhop.Endpoint{ID: 2, Apps: []string{"initech"}, UID: "books"})
	is("acme", "books", 1)
	is("globex", "ep_old", 1)
	is("initech", "books", 2)
	is("initech", "ep_old", 0)
	// One gives a name up that another gets, in either order.
	change(nil, bellhop.Endpoint{ID: 3, Apps: both, UID: "books"}, bellhop.Endpoint{ID: 1, Apps: both, UID: "ledger", FormerID: "ep_old"})
	is("acme", "books", 3)
	is("acme", "ledger", 1)
	change(nil, bellhop.Endpoint{ID: 3, Apps: []string{"acme"}, UID: "x"}, bellhop.Endpoint{ID: 1, Apps: both, UID: "books", FormerID: "ep_old"})
	is("acme", "books", 1)
	is("globex", "x", 0)
	is("acme", "ledger", 0)
	change([]bellhop.EndpointID{1})
	is("acme", "books", 0)
	is("globex", "ep_old", 0)
	if got := current.Endpoints(bellhop.EndpointFilter{Scope: bellhop.Only("acme", "initech"), UID: "books"}); len(got) != 1 || got[0].ID != 2 {
		t.Errorf("listed by uid: %v", got)
	}
}
