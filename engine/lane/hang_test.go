package lane

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// untaken is an endpoint of an app that has never taken an event.
func untaken(app string) func(*bellhop.Endpoint) {
	return func(e *bellhop.Endpoint) {
		e.Apps, e.Vitals = []string{app}, bellhop.Vitals{Revision: 1}
	}
}

// sends publishes events, and counts the requests that go at once.
func (b *bench) sends(r *routes.Route, events int) (n int) {
	b.Helper()
	for range events {
		_, effects := b.publish(r)
		n += len(of[Send](effects))
	}
	return n
}

// TestHangingEndpointsOfAnAppLeaveSlotsToOthers, also where none of them, and of the others,
// has answered before, as after a start.
func TestHangingEndpointsOfAnAppLeaveSlotsToOthers(t *testing.T) {
	b := newBench(t)
	b.m.memory.max = 1 << 30
	many := 0
	for range 100 {
		many += b.sends(b.endpoint(untaken("many")), 10)
	}
	if most := b.m.slots.part(2); many != most {
		t.Errorf("an app whose endpoints have never answered sends %d requests, want %d", many, most)
	}
	for s := range 20 {
		_, effects := b.publish(b.endpoint(untaken("other")))
		sent := of[Send](effects)
		if len(sent) != 1 {
			t.Fatalf("after %d s, the first event to another app's endpoint waits", s)
		}
		b.answer(sent[0].Job, bellhop.ClassTaken)
		b.step(Tick{})
		b.now = b.now.Add(time.Second)
	}
	for range 10 {
		if n := b.sends(b.endpoint(), 1); n != 1 {
			t.Fatal("an event to an endpoint that has answered before waits")
		}
	}
}

// TestWhatHangsLeavesSlotsToItsOwnApp: requests that began while nothing was known of their
// endpoint count against others of the app until they hang.
func TestWhatHangsLeavesSlotsToItsOwnApp(t *testing.T) {
	b := newBench(t)
	for range b.m.slots.part(2) + 2 {
		b.sends(b.endpoint(untaken("acme")), 1)
	}
	waiting, effects := b.publish(b.endpoint(untaken("acme")))
	b.want("where an app has all that it may have untried", effects)
	b.now = b.now.Add(slowAfter + time.Millisecond)
	for {
		sent := of[Send](b.step(Tick{}))
		if len(sent) == 0 {
			t.Fatal("it waits although the others hang")
		}
		for _, s := range sent {
			if s.Job.Work.Delivery.ID == waiting.Delivery.ID {
				return
			}
		}
		b.now = b.now.Add(slowAfter + time.Millisecond)
	}
}

// TestAReturnedSlotIsNotLostOnLanesThatWantNone, however many of them have waited for one.
func TestAReturnedSlotIsNotLostOnLanesThatWantNone(t *testing.T) {
	b := newBench(t)
	b.m.slots.max = 2
	var flying []*Job
	for range 2 {
		_, effects := b.publish(b.endpoint())
		flying = append(flying, of[Send](effects)[0].Job)
	}
	var gone []bellhop.EndpointID
	for range 20 * offers {
		r := b.endpoint()
		b.publish(r)
		gone = append(gone, r.ID)
	}
	_, effects := b.publish(b.endpoint())
	b.want("without a slot", effects)
	b.step(Configured{Gone: gone})
	_, follows := b.answer(flying[0], bellhop.ClassTaken)
	b.want("a slot comes back", follows, "Send")
}

// TestReturnedSlotsGoToThoseThatAnswerFirst, and then to those that fail.
func TestReturnedSlotsGoToThoseThatAnswerFirst(t *testing.T) {
	b := newBench(t)
	b.m.slots.max = 1
	_, effects := b.publish(b.endpoint())
	flying := of[Send](effects)[0].Job
	fails := func(e *bellhop.Endpoint) { e.Vitals.FailingSince = b.now.Add(-time.Minute) }
	var waiting []bellhop.Work
	for _, change := range []func(*bellhop.Endpoint){fails, untaken("acme"), func(*bellhop.Endpoint) {}} {
		w, effects := b.publish(b.endpoint(change))
		b.want("without a slot", effects)
		waiting = append(waiting, w)
	}
	for i := len(waiting) - 1; i >= 0; i-- {
		_, follows := b.answer(flying, bellhop.ClassTaken)
		sent := of[Send](follows)
		if len(sent) != 1 || sent[0].Job.Work.Delivery.ID != waiting[i].Delivery.ID {
			t.Fatalf("of %d that wait, the wrong one is sent: %v", i+1, sent)
		}
		flying = sent[0].Job
	}
}
