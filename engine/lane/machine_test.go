package lane

import (
	"bytes"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/id"
)

// bench is a machine with a clock that stands still until it is told to move, and
// short ways to say what happens.
type bench struct {
	*testing.T
	m     *Machine
	now   time.Time
	ids   *id.Generator
	table *routes.Table
	lease bellhop.Lease
}

func newBench(t *testing.T) *bench {
	t.Helper()
	sealer, err := bellhop.NewSealer(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{
		T: t, now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), ids: id.NewGenerator(1, 0),
		m:     NewMachine(Settings{MaxInFlight: 64, QueueBytes: 1 << 20, DisableAfter: 24 * time.Hour}),
		lease: bellhop.Lease{Node: 1, Epoch: 7},
	}
	d, err := dialect.Compile(dialect.Builtin()[0])
	if err != nil {
		t.Fatal(err)
	}
	b.table = routes.New(routes.Options{
		Sealer: sealer, Dialects: []*dialect.Dialect{d}, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return b.now },
	})
	b.step(Start{Lease: b.lease})
	b.own()
	return b
}

// own has the node own every bucket, under its lease.
func (b *bench) own() []Effect {
	taken := make([]bellhop.BucketOwner, bellhop.Buckets)
	for i := range taken {
		taken[i] = bellhop.BucketOwner{Bucket: bellhop.Bucket(i), Lease: b.lease, Epoch: b.lease.Epoch}
	}
	return b.step(BucketsTaken{Taken: taken})
}

// route makes or changes an endpoint, without telling the machine.
func (b *bench) route(change ...func(*bellhop.Endpoint)) *routes.Route {
	e := bellhop.Endpoint{
		ID: id.Next[id.Endpoint](b.ids, b.now), Apps: []string{"acme"}, URL: "https://a.example/hook",
		Dialect: dialect.Builtin()[0].Name, Status: bellhop.EndpointActive, Concurrency: 4, Ordering: bellhop.OrderingNone,
		Revision: 1, Vitals: bellhop.Vitals{Revision: 1, Taken: true},
	}
	for _, c := range change {
		c(&e)
	}
	return b.table.Compile(e)
}

// changed is the route with other settings.
func (b *bench) changed(r *routes.Route, change func(*bellhop.Endpoint)) *routes.Route {
	e := r.Endpoint
	change(&e)
	e.Revision++
	e.Vitals = bellhop.Renew(&r.Endpoint, &e, b.now)
	return b.table.Compile(e)
}

func (b *bench) endpoint(change ...func(*bellhop.Endpoint)) *routes.Route {
	r := b.route(change...)
	b.step(Configured{Changed: []*routes.Route{r}})
	return r
}

func paused(e *bellhop.Endpoint) { e.Status = bellhop.EndpointPaused }

func (b *bench) step(in Input) []Effect { return b.m.Step(in, b.now) }

func (b *bench) work(r *routes.Route) bellhop.Work {
	e := &bellhop.Event{ID: id.Next[id.Event](b.ids, b.now), App: "acme", Type: "a", Data: bellhop.JSON(`"1234567"`)}
	return bellhop.Work{Event: e, Lease: b.lease, Delivery: bellhop.Delivery{
		ID: id.Next[id.Delivery](b.ids, b.now), Event: e.ID, Endpoint: r.ID, App: "acme", Trigger: bellhop.TriggerPublish, Due: b.now,
	}}
}

// publish reserves, commits and admits one delivery.
func (b *bench) publish(r *routes.Route) (bellhop.Work, []Effect) {
	b.Helper()
	w := b.work(r)
	if !b.m.Reserve(r, len(w.Event.Data), b.now) {
		b.Fatal("there is no room")
	}
	return w, b.step(Admitted{w})
}

// answer has a job answered, and what follows recorded.
func (b *bench) answer(j *Job, class bellhop.Class) (r bellhop.Result, follows []Effect) {
	b.Helper()
	effects := b.step(Sent{
		Job: j, Attempt: id.Next[id.Attempt](b.ids, b.now), Random: 0.5,
		Outcome: &bellhop.Outcome{Class: class, Reason: "status"},
	})
	records := of[Record](effects)
	if len(records) != 1 {
		b.Fatalf("%d records follow from an answer: %v", len(records), names(effects))
	}
	follows = slices.DeleteFunc(effects, func(e Effect) bool { _, is := e.(Record); return is })
	return *records[0].Result, append(follows, b.step(Recorded{Job: j})...)
}

// of picks the effects of one kind.
func of[E Effect](effects []Effect) (list []E) {
	for _, e := range effects {
		if x, ok := e.(E); ok {
			list = append(list, x)
		}
	}
	return list
}

func names(effects []Effect) (list []string) {
	for _, e := range effects {
		list = append(list, reflect.TypeOf(e).Name())
	}
	return list
}

// want checks which effects there are, but for the timer.
func (b *bench) want(what string, effects []Effect, kinds ...string) {
	b.Helper()
	got := slices.DeleteFunc(names(effects), func(n string) bool { return n == "SetTimer" })
	if fmt.Sprint(got) != fmt.Sprint(kinds) {
		b.Errorf("%s: %v, want %v", what, got, kinds)
	}
}

