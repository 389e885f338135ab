package native

import (
	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
)

type endpointID struct {
	ID bellhop.EndpointID `path:"id" noun:"endpoint" doc:"The endpoint's id."`
}

// endpointAction is a POST that needs nothing but the endpoint.
type endpointAction struct {
	endpointID
	api.Nothing
}

type listEndpointsInput struct {
	api.Paging
	App    string                 `query:"app" doc:"Only endpoints that listen to this app." example:"acme"`
	Text   string                 `query:"q" doc:"Only endpoints whose name or URL has this part, in upper or lower case, or whose id it is." example:"shop"`
	UID    string                 `query:"uid" doc:"Only endpoints with this uid or former_id; with app there is at most one." example:"books"`
	Status bellhop.EndpointStatus `query:"status" enum:"active,paused,disabled" doc:"Only endpoints in this state."`
	Health bellhop.Health         `query:"health" enum:"healthy,failing,on_hold,paused,disabled,unknown" doc:"Only endpoints that do like this."`
}

func (n *native) listEndpoints(c *api.Call, in listEndpointsInput) (wire.Page[bellhop.Endpoint], error) {
	var none wire.Page[bellhop.Endpoint]
	before, err := cursorEndpoints.Number(in.Cursor)
	if err != nil {
		return none, err
	}
	f := bellhop.EndpointFilter{Text: in.Text, UID: in.UID, Status: in.Status, Health: in.Health, Before: bellhop.EndpointID(before), Limit: in.More()}
	endpoints, err := n.desk.Endpoints(c.Context(), c.Principal(), in.App, f)
	if err != nil {
		return none, err
	}
	position := func(e bellhop.Endpoint) string { return cursorEndpoints.AtNumber(int64(e.ID)) }
	return counted(in.Paging, page(in.Paging, endpoints, position, same), func() (int, error) {
		return n.desk.CountEndpoints(c.Context(), c.Principal(), in.App, f)
	})
}

func (n *native) getEndpoint(c *api.Call, in endpointID) (bellhop.Endpoint, error) {
	return n.desk.Endpoint(c.Context(), c.Principal(), in.ID)
}

type createEndpointInput struct {
	Body wire.EndpointInput
}

func (n *native) createEndpoint(c *api.Call, in createEndpointInput) (wire.NewEndpoint, error) {
	e, secret, err := n.desk.CreateEndpoint(c.Context(), c.Principal(), in.Body.Change())
	if err != nil {
		return wire.NewEndpoint{}, err
	}
	return wire.NewEndpoint{SavedEndpoint: n.saved(c, e), Secret: secret}, nil
}

type updateEndpointInput struct {
	endpointID
	Body wire.EndpointInput
}

func (n *native) updateEndpoint(c *api.Call, in updateEndpointInput) (wire.SavedEndpoint, error) {
	e, err := n.desk.UpdateEndpoint(c.Context(), c.Principal(), in.ID, in.Body.Change())
	if err != nil {
		return wire.SavedEndpoint{}, err
	}
	return n.saved(c, e), nil
}

// saved says of an endpoint that was saved how many of the newest events it would have
// got. That this cannot be said is no failure of the change.
func (n *native) saved(c *api.Call, e bellhop.Endpoint) wire.SavedEndpoint {
	recent, err := n.desk.Recent(c.Context(), c.Principal(), e)
	if err != nil {
		return wire.SavedEndpoint{Endpoint: e}
	}
	return wire.SavedEndpoint{Endpoint: e, Recent: (*wire.Recent)(&recent)}
}

func (n *native) pauseEndpoint(c *api.Call, in endpointAction) (bellhop.Endpoint, error) {
	return n.desk.PauseEndpoint(c.Context(), c.Principal(), in.ID)
}

func (n *native) resumeEndpoint(c *api.Call, in endpointAction) (wire.ResumedEndpoint, error) {
	e, err := n.desk.ResumeEndpoint(c.Context(), c.Principal(), in.ID)
	return wire.ResumedEndpoint(e), err
}

func (n *native) deleteEndpoint(c *api.Call, in endpointID) (api.None, error) {
	return api.None{}, n.desk.DeleteEndpoint(c.Context(), c.Principal(), in.ID)
}

