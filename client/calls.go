package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/recipe"
)

// Publish publishes one event. Its data is sent byte for byte.
func (c *Client) Publish(ctx context.Context, p Publication) (Receipt, error) {
	if err := checkText("", reflect.ValueOf(p)); err != nil {
		return Receipt{}, err
	}
	body, err := p.AppendJSON(nil)
	if err != nil {
		return Receipt{}, err
	}
	return call[Receipt](ctx, c, http.MethodPost, "/v1/events", nil, json.RawMessage(body))
}

// PublishBatch publishes up to 1000 events, all or nothing.
func (c *Client) PublishBatch(ctx context.Context, ps []Publication) ([]Receipt, error) {
	if err := checkText("events", reflect.ValueOf(ps)); err != nil {
		return nil, err
	}
	body := []byte(`{"events":[`)
	var err error
	for i, p := range ps {
		if i > 0 {
			body = append(body, ',')
		}
		if body, err = p.AppendJSON(body); err != nil {
			return nil, err
		}
	}
	body = append(body, `]}`...)
	out, err := call[wire.List[Receipt]](ctx, c, http.MethodPost, "/v1/events/batch", nil, json.RawMessage(body))
	return out.Data, err
}

// EventFilter selects events. Zero fields select everything.
type EventFilter struct {
	App        string    `query:"app"`
	Type       string    `query:"type"`
	Subject    string    `query:"subject"`
	ExternalID string    `query:"external_id"`
	UUID       string    `query:"uuid"`
	Since      time.Time `query:"since"`
	Until      time.Time `query:"until"`
	// Channel and Tag are ones that they have.
	Channel string `query:"channel"`
	Tag     string `query:"tag"`
	// Outcome is how they stand.
	Outcome bellhop.EventState `query:"outcome"`
	// Where are conditions on the data, such as "data.customer.id = 42", all of which
	// hold.
	Where []string `query:"where"`
	// Limit is the size of a page, not of the list.
	Limit int `query:"limit"`
}

// Events lists events, newest first, without their data.
func (c *Client) Events(ctx context.Context, f EventFilter) iter.Seq2[Event, error] {
	return list[Event](ctx, c, "/v1/events", values(f))
}

// Event gives an event with its data.
func (c *Client) Event(ctx context.Context, id bellhop.EventID) (Event, error) {
	return call[Event](ctx, c, http.MethodGet, at("/v1/events/%s", id), nil, nil)
}

// EventDeliveries lists the deliveries of an event.
func (c *Client) EventDeliveries(ctx context.Context, id bellhop.EventID) iter.Seq2[Delivery, error] {
	return list[Delivery](ctx, c, at("/v1/events/%s/deliveries", id), nil)
}

// Explain says of each endpoint of the event's app whether it got the event, and
// why or why not. Newest endpoints first.
func (c *Client) Explain(ctx context.Context, id bellhop.EventID) iter.Seq2[bellhop.Explanation, error] {
	return list[bellhop.Explanation](ctx, c, at("/v1/events/%s/explain", id), nil)
}

// Resend sends an event again: to one endpoint or, if that is 0, to every one
// that got it or would get it now.
func (c *Client) Resend(ctx context.Context, id bellhop.EventID, endpoint bellhop.EndpointID) ([]Delivery, error) {
	out, err := call[wire.List[Delivery]](ctx, c, http.MethodPost, at("/v1/events/%s/resend", id), nil, wire.ResendInput{Endpoint: endpoint})
	return out.Data, err
}

// TryDelivery has a delivery that waits tried now.
func (c *Client) TryDelivery(ctx context.Context, id bellhop.DeliveryID) (Delivery, error) {
	return call[Delivery](ctx, c, http.MethodPost, at("/v1/deliveries/%s/try", id), nil, nil)
}

// TryEndpoint has the deliveries tried now that failed and wait at an endpoint: all, or
// those that failed for a cause. It gives how many were moved.
func (c *Client) TryEndpoint(ctx context.Context, id bellhop.EndpointID, cause bellhop.Cause) (int, error) {
	out, err := call[wire.Tried](ctx, c, http.MethodPost, at("/v1/endpoints/%s/try", id), nil, wire.TryInput(cause))
	return out.Moved, err
}

