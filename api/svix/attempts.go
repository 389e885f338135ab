package svix

import (
	"encoding/base64"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/internal/id"
)

// state is how a message or an attempt stands, as Svix numbers and names it.
type state struct {
	Status     int    `json:"status" enum:"0,1,2,3,4"`
	StatusText string `json:"statusText" enum:"success,pending,fail,sending,canceled"`
}

var (
	succeeded = state{0, "success"}
	pending   = state{1, "pending"}
	failed    = state{2, "fail"}
	sending   = state{3, "sending"}
	canceled  = state{4, "canceled"}
)

// known is the state as clients know it who have no word for canceled.
func (s state) known(expanded bool) state {
	if s == canceled && !expanded {
		return succeeded // so that old clients do not take it for something to repair
	}
	return s
}

// stateOf is how an attempt has ended, whether others follow or not.
func stateOf(a *bellhop.Attempt) state {
	switch a.Status {
	case bellhop.AttemptSucceeded:
		return succeeded
	case bellhop.AttemptCanceled:
		return canceled
	}
	return failed
}

// stateOfDelivery is how a delivery stands.
func stateOfDelivery(d *bellhop.Delivery) state {
	switch d.Status {
	case bellhop.DeliverySucceeded:
		return succeeded
	case bellhop.DeliveryFailed:
		return failed
	case bellhop.DeliveryCanceled:
		return canceled
	case bellhop.DeliveryPending:
		if d.Attempts > 0 {
			return sending
		}
	}
	return pending
}

type attemptOut struct {
	state
	URL                string      `json:"url"`
	Response           string      `json:"response"`
	ResponseStatusCode int         `json:"responseStatusCode" example:"200"`
	ResponseDurationMS int64       `json:"responseDurationMs"`
	TriggerType        int         `json:"triggerType" enum:"0,1"`
	MsgID              string      `json:"msgId"`
	EndpointID         string      `json:"endpointId"`
	ID                 string      `json:"id" example:"att_38G04Y6NR0400"`
	Timestamp          time.Time   `json:"timestamp"`
	Msg                *messageOut `json:"msg,omitempty"`
}

// expunged stands for a response that was erased.
const expunged = "EXPUNGED"

// showAttempt shows an attempt, with the answer that came or without.
func showAttempt(a *bellhop.Attempt, endpoint string, content, expanded bool) attemptOut {
	out := attemptOut{
		state: stateOf(a).known(expanded), URL: a.URL, ResponseStatusCode: a.ResponseStatus,
		ResponseDurationMS: time.Duration(a.Duration).Milliseconds(), MsgID: a.Event.String(), EndpointID: endpoint,
		ID: a.ID.String(), Timestamp: a.StartedAt(),
	}
	if a.Trigger != bellhop.TriggerPublish {
		out.TriggerType = 1
	}
	switch {
	case !content:
	case a.ResponseStatus == 0 && a.Dialect != "" && a.Method != "MAIL" && len(a.RequestHeader) == 0:
		out.Response = expunged // every request by HTTP that was made has some header
	case a.ResponseStatus == 0:
		out.Response = a.Detail // no answer came: this says why
	case len(a.ResponseHeader) == 0 && len(a.ResponseBody) == 0:
		out.Response = expunged // every answer has some header
	case utf8.Valid(a.ResponseBody):
		out.Response = string(a.ResponseBody)
	default:
		out.Response = base64.StdEncoding.EncodeToString(a.ResponseBody)
	}
	return out
}

// view looks up what lists of attempts show besides, each thing once.
type view struct {
	a      *API
	c      *api.Call
	app    string
	doors  map[bellhop.EndpointID]string
	events map[bellhop.EventID]*bellhop.Event
}

func (a *API) view(c *api.Call, app string) *view {
	return &view{a, c, app, map[bellhop.EndpointID]string{}, map[bellhop.EventID]*bellhop.Event{}}
}

// door is the id by which an endpoint is known here, also once it is gone.
func (v *view) door(i bellhop.EndpointID) string {
	if _, ok := v.doors[i]; !ok {
		v.doors[i] = i.String()
		if e, err := v.a.desk.PlainEndpoint(v.c.Context(), v.c.Principal(), v.app, i.String()); err == nil {
			v.doors[i] = endpointName(&e)
		}
	}
	return v.doors[i]
}