// quiet checks that nothing is left on the books.
func (b *bench) quiet() {
	b.Helper()
	if b.m.memory.held != 0 || b.m.slots.inUse != 0 || b.m.underWay != 0 {
		b.Errorf("at the end %d bytes are held, %d slots in use, %d steps under way", b.m.memory.held, b.m.slots.inUse, b.m.underWay)
	}
}

func TestTheUsualWay(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	_, effects := b.publish(r)
	b.want("admitted", effects, "Send")
	job := of[Send](effects)[0].Job
	result, follows := b.answer(job, bellhop.ClassTaken)
	b.want("recorded", follows)
	if a := result.Attempt; !a.Final || a.Status != bellhop.AttemptSucceeded || a.Number != 1 || result.Lease != b.lease || result.Vitals != nil {
		t.Errorf("recorded %+v", result)
	}
	b.quiet()
}

func TestARetryIsFetchedWhenItIsDue(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	_, effects := b.publish(r)
	result, follows := b.answer(of[Send](effects)[0].Job, bellhop.ClassAgain)
	due := b.now.Add(5 * time.Second)
	if a := result.Attempt; a.Final || !a.NextAt.Equal(due) || result.Vitals == nil {
		t.Errorf("recorded %+v", result)
	}
	timers := of[SetTimer](follows)
	if len(timers) != 1 || !timers[0].At.Equal(due) {
		t.Fatalf("the timer is %v, want %v", timers, due)
	}
	b.now = due
	claims := of[Claim](b.step(Tick{}))
	if len(claims) != 1 || claims[0].Endpoint != r.ID || claims[0].Lease != b.lease {
		t.Fatalf("claims: %+v", claims)
	}
	b.want("the claim found nothing", b.step(Claimed{Claim: claims[0]}))
	b.quiet()
}

func TestOneClaimAtATime(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	effects := b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}})
	b.want("noted", effects, "Claim")
	b.want("noted again", b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}}))
	b.want("what was noted meanwhile is not lost", b.step(Claimed{Claim: of[Claim](effects)[0]}), "Claim")
}

// An event may be published to a new endpoint before the machine is told of that.
func TestWhatIsNotedBeforeThereIsALane(t *testing.T) {
	b := newBench(t)
	r := b.route()
	b.want("noted", b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}}))
	b.want("configured", b.step(Configured{Changed: []*routes.Route{r}}), "Claim")
	for range 2 * maxEarly {
		b.step(Noted{bellhop.Backlog{Endpoint: id.Next[id.Endpoint](b.ids, b.now), Due: b.now}})
	}
	if n := len(b.m.early); n != maxEarly {
		t.Errorf("%d endpoints that there are not are remembered", n)
	}
	b.step(Heartbeat{})
	if n := len(b.m.early); n != 0 {
		t.Errorf("%d endpoints that there are not are remembered for ever", n)
	}
}

func TestAClaimThatFailsIsMadeAgain(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	claim := of[Claim](b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}}))[0]
	b.want("failed", b.step(Claimed{Claim: claim, Result: NotDone}))
	if b.m.Reserve(r, 1, b.now) {
		t.Error("room was promised to a new delivery although older ones wait in the store")
	}
	b.now = b.now.Add(askAgain)
	b.want("a second later", b.step(Tick{}), "Claim")
}

func TestOlderDeliveriesAreNotOvertaken(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 })
	b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}})
	b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}})
	if !b.m.lanes[r.ID].claiming {
		t.Fatal("nothing is claimed")
	}
	claim := Claim{ClaimRequest: bellhop.ClaimRequest{Lease: b.lease, Endpoint: r.ID, Limit: 128}, weight: b.m.memory.held}
	b.step(Claimed{Claim: claim, Answer: bellhop.Claimed{Work: []bellhop.Work{b.work(r)}, Next: b.now}})
	if b.m.Reserve(r, 1, b.now) {
		t.Error("room was promised to a new delivery although older ones wait in the store")
	}
}

func TestAFullLaneRefuses(t *testing.T) {
	b := newBench(t)
	r, other := b.endpoint(), b.endpoint()
	fill := func(r *routes.Route) (n int) {
		for b.m.Reserve(r, 1, b.now) {
			n++
		}
		return n
	}
	first, second := fill(r), fill(other)
	most := int(b.m.QueueBytes) / (1 + itemWeight)
	if first < most/4 || first > most/2 || second < first/4 || second > first {
		t.Errorf("a lane had room for %d, and the next one for %d, where there is memory for %d: want a third, and then some", first, second, most)
	}
	if third := b.endpoint(); !b.m.Reserve(third, 1, b.now) {
		t.Error("who comes later finds no room")
	} else {
		b.step(Unreserved{third.ID, 1})
	}
	for range first {
		b.step(Unreserved{r.ID, 1})
	}
	for range second {
		b.step(Unreserved{other.ID, 1})
	}
	b.quiet()
	if !b.m.Reserve(r, 2*int(b.m.QueueBytes), b.now) {
		t.Error("an event of any size fits into an empty lane")
	}
	if b.m.Reserve(r, 1, b.now) {
		t.Error("something fits beside what is larger than all the memory")
	}
}

