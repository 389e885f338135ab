package desk

import (
	"context"
	"fmt"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
)

// Publish accepts one event. When it returns without an error, the event and its
// deliveries are durable.
func (d *Desk) Publish(ctx context.Context, p bellhop.Principal, event engine.Publication) (bellhop.Receipt, error) {
	if err := Permits(p, "publishEvent"); err != nil {
		return bellhop.Receipt{}, err
	}
	if !p.Scope.Sees(event.App) {
		return bellhop.Receipt{}, bellhop.UnknownApp("app", event.App)
	}
	return d.e.Publish(ctx, event)
}

// PublishBatch accepts several events, all or nothing. Fields at fault are named
// with their place: "events[3].type".
func (d *Desk) PublishBatch(ctx context.Context, p bellhop.Principal, events []engine.Publication) ([]bellhop.Receipt, error) {
	if err := Permits(p, "publishBatch"); err != nil {
		return nil, err
	}
	for i := range events {
		if !p.Scope.Sees(events[i].App) {
			return nil, bellhop.UnknownApp(fmt.Sprintf("events[%d].app", i), events[i].App)
		}
	}
	return d.e.PublishBatch(ctx, events)
}
