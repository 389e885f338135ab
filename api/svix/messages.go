package svix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/match"
	"github.com/bellhop/bellhop/internal/strictjson"
)

type messageIn struct {
	EventType              string       `json:"eventType" minLength:"1"`
	EventID                *string      `json:"eventId,omitempty"`
	Payload                bellhop.JSON `json:"payload,omitempty" example:"{\"total\":1}"`
	Data                   bellhop.JSON `json:"data,omitempty"`
	Channels               *[]string    `json:"channels,omitempty"`
	Tags                   *[]string    `json:"tags,omitempty"`
	Application            *appIn       `json:"application,omitempty"`
	TransformationsParams  *rawParams   `json:"transformationsParams,omitempty"`
	DeliverAt              *time.Time   `json:"deliverAt,omitempty"`
	PayloadRetentionPeriod *int         `json:"payloadRetentionPeriod,omitempty" minimum:"5" maximum:"90"`
	PayloadRetentionHours  *int         `json:"payloadRetentionHours,omitempty" minimum:"1" maximum:"2160"`
}

// rawParams carry a payload as text, to be sent as it stands: clients in Java do so with
// every message.
type rawParams struct {
	RawPayload *string           `json:"rawPayload,omitempty"`
	Headers    map[string]string `json:"headers,omitempty"`
}

type messageOut struct {
	EventID   string       `json:"eventId,omitempty"`
	EventType string       `json:"eventType"`
	Payload   bellhop.JSON `json:"payload" example:"{\"total\":1}"`
	Channels  []string     `json:"channels,omitempty"`
	Tags      []string     `json:"tags,omitempty"`
	DeliverAt *time.Time   `json:"deliverAt,omitempty"`
	ID        string       `json:"id"`
	Timestamp time.Time    `json:"timestamp"`
}

var (
	noContent = bellhop.JSON(`{}`)
	expired   = bellhop.JSON(`{"expired":true}`)
)

// showMessage shows an event, with its data or without.
func showMessage(e *bellhop.Event, content bool) messageOut {
	out := messageOut{
		EventType: e.Type, Payload: noContent, Channels: e.Channels, Tags: e.Tags, DeliverAt: e.DeliverAt,
		ID: e.ID.String(), Timestamp: e.CreatedAt(), EventID: e.PublishersID(),
	}
	switch {
	case !content:
	case e.Erased:
		out.Payload = expired
	default:
		out.Payload = e.Data
	}
	return out
}

const messagePrefix = "evt_"

// checkEventID refuses an id that could be taken for one of messages.
func checkEventID(i string) error { return checkUID("eventId", i, messagePrefix, "msg_") }

type createMessageIn struct {
	appID
	WithContent bool `query:"with_content" default:"true" doc:"Whether the answer has the payload."`
	Body        messageIn
}

// publishPatience is how long a publisher waits for the store.
const publishPatience = 10 * time.Second

func (a *API) createMessage(c *api.Call, in createMessageIn) (messageOut, error) {
	p, err := in.Body.publication()
	if err != nil {
		return messageOut{}, err
	}
	if p.Retain >= a.desk.History() { // nothing is kept longer
		p.Retain = 0
	}
	app, err := a.appOfMessage(c, in.App, in.Body.Application)
	if err != nil {
		return messageOut{}, err
	}
	p.App = app.ID
	ctx, cancel := context.WithTimeout(c.Context(), publishPatience)
	defer cancel()
	e, err := a.publish(ctx, c, p)
	if errors.Is(err, context.DeadlineExceeded) && c.Context().Err() == nil {
		err = fmt.Errorf("%w: %w", bellhop.ErrUnavailable, err)
	}
	if err != nil {
		return messageOut{}, withFields(err, in.Body.nameOf)
	}
	return showMessage(&e, in.WithContent), nil
}