func TestNothingIsReservedThatCannotBeSent(t *testing.T) {
	for name, change := range map[string]func(*bellhop.Endpoint){
		"paused":   paused,
		"disabled": func(e *bellhop.Endpoint) { e.Status = bellhop.EndpointDisabled },
		"broken":   func(e *bellhop.Endpoint) { e.Dialect = "unknown" },
		"ordered":  func(e *bellhop.Endpoint) { e.Ordering = bellhop.OrderingSubject },
	} {
		b := newBench(t)
		if b.m.Reserve(b.endpoint(change), 1, b.now) {
			t.Errorf("%s: room was promised", name)
		}
	}
	b := newBench(t)
	if b.m.Reserve(b.route(), 1, b.now) {
		t.Error("room was promised in a lane that there is not")
	}
	r := b.endpoint()
	b.step(Stop{})
	if b.m.Reserve(r, 1, b.now) {
		t.Error("room was promised after the end")
	}
}

func TestPauseGivesBackAndResumeFetches(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 })
	_, effects := b.publish(r)
	job := of[Send](effects)[0].Job
	second, _ := b.publish(r)
	held := b.changed(r, paused)
	effects = b.step(Configured{Changed: []*routes.Route{held}})
	b.want("paused", effects, "Release")
	if got := of[Release](effects)[0].Deliveries; len(got) != 1 || got[0] != second.Delivery.ID {
		t.Errorf("released %v", got)
	}
	b.want("resumed before the release has ended", b.step(Configured{Changed: []*routes.Route{b.changed(r, func(*bellhop.Endpoint) {})}}))
	b.want("released", b.step(Released{r.ID}), "Claim")
	_, follows := b.answer(job, bellhop.ClassTaken)
	b.want("the request that was under way", follows)
}

func TestWhatIsAdmittedToAPausedLaneIsGivenBack(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	w := b.work(r)
	if !b.m.Reserve(r, len(w.Event.Data), b.now) {
		t.Fatal("there is no room")
	}
	b.step(Configured{Changed: []*routes.Route{b.changed(r, paused)}})
	b.want("admitted", b.step(Admitted{w}), "Release")
	b.quiet()
}

// What comes late, of a claim or a commit that began before the queue was given back,
// is newer than that and must follow it.
func TestWhatIsOnItsWayFollowsWhatWasGivenBack(t *testing.T) {
	for _, late := range []string{"claimed", "admitted"} {
		b := newBench(t)
		r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 })
		b.publish(r)
		b.publish(r)
		w := b.work(r)
		var in Input = Admitted{w}
		if late == "claimed" {
			in = Claimed{Claim: of[Claim](b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}}))[0], Answer: bellhop.Claimed{Work: []bellhop.Work{w}}}
		} else if !b.m.Reserve(r, len(w.Event.Data), b.now) {
			t.Fatal("there is no room")
		}
		b.want("paused", b.step(Configured{Changed: []*routes.Route{b.changed(r, paused)}}), "Release")
		b.step(Released{r.ID})
		b.step(Configured{Changed: []*routes.Route{b.changed(r, func(e *bellhop.Endpoint) { e.Concurrency = 8 })}})
		effects := b.step(in)
		if len(of[Send](effects)) != 0 || len(of[Release](effects)) != 1 {
			t.Errorf("%s: %v", late, names(effects))
		}
	}
}

// The second release must wait for the first, and nothing may be sent meanwhile.
func TestOrderAskedForWhileReleasing(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 })
	b.publish(r)
	b.publish(r)
	late := b.work(r)
	if !b.m.Reserve(r, len(late.Event.Data), b.now) {
		t.Fatal("there is no room")
	}
	ordered := b.changed(r, func(e *bellhop.Endpoint) { e.Ordering = bellhop.OrderingSubject })
	b.want("ordered", b.step(Configured{Changed: []*routes.Route{ordered}}), "Release")
	b.want("admitted late", b.step(Admitted{late}))
	b.want("released", b.step(Released{r.ID}), "Release")
	b.want("released again", b.step(Released{r.ID}), "Claim")
}

// The ordering is changed and changed back while a claim is under way, which may have been
// made in between: it is given back, whether the machine was told of both or, at once, of
// the last.
func TestWhatIsClaimedUnderAnOrderInBetweenIsGivenBack(t *testing.T) {
	for _, told := range []bool{true, false} {
		b := newBench(t)
		r := b.endpoint(func(e *bellhop.Endpoint) { e.Ordering = bellhop.OrderingSubject })
		claim := of[Claim](b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}}))[0]
		free := b.changed(r, func(e *bellhop.Endpoint) { e.Ordering = bellhop.OrderingNone })
		if told {
			b.step(Configured{Changed: []*routes.Route{free}})
		}
		again := b.changed(free, func(e *bellhop.Endpoint) { e.Ordering = bellhop.OrderingSubject })
		b.step(Configured{Changed: []*routes.Route{again}})
		w := b.work(r)
		effects := b.step(Claimed{Claim: claim, Answer: bellhop.Claimed{Work: []bellhop.Work{w}}})
		if len(of[Send](effects)) > 0 || len(of[Release](effects)) != 1 {
			t.Errorf("told of both: %v: %v follow; want the release of what was claimed", told, names(effects))
		}
	}
}

