package api

import (
	"net/http"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

// span is the range of time that logs are filtered by.
type span struct {
	Since time.Time `query:"since" doc:"Only those of this time or later (RFC 3339)." example:"2027-06-01T00:00:00Z"`
	Until time.Time `query:"until" doc:"Only those before this time (RFC 3339)." example:"2027-06-02T00:00:00Z"`
}

func (s span) check() error {
	if !s.Since.IsZero() && !s.Until.IsZero() && !s.Until.After(s.Since) {
		return invalid(bellhop.FieldError{Field: "until", Code: "range", Detail: "must be after since: until is exclusive"})
	}
	return nil
}

type eventID struct {
	ID bellhop.EventID `path:"id" noun:"event" doc:"The event's id."`
}

type listEventsInput struct {
	paging
	span
	App        string `query:"app" doc:"Only events of this app." example:"acme"`
	Type       string `query:"type" doc:"Only events of this type: exact, or a prefix and a trailing *." example:"invoice.*"`
	Subject    string `query:"subject" doc:"Only events of this subject: exact, or a prefix and a trailing *." example:"invoice:118"`
	ExternalID string `query:"external_id" doc:"Only events published with this id." example:"order-118-paid"`
}

func (a *api) listEvents(c *call, in listEventsInput) (wire.Page[wire.Event], error) {
	var none wire.Page[wire.Event]
	before, err := cursorEvents.number(in.Cursor)
	if err != nil {
		return none, err
	}
	apps, err := c.apps(in.App)
	if err != nil {
		return none, err
	}
	if err := in.check(); err != nil {
		return none, err
	}
	events, err := a.b.Logs().Events(c.ctx(), bellhop.EventFilter{
		Apps: apps, Type: in.Type, Subject: in.Subject, ExternalID: in.ExternalID,
		Since: in.Since, Until: in.Until, Before: bellhop.EventID(before), Limit: in.more(),
	})
	if err != nil {
		return none, err
	}
	position := func(e bellhop.Event) string { return encodeNumber(cursorEvents, int64(e.ID)) }
	return page(in.paging, events, position, wire.EventOf), nil
}

func (a *api) getEvent(c *call, in eventID) (wire.Event, error) {
	e, err := c.event(in.ID)
	return wire.EventOf(e), err
}

type eventDeliveriesInput struct {
	eventID
	paging
}

func (a *api) listEventDeliveries(c *call, in eventDeliveriesInput) (wire.Page[wire.Delivery], error) {
	if _, err := c.event(in.ID); err != nil {
		return wire.Page[wire.Delivery]{}, err
	}
	return a.deliveries(c, in.paging, bellhop.DeliveryFilter{Event: in.ID})
}

func (a *api) explainEvent(c *call, in eventID) (wire.List[bellhop.Explanation], error) {
	if _, err := c.event(in.ID); err != nil {
		return wire.List[bellhop.Explanation]{}, err
	}
	explanations, err := a.b.Explain(c.ctx(), in.ID)
	return wholeList(explanations), err
}

type resendInput struct {
	eventID
	Body *wire.ResendInput
}

func (a *api) resendEvent(c *call, in resendInput) (wire.List[wire.Delivery], error) {
	var none wire.List[wire.Delivery]
	if _, err := c.event(in.ID); err != nil {
		return none, err
	}
	var endpoint bellhop.EndpointID
	if in.Body != nil && in.Body.Endpoint != 0 {
		endpoint = in.Body.Endpoint
		if _, err := c.endpoint(endpoint); err != nil {
			return none, err
		}
	}
	deliveries, err := a.b.Resend(c.ctx(), c.actor(), in.ID, endpoint)
	if err != nil {
		return none, err
	}
	out := make([]wire.Delivery, len(deliveries))
	for i, d := range deliveries {
		out[i] = wire.DeliveryOf(d)
	}
	return wholeList(out), nil
}

func (a *api) eraseEvent(c *call, in eventID) (none, error) {
	if _, err := c.event(in.ID); err != nil {
		return none{}, err
	}
	c.status = http.StatusNoContent
	_, err := a.b.Erase(c.ctx(), c.actor(), bellhop.EraseSelector{Event: in.ID})
	return none{}, err
}

type eraseInput struct {
	Body wire.EraseInput
}

func (a *api) eraseSubject(c *call, in eraseInput) (wire.Erased, error) {
	if err := c.knownApp("app", in.Body.App); err != nil {
		return wire.Erased{}, err
	}
	if in.Body.Subject == "" {
		return wire.Erased{}, invalid(bellhop.FieldError{Field: "subject", Code: "required", Detail: "is empty: give the exact subject whose events are to be erased"})
	}
	events, err := a.b.Erase(c.ctx(), c.actor(), bellhop.EraseSelector{App: in.Body.App, Subject: in.Body.Subject})
	return wire.Erased{Erased: len(events)}, err
}

// wholeList is a list that is not paged; it is never null.
func wholeList[T any](data []T) wire.List[T] {
	if data == nil {
		data = []T{}
	}
	return wire.List[T]{Data: data}
}