// publish publishes a message and gives the event that it is now. With an idempotency key,
// it is the event that was published with it first.
func (a *API) publish(ctx context.Context, c *api.Call, p engine.Publication) (bellhop.Event, error) {
	key := c.Request().Header.Get(keyHeader)
	if p.ExternalID == "" && key != "" {
		return a.publishOnce(ctx, c, p)
	}
	if key != "" {
		p.Repeats = hashOf(c.Request(), createMessage+"\x00"+p.App)
	}
	r, err := a.desk.Publish(ctx, c.Principal(), p)
	if err != nil {
		return bellhop.Event{}, err
	}
	if r.Duplicate {
		if first, is := a.published(ctx, c, p); is {
			return first, nil
		}
		return bellhop.Event{}, &bellhop.Error{Code: bellhop.CodeConflict, Detail: fmt.Sprintf("There is a message with the eventId %q already", bellhop.Clip(p.ExternalID))}
	}
	return eventOf(p, r.Event), nil
}

// eventOf is the event that a publication has become.
func eventOf(p engine.Publication, i bellhop.EventID) bellhop.Event {
	e := bellhop.Event{ID: i, App: p.App, Type: p.Type, Data: p.Data, ExternalID: p.ExternalID, Channels: p.Channels, Tags: p.Tags}
	if !p.DeliverAt.IsZero() {
		at := p.DeliverAt.UTC().Truncate(time.Microsecond) // as it is kept
		e.DeliverAt = &at
	}
	return e
}

// nameOf is the name of a native field here: data has two, and is named as it was given.
func (in *messageIn) nameOf(field string) string {
	if rest, is := strings.CutPrefix(field, "data"); is && in.Payload != nil {
		return "payload" + rest
	}
	return field
}

// publication is the event that a message asks for, but for its app.
func (in *messageIn) publication() (p engine.Publication, err error) {
	var faults api.Faults
	fault := func(field, code, detail string) {
		faults.Add(bellhop.FieldError{Field: field, Code: code, Detail: detail})
	}
	p.Type, p.Data = in.EventType, in.Payload
	data := "payload"
	switch {
	case p.Data == nil && in.Data != nil:
		data, p.Data = "data", in.Data
	case in.Data != nil && !bytes.Equal(p.Data, in.Data):
		fault("data", "twice", "and payload are two names of one field, and differ: give one of them")
	}
	switch raw := in.TransformationsParams; {
	case raw != nil && raw.RawPayload != nil:
		p.Data = bellhop.JSON(*raw.RawPayload)
		if strictjson.Valid(p.Data) != nil {
			fault("transformationsParams.rawPayload", "json", "must be JSON: Bellhop keeps and sends it byte for byte, but carries nothing that is no JSON")
		}
		for name, value := range raw.Headers {
			if t, _, err := mime.ParseMediaType(value); !strings.EqualFold(name, "content-type") || err != nil || t != "application/json" {
				fault("transformationsParams.headers", "headers", "may have the header content-type alone, with application/json")
			}
		}
	case len(p.Data) == 0:
		fault("payload", "required", "is missing: give an object")
	case p.Data[0] != '{':
		fault(data, "type", "must be an object, not "+api.KindOf(p.Data))
	}
	if in.EventID != nil {
		if p.ExternalID = *in.EventID; checkEventID(p.ExternalID) != nil {
			fault("eventId", "uid", "must be 1 to 256 letters, digits, and - _ . and must not begin as ids do (evt_, msg_)")
		}
	}
	if in.DeliverAt != nil {
		p.DeliverAt = *in.DeliverAt
	}
	for field, given := range map[string]*[]string{"channels": in.Channels, "tags": in.Tags} {
		if given != nil && len(*given) == 0 {
			fault(field, "length", "is empty: give some, or leave it out")
		}
	}
	if in.Channels != nil {
		p.Channels = once(*in.Channels)
	}
	if in.Tags != nil {
		p.Tags = once(*in.Tags)
	}
	for field, list := range map[string][]string{"channels": p.Channels, "tags": p.Tags} {
		if len(list) > mostLabels {
			fault(field, "length", fmt.Sprintf("names %d; at most %d are allowed", len(list), mostLabels))
		}
	}
	switch {
	case in.PayloadRetentionHours != nil && in.PayloadRetentionPeriod != nil:
		fault("payloadRetentionHours", "twice", "and payloadRetentionPeriod say the same: give one of them")
	case in.PayloadRetentionHours != nil:
		p.Retain = time.Duration(*in.PayloadRetentionHours) * time.Hour
	case in.PayloadRetentionPeriod != nil:
		p.Retain = time.Duration(*in.PayloadRetentionPeriod) * 24 * time.Hour
	}
	return p, faults.Err()
}