// event gives an event; one that is gone is as one whose data is erased.
func (v *view) event(i bellhop.EventID, eventType string) (*bellhop.Event, error) {
	if e := v.events[i]; e != nil {
		return e, nil
	}
	e, err := v.a.desk.PlainEvent(v.c.Context(), v.c.Principal(), i)
	if bellhop.IsNotFound(err) {
		e, err = bellhop.Event{ID: i, App: v.app, Type: eventType, Erased: true}, nil
	}
	if err != nil {
		return nil, err
	}
	if len(v.events) > chunk { // what a filter looks at may be much
		clear(v.events)
	}
	v.events[i] = &e
	return &e, nil
}

// attemptFilter is what lists of attempts are filtered by.
type attemptFilter struct {
	messageFilter
	Status           string `query:"status" enum:"0,1,2,3,4" doc:"Only attempts that ended so: 0 with success, 2 without, 4 (with expanded_statuses) canceled."`
	StatusCodeClass  string `query:"status_code_class" enum:"0,100,200,300,400,500" doc:"Only attempts that were answered so: 400 stands for 400 to 499, 0 for no answer."`
	WithContent      bool   `query:"with_content" default:"true" doc:"Whether attempts have what was answered."`
	WithMsg          bool   `query:"with_msg" doc:"Whether attempts have their message."`
	ExpandedStatuses bool   `query:"expanded_statuses" doc:"Shows what is canceled as such (4), and not as success."`
}

// class is the range of statuses that is asked for.
func class(code string) bellhop.StatusRange {
	switch code {
	case "":
		return ""
	case "0":
		return bellhop.NoAnswer
	}
	return bellhop.StatusRange(code[:1] + "xx")
}

// is tells whether a state is the one that is asked for, "" being any.
func (f *attemptFilter) is(s state) bool {
	return f.Status == "" || f.Status == string(rune('0'+s.known(f.ExpandedStatuses).Status))
}

// attempts answers a page of those that a filter of the store's selects.
func (a *API) attempts(c *api.Call, app string, p paging, in *attemptFilter, of bellhop.AttemptFilter) (out page[attemptOut], err error) {
	s, at, over, err := stepOver[id.Attempt](a, p, in.Before, in.After)
	if err != nil {
		return out, err
	}
	types, one, err := in.types()
	if err != nil {
		return out, err
	}
	of.Type, of.Response, of.WithBodies = one, class(in.StatusCodeClass), in.WithContent
	switch in.Status {
	case "0":
		if in.ExpandedStatuses { // else those that were canceled count as succeeded, too
			of.Status = bellhop.AttemptSucceeded
		}
	case "2":
		of.Status = bellhop.AttemptFailed
	case "4":
		of.Status = bellhop.AttemptCanceled
	}
	v := a.view(c, app)
	l := log[id.Attempt, bellhop.Attempt]{
		read: func(s span, before, after bellhop.AttemptID, limit int) ([]bellhop.Attempt, error) {
			of.Since, of.Until, of.Before, of.After, of.Limit = s.since, s.until, before, after, limit
			return a.desk.Attempts(c.Context(), c.Principal(), app, of)
		},
		id: func(at *bellhop.Attempt) bellhop.AttemptID { return at.ID },
	}
	labelled := in.Channel != "" || in.Tag != ""
	if in.Status != "" || labelled || len(types) > 0 && one == "" {
		l.keep = func(at *bellhop.Attempt) (bool, error) {
			if !in.is(stateOf(at)) {
				return false, nil
			}
			e := &bellhop.Event{Type: at.Type}
			if labelled {
				var err error
				if e, err = v.event(at.Event, at.Type); err != nil {
					return false, err
				}
			}
			return in.keeps(e, types), nil
		}
	}
	w, err := l.walk(over, at, s.back, s.limit)
	if err != nil {
		return out, err
	}
	return logPage(s, w, l.id, func(at *bellhop.Attempt) (attemptOut, error) {
		out := showAttempt(at, v.door(at.Endpoint), in.WithContent, in.ExpandedStatuses)
		if in.WithMsg {
			e, err := v.event(at.Event, at.Type)
			if err != nil {
				return out, err
			}
			msg := showMessage(e, true)
			out.Msg = &msg
		}
		return out, nil
	})
}

type attemptsOfEndpointIn struct {
	endpointID
	paging
	attemptFilter
}

