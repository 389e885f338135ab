package move_test

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/move"
	"github.com/bellhop/bellhop/internal/testpostgres"
	"github.com/bellhop/bellhop/postgres"
	"github.com/bellhop/bellhop/sqlite"
)

// used is a store in the middle of everything, and what was made in it.
type used struct {
	testing.TB
	s   bellhop.Store
	ids *id.Generator
	// ordered has two deliveries of one subject, the first of which is to be tried again;
	// broken has one that is held; gone was deleted, and had one.
	ordered, broken, gone, plain bellhop.EndpointID
	events                       []bellhop.EventID
}

func (u *used) must(err error) {
	u.Helper()
	if err != nil {
		u.Fatal(err)
	}
}

func (u *used) endpoint(change func(*bellhop.Endpoint)) bellhop.EndpointID {
	e := bellhop.Endpoint{
		ID: id.Next[id.Endpoint](u.ids, day), Apps: []string{"acme"}, URL: "https://example.com/", Dialect: "standard", Status: bellhop.EndpointActive,
		Ordering: bellhop.OrderingNone, Concurrency: 8, CreatedAt: day, UpdatedAt: day, Secrets: []bellhop.Secret{{Sealed: []byte{1, 0, 2}, CreatedAt: day}},
	}
	if change != nil {
		change(&e)
	}
	u.must(u.s.SaveEndpoint(u.Context(), e, &bellhop.AuditEntry{ID: id.Next[id.Audit](u.ids, day), Actor: "system", Action: "endpoint.create", Object: e.ID.String(), Apps: e.Apps}, day))
	return e.ID
}

// publish stores an event with unowned deliveries, and some to be made later.
func (u *used) publish(externalID string, later []bellhop.EndpointID, to ...bellhop.EndpointID) bellhop.NewEvent {
	u.Helper()
	e := bellhop.Event{
		ID: id.Next[id.Event](u.ids, day), App: "acme", Type: "invoice.paid", Subject: "invoice:1", ExternalID: externalID,
		Data: bellhop.JSON(`{ "n": 1e400 }`), Deliveries: len(to) + len(later),
	}
	n := bellhop.NewEvent{Event: e, Digest: [32]byte{7}, Later: later}
	for _, endpoint := range to {
		d := bellhop.Delivery{
			ID: id.Next[id.Delivery](u.ids, day), Event: e.ID, Endpoint: endpoint, App: e.App, Type: e.Type, Trigger: bellhop.TriggerPublish,
			Status: bellhop.DeliveryPending, Due: day,
		}
		if d.OrderPos = bellhop.DeliveryID(e.ID); endpoint == u.ordered {
			d.OrderKey = bellhop.OrderingSubject.OrderKey(&e)
		}
		n.Deliveries = append(n.Deliveries, d)
	}
	l := u.join()
	r, err := u.s.Routes(u.Context(), 0)
	u.must(err)
	_, err = u.s.Enqueue(u.Context(), l, r.Version, []bellhop.NewEvent{n}, day)
	u.must(err)
	u.must(u.s.Leave(u.Context(), l, day))
	u.events = append(u.events, e.ID)
	return n
}

func (u *used) join() bellhop.Lease {
	u.Helper()
	n, err := u.s.Join(u.Context(), bellhop.NodeAbout{}, time.Hour, day)
	u.must(err)
	return n.Lease
}