// once is a list sorted and without repeats.
func once(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// appOfMessage is the app that a message is for, which is made if the message brings it
// along and there is none.
func (a *API) appOfMessage(c *api.Call, name string, given *appIn) (bellhop.App, error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), name)
	if given == nil || err != nil && !bellhop.IsNotFound(err) {
		return app, err
	}
	change, uid, bad := given.change()
	if bad != nil {
		return app, inside("application", bad)
	}
	if uid != name && (err != nil || uid != app.UID) {
		return app, wrong("application.uid", "mismatch", "must be the uid of the app in the path")
	}
	if err == nil {
		return app, nil
	}
	app, _, err = a.appOrNew(c, name, change)
	return app, inside("application", err)
}

// inside names the fields of an error with their place.
func inside(at string, err error) error {
	return withFields(err, func(field string) string { return api.JoinPath(at, field) })
}

// renamed gives a field of an error another name.
func renamed(err error, from, to string) error {
	return withFields(err, func(field string) string {
		if field == from {
			return to
		}
		return field
	})
}

// withFields gives the fields of an error other names.
func withFields(err error, name func(field string) string) error {
	e, ok := errors.AsType[*bellhop.Error](err)
	if !ok {
		return err
	}
	moved := *e
	moved.Fields = slices.Clone(e.Fields)
	for i := range moved.Fields {
		moved.Fields[i].Field = name(moved.Fields[i].Field)
	}
	return &moved
}

// messageFilter is what lists of messages and attempts are filtered by.
type messageFilter struct {
	Channel    string    `query:"channel" minLength:"1" doc:"Only messages in this channel." example:"project-7"`
	Tag        string    `query:"tag" minLength:"1" doc:"Only messages with this tag." example:"import"`
	Before     time.Time `query:"before" doc:"Only what is of before this time."`
	After      time.Time `query:"after" doc:"Only what is of after this time."`
	EventTypes []string  `query:"event_types" minItems:"1" doc:"Only messages of these types: given several times, or with commas between them." example:"invoice.paid"`
}

// types are the event types that are asked for, and the one that an index can find. It
// refuses what no event can have, as a type or as a label.
func (f *messageFilter) types() (types []string, one string, err error) {
	types = listed(f.EventTypes)
	for _, name := range types {
		if err := match.CheckType(name); err != nil {
			return nil, "", wrong("event_types", "type", err.Error())
		}
	}
	if len(types) == 1 {
		one = types[0]
	}
	return types, one, desk.CheckLabels(bellhop.LabelFilter{Channel: f.Channel, Tag: f.Tag})
}

// keeps tells whether an event is asked for.
func (f *messageFilter) keeps(e *bellhop.Event, types []string) bool {
	return (len(types) == 0 || slices.Contains(types, e.Type)) &&
		(f.Channel == "" || slices.Contains(e.Channels, f.Channel)) && (f.Tag == "" || slices.Contains(e.Tags, f.Tag))
}

type listMessagesIn struct {
	appID
	paging
	messageFilter
	WithContent bool `query:"with_content" default:"true" doc:"Whether messages have their payloads."`
}

