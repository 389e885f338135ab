package desk

import (
	"context"
	"fmt"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/dialect/check"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// The bounds of a check of a receiver: of one request, and of all.
const (
	checkedRequest  = bellhop.Duration(10 * time.Second)
	checkedReceiver = time.Minute
)

// CheckEndpoint sends an endpoint's receiver requests, good and bad, as tests at once, and
// says what it does with each: at most ten, one after the other, with the endpoint's own
// address, headers and credentials. They are no deliveries: nothing of them is stored but
// a line in the audit log. It takes one slot of tests; beyond those it fails with a
// CodeTooMany error.
func (d *Desk) CheckEndpoint(ctx context.Context, p bellhop.Principal, e bellhop.EndpointID) (check.Report, error) {
	var none check.Report
	if err := Permits(p, "checkEndpoint"); err != nil {
		return none, err
	}
	r, err := d.editable(p, e)
	if err != nil {
		return none, err
	}
	if r.Status != bellhop.EndpointActive {
		if r, err = d.changeable(p, e); err != nil { // it goes past its pause, as a test does
			return none, err
		}
	}
	cannot := func(why string) error { return &bellhop.Error{Code: bellhop.CodeEndpointStatus, Detail: why} }
	switch why := r.Broken(); {
	case why != "":
		return none, cannot("Nothing can be sent to the endpoint: " + why)
	case r.Recipe != "":
		return none, cannot("The endpoint follows a recipe, whose target verifies no signature: send it a test instead")
	case safehttp.IsMail(r.URL):
		return none, cannot("The endpoint sends mail, which nobody verifies: send it a test instead")
	}
	secrets, err := d.open(r.Endpoint)
	if err != nil {
		return none, err
	}
	release, err := d.e.TrialSlot(e, r.Apps)
	if err != nil {
		return none, err
	}
	defer release()
	if err := d.audit(ctx, d.e.AuditEntry(p.Actor, "endpoint.check", e.String(), r.Apps, nil)); err != nil {
		return none, err
	}

	endpoint := r.Endpoint
	endpoint.Timeout = min(endpoint.Timeout, checkedRequest)
	endpoint.Capture = nil
	tried := d.e.Routes().Compile(endpoint)
	ctx, cancel := context.WithTimeout(ctx, checkedReceiver)
	defer cancel()
	receiver := check.Receiver{
		Dialect: tried.Speaks(),
		Message: dialect.Message{App: r.Apps[0], Type: TypeTest, Data: d.testData(bellhop.Owner(), TypeTest, &endpoint)},
		NewID:   func() string { return id.Next[id.Event](d.e.IDs(), d.e.Now()).String() },
		Now:     d.e.Now, MaxData: d.e.Config().MaxData, OneAtATime: r.Concurrency == 1 || r.Ordering == bellhop.OrderingEndpoint,
		Send: func(ctx context.Context, s check.Shot) check.Answer {
			o, known := d.e.Probe(ctx, tried, s.Signer, s.Alter, s.Message)
			if !known {
				return check.Answer{Reason: string(safehttp.ReasonTimeout), Detail: fmt.Sprintf("the check was ended after %s", checkedReceiver)}
			}
			a := check.Answer{
				Status: o.Exchange.ResponseStatus, Reason: o.Reason, Detail: o.Detail,
				Duration: o.Exchange.Duration, Body: o.Exchange.ResponseBody,
			}
			switch o.Class {
			case bellhop.ClassOurs, bellhop.ClassHeld, bellhop.ClassUnfit, bellhop.ClassSkipped:
				a.Unmade = a.Status == 0
			}
			return a
		},
	}
	for _, s := range secrets {
		receiver.Secrets = append(receiver.Secrets, s.Secret)
	}
	report, err := check.Try(ctx, receiver)
	if err != nil && ctx.Err() == nil {
		return none, fmt.Errorf("check an endpoint: %w", err)
	}
	return report, nil
}