// FailureFilter selects failures.
type FailureFilter struct {
	App      string             `query:"app"`
	Endpoint bellhop.EndpointID `query:"endpoint"`
	Since    time.Time          `query:"since"`
}

// Failures lists what failed and has not arrived since, by endpoint and cause.
func (c *Client) Failures(ctx context.Context, f FailureFilter) (Failures, error) {
	return call[Failures](ctx, c, http.MethodGet, "/v1/failures", values(f), nil)
}

// Erase erases an event's data for good.
func (c *Client) Erase(ctx context.Context, id bellhop.EventID) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("/v1/events/%s", id), nil, nil)
	return err
}

// EraseSubject erases the data of all events of a subject for good, and gives how
// many there were.
func (c *Client) EraseSubject(ctx context.Context, app, subject string) (int, error) {
	out, err := call[wire.Erased](ctx, c, http.MethodPost, "/v1/events/erase", nil, wire.EraseInput{App: app, Subject: subject})
	return out.Erased, err
}

// DeliveryFilter selects deliveries. Zero fields select everything.
type DeliveryFilter struct {
	App      string                 `query:"app"`
	Endpoint bellhop.EndpointID     `query:"endpoint"`
	Event    bellhop.EventID        `query:"event"`
	Type     string                 `query:"type"`
	Status   bellhop.DeliveryStatus `query:"status"`
	// Channel and Tag are of their event's.
	Channel string    `query:"channel"`
	Tag     string    `query:"tag"`
	Since   time.Time `query:"since"`
	Until   time.Time `query:"until"`
	Limit   int       `query:"limit"`
}

// Deliveries lists deliveries, newest first by when they were made.
func (c *Client) Deliveries(ctx context.Context, f DeliveryFilter) iter.Seq2[Delivery, error] {
	return list[Delivery](ctx, c, "/v1/deliveries", values(f))
}

// Delivery gives a delivery.
func (c *Client) Delivery(ctx context.Context, id bellhop.DeliveryID) (Delivery, error) {
	return call[Delivery](ctx, c, http.MethodGet, at("/v1/deliveries/%s", id), nil, nil)
}

// AttemptFilter selects attempts. Zero fields select everything. A stream takes no times
// and no limit.
type AttemptFilter struct {
	App      string                `query:"app"`
	Endpoint bellhop.EndpointID    `query:"endpoint"`
	Event    bellhop.EventID       `query:"event"`
	Delivery bellhop.DeliveryID    `query:"delivery"`
	Type     string                `query:"type"`
	Status   bellhop.AttemptStatus `query:"status"`
	// Response is a status, such as "503", a class, such as "5xx", or "none".
	Response bellhop.StatusRange `query:"response_status"`
	Reason   string              `query:"reason"`
	// Channel and Tag are of their event's.
	Channel string    `query:"channel"`
	Tag     string    `query:"tag"`
	Since   time.Time `query:"since"`
	Until   time.Time `query:"until"`
	Limit   int       `query:"limit"`
}

// Attempts lists attempts, newest first, without headers and bodies.
func (c *Client) Attempts(ctx context.Context, f AttemptFilter) iter.Seq2[Attempt, error] {
	return list[Attempt](ctx, c, "/v1/attempts", values(f))
}

// Attempt gives an attempt with headers and body.
func (c *Client) Attempt(ctx context.Context, id bellhop.AttemptID) (Attempt, error) {
	return call[Attempt](ctx, c, http.MethodGet, at("/v1/attempts/%s", id), nil, nil)
}

// Apps lists apps by id.
func (c *Client) Apps(ctx context.Context) iter.Seq2[bellhop.App, error] {
	return list[bellhop.App](ctx, c, "/v1/apps", nil)
}

// App gives an app.
func (c *Client) App(ctx context.Context, id string) (bellhop.App, error) {
	return call[bellhop.App](ctx, c, http.MethodGet, at("/v1/apps/%s", id), nil, nil)
}

// CreateApp makes an app, with an id that is made where none is given.
func (c *Client) CreateApp(ctx context.Context, in wire.AppInput) (bellhop.App, error) {
	return call[bellhop.App](ctx, c, http.MethodPost, "/v1/apps", nil, in)
}

// PutApp creates or replaces an app.
func (c *Client) PutApp(ctx context.Context, id string, in AppPut) (bellhop.App, error) {
	return call[bellhop.App](ctx, c, http.MethodPut, at("/v1/apps/%s", id), nil, in)
}