func (a *API) attemptsOfEndpoint(c *api.Call, in attemptsOfEndpointIn) (page[attemptOut], error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return page[attemptOut]{}, err
	}
	e, err := a.desk.PlainEndpoint(c.Context(), c.Principal(), app.ID, in.Endpoint)
	if err != nil {
		return page[attemptOut]{}, err
	}
	return a.attempts(c, app.ID, in.paging, &in.attemptFilter, bellhop.AttemptFilter{Endpoint: e.ID})
}

type attemptsOfMessageIn struct {
	messageID
	paging
	attemptFilter
	Endpoint string `query:"endpoint_id" minLength:"1" doc:"Only attempts at this endpoint." example:"ep_38G04Y6NR0400"`
}

func (a *API) attemptsOfMessage(c *api.Call, in attemptsOfMessageIn) (page[attemptOut], error) {
	e, err := a.message(c, in.messageID)
	if err != nil {
		return page[attemptOut]{}, err
	}
	of := bellhop.AttemptFilter{Event: e.ID}
	if in.Endpoint != "" {
		endpoint, err := a.desk.PlainEndpoint(c.Context(), c.Principal(), e.App, in.Endpoint)
		if err != nil {
			return page[attemptOut]{}, err
		}
		of.Endpoint = endpoint.ID
	}
	return a.attempts(c, e.App, in.paging, &in.attemptFilter, of)
}

// attemptsAtEndpointIn is the same of one endpoint, by a path of its own.
type attemptsAtEndpointIn struct {
	messageID
	Endpoint string `path:"endpoint_id" noun:"endpoint" doc:"The id of an endpoint, or its uid." example:"ep_38G04Y6NR0400"`
	paging
	attemptFilter
}

func (a *API) attemptsAtEndpoint(c *api.Call, in attemptsAtEndpointIn) (page[attemptOut], error) {
	return a.attemptsOfMessage(c, attemptsOfMessageIn{in.messageID, in.paging, in.attemptFilter, in.Endpoint})
}

type attemptID struct {
	messageID
	Attempt string `path:"attempt_id" noun:"attempt" doc:"The id of an attempt." example:"att_38G04Y6NR0400"`
}

// attempt finds an attempt of a message that a path names.
func (a *API) attempt(c *api.Call, in attemptID) (bellhop.Attempt, error) {
	e, err := a.message(c, in.messageID)
	if err != nil {
		return bellhop.Attempt{}, err
	}
	i, err := id.Parse[id.Attempt](in.Attempt)
	if err != nil {
		return bellhop.Attempt{}, bellhop.NotFound("attempt", in.Attempt)
	}
	at, err := a.desk.Attempt(c.Context(), c.Principal(), i)
	if err == nil && at.Event != e.ID {
		err = bellhop.NotFound("attempt", in.Attempt)
	}
	return at.Attempt, err
}

type getAttemptIn struct {
	attemptID
	ExpandedStatuses bool `query:"expanded_statuses" doc:"Shows what is canceled as such (4), and not as success."`
}

func (a *API) getAttempt(c *api.Call, in getAttemptIn) (attemptOut, error) {
	at, err := a.attempt(c, in.attemptID)
	if err != nil {
		return attemptOut{}, err
	}
	return showAttempt(&at, a.view(c, at.App).door(at.Endpoint), true, in.ExpandedStatuses), nil
}

func (a *API) expungeAttempt(c *api.Call, in attemptID) (api.None, error) {
	at, err := a.attempt(c, in)
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, a.desk.ForgetAttempt(c.Context(), c.Principal(), at.ID)
}

type resendIn struct {
	messageID
	Endpoint string `path:"endpoint_id" noun:"endpoint" doc:"The id of an endpoint, or its uid." example:"ep_38G04Y6NR0400"`
	Body     *struct{}
}

// emptyOut is an object without members.
type emptyOut struct{}

func (a *API) resend(c *api.Call, in resendIn) (emptyOut, error) {
	e, err := a.message(c, in.messageID)
	if err != nil {
		return emptyOut{}, err
	}
	endpoint, err := a.desk.PlainEndpoint(c.Context(), c.Principal(), e.App, in.Endpoint)
	if err != nil {
		return emptyOut{}, err
	}
	_, err = a.desk.Resend(c.Context(), c.Principal(), e.ID, endpoint.ID)
	return emptyOut{}, err
}

type endpointMessageOut struct {
	messageOut
	state
	NextAttempt *time.Time `json:"nextAttempt,omitempty"`
}