func TestWhatIsClaimedUnderAnOldOrderIsGivenBack(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	claim := of[Claim](b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}}))[0]
	ordered := b.changed(r, func(e *bellhop.Endpoint) { e.Ordering = bellhop.OrderingSubject })
	b.step(Configured{Changed: []*routes.Route{ordered}})
	b.want("claimed", b.step(Claimed{Claim: claim, Answer: bellhop.Claimed{Work: []bellhop.Work{b.work(r)}}}), "Release")
}

// An endpoint is deleted while a request to it is being recorded, and the answer of a claim
// is lost. The store was told that the request's delivery is ours; what was recorded may
// have been claimed since then, by that claim.
func TestWhatIsInDoubtAtADeletedEndpointIsDisowned(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	w, effects := b.publish(r)
	job := of[Send](effects)[0].Job
	claim := of[Claim](b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}}))[0]
	b.step(Configured{Gone: []bellhop.EndpointID{r.ID}})
	disown := of[Disown](b.step(Claimed{Claim: claim, Result: Unknown}))
	if len(disown) != 1 || !slices.Equal(disown[0].Known, []bellhop.DeliveryID{w.Delivery.ID}) {
		t.Fatalf("disowned: %+v; want all but what is under way", disown)
	}
	_, follows := b.answer(job, bellhop.ClassAgain)
	if disown = of[Disown](follows); len(disown) != 1 || len(disown[0].Known) != 0 {
		t.Errorf("after it was recorded, %+v is disowned; want everything", disown)
	}
}

func TestFailuresOpenTheCircuitAndAProbeClosesIt(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 })
	_, effects := b.publish(r)
	for range 2 {
		b.publish(r)
	}
	job := of[Send](effects)[0].Job
	for i := 1; i < breakAfter; i++ {
		b.publish(r)
		_, follows := b.answer(job, bellhop.ClassAgain)
		b.want(fmt.Sprintf("failure %d", i), follows, "Send")
		job = of[Send](follows)[0].Job
	}
	_, follows := b.answer(job, bellhop.ClassAgain)
	b.want("the last failure", follows, "CircuitMoved", "Release")
	b.want("released", b.step(Released{r.ID}))
	if b.m.Reserve(r, 1, b.now) || b.m.CircuitsOpen() != 1 {
		t.Error("the circuit is not open")
	}
	b.now = b.now.Add(firstProbe)
	claims := of[Claim](b.step(Tick{}))
	if len(claims) != 1 || claims[0].Limit != 1 {
		t.Fatalf("the probe: %+v", claims)
	}
	effects = b.step(Claimed{Claim: claims[0], Answer: bellhop.Claimed{Work: []bellhop.Work{b.work(r)}, Next: b.now}})
	b.want("claimed", effects, "Send")
	_, follows = b.answer(of[Send](effects)[0].Job, bellhop.ClassRefused)
	b.want("an answer shows it alive", follows, "CircuitMoved", "Claim")
	if moved := of[CircuitMoved](follows)[0]; moved.Open {
		t.Error("the circuit was not closed")
	}
}

func TestARefusalSaysNothingAboutHealth(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 })
	_, effects := b.publish(r)
	for i := range 3 * breakAfter {
		job := of[Send](effects)[0].Job
		b.publish(r)
		var result bellhop.Result
		result, effects = b.answer(job, bellhop.ClassRefused)
		if v := result.Vitals; result.Attempt.Final || result.Attempt.NextAt.IsZero() || (v != nil) != (i >= bellhop.FailingAfter-1) ||
			v != nil && (v.Ill != 0 || !v.FailingSince.IsZero() || !v.OpenSince.IsZero() || v.Failures != i+1) {
			t.Fatalf("recorded %+v, %+v", result, v)
		}
	}
	if s := b.m.State(r, b.now); s.Circuit != "closed" || s.ConsecutiveFailures != 0 || !s.FailingSince.IsZero() {
		t.Errorf("%+v", s)
	}
	if v := b.m.View(r, b.now).Vitals; v.Health() != bellhop.HealthFailing {
		t.Errorf("of a receiver that refuses whatever it gets: %+v", v)
	}
	if result, _ := b.answer(of[Send](effects)[0].Job, bellhop.ClassTaken); *result.Vitals != (bellhop.Vitals{Revision: 1, Taken: true}) {
		t.Errorf("of one that takes some: %+v", result.Vitals)
	}
}

// TestWhatASuccessWrites: nothing, but where it says something new.
func TestWhatASuccessWrites(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Vitals.Taken = false })
	send := func(class bellhop.Class) *bellhop.Vitals {
		_, effects := b.publish(r)
		result, _ := b.answer(of[Send](effects)[0].Job, class)
		b.m.lanes[r.ID].nextDue = dues{}
		return result.Vitals
	}
	well := bellhop.Vitals{Revision: 1, Taken: true}
	if v := send(bellhop.ClassTaken); v == nil || *v != well {
		t.Errorf("the first: %+v", v)
	}
	for _, class := range []bellhop.Class{bellhop.ClassTaken, bellhop.ClassRefused, bellhop.ClassTaken, bellhop.ClassOurs, bellhop.ClassTaken} {
		if v := send(class); v != nil {
			t.Errorf("class %d after a success: %+v", class, v)
		}
	}
	failed := send(bellhop.ClassAgain)
	if failed == nil || failed.Failures != 1 || failed.Ill != 1 || failed.FailingSince.IsZero() || !failed.Taken || failed.Last == 0 {
		t.Errorf("a failure: %+v", failed)
	}
	if v := send(bellhop.ClassTaken); v == nil || *v != well {
		t.Errorf("the end of a failure: %+v", v)
	}
}