// PatchApp changes what is set.
func (c *Client) PatchApp(ctx context.Context, id string, in AppPatch) (bellhop.App, error) {
	return call[bellhop.App](ctx, c, http.MethodPatch, at("/v1/apps/%s", id), nil, in)
}

// DeleteApp deletes an app with its events and log.
func (c *Client) DeleteApp(ctx context.Context, id string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("/v1/apps/%s", id), nil, nil)
	return err
}

// AppNotices gives whom to tell of what is broken in an app.
func (c *Client) AppNotices(ctx context.Context, app string) (Notices, error) {
	return call[Notices](ctx, c, http.MethodGet, at("/v1/apps/%s/notices", app), nil, nil)
}

// PutAppNotices replaces whom to tell of what is broken in an app, and when.
func (c *Client) PutAppNotices(ctx context.Context, app string, in AppNoticesPut) (Notices, error) {
	return call[Notices](ctx, c, http.MethodPut, at("/v1/apps/%s/notices", app), nil, in)
}

// TestAppNotices sends a test to all who are told of an app.
func (c *Client) TestAppNotices(ctx context.Context, app string) ([]NoticeTested, error) {
	out, err := call[wire.List[NoticeTested]](ctx, c, http.MethodPost, at("/v1/apps/%s/notices/test", app), nil, nil)
	return out.Data, err
}

// Notices gives whom to tell of what is broken in any app or in the installation.
func (c *Client) Notices(ctx context.Context) (Notices, error) {
	return call[Notices](ctx, c, http.MethodGet, "/v1/notices", nil, nil)
}

// PutNotices replaces whom to tell of what is broken in any app, and when.
func (c *Client) PutNotices(ctx context.Context, in NoticesPut) (Notices, error) {
	return call[Notices](ctx, c, http.MethodPut, "/v1/notices", nil, in)
}

// TestNotices sends a test to all operators who are told, or to one address.
func (c *Client) TestNotices(ctx context.Context, email string) ([]NoticeTested, error) {
	out, err := call[wire.List[NoticeTested]](ctx, c, http.MethodPost, "/v1/notices/test", nil, wire.NoticesTest{Email: email})
	return out.Data, err
}

// AppOfUID gives the app that has a uid, or false if none has.
func (c *Client) AppOfUID(ctx context.Context, uid string) (bellhop.App, bool, error) {
	for app, err := range list[bellhop.App](ctx, c, "/v1/apps", url.Values{"uid": {uid}}) {
		return app, err == nil, err
	}
	return bellhop.App{}, false, nil
}

// EventTypes lists the catalogue by name.
func (c *Client) EventTypes(ctx context.Context) iter.Seq2[bellhop.EventType, error] {
	return list[bellhop.EventType](ctx, c, "/v1/event-types", nil)
}

// EventType gives an event type.
func (c *Client) EventType(ctx context.Context, name string) (bellhop.EventType, error) {
	return call[bellhop.EventType](ctx, c, http.MethodGet, at("/v1/event-types/%s", name), nil, nil)
}

// PutEventType creates or replaces an event type.
func (c *Client) PutEventType(ctx context.Context, name string, in EventTypePut) (bellhop.EventType, error) {
	return call[bellhop.EventType](ctx, c, http.MethodPut, at("/v1/event-types/%s", name), nil, in)
}

// DeleteEventType takes an event type out of the catalogue.
func (c *Client) DeleteEventType(ctx context.Context, name string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("/v1/event-types/%s", name), nil, nil)
	return err
}

// EndpointFilter selects endpoints. Zero fields select everything.
type EndpointFilter struct {
	App string `query:"app"`
	// UID is its uid or former_id.
	UID    string                 `query:"uid"`
	Status bellhop.EndpointStatus `query:"status"`
	Health bellhop.Health         `query:"health"`
	Limit  int                    `query:"limit"`
}

// Endpoints lists endpoints, newest first.
func (c *Client) Endpoints(ctx context.Context, f EndpointFilter) iter.Seq2[bellhop.Endpoint, error] {
	return list[bellhop.Endpoint](ctx, c, "/v1/endpoints", values(f))
}