// next gives when deliveries to an endpoint are tried next, where that is known: behind an
// open circuit not before its probe. What is due goes as soon as its turn comes.
func (a *API) next(c *api.Call, endpoint bellhop.EndpointID) func(d *bellhop.Delivery) *time.Time {
	probe := sync.OnceValue(func() time.Time {
		at, _ := a.desk.NextProbe(c.Context(), c.Principal(), endpoint) // zero for who may not know
		return at
	})
	return func(d *bellhop.Delivery) *time.Time {
		if d.Status != bellhop.DeliveryPending || d.Due.IsZero() {
			return nil
		}
		if at := latest(d.Due, probe()).Truncate(time.Microsecond); at.After(a.now()) {
			return &at
		}
		return nil
	}
}

type attemptedMessagesIn struct {
	endpointID
	paging
	messageFilter
	Status           string `query:"status" enum:"0,1,2,3,4" doc:"Only messages that stand so at the endpoint."`
	WithContent      bool   `query:"with_content" default:"true" doc:"Whether messages have their payloads."`
	ExpandedStatuses bool   `query:"expanded_statuses" doc:"Shows what is canceled as such (4), and not as success."`
}

// attemptedMessages lists the messages of an endpoint, each at the place of the first of
// its deliveries, with how the one stands that tells.
func (a *API) attemptedMessages(c *api.Call, in attemptedMessagesIn) (out page[endpointMessageOut], err error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return out, err
	}
	endpoint, err := a.desk.PlainEndpoint(c.Context(), c.Principal(), app.ID, in.Endpoint)
	if err != nil {
		return out, err
	}
	s, at, over, err := stepOver[id.Delivery](a, in.paging, in.Before, in.After)
	if err != nil {
		return out, err
	}
	types, one, err := in.types()
	if err != nil {
		return out, err
	}
	filter := attemptFilter{Status: in.Status, ExpandedStatuses: in.ExpandedStatuses}
	v := a.view(c, app.ID)
	told := map[bellhop.DeliveryID]bellhop.Delivery{}
	l := log[id.Delivery, bellhop.Delivery]{
		read: func(s span, before, after bellhop.DeliveryID, limit int) ([]bellhop.Delivery, error) {
			return a.desk.Deliveries(c.Context(), c.Principal(), app.ID, bellhop.DeliveryFilter{
				Endpoint: endpoint.ID, Type: one, Since: s.since, Until: s.until, Before: before, After: after, Limit: limit,
			})
		},
		id:   func(d *bellhop.Delivery) bellhop.DeliveryID { return d.ID },
		most: mostLookedUp,
		keep: func(d *bellhop.Delivery) (bool, error) {
			if len(types) > 0 && !in.keeps(&bellhop.Event{Type: d.Type, Channels: []string{in.Channel}, Tags: []string{in.Tag}}, types) {
				return false, nil
			}
			all, err := a.desk.EventDeliveries(c.Context(), c.Principal(), d.Event, bellhop.DeliveryFilter{Endpoint: endpoint.ID, Limit: mostCopies})
			if err != nil && !bellhop.IsNotFound(err) {
				return false, err
			}
			if len(all) == 0 {
				all = []bellhop.Delivery{*d}
			}
			tells := bellhop.ArrivedOrLatest(all...)
			if all[len(all)-1].ID != d.ID || !filter.is(stateOfDelivery(&tells)) {
				return false, nil
			}
			if in.Channel != "" || in.Tag != "" {
				e, err := v.event(d.Event, d.Type)
				if err != nil || !in.keeps(e, nil) {
					return false, err
				}
			}
			told[d.ID] = tells
			return true, nil
		},
	}
	w, err := l.walk(over, at, s.back, s.limit)
	if err != nil {
		return out, err
	}
	next := a.next(c, endpoint.ID)
	return logPage(s, w, l.id, func(d *bellhop.Delivery) (endpointMessageOut, error) {
		e, err := v.event(d.Event, d.Type)
		if err != nil {
			return endpointMessageOut{}, err
		}
		tells := told[d.ID]
		return endpointMessageOut{showMessage(e, in.WithContent), stateOfDelivery(&tells).known(in.ExpandedStatuses), next(&tells)}, nil
	})
}

const (
	// mostLookedUp is mostScanned where each row takes a look at others.
	mostLookedUp = 1000
	// mostCopies is how many deliveries of a message to one endpoint are looked at.
	mostCopies = 1000
)