// TestALaneKnowsWhatIsStored: a process that starts goes on with circuit and failures.
func TestALaneKnowsWhatIsStored(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 })
	var stored *bellhop.Vitals
	for range breakAfter {
		_, effects := b.publish(r)
		result, _ := b.answer(of[Send](effects)[0].Job, bellhop.ClassAgain)
		b.m.lanes[r.ID].nextDue = dues{}
		stored = result.Vitals
	}
	after := newBench(t)
	again := after.endpoint(func(e *bellhop.Endpoint) { e.Vitals = *stored })
	before, now := b.m.State(r, b.now), after.m.State(again, after.now)
	if now.Circuit != "half_open" || !now.OpenSince.Equal(before.OpenSince) || now.ConsecutiveFailures != breakAfter ||
		now.LastFailure != before.LastFailure || !now.FailingSince.Equal(before.FailingSince) {
		t.Errorf("%+v, and before %+v", now, before)
	}
	// A test that is taken shows that it works.
	follows := after.step(Vouched{again})
	after.want("vouched", follows, "CircuitMoved", "Revived")
	if v := of[Revived](follows)[0].Vitals; v != (bellhop.Vitals{Revision: 1, Taken: true}) || after.m.State(again, after.now).Circuit != "closed" {
		t.Errorf("%+v", v)
	}
}

func TestOwnFailuresSayNothingAboutHealth(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	for range 2 * breakAfter {
		_, effects := b.publish(r)
		result, _ := b.answer(of[Send](effects)[0].Job, bellhop.ClassOurs)
		if result.Vitals != nil || result.Attempt.NextAt.IsZero() {
			t.Fatalf("recorded %+v", result)
		}
	}
	if s := b.m.State(r, b.now); s.Circuit != "closed" || s.ConsecutiveFailures != 0 {
		t.Errorf("%+v", s)
	}
}

// A request that could not leave for lack of descriptors is no attempt, speaks against
// nobody, and goes out soon, at first alone.
func TestAShortageIsNoAttempt(t *testing.T) {
	for name, change := range map[string]func(*bellhop.Endpoint){
		"":            func(*bellhop.Endpoint) {},
		"in an order": func(e *bellhop.Endpoint) { e.Ordering = bellhop.OrderingEndpoint },
	} {
		b := newBench(t)
		r := b.endpoint(change)
		shortage := func(j *Job) []Effect {
			return b.step(Sent{
				Job: j, Attempt: id.Next[id.Attempt](b.ids, b.now), Random: 0.5,
				Outcome: &bellhop.Outcome{Class: bellhop.ClassOurs, Reason: bellhop.ReasonResources},
			})
		}
		var works []bellhop.Work
		for range 3 {
			works = append(works, b.work(r))
		}
		effects := b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}})
		b.want("noted", effects, "Claim")
		effects = b.step(Claimed{Claim: of[Claim](effects)[0], Answer: bellhop.Claimed{Work: works}})
		jobs := of[Send](effects)
		var back []bellhop.DeliveryID
		for _, s := range jobs {
			effects := shortage(s.Job)
			b.want(name+": a shortage", effects, "Release")
			back = append(back, of[Release](effects)[0].Deliveries...)
			b.step(Released{r.ID})
		}
		if len(back) != 3 {
			t.Errorf("%s: %d given back", name, len(back))
		}
		b.quiet()
		b.want(name+": at once", b.step(Heartbeat{}))
		if s := b.m.State(r, b.now); s.ConsecutiveFailures != 0 || !s.FailingSince.IsZero() {
			t.Errorf("%s: %+v", name, s)
		}

		b.now = b.now.Add(restTime)
		claims := of[Claim](b.step(Tick{}))
		if len(claims) == 1 && claims[0].Retries { // there are none
			claims = of[Claim](b.step(Claimed{Claim: claims[0], Answer: bellhop.Claimed{Next: b.now}}))
		}
		if len(claims) != 1 || claims[0].Limit != 1 || claims[0].Retries {
			t.Fatalf("%s: soon: %+v", name, claims)
		}
		effects = b.step(Claimed{Claim: claims[0], Answer: bellhop.Claimed{Work: works[:1], Next: b.now}})
		b.want(name+": one, to see", effects, "Send")
		job := of[Send](effects)[0].Job
		if job.Work.Delivery.Attempts != 0 {
			t.Errorf("%s: %+v", name, job.Work)
		}
		result, follows := b.answer(job, bellhop.ClassTaken)
		if result.Attempt.Number != 1 {
			t.Errorf("%s: %+v", name, result.Attempt)
		}
		claims = of[Claim](follows)
		if len(claims) != 1 || claims[0].Limit == 1 {
			t.Errorf("%s: once one has left: %+v", name, claims)
		}
	}
}

// One that ends as its endpoint is gone leaves nothing on the books.
func TestAShortageOfADeletedEndpoint(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	_, effects := b.publish(r)
	b.step(Configured{Gone: []bellhop.EndpointID{r.ID}})
	b.want("a shortage", b.step(Sent{
		Job: of[Send](effects)[0].Job, Outcome: &bellhop.Outcome{Reason: bellhop.ReasonResources},
	}), "Release")
	b.quiet()
}