// Endpoint gives an endpoint.
func (c *Client) Endpoint(ctx context.Context, id bellhop.EndpointID) (bellhop.Endpoint, error) {
	return call[bellhop.Endpoint](ctx, c, http.MethodGet, at("/v1/endpoints/%s", id), nil, nil)
}

// CreateEndpoint makes an endpoint of the fields that are set, and gives it with
// its secret.
func (c *Client) CreateEndpoint(ctx context.Context, in bellhop.EndpointChange) (NewEndpoint, error) {
	return call[NewEndpoint](ctx, c, http.MethodPost, "/v1/endpoints", nil, wire.EndpointInputOf(in))
}

// UpdateEndpoint changes the fields that are set.
func (c *Client) UpdateEndpoint(ctx context.Context, id bellhop.EndpointID, in bellhop.EndpointChange) (SavedEndpoint, error) {
	return call[SavedEndpoint](ctx, c, http.MethodPatch, at("/v1/endpoints/%s", id), nil, wire.EndpointInputOf(in))
}

// DeleteEndpoint deletes an endpoint.
func (c *Client) DeleteEndpoint(ctx context.Context, id bellhop.EndpointID) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("/v1/endpoints/%s", id), nil, nil)
	return err
}

// PauseEndpoint has an endpoint's deliveries held.
func (c *Client) PauseEndpoint(ctx context.Context, id bellhop.EndpointID) (bellhop.Endpoint, error) {
	return call[bellhop.Endpoint](ctx, c, http.MethodPost, at("/v1/endpoints/%s/pause", id), nil, nil)
}

// ResumeEndpoint makes an endpoint active, and says what of what was held goes out now.
func (c *Client) ResumeEndpoint(ctx context.Context, id bellhop.EndpointID) (ResumedEndpoint, error) {
	return call[ResumedEndpoint](ctx, c, http.MethodPost, at("/v1/endpoints/%s/resume", id), nil, nil)
}

// TestEndpoint sends a test event at once and gives its attempt. An empty type
// and nil data mean a sample.
func (c *Client) TestEndpoint(ctx context.Context, id bellhop.EndpointID, eventType string, data bellhop.JSON) (Attempt, error) {
	return call[Attempt](ctx, c, http.MethodPost, at("/v1/endpoints/%s/test", id), nil, wire.TestInput{Type: eventType, Data: data})
}

// CheckEndpoint sends an endpoint's receiver requests good and bad, and says what it does
// with each. It takes up to a minute.
func (c *Client) CheckEndpoint(ctx context.Context, id bellhop.EndpointID) (CheckedReceiver, error) {
	return call[CheckedReceiver](ctx, c, http.MethodPost, at("/v1/endpoints/%s/check", id), nil, nil)
}

// CheckRequest says whether a request was signed as it should be and, if not, why.
func (c *Client) CheckRequest(ctx context.Context, in CheckRequestInput) (CheckedRequest, error) {
	return call[CheckedRequest](ctx, c, http.MethodPost, "/v1/requests/check", nil, in)
}

// Replay covers a bounded number of events and gives the cursor to go on with.
// ReplayAll goes on by itself.
func (c *Client) Replay(ctx context.Context, id bellhop.EndpointID, in ReplayInput) (ReplayResult, error) {
	return call[ReplayResult](ctx, c, http.MethodPost, at("/v1/endpoints/%s/replay", id), nil, in)
}

// ReplayAll calls Replay until all is covered. It yields the sums so far after
// each call, with the cursor to go on with after an error.
func (c *Client) ReplayAll(ctx context.Context, id bellhop.EndpointID, in ReplayInput) iter.Seq2[ReplayResult, error] {
	return func(yield func(ReplayResult, error) bool) {
		sum := ReplayResult{NextCursor: in.Cursor}
		for !sum.Done {
			in.Cursor = sum.NextCursor
			step, err := c.Replay(ctx, id, in)
			if err != nil {
				yield(sum, err)
				return
			}
			sum.Matched += step.Matched
			sum.Enqueued += step.Enqueued
			sum.AlreadyWaiting += step.AlreadyWaiting
			sum.Failed += step.Failed
			sum.Waiting += step.Waiting
			sum.Moved += step.Moved
			sum.NextCursor, sum.Done = step.NextCursor, step.Done
			if !yield(sum, nil) {
				return
			}
		}
	}
}

