package native

import (
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
)

type listDeliveriesInput struct {
	api.Paging
	deliveryFilter
}

// deliveryFilter is what lists of deliveries are filtered by.
type deliveryFilter struct {
	span
	App      string                 `query:"app" doc:"Only deliveries of this app's events." example:"acme"`
	Endpoint bellhop.EndpointID     `query:"endpoint" doc:"Only deliveries to this endpoint."`
	Event    bellhop.EventID        `query:"event" doc:"Only deliveries of this event."`
	Type     string                 `query:"type" minLength:"1" doc:"Only deliveries of events of this type: exact, or a prefix and a trailing *." example:"invoice.*"`
	Status   bellhop.DeliveryStatus `query:"status" enum:"pending,succeeded,failed,held,canceled" doc:"Only deliveries in this state."`
	labelFilter
}

func (f deliveryFilter) filter() bellhop.DeliveryFilter {
	return bellhop.DeliveryFilter{Endpoint: f.Endpoint, Event: f.Event, Type: f.Type, Status: f.Status, Since: f.Since, Until: f.Until}
}

func (n *native) listDeliveries(c *api.Call, in listDeliveriesInput) (wire.Page[wire.Delivery], error) {
	if !in.any() {
		before, err := cursorDeliveries.Number(in.Cursor)
		if err != nil {
			return wire.Page[wire.Delivery]{}, err
		}
		f := in.filter()
		f.Before, f.Limit = bellhop.DeliveryID(before), in.Limit
		list, next, err := n.desk.LabelledDeliveries(c.Context(), c.Principal(), in.App, f, in.labels())
		return searched(list, n.delivery, cursorDeliveries, int64(next), next.Time()), err
	}
	return n.deliveries(in.Paging, func(before bellhop.DeliveryID) ([]bellhop.Delivery, error) {
		f := in.filter()
		f.Before, f.Limit = before, in.More()
		return n.desk.Deliveries(c.Context(), c.Principal(), in.App, f)
	})
}

// deliveries answers one page of the deliveries that read gives from a place on.
func (n *native) deliveries(p api.Paging, read func(before bellhop.DeliveryID) ([]bellhop.Delivery, error)) (wire.Page[wire.Delivery], error) {
	before, err := cursorDeliveries.Number(p.Cursor)
	if err != nil {
		return wire.Page[wire.Delivery]{}, err
	}
	list, err := read(bellhop.DeliveryID(before))
	if err != nil {
		return wire.Page[wire.Delivery]{}, err
	}
	position := func(d bellhop.Delivery) string { return cursorDeliveries.AtNumber(int64(d.ID)) }
	return page(p, list, position, n.delivery), nil
}

type deliveryID struct {
	ID bellhop.DeliveryID `path:"id" noun:"delivery" doc:"The delivery's id."`
}

type deliveryAction struct {
	deliveryID
	api.Nothing
}

func (n *native) tryDelivery(c *api.Call, in deliveryAction) (wire.Delivery, error) {
	d, err := n.desk.TryDelivery(c.Context(), c.Principal(), in.ID)
	return n.delivery(d), err
}

type failuresInput struct {
	App      string             `query:"app" doc:"Only failures of this app's events." example:"acme"`
	Endpoint bellhop.EndpointID `query:"endpoint" doc:"Only at this endpoint."`
	Since    time.Time          `query:"since" doc:"Of what was given up, only what was so at this time or later. Default: for 24 hours. What waits to be tried again is counted in any case."`
}

func (n *native) listFailures(c *api.Call, in failuresInput) (wire.Failures, error) {
	f, err := n.desk.Failures(c.Context(), c.Principal(), in.App, in.Endpoint, in.Since)
	return wire.Failures{Data: append([]bellhop.Failure{}, f.List...), Partial: f.Partial}, err
}

func (n *native) getDelivery(c *api.Call, in deliveryID) (wire.Delivery, error) {
	d, err := n.desk.Delivery(c.Context(), c.Principal(), in.ID)
	return n.delivery(d), err
}

// delivery dresses a delivery as it is now.
func (n *native) delivery(d bellhop.Delivery) wire.Delivery {
	return wire.DeliveryOf(d, n.desk.AllHeld())
}
