package desk

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/id"
)

// TypeTest is the type of the event that tests and verifications send.
const TypeTest = "webhook.test"

// SampleData is what a test event of a type without an example carries: what the
// dialect's receivers know as a test, or a few words.
func SampleData(x *dialect.Dialect, eventType string) bellhop.JSON {
	if data := x.Definition().Verification.Data; data != "" && eventType == TypeTest {
		return bellhop.JSON(data)
	}
	return marshal(map[string]any{
		"message": "This is a test event. If you can read it, your endpoint works.",
		"type":    eventType,
	})
}

// testType is the type of a test event whose type nobody chose, and its subject: those of
// the recipe's sample, if there is a recipe.
func (d *Desk) testType(e *bellhop.Endpoint) (name, subject string) {
	if x := d.e.Routes().Recipe(e.Recipe); x != nil {
		s := x.Definition().Sample
		return s.Type, s.Subject
	}
	return TypeTest, ""
}

// testData is the data of a test event: the catalogue's example, if the principal sees the
// type, or what the recipe makes something of, or what the type's schema describes, or what
// the dialect's receivers know as a test, or a sample.
func (d *Desk) testData(p bellhop.Principal, eventType string, e *bellhop.Endpoint) bellhop.JSON {
	t, err := d.visibleType(p, eventType)
	if err == nil && len(t.Example) > 0 {
		return t.Example
	}
	if x := d.e.Routes().Recipe(e.Recipe); x != nil {
		return bellhop.JSON(x.Definition().Sample.Data)
	}
	if data := d.exampleOf(&t); err == nil && len(data) > 0 {
		return data
	}
	return SampleData(d.e.Routes().Dialect(e.Dialect), eventType)
}

// verify calls the URL of an endpoint that is about to be saved, where the caller
// or its dialect asks for that, and fails unless it answers as it must. No lock is
// held meanwhile: the receiver may take its time.
func (d *Desk) verify(ctx context.Context, e bellhop.Endpoint, asked bellhop.Field[bool]) error {
	x := d.e.Routes().Dialect(e.Dialect)
	if x == nil {
		return nil // apply has refused it
	}
	rule := x.Definition().Verification
	if rule.Required || rule.Data != "" {
		e.Transform = nil // a call of the dialect's own, not an event
	}
	r := d.e.Routes().Compile(e)
	if e.Recipe != "" {
		rule = dialect.Verification{} // what the dialect's receivers expect is nothing to a recipe's
	}
	if e.Listened() {
		rule.Required = false // nobody listens at it before there is one
	}
	if !asked.Value && (asked.Set || !rule.Required) {
		return nil
	}
	now := d.e.Now()
	name, subject := d.testType(&e)
	o, err := d.e.Verify(ctx, r, rule.Unsigned, dialect.Message{
		ID: id.Next[id.Event](d.e.IDs(), now).String(), App: e.Apps[0], Type: name, Subject: subject,
		Time: now, Data: d.testData(bellhop.Owner(), name, &e), Timestamp: now,
	})
	if err != nil {
		return fmt.Errorf("verify an endpoint: %w", err)
	}
	if o.Reason == bellhop.ReasonResources {
		return &bellhop.Error{
			Code: bellhop.CodeUnavailable, RetryAfter: time.Second,
			Detail: "The URL could not be verified, and nothing was saved: " + o.Detail + ". Try again in a moment",
		}
	}
	want, good := "2xx", o.Class == bellhop.ClassTaken
	if rule.Status != 0 {
		want = fmt.Sprint(rule.Status)
		good = o.Exchange.ResponseStatus == rule.Status && (o.Reason == "" || o.Reason == bellhop.ReasonStatus)
	}
	if good {
		return nil
	}
	detail := o.Detail
	if detail == "" {
		detail = fmt.Sprintf("The receiver answered %d %s.", o.Exchange.ResponseStatus, http.StatusText(o.Exchange.ResponseStatus))
	}
	return &bellhop.Error{Code: bellhop.CodeVerification, Detail: "The URL did not pass its verification; nothing was saved", Fields: []bellhop.FieldError{
		{Field: "url", Code: "verify_failed", Detail: "must answer a test event with " + want + ". " + detail},
	}}
}

// TestEndpoint sends a test event to one endpoint at once, past its queue, its
// circuit and a pause, and answers its one attempt. An empty type means that of its
// recipe's sample, or TypeTest; without data, it carries the catalogue's example of the
// type, or a sample. Tests have few slots: beyond them it fails with a CodeTooMany error.
func (d *Desk) TestEndpoint(ctx context.Context, p bellhop.Principal, e bellhop.EndpointID, eventType string, data bellhop.JSON) (bellhop.Attempt, error) {
	return d.TestFor(ctx, p, "", e, eventType, data)
}

// TestFor is TestEndpoint with an event of one of the endpoint's apps; "" is the first.
func (d *Desk) TestFor(ctx context.Context, p bellhop.Principal, app string, e bellhop.EndpointID, eventType string, data bellhop.JSON) (bellhop.Attempt, error) {
	var none bellhop.Attempt
	if err := Permits(p, "testEndpoint"); err != nil {
		return none, err
	}
	r, err := d.editable(p, e)
	if err != nil {
		return none, err
	}
	if r.Status != bellhop.EndpointActive {
		if r, err = d.changeable(p, e); err != nil { // a test goes past its pause
			return none, err
		}
	}
	if why := r.Broken(); why != "" {
		return none, &bellhop.Error{Code: bellhop.CodeEndpointStatus, Detail: "Nothing can be sent to the endpoint: " + why}
	}
	subject := ""
	if eventType == "" {
		eventType, subject = d.testType(&r.Endpoint)
	}
	if len(data) == 0 {
		data = d.testData(p, eventType, &r.Endpoint)
	}
	if app == "" {
		app = r.Apps[0]
	} else if !slices.Contains(r.Apps, app) {
		return none, bellhop.NotFound("endpoint", e.String())
	}
	event := engine.Publication{App: app, Type: eventType, Subject: subject, Data: data}
	if err := d.e.CheckPublication(ctx, &event); err != nil && bellhop.CodeOf(err) != bellhop.CodeUnknownType && bellhop.CodeOf(err) != bellhop.CodeArchivedType {
		return none, err
	}
	if err := d.audit(ctx, d.e.AuditEntry(p.Actor, "endpoint.test", e.String(), r.Apps, map[string]any{"type": eventType})); err != nil {
		return none, err
	}
	a, err := d.e.Try(ctx, e, event)
	if err != nil {
		return none, err
	}
	return d.shownAttempt(p, a), nil
}