// Secrets gives an endpoint's valid secrets, newest first.
func (c *Client) Secrets(ctx context.Context, id bellhop.EndpointID) ([]bellhop.SecretValue, error) {
	out, err := call[wire.Secrets](ctx, c, http.MethodGet, at("/v1/endpoints/%s/secret", id), nil, nil)
	return out.Secrets, err
}

// RotateSecret gives an endpoint a new secret: the given one or, if that is "",
// one that is made. A nil grace means 24 hours.
func (c *Client) RotateSecret(ctx context.Context, id bellhop.EndpointID, grace *bellhop.Duration, secret string) (Rotated, error) {
	return call[Rotated](ctx, c, http.MethodPost, at("/v1/endpoints/%s/secret/rotate", id), nil, wire.RotateInput{Grace: grace, Secret: secret})
}

// TestTransformation gives what a transformation makes of an event. Nothing is sent and
// nothing is saved; what is wrong with the script is in the answer.
func (c *Client) TestTransformation(ctx context.Context, in TransformTest) (TransformTested, error) {
	return call[TransformTested](ctx, c, http.MethodPost, "/v1/transformations/test", nil, in)
}

// PreviewEndpoint gives the request that an endpoint of these settings would be
// sent. Nothing is sent and nothing is saved.
func (c *Client) PreviewEndpoint(ctx context.Context, in PreviewInput) (Preview, error) {
	return call[Preview](ctx, c, http.MethodPost, "/v1/endpoints/preview", nil, in)
}

// CreateInbox makes a temporary receiver inside Bellhop.
func (c *Client) CreateInbox(ctx context.Context, in InboxInput) (Inbox, error) {
	return call[Inbox](ctx, c, http.MethodPost, "/v1/inboxes", nil, in)
}

// Inboxes lists the inboxes of an app or, if that is "", of all, newest first.
func (c *Client) Inboxes(ctx context.Context, app string) ([]Inbox, error) {
	query := url.Values{}
	if app != "" {
		query.Set("app", app)
	}
	out, err := call[wire.List[Inbox]](ctx, c, http.MethodGet, "/v1/inboxes", query, nil)
	return out.Data, err
}

// Inbox looks into an inbox: at the requests whose id is above after, newest first.
func (c *Client) Inbox(ctx context.Context, token string, after int64) (InboxContent, error) {
	query := url.Values{"after": {strconv.FormatInt(after, 10)}}
	return call[InboxContent](ctx, c, http.MethodGet, at("/v1/inboxes/%s", token), query, nil)
}

// AnswerInbox changes how an inbox answers.
func (c *Client) AnswerInbox(ctx context.Context, token string, change InboxPatch) (Inbox, error) {
	return call[Inbox](ctx, c, http.MethodPatch, at("/v1/inboxes/%s", token), nil, change)
}

// DeleteInbox ends an inbox; endpoints that have it as their URL get disabled.
func (c *Client) DeleteInbox(ctx context.Context, token string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("/v1/inboxes/%s", token), nil, nil)
	return err
}

// StatsFilter selects attempts to count. Zero fields mean everything, the last 24
// hours, and a bucket by the range.
type StatsFilter struct {
	App      string             `query:"app"`
	Endpoint bellhop.EndpointID `query:"endpoint"`
	Type     string             `query:"type"`
	Since    time.Time          `query:"since"`
	Until    time.Time          `query:"until"`
	Bucket   bellhop.Duration   `query:"bucket"`
}

// Stats counts attempts over time.
func (c *Client) Stats(ctx context.Context, f StatsFilter) (Stats, error) {
	return call[Stats](ctx, c, http.MethodGet, "/v1/stats", values(f), nil)
}

// EndpointStats says how an endpoint is doing. Of the filter, the times and the
// bucket count.
func (c *Client) EndpointStats(ctx context.Context, id bellhop.EndpointID, f StatsFilter) (EndpointStats, error) {
	f = StatsFilter{Since: f.Since, Until: f.Until, Bucket: f.Bucket}
	return call[EndpointStats](ctx, c, http.MethodGet, at("/v1/endpoints/%s/stats", id), values(f), nil)
}

// Backlog gives how many deliveries were unfinished over time. Zero times mean the
// last 24 hours.
func (c *Client) Backlog(ctx context.Context, since, until time.Time) (Backlog, error) {
	return call[Backlog](ctx, c, http.MethodGet, "/v1/stats/backlog", values(StatsFilter{Since: since, Until: until}), nil)
}

