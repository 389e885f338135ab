package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// The types of events by which Bellhop tells of itself: an app of what is its own, and
// those who listen to bellhop.AllApps of every app and of the installation. They go to
// endpoints that name them, or "bellhop.*", among their events; where none does, they are
// not published. None is told of itself, and no delivery of them that is given up is told
// of: so nothing goes round in circles.
const (
	TypeEndpointFailing   = routes.OwnTypes + "endpoint.failing"
	TypeEndpointOnHold    = routes.OwnTypes + "endpoint.on_hold"
	TypeEndpointRecovered = routes.OwnTypes + "endpoint.recovered"
	TypeEndpointDisabling = routes.OwnTypes + "endpoint.disabling"
	TypeEndpointDisabled  = routes.OwnTypes + "endpoint.disabled"
	TypeEndpointBacklog   = routes.OwnTypes + "endpoint.backlog"
	TypeDeliveryExhausted = routes.OwnTypes + "delivery.exhausted"
	TypeBacklog           = routes.OwnTypes + "backlog"
	TypeBacklogRecovered  = routes.OwnTypes + "backlog.recovered"
	TypeStorage           = routes.OwnTypes + "storage"
	TypeStorageRecovered  = routes.OwnTypes + "storage.recovered"
)

// OwnEventTypes are the types that Bellhop itself publishes events of.
func OwnEventTypes() []string {
	return []string{
		TypeBacklog, TypeBacklogRecovered, TypeDeliveryCaptured, TypeDeliveryExhausted,
		TypeEndpointBacklog, TypeEndpointDisabled, TypeEndpointDisabling, TypeEndpointFailing,
		TypeEndpointOnHold, TypeEndpointRecovered, TypeStorage, TypeStorageRecovered,
	}
}

// HearsOf tells whether an endpoint of the app wants to hear of a type of Bellhop's own.
func (e *Engine) HearsOf(app, eventType string) bool {
	return slices.ContainsFunc(e.table.Routes().Of(app), func(r *routes.Route) bool {
		return r.Status != bellhop.EndpointDisabled && r.Asks(app, eventType)
	})
}

// OwnEvent is something that Bellhop tells.
type OwnEvent struct {
	Type     string
	Endpoint bellhop.EndpointID // 0: none in particular
	// Since is when what it tells began: with the app, Type and Endpoint it is what makes
	// it one event, however often it is published.
	Since time.Time
	// Data is encoded as JSON.
	Data any
}

// PublishOwn publishes events of Bellhop's own to an app or bellhop.AllApps, but for those
// that nobody there wants to hear of, or that were published before. An app that is gone
// is told nothing.
func (e *Engine) PublishOwn(ctx context.Context, app string, events ...OwnEvent) error {
	var ps []Publication
	for _, o := range events {
		if !e.HearsOf(app, o.Type) {
			continue
		}
		p := Publication{App: app, Type: o.Type, Data: marshal(o.Data), ExternalID: fmt.Sprintf("%s:%s:%d", o.Type, o.Endpoint, o.Since.UnixMilli())}
		if o.Endpoint != 0 {
			p.Subject = routes.AboutEndpoint(o.Endpoint)
		}
		ps = append(ps, p)
	}
	return e.publishOwn(ctx, ps)
}

// publishOwn publishes at once or, if one was published before in other words, one by one.
func (e *Engine) publishOwn(ctx context.Context, ps []Publication) error {
	if len(ps) == 0 {
		return nil
	}
	_, err := e.accept(ctx, ps, inBatch)
	switch code := bellhop.CodeOf(err); {
	case code == bellhop.CodeUnknownApp, code == bellhop.CodeIDConflict && len(ps) == 1:
		return nil
	case code == bellhop.CodeIDConflict, code == bellhop.CodeBacklogFull && len(ps) > 1:
		for i := range ps {
			if err := e.publishOwn(ctx, ps[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	}
	return err
}

// DisabledData is what TypeEndpointDisabled tells of an endpoint.
func DisabledData(r *routes.Route) any {
	return map[string]any{"endpoint": r.ID, "url": r.URL, "name": r.Name, "reason": r.DisabledReason, "disabled_at": r.UpdatedAt}
}

// tellsOfEnds tells whether anybody wants to hear of deliveries of an app's events that
// are given up.
func (e *Engine) tellsOfEnds(app string) bool {
	return app != bellhop.AllApps && (e.HearsOf(bellhop.AllApps, TypeDeliveryExhausted) || e.HearsOf(app, TypeDeliveryExhausted))
}

// tellingFlow asks for a reaction to deliveries that are given up, where somebody wants to
// hear of them.
type tellingFlow struct {
	bellhop.Store
	e *Engine
}

// Record is that of the store.
func (f tellingFlow) Record(ctx context.Context, l bellhop.Lease, results []bellhop.Result, now time.Time) error {
	for i := range results {
		a := &results[i].Attempt
		if a.GaveUp() && !strings.HasPrefix(a.Type, routes.OwnTypes) {
			results[i].Tells = f.e.tellsOfEnds(a.App)
		}
	}
	return f.Store.Record(ctx, l, results, now)
}

// tellExhausted publishes to some apps that the delivery of an attempt was given up, if
// that is what it was.
func (e *Engine) tellExhausted(ctx context.Context, apps []string, i bellhop.AttemptID) error {
	a, err := e.store.Attempt(ctx, i)
	if bellhop.IsNotFound(err) || err == nil && (!a.GaveUp() || strings.HasPrefix(a.Type, routes.OwnTypes)) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look up what was given up: %w", err)
	}
	data := map[string]any{
		"event": a.Event, "event_type": a.Type, "app": a.App, "endpoint": a.Endpoint, "delivery": a.Delivery, "attempt": a.ID,
		"attempts": a.Number, "reason": a.Reason, "failed_at": a.StartedAt(),
	}
	if a.ResponseStatus != 0 {
		data["response_status"] = a.ResponseStatus
	}
	if !slices.Contains(bellhop.Quoting, a.Reason) { // else it may quote the event
		data["detail"] = a.Detail
	}
	if r := e.table.Routes().Endpoint(a.Endpoint); r != nil {
		data["endpoint_name"], data["url"] = r.Name, r.URL
	}
	for _, app := range apps {
		p := Publication{
			App: app, Type: TypeDeliveryExhausted, Subject: routes.AboutEndpoint(a.Endpoint), Data: marshal(data),
			ExternalID: TypeDeliveryExhausted + ":" + a.Delivery.String(),
		}
		if err := e.publishOwn(ctx, []Publication{p}); err != nil {
			return err
		}
	}
	return nil
}