func TestOverloadHalvesOnceForWhatWasInFlightTogether(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 16 })
	var jobs []*Job
	for range 8 {
		_, effects := b.publish(r)
		jobs = append(jobs, of[Send](effects)[0].Job)
	}
	began := id.Next[id.Attempt](b.ids, b.now)
	b.now = b.now.Add(time.Second)
	for _, j := range jobs {
		b.step(Sent{Job: j, Attempt: began, Outcome: &bellhop.Outcome{Class: bellhop.ClassOverloaded}})
		b.step(Recorded{Job: j})
	}
	if c := b.m.State(r, b.now).Concurrency; c != 8 {
		t.Errorf("the concurrency is %d, want 8", c)
	}
}

func TestGoneIsAVerdictOnceItIsRecorded(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	_, effects := b.publish(r)
	job := of[Send](effects)[0].Job
	b.want("sent", b.step(Sent{Job: job, Attempt: id.Next[id.Attempt](b.ids, b.now), Outcome: &bellhop.Outcome{Class: bellhop.ClassGone}}), "Record")
	effects = b.step(Recorded{Job: job})
	b.want("recorded", effects, "Disable")
	if v := of[Disable](effects)[0]; !v.Gone || v.Route != r {
		t.Errorf("%+v", v)
	}
}

func TestALongRowOfFailuresIsAVerdict(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	fail := func() []Effect {
		_, effects := b.publish(r)
		_, follows := b.answer(of[Send](effects)[0].Job, bellhop.ClassAgain)
		b.m.lanes[r.ID].nextDue = dues{} // the retries are of no interest here
		return ofKind(follows, "Disable")
	}
	began := b.now
	b.want("the first", fail())
	b.now = b.now.Add(8*24*time.Hour - time.Second)
	b.want("while its schedule lasts", fail())
	b.now = b.now.Add(time.Second)
	effects := fail()
	b.want("a day after that", effects, "Disable")
	if v := of[Disable](effects)[0]; !v.FailedSince.Equal(began) || v.Gone {
		t.Errorf("%+v", v)
	}
	b.want("at once again", fail())
	b.now = b.now.Add(verdictAgain)
	b.want("a minute later", fail(), "Disable")
	b.step(Vindicated{r.ID, began})
	b.now = b.now.Add(verdictAgain)
	b.want("after a success that the log knows of", fail())
}

func ofKind(effects []Effect, kind string) (list []Effect) {
	for _, e := range effects {
		if reflect.TypeOf(e).Name() == kind {
			list = append(list, e)
		}
	}
	return list
}

// TestANewAddressStartsAnew, and so do new credentials: a circuit that opened since a
// token was wrong does not wait once it is right.
func TestANewAddressStartsAnew(t *testing.T) {
	startsAnew(t, func(e *bellhop.Endpoint) { e.URL = "https://b.example/hook" })
	startsAnew(t, func(e *bellhop.Endpoint) { e.Headers = map[string]string{"X-Key": "new"} })
}

func startsAnew(t *testing.T, change func(*bellhop.Endpoint)) {
	b := newBench(t)
	r := b.endpoint()
	var jobs []*Job
	for range 3 {
		_, effects := b.publish(r)
		jobs = append(jobs, of[Send](effects)[0].Job)
	}
	b.answer(jobs[0], bellhop.ClassAgain)
	moved := b.changed(r, change)
	b.step(Configured{Changed: []*routes.Route{moved}})
	if s := b.m.State(moved, b.now); s.ConsecutiveFailures != 0 || !s.FailingSince.IsZero() {
		t.Errorf("%+v", s)
	}
	result, follows := b.answer(jobs[1], bellhop.ClassGone)
	if result.Vitals != nil || len(of[Disable](follows)) > 0 {
		t.Error("what the old address answers is held against the new one")
	}
}

func TestWhatIsGoneIsNotSent(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 })
	_, effects := b.publish(r)
	job := of[Send](effects)[0].Job
	queued, _ := b.publish(r)
	committing, claimed, ofOther := b.work(r), b.work(r), b.work(r)
	ofOther.Event.App = "other"
	b.m.Reserve(r, len(committing.Event.Data), b.now)
	b.m.Reserve(r, len(ofOther.Event.Data), b.now)
	claim := of[Claim](b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}}))[0]

	gone := Gone{Events: map[bellhop.EventID]bool{queued.Event.ID: true, committing.Event.ID: true, claimed.Event.ID: true}, App: "other"}
	b.now = b.now.Add(time.Second)
	b.step(Forgotten{gone})
	b.step(Heartbeat{})
	b.want("committed", b.step(Admitted{committing}), "Release")
	b.want("committed to the app", b.step(Admitted{ofOther}), "Release")
	b.want("claimed", b.step(Claimed{Claim: claim, Answer: bellhop.Claimed{Work: []bellhop.Work{claimed}}}), "Release")
	b.now = b.now.Add(time.Millisecond)
	if n := b.m.lanes[r.ID].queue.len(); n != 0 {
		t.Errorf("%d deliveries of what is gone are queued", n)
	}
	again := b.work(r) // of an app that was made anew
	again.Event.App = "other"
	b.m.Reserve(r, len(again.Event.Data), b.now)
	b.step(Admitted{again})
	if n := b.m.lanes[r.ID].queue.len(); n != 1 {
		t.Error("an event of an app that was made anew is taken for one of the old app")
	}
	b.step(Heartbeat{})
	if b.m.graves.events != nil || b.m.graves.apps != nil {
		t.Error("what is gone is remembered although nothing can bring it back")
	}
	_, follows := b.answer(job, bellhop.ClassTaken)
	b.answer(of[Send](follows)[0].Job, bellhop.ClassTaken)
	b.quiet()
}