type testEndpointInput struct {
	endpointID
	Body *wire.TestInput
}

func (n *native) testEndpoint(c *api.Call, in testEndpointInput) (wire.Attempt, error) {
	var test wire.TestInput
	if in.Body != nil {
		test = *in.Body
	}
	at, err := n.desk.TestEndpoint(c.Context(), c.Principal(), in.ID, test.Type, test.Data)
	return attempt(at), err
}

type tryInput struct {
	endpointID
	Body *wire.TryInput
}

func (n *native) tryEndpoint(c *api.Call, in tryInput) (wire.Tried, error) {
	var only wire.TryInput
	if in.Body != nil {
		only = *in.Body
	}
	moved, err := n.desk.TryEndpoint(c.Context(), c.Principal(), in.ID, bellhop.Cause(only))
	return wire.Tried{Moved: moved}, err
}

type replayInput struct {
	endpointID
	Body wire.ReplayInput
}

func (n *native) replayEndpoint(c *api.Call, in replayInput) (wire.ReplayResult, error) {
	after, err := cursorReplay.Number(in.Body.Cursor)
	if err != nil {
		return wire.ReplayResult{}, err
	}
	done, err := n.desk.Replay(c.Context(), c.Principal(), in.ID, desk.Replay{
		Since: in.Body.Since, Until: in.Body.Until, App: in.Body.App, Types: in.Body.Types, Status: in.Body.Status,
		LabelFilter: bellhop.LabelFilter{Channel: in.Body.Channel, Tag: in.Body.Tag},
		Cause:       bellhop.Cause{Reason: in.Body.Reason, ResponseStatus: in.Body.ResponseStatus},
		DryRun:      in.Body.DryRun, After: bellhop.EventID(after), Limit: in.Body.Limit,
	})
	out := wire.ReplayResult{
		Matched: done.Matched, Enqueued: done.Enqueued, AlreadyWaiting: done.AlreadyWaiting, Done: done.Next == 0,
		Failed: done.Failed, Waiting: done.Waiting, Moved: done.Moved,
	}
	if !out.Done {
		out.NextCursor = cursorReplay.AtNumber(int64(done.Next))
	}
	return out, err
}

func (n *native) getSecrets(c *api.Call, in endpointID) (wire.Secrets, error) {
	secrets, err := n.desk.Secrets(c.Context(), c.Principal(), in.ID)
	return wire.Secrets{Secrets: secrets}, err
}

type rotateInput struct {
	endpointID
	Body *wire.RotateInput
}

func (n *native) rotateSecret(c *api.Call, in rotateInput) (wire.Rotated, error) {
	var rotate wire.RotateInput
	if in.Body != nil {
		rotate = *in.Body
	}
	secrets, overlap, err := n.desk.RotateSecret(c.Context(), c.Principal(), in.ID, rotate.Grace, rotate.Secret)
	return wire.Rotated{Secrets: wire.Secrets{Secrets: secrets}, Overlap: overlap}, err
}

type endpointStatsInput struct {
	endpointID
	statsRange
}

func (n *native) getEndpointStats(c *api.Call, in endpointStatsInput) (wire.EndpointStats, error) {
	s, err := n.desk.EndpointStats(c.Context(), c.Principal(), in.ID, desk.StatsRange(in.statsRange))
	return wire.EndpointStats{
		Endpoint: in.ID, Lane: s.Lane, Pending: s.Pending, OldestPendingAt: s.OldestPendingAt, Held: s.Held.Count,
		HeldAt: s.Held.At, HeldReason: s.Held.Reason, HeldDetail: s.Held.Detail,
		Stats: statsOf(s.StatsResult),
	}, err
}

type troubledInput struct {
	App string `query:"app" doc:"Only endpoints that listen to this app." example:"acme"`
}

func (n *native) listTroubledEndpoints(c *api.Call, in troubledInput) (wire.List[wire.Troubled], error) {
	troubles, err := n.desk.Troubled(c.Context(), c.Principal(), in.App, 0)
	show := func(t desk.Trouble) wire.Troubled { return wire.Troubled(t) }
	return whole(troubles, show), err
}
