package api

import (
	"fmt"
	"maps"
	"slices"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

type endpointID struct {
	ID bellhop.EndpointID `path:"id" noun:"endpoint" doc:"The endpoint's id."`
}

// endpointAction is a POST that needs nothing but the endpoint.
type endpointAction struct {
	endpointID
	nothing
}

type listEndpointsInput struct {
	paging
	App    string                 `query:"app" doc:"Only endpoints that listen to this app." example:"acme"`
	Status bellhop.EndpointStatus `query:"status" enum:"active,paused,disabled" doc:"Only endpoints in this state."`
}

func (a *api) listEndpoints(c *call, in listEndpointsInput) (wire.Page[bellhop.Endpoint], error) {
	var none wire.Page[bellhop.Endpoint]
	before, err := cursorEndpoints.number(in.Cursor)
	if err != nil {
		return none, err
	}
	apps, err := c.apps(in.App)
	if err != nil {
		return none, err
	}
	endpoints := a.b.Endpoints(bellhop.EndpointFilter{
		Apps: apps, Status: in.Status, Before: bellhop.EndpointID(before), Limit: in.more(),
	})
	position := func(e bellhop.Endpoint) string { return encodeNumber(cursorEndpoints, int64(e.ID)) }
	return page(in.paging, endpoints, position, c.showEndpoint), nil
}

// showEndpoint is an endpoint as this key may see it: without the names of apps
// that it does not reach and, unless it may change endpoints, without the values
// of headers.
func (c *call) showEndpoint(e bellhop.Endpoint) bellhop.Endpoint {
	if c.limited() {
		e.Apps = slices.DeleteFunc(slices.Clone(e.Apps), func(app string) bool { return !c.key.Sees(app) })
	}
	if len(e.Headers) > 0 && !c.seesHeaders() {
		e.Headers = maps.Clone(e.Headers)
		for name := range e.Headers {
			e.Headers[name] = hidden
		}
	}
	if e.Events == nil {
		e.Events = []string{}
	}
	if e.Subjects == nil {
		e.Subjects = []string{}
	}
	return e
}

func (a *api) getEndpoint(c *call, in endpointID) (bellhop.Endpoint, error) {
	e, err := c.endpoint(in.ID)
	return c.showEndpoint(e), err
}

type createEndpointInput struct {
	Body wire.EndpointInput
}

func (a *api) createEndpoint(c *call, in createEndpointInput) (wire.NewEndpoint, error) {
	if err := c.reaches(in.Body.Apps.Value); err != nil {
		return wire.NewEndpoint{}, err
	}
	e, secret, err := a.b.CreateEndpoint(c.ctx(), c.actor(), bellhop.EndpointChange(in.Body))
	return wire.NewEndpoint{Endpoint: c.showEndpoint(e), Secret: secret}, err
}

// reaches refuses apps that don't exist or that the key does not reach.
func (c *call) reaches(apps []string) error {
	for i, app := range apps {
		if err := c.knownApp(fmt.Sprintf("apps[%d]", i), app); err != nil {
			return err
		}
	}
	return nil
}

type updateEndpointInput struct {
	endpointID
	Body wire.EndpointInput
}

func (a *api) updateEndpoint(c *call, in updateEndpointInput) (bellhop.Endpoint, error) {
	if _, err := c.editable(in.ID); err != nil {
		return bellhop.Endpoint{}, err
	}
	if err := c.reaches(in.Body.Apps.Value); err != nil {
		return bellhop.Endpoint{}, err
	}
	return a.change(c, in.ID, bellhop.EndpointChange(in.Body))
}

func (a *api) pauseEndpoint(c *call, in endpointAction) (bellhop.Endpoint, error) {
	return a.setStatus(c, in.ID, bellhop.EndpointPaused)
}

func (a *api) resumeEndpoint(c *call, in endpointAction) (bellhop.Endpoint, error) {
	return a.setStatus(c, in.ID, bellhop.EndpointActive)
}

func (a *api) setStatus(c *call, id bellhop.EndpointID, s bellhop.EndpointStatus) (bellhop.Endpoint, error) {
	if _, err := c.editable(id); err != nil {
		return bellhop.Endpoint{}, err
	}
	return a.change(c, id, bellhop.EndpointChange{Status: bellhop.Of(s)})
}

func (a *api) change(c *call, id bellhop.EndpointID, change bellhop.EndpointChange) (bellhop.Endpoint, error) {
	e, err := a.b.UpdateEndpoint(c.ctx(), c.actor(), id, change)
	return c.showEndpoint(e), err
}

func (a *api) deleteEndpoint(c *call, in endpointID) (none, error) {
	if _, err := c.editable(in.ID); err != nil {
		return none{}, err
	}
	return none{}, a.b.DeleteEndpoint(c.ctx(), c.actor(), in.ID)
}

type testEndpointInput struct {
	endpointID
	Body *wire.TestInput
}

func (a *api) testEndpoint(c *call, in testEndpointInput) (wire.Attempt, error) {
	if _, err := c.editable(in.ID); err != nil {
		return wire.Attempt{}, err
	}
	var test wire.TestInput
	if in.Body != nil {
		test = *in.Body
	}
	at, err := a.b.TestEndpoint(c.ctx(), c.actor(), in.ID, test.Type, test.Data)
	if err != nil {
		return wire.Attempt{}, err
	}
	return c.attempt(at), nil
}

type replayInput struct {
	endpointID
	Body wire.ReplayInput
}

// The most that one replay request, and one step of it in the engine, covers.
// A request ends before callers lose patience; between steps others get their
// turn at the store.
const (
	replayRequest = 10_000
	replayStep    = 1000
)

func (a *api) replayEndpoint(c *call, in replayInput) (wire.ReplayResult, error) {
	var out wire.ReplayResult
	if _, err := c.editable(in.ID); err != nil {
		return out, err
	}
	after, err := cursorReplay.number(in.Body.Cursor)
	if err != nil {
		return out, err
	}
	if err := (span{in.Body.Since, in.Body.Until}).check(); err != nil {
		return out, err
	}
	limit := in.Body.Limit
	if limit == 0 {
		limit = replayRequest
	}
	replay := bellhop.Replay{
		Since: in.Body.Since, Until: in.Body.Until, Types: in.Body.Types, Status: in.Body.Status,
		DryRun: in.Body.DryRun, After: bellhop.EventID(after),
	}
	for !out.Done && out.Matched < limit {
		replay.Limit = min(replayStep, limit-out.Matched)
		step, err := a.b.Replay(c.ctx(), c.actor(), in.ID, replay)
		out.Matched += step.Matched
		out.Enqueued += step.Enqueued
		out.Done = err == nil && step.Next == 0
		replay.After = step.Next
		out.NextCursor = ""
		if step.Next != 0 {
			out.NextCursor = encodeNumber(cursorReplay, int64(step.Next))
		}
		if err != nil && out.Enqueued > 0 && out.NextCursor != "" && c.ctx().Err() == nil {
			// What was sent stays sent: the cursor goes on from there, and the
			// next call will meet the error if it lasts.
			c.a.o.Logger.WarnContext(c.ctx(), "replay stopped early", "endpoint", in.ID.String(), "err", err)
			return out, nil
		}
		if err != nil {
			return wire.ReplayResult{}, err
		}
	}
	return out, nil
}

func (a *api) getSecrets(c *call, in endpointID) (wire.Secrets, error) {
	if _, err := c.editable(in.ID); err != nil {
		return wire.Secrets{}, err
	}
	secrets, err := a.b.Secrets(c.ctx(), c.actor(), in.ID)
	return wire.Secrets{Secrets: secrets}, err
}

type rotateInput struct {
	endpointID
	Body *wire.RotateInput
}

func (a *api) rotateSecret(c *call, in rotateInput) (wire.Rotated, error) {
	if _, err := c.editable(in.ID); err != nil {
		return wire.Rotated{}, err
	}
	var rotate wire.RotateInput
	if in.Body != nil {
		rotate = *in.Body
	}
	secrets, overlap, err := a.b.RotateSecret(c.ctx(), c.actor(), in.ID, rotate.Grace, rotate.Secret)
	return wire.Rotated{Secrets: wire.Secrets{Secrets: secrets}, Overlap: overlap}, err
}

type endpointStatsInput struct {
	endpointID
	statsRange
}

func (a *api) getEndpointStats(c *call, in endpointStatsInput) (wire.EndpointStats, error) {
	out := wire.EndpointStats{Endpoint: in.ID}
	if _, err := c.endpoint(in.ID); err != nil {
		return out, err
	}
	apps, err := c.apps("")
	if err != nil {
		return out, err
	}
	if out.Stats, err = a.stats(c, in.statsRange, bellhop.StatsFilter{Apps: apps, Endpoint: in.ID}); err != nil {
		return out, err
	}
	if out.Lane, err = a.b.LaneState(in.ID); err != nil {
		return out, err
	}
	var oldest bellhop.DeliveryID
	if out.Pending, oldest, err = a.b.Logs().Pending(c.ctx(), in.ID); err != nil {
		return out, err
	}
	if oldest != 0 {
		out.OldestPendingAt = oldest.Time()
	}
	return out, nil
}
