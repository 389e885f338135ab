package lane

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

func TestWhatIsHeldOrSkippedSaysNothingAboutHealth(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Revision = 3 })
	for range 2 * breakAfter {
		w, effects := b.publish(r)
		held, follows := b.answer(of[Send](effects)[0].Job, bellhop.ClassHeld)
		if !held.Held || held.Revision != 3 || held.Vitals != nil || held.Attempt.Final || !held.Attempt.NextAt.IsZero() ||
			held.Attempt.Status != bellhop.AttemptFailed || held.Attempt.Delivery != w.Delivery.ID {
			t.Fatalf("recorded %+v", held)
		}
		b.want("after one that is held", follows)
		_, effects = b.publish(r)
		skipped, _ := b.answer(of[Send](effects)[0].Job, bellhop.ClassSkipped)
		_, effects = b.publish(r)
		if unfit, _ := b.answer(of[Send](effects)[0].Job, bellhop.ClassUnfit); unfit.Held || unfit.Vitals != nil || !unfit.Attempt.Final {
			t.Fatalf("recorded %+v", unfit)
		}
		if skipped.Held || skipped.Vitals != nil || !skipped.Attempt.Final || skipped.Attempt.Status != bellhop.AttemptCanceled {
			t.Fatalf("recorded %+v", skipped)
		}
	}
	if s := b.m.State(r, b.now); s.Circuit != "closed" || s.ConsecutiveFailures != 0 || !s.FailingSince.IsZero() {
		t.Errorf("%+v", s)
	}
	b.step(Heartbeat{})
	b.quiet()
}

func TestAHeldProbeLeavesTheCircuitOpenForTheNext(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 })
	_, effects := b.publish(r)
	for range breakAfter {
		job := of[Send](effects)[0].Job
		if b.m.State(r, b.now).ConsecutiveFailures < breakAfter-1 {
			b.publish(r)
		}
		_, effects = b.answer(job, bellhop.ClassAgain)
	}
	b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}})
	b.now = b.m.State(r, b.now).NextProbe
	claim := of[Claim](b.step(Tick{}))[0]
	effects = b.step(Claimed{Claim: claim, Answer: bellhop.Claimed{Work: []bellhop.Work{b.work(r)}, Next: b.now}})
	_, effects = b.answer(of[Send](effects)[0].Job, bellhop.ClassHeld)
	if s := b.m.State(r, b.now); s.Circuit != "half_open" {
		t.Errorf("the circuit is %s after a probe that was held", s.Circuit)
	}
	if len(of[Claim](effects)) != 1 {
		t.Errorf("no other probe is fetched: %v", names(effects))
	}
}

// A request that was made by the settings of before may not be held by those of today.
func TestWhatWasHeldBySettingsOfBeforeIsFetched(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	_, effects := b.publish(r)
	job := of[Send](effects)[0].Job
	claims := of[Claim](b.step(Configured{Changed: []*routes.Route{b.changed(r, func(e *bellhop.Endpoint) { e.Revision++ })}}))
	for _, c := range claims {
		b.step(Claimed{Claim: c})
	}
	_, follows := b.answer(job, bellhop.ClassHeld)
	if len(of[Claim](follows)) != 1 {
		t.Errorf("it is not fetched: %v", names(follows))
	}
}

func TestHeldAttemptsDoNotUseUpTheSchedule(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) {
		e.Retry = bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Minute)}}
	})
	w := b.work(r)
	w.Delivery.Attempts, w.Delivery.Uncounted = 5, 5
	for _, c := range of[Claim](b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now, Retries: true}})) {
		b.step(Claimed{Claim: c, Answer: bellhop.Claimed{Work: []bellhop.Work{w}}})
	}
	var job *Job
	for _, j := range b.m.lanes[r.ID].unfinished {
		job = j
	}
	if job == nil {
		t.Fatal("nothing is sent")
	}
	result, _ := b.answer(job, bellhop.ClassAgain)
	if result.Attempt.Final || result.Attempt.Number != 6 || !result.Attempt.NextAt.Equal(b.now.Add(time.Minute)) {
		t.Errorf("recorded %+v", result.Attempt)
	}
}
