package bellhop

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/match"
)

// routingTable is the configuration in memory: what fan-out is made against. It
// is as new as its version says; the store refuses a commit made from an old one.
type routingTable struct {
	// reloading lets one goroutine at a time bring the table up to date.
	reloading sync.Mutex

	mu        sync.RWMutex
	version   int64
	apps      map[string]App
	types     map[string]*catalogueEntry
	endpoints map[EndpointID]*route
	// byApp holds the routes of each app, ordered by id.
	byApp map[string][]*route
	keys  map[[32]byte]Key
	// hashes finds a key by its id.
	hashes map[KeyID][32]byte
}

func newRoutingTable() *routingTable {
	t := &routingTable{}
	t.clear()
	return t
}

func (t *routingTable) clear() {
	t.apps = map[string]App{}
	t.types = map[string]*catalogueEntry{}
	t.endpoints = map[EndpointID]*route{}
	t.byApp = map[string][]*route{}
	t.keys = map[[32]byte]Key{}
	t.hashes = map[KeyID][32]byte{}
}

// reload brings the routing table up to date with the store, and tells the lanes
// of endpoints that changed.
func (b *Bellhop) reload(ctx context.Context) error {
	t := b.routes
	t.reloading.Lock()
	defer t.reloading.Unlock()
	c, err := b.store.Routes(ctx, t.version)
	if err != nil {
		return fmt.Errorf("load the routing table: %w", err)
	}
	if c.Version == t.version && !c.Full {
		return nil
	}
	compiled := make([]*route, len(c.Endpoints))
	for i, e := range c.Endpoints {
		compiled[i] = b.compileRoute(e)
	}
	types := make([]*catalogueEntry, len(c.EventTypes))
	for i, et := range c.EventTypes {
		types[i] = b.compileType(et)
	}
	t.mu.Lock()
	gone := t.apply(c, compiled, types)
	t.mu.Unlock()
	for _, e := range gone {
		b.lanes.remove(e)
	}
	for _, r := range compiled {
		b.lanes.update(r)
	}
	return nil
}

// refresh is reload after a change that is stored already: its caller's going away
// must not hide it, and its failure is made good by the next heartbeat, or by the
// next publish.
func (b *Bellhop) refresh(ctx context.Context) {
	if err := b.reload(context.WithoutCancel(ctx)); err != nil {
		b.log.Error("loading a change failed; trying again", "err", err)
	}
}

// apply merges changes in and returns the endpoints that are gone.
func (t *routingTable) apply(c RouteChanges, compiled []*route, types []*catalogueEntry) (gone []EndpointID) {
	gone = c.DeletedEndpoints
	if c.Full {
		for e := range t.endpoints {
			if !slices.ContainsFunc(compiled, func(r *route) bool { return r.ID == e }) {
				gone = append(gone, e)
			}
		}
		t.clear()
	}
	t.version = c.Version
	for _, a := range c.Apps {
		t.apps[a.ID] = a
	}
	for _, a := range c.DeletedApps {
		delete(t.apps, a)
	}
	for _, et := range types {
		t.types[et.Name] = et
	}
	for _, name := range c.DeletedEventTypes {
		delete(t.types, name)
	}
	t.applyKeys(c)
	for _, e := range c.DeletedEndpoints {
		t.unlink(e)
	}
	for _, r := range compiled {
		t.unlink(r.ID)
		t.endpoints[r.ID] = r
		for _, app := range r.Apps {
			list := t.byApp[app]
			i, _ := slices.BinarySearchFunc(list, r.ID, func(x *route, e EndpointID) int { return cmp.Compare(x.ID, e) })
			t.byApp[app] = slices.Insert(slices.Clone(list), i, r)
		}
	}
	return gone
}

func (t *routingTable) applyKeys(c RouteChanges) {
	for _, k := range c.DeletedKeys {
		delete(t.keys, t.hashes[k])
		delete(t.hashes, k)
	}
	for _, k := range c.Keys {
		delete(t.keys, t.hashes[k.ID])
		t.keys[k.Hash], t.hashes[k.ID] = k, k.Hash
	}
}

