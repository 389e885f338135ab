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

// PublishEach accepts several events, each for itself; see [engine.Engine.PublishEach].
func (d *Desk) PublishEach(ctx context.Context, p bellhop.Principal, events []engine.Publication) ([]engine.Published, error) {
	if err := Permits(p, "publishStream"); err != nil {
		return nil, err
	}
	hidden := 0
	for i := range events {
		if !p.Scope.Sees(events[i].App) {
			hidden++
		}
	}
	if hidden == 0 {
		return d.e.PublishEach(ctx, events)
	}
	seen := make([]engine.Publication, 0, len(events)-hidden)
	for i := range events {
		if p.Scope.Sees(events[i].App) {
			seen = append(seen, events[i])
		}
	}
	done, err := d.e.PublishEach(ctx, seen)
	if err != nil {
		return nil, err
	}
	all := make([]engine.Published, len(events))
	for i := range events {
		if !p.Scope.Sees(events[i].App) {
			all[i].Err = bellhop.UnknownApp("app", events[i].App)
			continue
		}
		all[i], done = done[0], done[1:]
	}
	return all, nil
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