// attempt claims one delivery of an endpoint, and records what became of it.
func (u *used) attempt(e bellhop.EndpointID, end func(*bellhop.Result)) {
	u.Helper()
	l := u.join()
	bucket := bellhop.BucketOf(e)
	own, err := u.s.Buckets(u.Context())
	u.must(err)
	got, err := u.s.TakeBuckets(u.Context(), l, []bellhop.BucketOwner{{Bucket: bucket, Epoch: own[bucket].Epoch}}, day)
	u.must(err)
	c, err := u.s.Claim(u.Context(), bellhop.ClaimRequest{Lease: l, Endpoint: e, BucketEpoch: got[0].Epoch, Limit: 1}, day)
	u.must(err)
	d := c.Work[0].Delivery
	r := bellhop.Result{Lease: l, Attempt: bellhop.Attempt{
		ID: id.Next[id.Attempt](u.ids, day), Delivery: d.ID, Event: d.Event, Endpoint: e, App: d.App, Type: d.Type, Trigger: d.Trigger, Number: 1,
		Status: bellhop.AttemptSucceeded, Final: true, URL: "https://example.com/", Duration: bellhop.Duration(time.Second), ResponseStatus: 200,
		ResponseBody: []byte{0, 255}, Captured: map[string]string{"pin": "1"},
	}}
	end(&r)
	u.must(u.s.Record(u.Context(), l, []bellhop.Result{r}, day))
	u.must(u.s.Leave(u.Context(), l, day))
}

// seen is what a store says when it is asked about everything.
func (u *used) seen() map[string]any {
	u.Helper()
	ctx, all := u.Context(), bellhop.Everything()
	seen := map[string]any{}
	note := func(name string, v any, err error) {
		u.Helper()
		if err != nil {
			u.Fatalf("%s: %v", name, err)
		}
		seen[name] = v
	}
	routes, err := u.s.Routes(ctx, 0)
	note("routes", routes, err)
	changed, err := u.s.Routes(ctx, routes.Version-1)
	note("what changed last", changed, err)
	access, err := u.s.Access(ctx, 0)
	note("keys", access, err)
	uses, err := u.s.KeyUses(ctx)
	note("uses of keys", uses, err)
	events, err := u.s.Events(ctx, bellhop.EventFilter{Scope: all, Limit: 100, WithData: true})
	note("events", events, err)
	outcomes, err := u.s.Outcomes(ctx, u.events)
	note("outcomes", outcomes, err)
	attempts, err := u.s.Attempts(ctx, bellhop.AttemptFilter{Scope: all, Limit: 100, WithBodies: true})
	note("attempts", attempts, err)
	deliveries, err := u.s.Deliveries(ctx, bellhop.DeliveryFilter{Scope: all, Limit: 100})
	note("deliveries", deliveries, err)
	held, err := u.s.Held(ctx, all, 0)
	note("held", held, err)
	pending, oldest, err := u.s.Pending(ctx, all, 0)
	note("pending", []any{pending, oldest}, err)
	stats, err := u.s.Stats(ctx, bellhop.StatsFilter{Scope: all, Bucket: time.Hour})
	note("statistics", stats, err)
	samples, err := u.s.BacklogSamples(ctx, bellhop.BacklogFilter{Until: day.Add(time.Hour), Points: 10})
	note("backlog", samples, err)
	audit, err := u.s.Audit(ctx, bellhop.AuditFilter{Scope: bellhop.Only("acme"), Limit: 100})
	note("audit", audit, err)
	reactions, err := u.s.Reactions(ctx, "", 10)
	note("reactions", reactions, err)
	for _, e := range u.events {
		later, err := u.s.Later(ctx, e)
		note("later of "+e.String(), later, err)
	}
	return seen
}

