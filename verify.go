package bellhop

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/id"
)

// TypeTest is the type of the event that tests and verifications send.
const TypeTest = "webhook.test"

// sampleData is what a test event of a type without an example carries.
func sampleData(eventType string) JSON {
	return marshal(map[string]any{
		"message": "This is a test event. If you can read it, your endpoint works.",
		"type":    eventType,
	})
}

// testData is the data of a test event: the catalogue's example, or a sample.
func (b *Bellhop) testData(eventType string) JSON {
	if t, err := b.EventType(eventType); err == nil && len(t.Example) > 0 {
		return t.Example
	}
	return sampleData(eventType)
}

// verify calls the URL of an endpoint that is about to be saved, where the caller
// or its dialect asks for that, and fails unless it answers as it must.
func (b *Bellhop) verify(ctx context.Context, e Endpoint, asked Field[bool]) error {
	r := b.compileRoute(e)
	if r.dialect == nil {
		return nil // apply has refused it
	}
	rule := r.dialect.Definition().Verification
	if !asked.Value && (asked.Set || !rule.Required) {
		return nil
	}
	now := b.cfg.Now()
	m := dialect.Message{
		ID: id.Next[id.Event](b.node.Load().ids, now).String(), App: e.Apps[0], Type: TypeTest,
		Time: now, Data: b.testData(TypeTest), Timestamp: now,
	}
	var signer *dialect.Signer
	var err error
	if rule.Unsigned {
		signer, err = r.dialect.NewSigner(nil)
	} else {
		signer, err = r.sign(now)
	}
	if err != nil {
		return fmt.Errorf("sign the verification: %w", err)
	}
	request, err := b.render(r, signer, m)
	if err != nil {
		return fmt.Errorf("render the verification: %w", err)
	}
	a := &Attempt{App: m.App}
	b.exchange(ctx, a, r, request)
	want := "2xx"
	good := a.ResponseStatus >= 200 && a.ResponseStatus <= 299
	if rule.Status != 0 {
		want, good = fmt.Sprint(rule.Status), a.ResponseStatus == rule.Status
	}
	if good && (a.Reason == "" || a.Reason == reasonStatus) {
		return nil
	}
	detail := a.Detail
	if detail == "" {
		detail = fmt.Sprintf("The receiver answered %d %s.", a.ResponseStatus, http.StatusText(a.ResponseStatus))
	}
	return &Error{Code: CodeVerification, Detail: "The URL did not pass its verification; nothing was saved", Fields: []FieldError{
		{"url", "verify_failed", "must answer a test event with " + want + ". " + detail},
	}}
}

// TestEndpoint sends a test event to one endpoint at once, past its queue, its
// circuit and a pause, and answers its one attempt. An empty type means TypeTest;
// without data, it carries the catalogue's example of the type, or a sample.
func (b *Bellhop) TestEndpoint(ctx context.Context, actor string, e EndpointID, eventType string, data JSON) (Attempt, error) {
	r, err := b.route(e)
	if err != nil {
		return Attempt{}, err
	}
	if r.broken != "" {
		return Attempt{}, &Error{Code: CodeEndpointStatus, Detail: "Nothing can be sent to the endpoint: " + r.broken}
	}
	if eventType == "" {
		eventType = TypeTest
	}
	if len(data) == 0 {
		data = b.testData(eventType)
	}
	p := Publication{App: r.Apps[0], Type: eventType, Data: data}
	if err := b.checkPublication(&p, ""); err != nil && CodeOf(err) != CodeUnknownType && CodeOf(err) != CodeArchivedType {
		return Attempt{}, err
	}
	entry := b.auditEntry(actor, "endpoint.test", e.String(), r.Apps, map[string]any{"type": eventType})
	if err := b.audit(ctx, entry); err != nil {
		return Attempt{}, err
	}
	w, err := b.enqueueTest(ctx, r, &p)
	if err != nil {
		return Attempt{}, err
	}
	// From here on the caller's going away changes nothing: the attempt is made
	// and recorded, like any other.
	done := make(chan *Attempt, 1)
	if !b.lanes.spawn(func() { done <- b.test(r, &w) }) {
		return Attempt{}, fmt.Errorf("send a test: not delivering: %w", ErrUnavailable)
	}
	select {
	case a := <-done:
		if a == nil {
			return Attempt{}, fmt.Errorf("send a test: cut off by shutdown: %w", ErrUnavailable)
		}
		return *a, nil
	case <-ctx.Done():
		return Attempt{}, ctx.Err()
	}
}

// test makes and records the one attempt of a test; nil if shutdown cut it off.
func (b *Bellhop) test(r *route, w *Work) *Attempt {
	a := b.attempt(b.lanes.sending, r, w)
	if a == nil {
		return nil
	}
	dec := decide(r.Retry, TriggerTest, a.Number, a.ResponseStatus, nil, b.cfg.Now(), 0)
	a.Status, a.Final = dec.status, true
	if a.Reason != "" {
		a.Status = AttemptFailed
	}
	if !b.record(Result{Attempt: *a}, w) {
		return nil
	}
	return a
}

func (b *Bellhop) enqueueTest(ctx context.Context, r *route, p *Publication) (Work, error) {
	for {
		now := b.cfg.Now()
		event := p.event(id.Next[id.Event](b.node.Load().ids, now))
		event.Test, event.Deliveries = true, 1
		d := b.newDelivery(&event, r, TriggerTest, now)
		d.Owner, d.OrderKey = b.node.Load().id, ""
		b.routes.mu.RLock()
		version := b.routes.version
		b.routes.mu.RUnlock()
		_, err := b.store.Enqueue(ctx, version, []NewEvent{{Event: event, Digest: p.digest(), Deliveries: []Delivery{d}}}, now)
		if errors.Is(err, ErrStaleRoutes) {
			if err := b.reload(ctx); err != nil {
				return Work{}, err
			}
			continue
		}
		return Work{Delivery: d, Event: &event}, b.wrote("enqueue a test event", err)
	}
}
