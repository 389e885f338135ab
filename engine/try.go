package engine

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine/lane"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/engine/send"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/script"
)

// Try sends an event to one endpoint at once, past its queue, its circuit and a pause,
// as a test: it answers the one attempt, which is recorded like any other. The type
// need not be in the catalogue.
//
// It takes a TrialSlot. Once the test is under way, ctx's end does not end it. Where
// nothing is delivered, nothing is stored either: the error is of CodeUnavailable.
func (e *Engine) Try(ctx context.Context, endpoint bellhop.EndpointID, p Publication) (bellhop.Attempt, error) {
	r := e.table.Routes().Endpoint(endpoint)
	if err := testable(r, endpoint, p.App); err != nil {
		return bellhop.Attempt{}, err
	}
	if err := e.CheckPublication(ctx, &p); err != nil && bellhop.CodeOf(err) != bellhop.CodeUnknownType && bellhop.CodeOf(err) != bellhop.CodeArchivedType {
		return bellhop.Attempt{}, err
	}
	release, err := e.TrialSlot(endpoint, r.Apps)
	if err != nil {
		return bellhop.Attempt{}, err
	}
	type result struct {
		attempt bellhop.Attempt
		err     error
	}
	done := make(chan result, 1)
	p.Data = bytes.Clone(p.Data)                             // the caller may go away and use it again
	p.ExternalID, p.DeliverAt, p.Retain = "", time.Time{}, 0 // each test is one of its own, and now
	// On the lanes' account from before anything is stored: so a test is not stored
	// and then refused, to go out as a surprise after the next start.
	if !e.lanes.Spawn(func(sending context.Context) {
		defer release()
		a, err := e.try(sending, endpoint, p)
		release() // before the answer: whoever has it may try again at once
		done <- result{a, err}
	}) {
		release()
		return bellhop.Attempt{}, unavailable("Bellhop is starting or shutting down")
	}
	select {
	case d := <-done:
		return d.attempt, d.err
	case <-ctx.Done():
		return bellhop.Attempt{}, ctx.Err()
	}
}

// try stores a test, makes its one attempt, and records that.
func (e *Engine) try(ctx context.Context, endpoint bellhop.EndpointID, p Publication) (bellhop.Attempt, error) {
	a := NewAcceptance(unlaned{}, p)
	a.only = endpoint
	if err := e.carry(ctx, a, e.enqueue(ctx)); err != nil {
		return bellhop.Attempt{}, err
	}
	// The route by which it was stored: it may have changed since the caller looked.
	r, stored := a.routes.Endpoint(endpoint), &a.request.Events[0]
	w := &bellhop.Work{Delivery: stored.Deliveries[0], Event: &stored.Event, Lease: a.request.Lease}

	attempt := id.Next[id.Attempt](e.IDs(), e.cfg.Now())
	o, known := e.guarded(r, func() (bellhop.Outcome, bool) { return e.sender.Send(script.ForPeople(ctx), r, w) })
	if !known {
		return bellhop.Attempt{}, unavailable("Shutting down cut the test off")
	}
	line := attemptOf(attempt, w, o)
	result := bellhop.Result{Attempt: line, Lease: w.Lease}
	if o.Class == bellhop.ClassTaken {
		// A test that is taken shows that the receiver works. One that fails was no
		// delivery: only those speak against it.
		result.Vitals = e.lanes.Vouch(r)
	}
	if !e.lanes.Persist("record a test", func(ctx context.Context, l bellhop.Lease) error {
		return e.store.Record(ctx, l, []bellhop.Result{result}, e.cfg.Now())
	}) {
		return bellhop.Attempt{}, unavailable("Shutting down kept the test's result from being recorded")
	}
	e.recorded(&line, w)
	if o.Class == bellhop.ClassTaken && !e.Owns(endpoint) {
		// Its owner's lane does not know that the receiver works.
		if _, err := e.Hasten(ctx, endpoint, nil); err != nil {
			e.Failed("telling the other nodes that an endpoint works", err)
		}
	}
	return line, nil
}