func TestALostLeaseDropsWhatIsQueued(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 })
	_, effects := b.publish(r)
	job := of[Send](effects)[0].Job
	b.publish(r)
	late := b.work(r)
	b.m.Reserve(r, len(late.Event.Data), b.now)
	claim := of[Claim](b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}}))[0]
	claimed := b.work(r)

	b.want("lost", b.step(LeaseLost{}))
	if b.m.Reserve(r, 1, b.now) {
		t.Error("room was promised without a lease")
	}
	b.step(Admitted{late})
	b.step(Claimed{Claim: claim, Answer: bellhop.Claimed{Work: []bellhop.Work{claimed}, Next: b.now}})
	b.lease = bellhop.Lease{Node: 1, Epoch: 8}
	b.want("joined", b.step(Joined{b.lease}))
	b.want("its buckets are its own again", b.own())
	effects = b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}})
	b.want("what waits is noted", effects, "Claim")
	if c := of[Claim](effects)[0]; c.Lease != b.lease {
		t.Errorf("claimed under %+v", c.Lease)
	}
	result, follows := b.answer(job, bellhop.ClassTaken)
	b.want("the request that was under way", follows)
	if result.Lease.Epoch != 7 {
		t.Errorf("its result is said to be of epoch %d", result.Lease.Epoch)
	}
	b.step(Claimed{Claim: of[Claim](effects)[0]})
	b.quiet()
}

// What was begun under an old lease is nobody's under the new one, though it is still
// under way.
func TestWhatFliesUnderAnOldLeaseIsNotOurs(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	b.publish(r)
	b.step(LeaseLost{})
	b.lease.Epoch++
	b.step(Joined{b.lease})
	b.own()
	claim := of[Claim](b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}}))[0]
	effects := b.step(Claimed{Claim: claim, Result: Unknown})
	b.want("the answer was lost", effects, "Disown")
	if got := of[Disown](effects)[0]; len(got.Known) != 0 || got.Lease != b.lease {
		t.Errorf("said to be ours: %+v", got)
	}
}

func TestAClaimWhoseAnswerWasLost(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 })
	flying, effects := b.publish(r)
	job := of[Send](effects)[0].Job
	queued, _ := b.publish(r)
	committing := b.work(r)
	b.m.Reserve(r, len(committing.Event.Data), b.now)
	claim := of[Claim](b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}}))[0]
	b.want("the answer was lost while a commit is under way", b.step(Claimed{Claim: claim, Result: Unknown}))
	if b.m.Reserve(r, 1, b.now) {
		t.Error("room was promised that the store might take away")
	}
	effects = b.step(Admitted{committing})
	b.want("the commit has ended", effects, "Disown")
	want := []bellhop.DeliveryID{flying.Delivery.ID, queued.Delivery.ID, committing.Delivery.ID}
	slices.Sort(want)
	if got := of[Disown](effects)[0]; fmt.Sprint(got.Known) != fmt.Sprint(want) || got.Lease != b.lease {
		t.Errorf("ours are %v, want %v", got.Known, want)
	}
	b.now = b.now.Add(time.Minute)
	b.want("no claim meanwhile", b.step(Tick{}))
	if b.m.Reserve(r, 1, b.now) {
		t.Error("room was promised that the store might take away")
	}
	effects = b.step(Disowned{r.ID})
	b.want("disowned", effects, "Claim")
	b.step(Claimed{Claim: of[Claim](effects)[0]})
	_, follows := b.answer(job, bellhop.ClassAgain)
	effects = ofKind(follows, "Disown")
	if len(effects) != 1 || slices.Contains(of[Disown](effects)[0].Known, flying.Delivery.ID) {
		t.Errorf("what was recorded, perhaps before it was called ours, is not given up: %v", names(follows))
	}
}

func TestAfterTheEndNothingBegins(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 })
	_, effects := b.publish(r)
	b.publish(r)
	b.step(Stop{})
	_, follows := b.answer(of[Send](effects)[0].Job, bellhop.ClassAgain)
	b.want("answered", follows)
	b.want("noted", b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}}))
	b.want("told", b.step(Heartbeat{}))
}

func TestARequestThatWasCutOffIsNotRecorded(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	_, effects := b.publish(r)
	b.step(Stop{})
	b.want("cut off", b.step(Sent{Job: of[Send](effects)[0].Job, Cut: true}))
	b.quiet()
}