type messageEndpointOut struct {
	ID string `json:"id" example:"ep_38G04Y6NR0400"`
	endpointFields
	state
	NextAttempt *time.Time `json:"nextAttempt,omitempty"`
}

type destinationsIn struct {
	messageID
	paging
	ExpandedStatuses bool `query:"expanded_statuses" default:"true" doc:"Shows what is canceled as such (4), and not as success."`
}

// destinations lists the endpoints of a message, oldest first, those included that are gone.
func (a *API) destinations(c *api.Call, in destinationsIn) (out page[messageEndpointOut], err error) {
	e, err := a.message(c, in.messageID)
	if err != nil {
		return out, err
	}
	s := in.step()
	at, err := position[id.Endpoint](s.at)
	if err != nil {
		return out, err
	}
	read := func(before bellhop.EndpointID, limit int) ([]bellhop.Standing, error) {
		return a.desk.Standings(c.Context(), c.Principal(), bellhop.StandingFilter{Event: e.ID, Before: before, Limit: limit})
	}
	var rows []bellhop.Standing
	if s.back {
		rows, err = read(at, s.limit+1)
	} else {
		rows, err = newerThan(at, s.limit+1, read)
	}
	if err != nil {
		return out, err
	}
	return pageOf(s, rows, func(x *bellhop.Standing) string { return x.Delivery.Endpoint.String() }, func(x *bellhop.Standing) (messageEndpointOut, error) {
		d := &x.Delivery
		if d.Trigger.Again() && (d.Status == bellhop.DeliveryFailed || d.Status == bellhop.DeliveryCanceled) {
			arrived, err := a.desk.EventDeliveries(c.Context(), c.Principal(), e.ID, bellhop.DeliveryFilter{Endpoint: d.Endpoint, Status: bellhop.DeliverySucceeded, Limit: 1})
			if err != nil && !bellhop.IsNotFound(err) {
				return messageEndpointOut{}, err
			}
			*d = bellhop.ArrivedOrLatest(append(arrived, *d)...)
		}
		out := messageEndpointOut{
			ID: d.Endpoint.String(), state: stateOfDelivery(d).known(in.ExpandedStatuses), NextAttempt: a.next(c, d.Endpoint)(d),
			endpointFields: endpointFields{URL: x.Last.URL, Disabled: true, Version: 1, CreatedAt: d.Endpoint.Time(), UpdatedAt: d.Endpoint.Time()},
		}
		if at, err := a.desk.PlainEndpoint(c.Context(), c.Principal(), e.App, d.Endpoint.String()); err == nil {
			out.ID, out.endpointFields = endpointName(&at), fieldsOf(&at)
		} else if out.URL == "" { // its end is a line without a request
			list, err := a.desk.Attempts(c.Context(), c.Principal(), e.App, bellhop.AttemptFilter{Event: e.ID, Endpoint: d.Endpoint, Limit: mostLines})
			if err != nil {
				return out, err
			}
			if i := slices.IndexFunc(list, func(at bellhop.Attempt) bool { return at.URL != "" }); i >= 0 {
				out.URL = list[i].URL
			}
		}
		return out, nil
	})
}

// mostLines is among how many lines of an endpoint that is gone its URL is looked for.
const mostLines = 10

// newerThan gives at most limit rows just newer than an endpoint, oldest first. A message
// has as many endpoints as an app at most.
func newerThan(at bellhop.EndpointID, limit int, read func(bellhop.EndpointID, int) ([]bellhop.Standing, error)) (rows []bellhop.Standing, err error) {
	for before := bellhop.EndpointID(0); ; {
		some, err := read(before, chunk)
		if err != nil {
			return nil, err
		}
		for _, x := range some {
			if x.Delivery.Endpoint > at {
				if rows = append(rows, x); len(rows) > 2*limit {
					rows = append(rows[:0], rows[limit:]...)
				}
			}
		}
		if len(some) < chunk || some[len(some)-1].Delivery.Endpoint <= at {
			break
		}
		before = some[len(some)-1].Delivery.Endpoint
	}
	rows = rows[max(0, len(rows)-limit):]
	for i, j := 0, len(rows)-1; i < j; i, j = i+1, j-1 {
		rows[i], rows[j] = rows[j], rows[i]
	}
	return rows, nil
}
