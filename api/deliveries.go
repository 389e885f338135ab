package api

import (
	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

type listDeliveriesInput struct {
	paging
	span
	App      string                 `query:"app" doc:"Only deliveries of this app's events." example:"acme"`
	Endpoint bellhop.EndpointID     `query:"endpoint" doc:"Only deliveries to this endpoint."`
	Event    bellhop.EventID        `query:"event" doc:"Only deliveries of this event."`
	Type     string                 `query:"type" doc:"Only deliveries of events of this type: exact, or a prefix and a trailing *." example:"invoice.*"`
	Status   bellhop.DeliveryStatus `query:"status" enum:"pending,succeeded,failed,held,canceled" doc:"Only deliveries in this state."`
}

func (a *api) listDeliveries(c *call, in listDeliveriesInput) (wire.Page[wire.Delivery], error) {
	var none wire.Page[wire.Delivery]
	apps, err := c.apps(in.App)
	if err != nil {
		return none, err
	}
	if err := in.check(); err != nil {
		return none, err
	}
	return a.deliveries(c, in.paging, bellhop.DeliveryFilter{
		Apps: apps, Endpoint: in.Endpoint, Event: in.Event, Type: in.Type, Status: in.Status,
		Since: in.Since, Until: in.Until,
	})
}

// deliveries answers one page of the deliveries that f selects.
func (a *api) deliveries(c *call, p paging, f bellhop.DeliveryFilter) (wire.Page[wire.Delivery], error) {
	before, err := cursorDeliveries.number(p.Cursor)
	if err != nil {
		return wire.Page[wire.Delivery]{}, err
	}
	f.Before, f.Limit = before, p.more()
	deliveries, err := a.b.Logs().Deliveries(c.ctx(), f)
	if err != nil {
		return wire.Page[wire.Delivery]{}, err
	}
	position := func(d bellhop.Delivery) string { return encodeNumber(cursorDeliveries, d.Position()) }
	return page(p, deliveries, position, wire.DeliveryOf), nil
}

type deliveryID struct {
	ID bellhop.DeliveryID `path:"id" noun:"delivery" doc:"The delivery's id."`
}

func (a *api) getDelivery(c *call, in deliveryID) (wire.Delivery, error) {
	d, err := a.b.Logs().Delivery(c.ctx(), in.ID)
	if bellhop.IsNotFound(err) || err == nil && !c.key.Sees(d.App) {
		return wire.Delivery{}, missing("delivery", in.ID.String())
	}
	return wire.DeliveryOf(d), err
}