func TestADeletedEndpointLeavesNothingOnTheBooks(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 })
	_, effects := b.publish(r)
	job := of[Send](effects)[0].Job
	b.publish(r)
	a, c := b.work(r), b.work(r)
	b.m.Reserve(r, len(a.Event.Data), b.now)
	b.m.Reserve(r, len(c.Event.Data), b.now)
	claim := of[Claim](b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}}))[0]
	b.want("deleted", b.step(Configured{Gone: []bellhop.EndpointID{r.ID}}), "Release")
	b.want("admitted", b.step(Admitted{a}), "Release")
	b.step(Unreserved{r.ID, len(c.Event.Data)})
	b.want("claimed", b.step(Claimed{Claim: claim, Answer: bellhop.Claimed{Work: []bellhop.Work{b.work(r)}, Next: b.now}}), "Release")
	_, follows := b.answer(job, bellhop.ClassAgain)
	b.want("answered", follows)
	b.quiet()
}

func TestARateIsKept(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.RateLimit = &bellhop.RateLimit{PerSecond: 2} })
	_, effects := b.publish(r)
	b.want("the first", effects, "Send")
	_, effects = b.publish(r)
	b.want("the second", effects)
	timers := of[SetTimer](effects)
	if len(timers) != 1 || timers[0].At.Sub(b.now) != 500*time.Millisecond {
		t.Fatalf("%v", timers)
	}
	b.now = timers[0].At
	b.want("half a second later", b.step(Tick{}), "Send")
}

// A lane that waited for a slot, and then got one by itself, must not swallow the
// chance of the lane behind it.
func TestAReturnedSlotGoesToALaneThatUsesIt(t *testing.T) {
	b := newBench(t)
	b.m.slots.max = 2
	one := func(e *bellhop.Endpoint) { e.Concurrency = 8 }
	x, y, z := b.endpoint(one), b.endpoint(one), b.endpoint(one)
	_, first := b.publish(x)
	b.want("the first", first, "Send")
	b.answer(of[Send](first)[0].Job, bellhop.ClassTaken)
	_, first = b.publish(x)
	b.want("a proven one", first, "Send")
	_, second := b.publish(y)
	_, third := b.publish(z)
	if n := len(of[Send](second)) + len(of[Send](third)); n > 1 {
		t.Fatalf("%d more are sent than there are slots", n-1)
	}
	sent := append(of[Send](second), of[Send](third)...)
	_, follows := b.answer(of[Send](first)[0].Job, bellhop.ClassTaken)
	sent = append(sent, of[Send](follows)...)
	for i := 0; i < len(sent); i++ {
		_, follows := b.answer(sent[i].Job, bellhop.ClassTaken)
		sent = append(sent, of[Send](follows)...)
	}
	if len(sent) != 2 {
		t.Errorf("%d of the two that waited were sent", len(sent))
	}
	b.quiet()
}

func TestMemoryOfAllLanesIsBounded(t *testing.T) {
	b := newBench(t)
	large := func(r *routes.Route) bellhop.Work {
		w := b.work(r)
		w.Event.Data = bytes.Repeat([]byte{'1'}, 200<<10)
		return w
	}
	var claims []Claim
	for range 50 {
		claims = append(claims, of[Claim](b.step(Noted{bellhop.Backlog{Endpoint: b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 }).ID, Due: b.now}}))...)
	}
	if b.m.memory.held > b.m.QueueBytes {
		t.Errorf("claims for %d bytes are under way; the bound is %d", b.m.memory.held, b.m.QueueBytes)
	}
	for _, c := range claims {
		if c.weight > int64(c.Limit*itemWeight+bodies*c.MaxBytes) {
			t.Errorf("%d deliveries of %d bytes are claimed, and %d counted", c.Limit, c.MaxBytes, c.weight)
		}
	}
	r := b.endpoint()
	w := large(r)
	b.m.memory.held = b.m.QueueBytes + 1
	if b.m.Reserve(r, len(w.Event.Data), b.now) {
		t.Error("room was promised beyond the bound of all lanes")
	}
}

// TestMemoryIsBoundedWhileTheStoreIsSlow: where all lanes hold too much, a lane does not
// fetch one large event after the other while the outcomes of those before are not durable.
func TestMemoryIsBoundedWhileTheStoreIsSlow(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	claims := of[Claim](b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}}))
	var sent []Send
	for i := 0; i < len(claims) && i < 100; i++ {
		w := b.work(r)
		w.Event.Data = bytes.Repeat([]byte{'1'}, 200<<10)
		effects := b.step(Claimed{Claim: claims[i], Answer: bellhop.Claimed{Work: []bellhop.Work{w}, Next: b.now}})
		for _, s := range of[Send](effects) {
			sent = append(sent, s)
			effects = append(effects, b.step(Sent{
				Job: s.Job, Attempt: id.Next[id.Attempt](b.ids, b.now), Outcome: &bellhop.Outcome{Class: bellhop.ClassTaken, Reason: "status"},
			})...)
		}
		claims = append(claims, of[Claim](effects)...)
	}
	if most := b.m.memory.most(); b.m.memory.held > most {
		t.Errorf("the lanes hold %d bytes; the bound is %d", b.m.memory.held, most)
	}
	before := len(claims)
	for _, s := range sent {
		claims = append(claims, of[Claim](b.step(Recorded{Job: s.Job}))...)
	}
	if len(sent) < 2 || len(claims) == before {
		t.Errorf("%d were sent, and nothing is fetched where there is room again", len(sent))
	}
}