// CompareEndpoints counts attempts over time for each of at most 100 endpoints. Of
// the filter, the times and the bucket count.
func (c *Client) CompareEndpoints(ctx context.Context, ids []bellhop.EndpointID, f StatsFilter) (EndpointsStats, error) {
	query := values(StatsFilter{Since: f.Since, Until: f.Until, Bucket: f.Bucket})
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	query.Set("endpoints", strings.Join(names, ","))
	return call[EndpointsStats](ctx, c, http.MethodGet, "/v1/stats/endpoints", query, nil)
}

// TroubledEndpoints lists endpoints that need attention, of an app or ("") all, the
// gravest first.
func (c *Client) TroubledEndpoints(ctx context.Context, app string) ([]Troubled, error) {
	out, err := call[wire.List[Troubled]](ctx, c, http.MethodGet, "/v1/endpoints/troubled", values(EndpointFilter{App: app}), nil)
	return out.Data, err
}

// CreateKey makes a key and gives it with its token.
func (c *Client) CreateKey(ctx context.Context, in KeyInput) (NewKey, error) {
	return call[NewKey](ctx, c, http.MethodPost, "/v1/keys", nil, in)
}

// KeyFilter selects keys. Zero fields select everything.
type KeyFilter struct {
	// Kind is "key", "portal" or "session".
	Kind  string `query:"kind"`
	Limit int    `query:"limit"`
	// Hashes asks for the SHA-256 of each token.
	Hashes bool `query:"hashes"`
}

// Keys lists keys, portal links and sessions of the dashboard, newest first.
func (c *Client) Keys(ctx context.Context, f KeyFilter) iter.Seq2[Key, error] {
	return list[Key](ctx, c, "/v1/keys", values(f))
}

// DeleteKey ends a key, with its sessions, a portal link or a session.
func (c *Client) DeleteKey(ctx context.Context, id bellhop.KeyID) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("/v1/keys/%s", id), nil, nil)
	return err
}

// CreatePortalLink makes short-lived access to one app, and gives the URL of its
// page.
func (c *Client) CreatePortalLink(ctx context.Context, in PortalInput) (PortalLink, error) {
	return call[PortalLink](ctx, c, http.MethodPost, "/v1/portal-links", nil, in)
}

// Whoami says what the client's key or portal link may do.
func (c *Client) Whoami(ctx context.Context) (Session, error) {
	return call[Session](ctx, c, http.MethodGet, "/v1/session", nil, nil)
}

// Branding says how the portal presents itself. It takes no key.
func (c *Client) Branding(ctx context.Context) (Branding, error) {
	return call[Branding](ctx, c, http.MethodGet, "/v1/branding", nil, nil)
}

// Settings gives the server's settings as they are in force.
func (c *Client) Settings(ctx context.Context) ([]Setting, error) {
	out, err := call[wire.List[Setting]](ctx, c, http.MethodGet, "/v1/settings", nil, nil)
	return out.Data, err
}

// Nodes lists the processes that share the work.
func (c *Client) Nodes(ctx context.Context) ([]Node, error) {
	l, err := call[wire.List[Node]](ctx, c, http.MethodGet, "/v1/nodes", nil, nil)
	return l.Data, err
}

// Hold says whether the sending to all endpoints is held.
func (c *Client) Hold(ctx context.Context) (Hold, error) {
	return call[Hold](ctx, c, http.MethodGet, "/v1/hold", nil, nil)
}

// HoldSending holds the sending to all endpoints until ReleaseSending.
func (c *Client) HoldSending(ctx context.Context) (Hold, error) {
	return call[Hold](ctx, c, http.MethodPost, "/v1/hold", nil, nil)
}

// ReleaseSending lets what HoldSending has held go out.
func (c *Client) ReleaseSending(ctx context.Context) (Hold, error) {
	return call[Hold](ctx, c, http.MethodDelete, "/v1/hold", nil, nil)
}

// RefusedFilter selects what was refused in the outbox. Zero fields select everything.
type RefusedFilter struct {
	App   string `query:"app"`
	Limit int    `query:"limit"`
}