// attemptOf is the log line of a test's one attempt.
func attemptOf(i bellhop.AttemptID, w *bellhop.Work, o bellhop.Outcome) bellhop.Attempt {
	d := lane.Decide(bellhop.RetryPolicy{}, bellhop.TriggerTest, 1, 0, o, time.Time{}, 0)
	return bellhop.Attempt{
		ID: i, Delivery: w.Delivery.ID, Event: w.Delivery.Event, Endpoint: w.Delivery.Endpoint,
		App: w.Event.App, Type: w.Event.Type, Trigger: bellhop.TriggerTest, Number: 1,
		Status: d.Status, Final: true,
		URL: o.Exchange.URL, Method: o.Exchange.Method, Duration: bellhop.Duration(o.Exchange.Duration), Reason: o.Reason, Detail: o.Detail,
		RequestHeader: o.Exchange.RequestHeader, RequestBody: o.Exchange.RequestBody,
		RequestTruncated: o.Exchange.RequestTruncated, ResponseStatus: o.Exchange.ResponseStatus,
		ResponseHeader: o.Exchange.ResponseHeader, ResponseBody: o.Exchange.ResponseBody,
		ResponseTruncated: o.Exchange.ResponseTruncated, Captured: o.Captured,
		Dialect: o.Exchange.Dialect, Proof: o.Exchange.Proof,
	}
}

// unlaned stands for the lanes where none is concerned.
type unlaned struct{}

func (unlaned) Reserve(*routes.Route, int) bool   { return false }
func (unlaned) Unreserve(bellhop.EndpointID, int) {}
func (unlaned) Admit(...bellhop.Work)             {}
func (unlaned) NoteDue(bellhop.Backlog)           {}

// Verify sends a message to an endpoint that need not exist yet, signed or not, and
// answers what came of it. Nothing is stored. It takes a TrialSlot.
func (e *Engine) Verify(ctx context.Context, r *routes.Route, unsigned bool, m dialect.Message) (bellhop.Outcome, error) {
	release, err := e.TrialSlot(r.ID, r.Apps)
	if err != nil {
		return bellhop.Outcome{}, err
	}
	defer release()
	if r.Speaks() == nil {
		return bellhop.Outcome{}, testable(r, r.ID, m.App)
	}
	var signer *dialect.Signer
	if unsigned {
		signer, err = r.Speaks().NewSigner(nil)
	} else {
		signer, err = r.Signer(e.cfg.Now())
	}
	if err != nil {
		return bellhop.Outcome{}, fmt.Errorf("sign the verification: %w", err)
	}
	o, known := e.guarded(r, func() (bellhop.Outcome, bool) { return e.sender.Call(ctx, r, signer, m) })
	if !known {
		return bellhop.Outcome{}, fmt.Errorf("verify an endpoint: %w", context.Cause(ctx))
	}
	return o, nil
}

// Probe is Verify for whoever has a TrialSlot already, with a request that is changed once
// it is signed. ok is false if ctx ended first.
func (e *Engine) Probe(ctx context.Context, r *routes.Route, signer *dialect.Signer, alter send.Alter, m dialect.Message) (o bellhop.Outcome, ok bool) {
	return e.guarded(r, func() (bellhop.Outcome, bool) {
		return e.sender.CallAltered(script.ForPeople(ctx), r, signer, alter, m)
	})
}

// guarded makes a request; that it breaks Bellhop is an outcome, too.
func (e *Engine) guarded(r *routes.Route, request func() (bellhop.Outcome, bool)) (o bellhop.Outcome, known bool) {
	defer func() {
		if p := recover(); p != nil {
			e.log.Error("sending a test panicked. Please report this",
				"endpoint", r.ID.String(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			o, known = bellhop.Outcome{
				Class: bellhop.ClassOurs, Reason: bellhop.ReasonPanic,
				Detail:   "Bellhop failed while it made the request; its operator finds the cause in the log.",
				Exchange: bellhop.Exchange{URL: r.URL},
			}, true
		}
	}()
	return request()
}

// laneSender is how lanes send. No test goes through a lane: one that a lane finds in
// the store was left there by a process that ended in the middle of it. Whoever asked
// for it is gone, and would be surprised to see it hours later; so it is closed in the
// log, unsent.
type laneSender struct{ *send.Sender }

func (s laneSender) Deliver(ctx context.Context, r *routes.Route, w *bellhop.Work, o *bellhop.Outcome) (known bool) {
	if w.Delivery.Trigger == bellhop.TriggerTest {
		o.Class, o.Reason = bellhop.ClassOurs, bellhop.ReasonCutShort
		o.Detail = "Bellhop was stopped before the result of this test was recorded. A test is not made again later: make a new one."
		return true
	}
	return s.Sender.Deliver(ctx, r, w, o)
}