func (t *routingTable) unlink(e EndpointID) {
	r := t.endpoints[e]
	if r == nil {
		return
	}
	delete(t.endpoints, e)
	for _, app := range r.Apps {
		// Routes read under the lock may still be walked by a reader that
		// copied the slice header: never change it in place.
		t.byApp[app] = slices.DeleteFunc(slices.Clone(t.byApp[app]), func(x *route) bool { return x.ID == e })
		if len(t.byApp[app]) == 0 {
			delete(t.byApp, app)
		}
	}
}

// fanned is a fan-out: events with their deliveries, and the room reserved for
// them in lanes.
type fanned struct {
	b       *Bellhop
	version int64
	events  []NewEvent
	places  []place
}

// place is room that was reserved in a lane for a delivery, or, without room, the
// lane that must learn that the store has something for it.
type place struct {
	lane     *lane
	event    int // index into events
	delivery int // index into its deliveries
	reserved bool
}

// fanOut finds the endpoints of each event, and for each delivery whether its
// lane has room: those are committed as owned by this node and need not be read
// from the store again.
// at names the place of a publication in the request.
func (b *Bellhop) fanOut(ps []Publication, at func(i int) string, now time.Time) (*fanned, error) {
	f := &fanned{b: b, events: make([]NewEvent, len(ps))}
	t := b.routes
	t.mu.RLock()
	defer t.mu.RUnlock()
	f.version = t.version
	for i := range ps {
		p := &ps[i]
		if _, ok := t.apps[p.App]; !ok {
			f.abandon()
			return nil, unknownApp(at(i)+"app", p.App)
		}
		ne := &f.events[i]
		ne.Event = p.event(id.Next[id.Event](b.node.Load().ids, now))
		if p.ExternalID != "" {
			ne.Digest = p.digest()
		}
		data := sync.OnceValue(func() match.Data {
			d, _ := match.ParseData(p.Data) // valid: publish has checked it
			return d
		})
		for _, r := range t.byApp[p.App] {
			if r.Status != EndpointDisabled && r.wants(&ne.Event, data) {
				f.add(i, r, b.newDelivery(&ne.Event, r, TriggerPublish, now), now)
			}
		}
		ne.Event.Deliveries = len(ne.Deliveries)
	}
	return f, nil
}

func unknownApp(field, app string) *Error {
	return &Error{Code: CodeUnknownApp, Detail: "There is no such app", Fields: []FieldError{
		{field, "unknown_app", fmt.Sprintf("there is no app %q: create it first", clip(app))},
	}}
}

func clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}

func (f *fanned) add(event int, r *route, d Delivery, now time.Time) {
	ne := &f.events[event]
	l := f.b.lanes.lane(r)
	p := place{lane: l, event: event, delivery: len(ne.Deliveries)}
	if d.OrderKey == "" && !d.Due.After(now) && l.reserve(len(ne.Event.Data), now) {
		p.reserved = true
		d.Owner = f.b.node.Load().id
	}
	f.places = append(f.places, p)
	ne.Deliveries = append(ne.Deliveries, d)
}

// admit hands what was committed to the lanes.
func (f *fanned) admit(receipts []Receipt) {
	var e *Event
	for _, p := range f.places {
		ne := &f.events[p.event]
		d := ne.Deliveries[p.delivery]
		switch duplicate := receipts[p.event].Duplicate; {
		case p.reserved && duplicate:
			p.lane.unreserve(len(ne.Event.Data))
		case p.reserved:
			if e == nil || e.ID != ne.Event.ID {
				// A copy, or a queued event would keep its whole batch, and the
				// request that it came in, in memory.
				copied := ne.Event
				copied.Data = bytes.Clone(copied.Data)
				e = &copied
			}
			p.lane.admit(Work{Delivery: d, Event: e})
		case !duplicate:
			p.lane.noteDue(d.Due)
		}
	}
}

// abandon gives the reserved room back.
func (f *fanned) abandon() {
	for _, p := range f.places {
		if p.reserved {
			p.lane.unreserve(len(f.events[p.event].Event.Data))
		}
	}
}