// Refused lists what was refused in the outbox, newest first, without data.
func (c *Client) Refused(ctx context.Context, f RefusedFilter) iter.Seq2[RefusedEntry, error] {
	return list[RefusedEntry](ctx, c, "/v1/outbox/refused", values(f))
}

// RefusedEntry gives one of them, with its data.
func (c *Client) RefusedEntry(ctx context.Context, id int64) (RefusedEntry, error) {
	return call[RefusedEntry](ctx, c, http.MethodGet, refusedPath(id), nil, nil)
}

// RetryRefused publishes one of them, if what it was refused for is mended.
func (c *Client) RetryRefused(ctx context.Context, id int64) (Receipt, error) {
	return call[Receipt](ctx, c, http.MethodPost, refusedPath(id)+"/retry", nil, nil)
}

// ForgetRefused removes one of them.
func (c *Client) ForgetRefused(ctx context.Context, id int64) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, refusedPath(id), nil, nil)
	return err
}

// ForgetAllRefused removes all of them, of one app or ("") of all, and answers how many
// there were.
func (c *Client) ForgetAllRefused(ctx context.Context, app string) (int, error) {
	f, err := call[wire.Forgotten](ctx, c, http.MethodDelete, "/v1/outbox/refused", values(RefusedFilter{App: app}), nil)
	return f.Forgotten, err
}

func refusedPath(id int64) string { return "/v1/outbox/refused/" + strconv.FormatInt(id, 10) }

// AuditFilter selects audit entries. Zero fields select everything.
type AuditFilter struct {
	App    string    `query:"app"`
	Actor  string    `query:"actor"`
	Action string    `query:"action"`
	Object string    `query:"object"`
	Since  time.Time `query:"since"`
	Until  time.Time `query:"until"`
	Limit  int       `query:"limit"`
}

// Audit lists who changed what, newest first.
func (c *Client) Audit(ctx context.Context, f AuditFilter) iter.Seq2[AuditEntry, error] {
	return list[AuditEntry](ctx, c, "/v1/audit", values(f))
}

// Dialects lists the dialects.
func (c *Client) Dialects(ctx context.Context) ([]dialect.Definition, error) {
	out, err := call[wire.List[dialect.Definition]](ctx, c, http.MethodGet, "/v1/dialects", url.Values{}, nil)
	return out.Data, err
}

// Dialect gives a dialect's definition.
func (c *Client) Dialect(ctx context.Context, name string) (dialect.Definition, error) {
	return call[dialect.Definition](ctx, c, http.MethodGet, at("/v1/dialects/%s", name), nil, nil)
}

// Recipes lists the recipes.
func (c *Client) Recipes(ctx context.Context) ([]recipe.Definition, error) {
	out, err := call[wire.List[recipe.Definition]](ctx, c, http.MethodGet, "/v1/recipes", url.Values{}, nil)
	return out.Data, err
}

// Recipe gives a recipe's definition.
func (c *Client) Recipe(ctx context.Context, name string) (recipe.Definition, error) {
	return call[recipe.Definition](ctx, c, http.MethodGet, at("/v1/recipes/%s", name), nil, nil)
}

// VerificationCode gives the code of receivers that verify requests of a
// dialect, one per language.
func (c *Client) VerificationCode(ctx context.Context, dialect string) ([]VerificationCode, error) {
	out, err := call[wire.List[VerificationCode]](ctx, c, http.MethodGet, at("/v1/dialects/%s/code", dialect), nil, nil)
	return out.Data, err
}

// Ready tells why the server cannot take events now, or nil if it can.
func (c *Client) Ready(ctx context.Context) error {
	_, err := call[struct{}](ctx, c, http.MethodGet, "/readyz", nil, nil)
	return err
}

// Matches tells how patterns and a filter would have done with recent events.
func (c *Client) Matches(ctx context.Context, in MatchesInput) (Matches, error) {
	return call[Matches](ctx, c, http.MethodPost, "/v1/endpoints/matches", nil, in)
}

// EventFields lists the fields that the data of events has, of types that the patterns
// select: of one app or, if that is "", of all.
func (c *Client) EventFields(ctx context.Context, app string, events ...string) ([]DataField, error) {
	query := url.Values{"events": events}
	if app != "" {
		query.Set("app", app)
	}
	out, err := call[wire.List[DataField]](ctx, c, http.MethodGet, "/v1/event-types/fields", query, nil)
	return out.Data, err
}
