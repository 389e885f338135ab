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
	TypeEndpointCreated   = routes.OwnTypes + "endpoint.created"
	TypeEndpointUpdated   = routes.OwnTypes + "endpoint.updated"
	TypeEndpointDeleted   = routes.OwnTypes + "endpoint.deleted"
	TypeDeliveryFailing   = routes.OwnTypes + "delivery.failing"
	TypeDeliveryRecovered = routes.OwnTypes + "delivery.recovered"
	TypeDeliveryExhausted = routes.OwnTypes + "delivery.exhausted"
	TypeBacklog           = routes.OwnTypes + "backlog"
	TypeBacklogRecovered  = routes.OwnTypes + "backlog.recovered"
	TypeStorage           = routes.OwnTypes + "storage"
	TypeStorageRecovered  = routes.OwnTypes + "storage.recovered"
)

// OwnEventTypes are the types that Bellhop itself publishes events of.
func OwnEventTypes() []string {
	return []string{
		TypeBacklog, TypeBacklogRecovered, TypeDeliveryCaptured, TypeDeliveryExhausted, TypeDeliveryFailing, TypeDeliveryRecovered,
		TypeEndpointBacklog, TypeEndpointCreated, TypeEndpointDeleted, TypeEndpointDisabled, TypeEndpointDisabling,
		TypeEndpointFailing, TypeEndpointOnHold, TypeEndpointRecovered, TypeEndpointUpdated, TypeStorage, TypeStorageRecovered,
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
	// Revision, if not 0, tells apart what began at one moment.
	Revision int64
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
		if o.Revision != 0 {
			p.ExternalID += fmt.Sprintf(":%d", o.Revision)
		}
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

// EndpointData is what is told of an endpoint itself to an app, or to bellhop.AllApps: which
// other apps it listens to is none of an app's business.
func (e *Engine) EndpointData(app string, x *bellhop.Endpoint) map[string]any {
	data := map[string]any{"endpoint": x.ID, "url": x.URL, "name": x.Name}
	if app == bellhop.AllApps {
		data["apps"] = x.Apps
		app = x.Apps[0]
	}
	e.nameApp(data, app)
	give(data, "uid", x.UID)
	give(data, "former_id", x.FormerID)
	return data
}

// nameApp says which app it is about.
func (e *Engine) nameApp(data map[string]any, app string) {
	data["app"] = app
	if a, ok := e.table.Routes().App(app); ok {
		give(data, "app_uid", a.UID)
	}
}

// give adds what there is.
func give(data map[string]any, name, value string) {
	if value != "" {
		data[name] = value
	}
}

// DisabledData is what TypeEndpointDisabled tells of an endpoint.
func (e *Engine) DisabledData(app string, r *routes.Route) any {
	data := e.EndpointData(app, &r.Endpoint)
	data["reason"], data["disabled_at"] = r.DisabledReason, r.UpdatedAt
	if since := r.Vitals.FailingSince; !since.IsZero() {
		data["failing_since"] = since
	}
	return data
}

// turnTypes are the types of events by which Bellhop tells how a delivery of an app's events
// goes.
var turnTypes = []string{TypeDeliveryFailing, TypeDeliveryRecovered, TypeDeliveryExhausted}

// turnOf is the type of the event that tells what an attempt means for its delivery; "" for
// nothing that is told. Deliveries of Bellhop's own events are told nothing of.
func turnOf(a *bellhop.Attempt) string {
	turn := ""
	switch {
	case a.GaveUp():
		turn = TypeDeliveryExhausted
	case a.BeginsToFail():
		turn = TypeDeliveryFailing
	case a.Recovers():
		turn = TypeDeliveryRecovered
	}
	if turn == "" || strings.HasPrefix(a.Type, routes.OwnTypes) {
		return ""
	}
	return turn
}

// tells tells whether anybody wants to hear that deliveries of an app's events took a turn.
func (e *Engine) tells(app, turn string) bool {
	return app != bellhop.AllApps && (e.HearsOf(bellhop.AllApps, turn) || e.HearsOf(app, turn))
}

// tellsOfEnds tells whether anybody wants to hear of deliveries of an app's events that
// are given up.
func (e *Engine) tellsOfEnds(app string) bool { return e.tells(app, TypeDeliveryExhausted) }

// tellingFlow asks for a reaction to the turns that deliveries take, where somebody wants to
// hear of them.
type tellingFlow struct {
	bellhop.Store
	e *Engine
}

// Record is that of the store.
func (f tellingFlow) Record(ctx context.Context, l bellhop.Lease, results []bellhop.Result, now time.Time) error {
	for i := range results {
		if turn := turnOf(&results[i].Attempt); turn != "" {
			results[i].Tells = f.e.tells(results[i].Attempt.App, turn)
		}
	}
	return f.Store.Record(ctx, l, results, now)
}

// whoHears lists, by the type of each turn, who of an app and all wants to hear of it now.
func (e *Engine) whoHears(app string) map[string][]string {
	who := map[string][]string{}
	for _, turn := range turnTypes {
		for _, x := range []string{app, bellhop.AllApps} {
			if e.HearsOf(x, turn) {
				who[turn] = append(who[turn], x)
			}
		}
	}
	return who
}

// tellTurn publishes to those who hear of it that the delivery of an attempt took a turn, if
// it did: once of each delivery, however often that is done.
func (e *Engine) tellTurn(ctx context.Context, who map[string][]string, i bellhop.AttemptID) error {
	a, err := e.store.Attempt(ctx, i)
	if bellhop.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look up what became of a delivery: %w", err)
	}
	turn := turnOf(&a)
	if len(who[turn]) == 0 {
		return nil
	}
	data := map[string]any{
		"event": a.Event, "event_type": a.Type, "endpoint": a.Endpoint, "delivery": a.Delivery, "attempt": a.ID, "attempts": a.Number,
	}
	e.nameApp(data, a.App)
	switch event, err := e.store.Event(ctx, a.Event); {
	case err == nil:
		give(data, "event_external_id", event.PublishersID())
	case !bellhop.IsNotFound(err):
		return fmt.Errorf("look up the event of a delivery: %w", err)
	}
	if turn == TypeDeliveryRecovered {
		data["succeeded_at"] = a.StartedAt()
	} else {
		data["reason"], data["failed_at"] = a.Reason, a.StartedAt()
	}
	if turn == TypeDeliveryFailing && !a.NextAt.IsZero() {
		data["next_try_at"] = a.NextAt
	}
	if a.ResponseStatus != 0 {
		data["response_status"] = a.ResponseStatus
	}
	if a.Detail != "" && !slices.Contains(bellhop.Quoting, a.Reason) { // else it may quote the event
		data["detail"] = a.Detail
	}
	if r := e.table.Routes().Endpoint(a.Endpoint); r != nil {
		data["endpoint_name"], data["url"] = r.Name, r.URL
		give(data, "endpoint_uid", r.UID)
		give(data, "endpoint_former_id", r.FormerID)
	}
	for _, app := range who[turn] {
		p := Publication{
			App: app, Type: turn, Subject: routes.AboutEndpoint(a.Endpoint), Data: marshal(data), ExternalID: turn + ":" + a.Delivery.String(),
		}
		if err := e.publishOwn(ctx, []Publication{p}); err != nil {
			return err
		}
	}
	return nil
}