func (a *API) listMessages(c *api.Call, in listMessagesIn) (out page[messageOut], err error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return out, err
	}
	s, at, over, err := stepOver[id.Event](a, in.paging, in.Before, in.After)
	if err != nil {
		return out, err
	}
	types, one, err := in.types()
	if err != nil {
		return out, err
	}
	l := log[id.Event, bellhop.Event]{
		read: func(s span, before, after bellhop.EventID, limit int) ([]bellhop.Event, error) {
			return a.desk.PlainEvents(c.Context(), c.Principal(), app.ID, bellhop.EventFilter{
				Type: one, Since: s.since, Until: s.until, Before: before, After: after, Limit: limit,
			})
		},
		id: func(e *bellhop.Event) bellhop.EventID { return e.ID },
	}
	if in.Channel != "" || in.Tag != "" || len(types) > 0 && one == "" {
		l.keep = func(e *bellhop.Event) (bool, error) { return in.keeps(e, types), nil }
	}
	w, err := l.walk(over, at, s.back, s.limit)
	if err != nil {
		return out, err
	}
	show := func(e *bellhop.Event) (messageOut, error) { return showMessage(e, false), nil }
	if in.WithContent {
		show = func(e *bellhop.Event) (messageOut, error) { return a.withContent(c, e) }
	}
	return logPage(s, w, l.id, show)
}

// withContent shows a listed event with its data, if it is still there.
func (a *API) withContent(c *api.Call, e *bellhop.Event) (messageOut, error) {
	data, err := a.desk.EventData(c.Context(), c.Principal(), e.ID)
	if err != nil && !bellhop.IsNotFound(err) {
		return messageOut{}, err
	}
	full := *e
	full.Data, full.Erased = data, e.Erased || len(data) == 0
	return showMessage(&full, true), nil
}

type messageID struct {
	appID
	Message string `path:"msg_id" noun:"message" doc:"The id of a message, or its eventId." example:"evt_38G04Y6NR0400"`
}

// message finds an event of an app that a path names.
func (a *API) message(c *api.Call, in messageID) (bellhop.Event, error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return bellhop.Event{}, err
	}
	return a.desk.EventNamed(c.Context(), c.Principal(), app.ID, in.Message)
}

type getMessageIn struct {
	messageID
	WithContent bool `query:"with_content" default:"true" doc:"Whether the message has its payload."`
}

func (a *API) getMessage(c *api.Call, in getMessageIn) (messageOut, error) {
	e, err := a.message(c, in.messageID)
	if err != nil {
		return messageOut{}, err
	}
	return showMessage(&e, in.WithContent), nil
}

func (a *API) expungeMessage(c *api.Call, in messageID) (api.None, error) {
	e, err := a.message(c, in)
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, a.desk.EraseEvent(c.Context(), c.Principal(), e.ID)
}

type expungeBody struct {
	IDs []string `json:"ids" maxItems:"100" example:"[\"evt_38G04Y6NR0400\"]"`
}

type bulkExpungeIn struct {
	appID
	Body expungeBody
}

type bulkExpungeOut struct {
	Results map[string]string `json:"results" example:"{\"evt_38G04Y6NR0400\":\"expunged\"}"`
}

// mostExpunged is how many messages one call expunges.
const mostExpunged = 100

func (a *API) bulkExpunge(c *api.Call, in bulkExpungeIn) (bulkExpungeOut, error) {
	out := bulkExpungeOut{Results: map[string]string{}}
	if _, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App); err != nil {
		return out, err
	}
	if len(in.Body.IDs) > mostExpunged {
		return out, wrong("ids", "length", fmt.Sprintf("names %d messages; at most %d are expunged at once", len(in.Body.IDs), mostExpunged))
	}
	for _, name := range in.Body.IDs {
		_, err := a.expungeMessage(c, messageID{in.appID, name})
		switch {
		case err == nil:
			out.Results[name] = "expunged"
		case bellhop.IsNotFound(err):
			out.Results[name] = "not-found"
		default:
			return out, err
		}
	}
	return out, nil
}

type precheckBody struct {
	EventType string    `json:"eventType" minLength:"1"`
	Channels  *[]string `json:"channels,omitempty"`
}

type precheckIn struct {
	appID
	Body precheckBody
}

type precheckOut struct {
	Active bool `json:"active"`
}

// precheck tells whether anybody would get a message of a type and some channels.
func (a *API) precheck(c *api.Call, in precheckIn) (precheckOut, error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return precheckOut{}, err
	}
	var channels []string
	if in.Body.Channels != nil {
		channels = *in.Body.Channels
	}
	active, err := a.desk.Listened(c.Context(), c.Principal(), app.ID, in.Body.EventType, channels)
	return precheckOut{active}, err
}
