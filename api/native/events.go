package native

import (
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
)

type eventID struct {
	ID bellhop.EventID `path:"id" noun:"event" doc:"The event's id."`
}

type listEventsInput struct {
	api.Paging
	eventFilter
}

// eventFilter is what lists of events are filtered by.
type eventFilter struct {
	span
	App        string             `query:"app" doc:"Only events of this app." example:"acme"`
	Type       string             `query:"type" minLength:"1" doc:"Only events of this type: exact, or a prefix and a trailing *." example:"invoice.*"`
	Subject    string             `query:"subject" doc:"Only events of this subject: exact, or a prefix and a trailing *." example:"invoice:118"`
	ExternalID string             `query:"external_id" doc:"Only events published with this id." example:"order-118-paid"`
	UUID       string             `query:"uuid" doc:"Only the event with this UUID, which is what receivers of some dialects log (webhook_event_uuid of showpass). Narrow it by app and time: it is in no index." example:"2ce56e14-7f13-56e6-94b4-a5655b2079e7"`
	Channel    string             `query:"channel" minLength:"1" doc:"Only events in this channel. Each page looks at a bounded number of events: see searched_until." example:"project:7"`
	Tag        string             `query:"tag" minLength:"1" doc:"Only events with this tag; searched as channel is." example:"import"`
	Outcome    bellhop.EventState `query:"outcome" enum:"failed,held,waiting,canceled,delivered,none" doc:"Only events that stand so: the worst of the states in which they are at endpoints."`
	Where      []string           `query:"where" nullable:"false" minItems:"1" doc:"Only events whose data meets this condition: a path, one of = != < <= > >= ~ (contains), and a value. Give it several times for conditions that all hold. Each page looks at a bounded number of events: see searched_until." example:"data.customer.id = 42"`
}

func (f *eventFilter) query() desk.EventQuery {
	return desk.EventQuery{
		EventFilter: bellhop.EventFilter{
			Type: f.Type, Subject: f.Subject, ExternalID: f.ExternalID, UUID: strings.ToLower(f.UUID), Since: f.Since, Until: f.Until,
		},
		Outcome: f.Outcome, LabelFilter: bellhop.LabelFilter{Channel: f.Channel, Tag: f.Tag}, Where: f.Where,
	}
}

func (n *native) listEvents(c *api.Call, in listEventsInput) (wire.Page[wire.Event], error) {
	var out wire.Page[wire.Event]
	before, err := cursorEvents.Number(in.Cursor)
	if err != nil {
		return out, err
	}
	q := in.query()
	q.Before, q.Limit = bellhop.EventID(before), in.Limit
	list, err := n.desk.Events(c.Context(), c.Principal(), in.App, q)
	if err != nil {
		return out, err
	}
	out.Data = whole(list.Events, listedEvent).Data
	if list.Next != 0 {
		out.NextCursor = cursorEvents.AtNumber(int64(list.Next))
		if at := list.Next.Time(); list.Searched {
			out.SearchedUntil = &at
		}
	}
	return out, nil
}

func listedEvent(e desk.ListedEvent) wire.Event { return wire.EventOf(e.Event, e.Outcome) }

func (n *native) getEvent(c *api.Call, in eventID) (wire.Event, error) {
	e, err := n.desk.Event(c.Context(), c.Principal(), in.ID)
	return listedEvent(e), err
}

type eventDeliveriesInput struct {
	eventID
	api.Paging
}

func (n *native) listEventDeliveries(c *api.Call, in eventDeliveriesInput) (wire.Page[wire.Delivery], error) {
	return n.deliveries(in.Paging, func(before bellhop.DeliveryID) ([]bellhop.Delivery, error) {
		return n.desk.EventDeliveries(c.Context(), c.Principal(), in.ID, bellhop.DeliveryFilter{Before: before, Limit: in.More()})
	})
}

type explainInput struct {
	eventID
	api.Paging
}

func (n *native) explainEvent(c *api.Call, in explainInput) (wire.Page[bellhop.Explanation], error) {
	before, err := cursorExplain.Number(in.Cursor)
	if err != nil {
		return wire.Page[bellhop.Explanation]{}, err
	}
	list, err := n.desk.Explain(c.Context(), c.Principal(), in.ID, bellhop.EndpointID(before), in.More())
	if err != nil {
		return wire.Page[bellhop.Explanation]{}, err
	}
	position := func(x bellhop.Explanation) string { return cursorExplain.AtNumber(int64(x.Endpoint)) }
	return page(in.Paging, list, position, same), nil
}

type resendInput struct {
	eventID
	Body *wire.ResendInput
}

func (n *native) resendEvent(c *api.Call, in resendInput) (wire.List[wire.Delivery], error) {
	var only bellhop.EndpointID
	if in.Body != nil {
		only = in.Body.Endpoint
	}
	made, err := n.desk.Resend(c.Context(), c.Principal(), in.ID, only)
	return whole(made, n.delivery), err
}

func (n *native) eraseEvent(c *api.Call, in eventID) (api.None, error) {
	return api.None{}, n.desk.EraseEvent(c.Context(), c.Principal(), in.ID)
}

type eraseInput struct {
	Body wire.EraseInput
}

func (n *native) eraseSubject(c *api.Call, in eraseInput) (wire.Erased, error) {
	erased, err := n.desk.EraseSubject(c.Context(), c.Principal(), in.Body.App, in.Body.Subject)
	return wire.Erased{Erased: erased}, err
}