// What a store says of everything another one says after a move, and it goes on with what
// was under way.
func TestAMovedStoreGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "from.db")
	file, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	u := &used{TB: t, s: file, ids: id.NewGenerator(0, 0)}
	u.must(file.SaveApp(t.Context(), bellhop.App{ID: "acme", Metadata: map[string]string{"a": "<é>"}}, nil))
	k := bellhop.Key{ID: id.Next[id.Key](u.ids, day), Role: bellhop.RoleEditor, Scope: bellhop.Only("acme"), Hash: [32]byte{9}}
	u.must(file.SaveKey(t.Context(), k, nil))
	u.must(file.NoteKeyUses(t.Context(), []bellhop.KeyUse{{Key: k.ID, At: day}}))
	u.ordered = u.endpoint(func(e *bellhop.Endpoint) { e.Ordering = bellhop.OrderingSubject })
	u.broken, u.gone, u.plain = u.endpoint(nil), u.endpoint(nil), u.endpoint(nil)
	u.publish("first", nil, u.ordered, u.plain)
	u.attempt(u.plain, func(*bellhop.Result) {})
	u.attempt(u.ordered, func(r *bellhop.Result) {
		a := &r.Attempt
		a.Status, a.Final, a.NextAt, a.Reason, a.Captured = bellhop.AttemptFailed, false, day.Add(time.Hour), "timeout", nil
	})
	u.publish("", nil, u.ordered, u.gone, u.broken)
	u.attempt(u.broken, func(r *bellhop.Result) {
		a := &r.Attempt
		a.Status, a.Final, a.Reason, a.Captured = bellhop.AttemptFailed, false, bellhop.ReasonTransform, nil
		r.Held, r.Revision = true, 1
	})
	spread := u.publish("later", []bellhop.EndpointID{u.broken, u.plain})
	erased := u.publish("erased", nil, u.plain)
	_, err = file.Erase(t.Context(), bellhop.EraseSelector{Event: erased.Event.ID}, nil, day)
	u.must(err)
	u.must(file.DeleteEndpoint(t.Context(), u.gone, nil, day))
	u.must(file.SampleBacklog(t.Context(), day))
	for more := true; more; {
		more, err = file.RollUp(t.Context(), day.Add(2*time.Hour))
		u.must(err)
	}
	before := u.seen()
	for name, v := range before {
		if of := reflect.ValueOf(v); !strings.HasPrefix(name, "later of") && (of.Kind() == reflect.Slice || of.Kind() == reflect.Map) && of.Len() == 0 {
			t.Errorf("there is nothing to compare of %s", name)
		}
	}
	u.must(file.Close())

	url := testpostgres.Database(t)
	dst, err := postgres.OpenSink(t.Context(), url, postgres.Options{})
	u.must(err)
	_, err = move.Run(t.Context(), source(t, path), dst, move.Options{From: path})
	u.must(errors.Join(err, dst.Close()))
	moved, err := postgres.Open(t.Context(), url, postgres.Options{})
	u.must(err)
	defer moved.Close()
	u.s = moved
	if diff := cmp.Diff(before, u.seen(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("after the move (-before +after):\n%s", diff)
	}

	// It goes on: the fan-out, what can never be delivered, and repeated publishes.
	l := u.join()
	made, err := moved.Spread(t.Context(), l, id.Take[id.Delivery](u.ids, 10, day), day)
	u.must(err)
	if later, err := moved.Later(t.Context(), spread.Event.ID); err != nil || len(made) != 2 || len(later) != 0 {
		t.Errorf("the fan-out made deliveries at %v, and %v are left, %v", made, later, err)
	}
	swept, err := moved.Sweep(t.Context(), id.Take[id.Attempt](u.ids, 10, day), day)
	if err != nil || swept != 2 {
		t.Errorf("%d were swept of the deleted endpoint's and the erased event's, %v", swept, err)
	}
	again := spread
	again.Event.ID, again.Deliveries, again.Later = id.Next[id.Event](u.ids, day), nil, nil
	r, err := moved.Routes(t.Context(), 0)
	u.must(err)
	receipts, err := moved.Enqueue(t.Context(), l, r.Version, []bellhop.NewEvent{again}, day)
	if err != nil || !receipts[0].Duplicate || receipts[0].Event != spread.Event.ID {
		t.Errorf("published again: %+v, %v", receipts, err)
	}
	if n, err := moved.ReleaseHeld(t.Context(), u.broken, nil, day.Add(time.Hour)); err != nil || n != 1 {
		t.Errorf("%d held ones were released, %v", n, err)
	}
	u.must(moved.Leave(t.Context(), l, day))
}
