package api

import (
	"maps"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

// attemptFilter is what the log of attempts and the stream are filtered by.
type attemptFilter struct {
	App      string                `query:"app" doc:"Only attempts for this app's events." example:"acme"`
	Endpoint bellhop.EndpointID    `query:"endpoint" doc:"Only attempts at this endpoint."`
	Event    bellhop.EventID       `query:"event" doc:"Only attempts for this event."`
	Delivery bellhop.DeliveryID    `query:"delivery" doc:"Only attempts for this delivery."`
	Type     string                `query:"type" doc:"Only attempts for events of this type: exact, or a prefix and a trailing *." example:"invoice.*"`
	Status   bellhop.AttemptStatus `query:"status" enum:"succeeded,failed,canceled" doc:"Only attempts that ended so."`
}

// filter limits the filter to what the key reaches.
func (f attemptFilter) filter(c *call) (bellhop.AttemptFilter, error) {
	apps, err := c.apps(f.App)
	return bellhop.AttemptFilter{
		Apps: apps, Endpoint: f.Endpoint, Event: f.Event, Delivery: f.Delivery, Type: f.Type, Status: f.Status,
	}, err
}

type listAttemptsInput struct {
	paging
	span
	attemptFilter
}

func (a *api) listAttempts(c *call, in listAttemptsInput) (wire.Page[wire.Attempt], error) {
	var none wire.Page[wire.Attempt]
	before, err := cursorAttempts.number(in.Cursor)
	if err != nil {
		return none, err
	}
	f, err := in.filter(c)
	if err != nil {
		return none, err
	}
	if err := in.check(); err != nil {
		return none, err
	}
	f.Since, f.Until, f.Before, f.Limit = in.Since, in.Until, bellhop.AttemptID(before), in.more()
	attempts, err := a.b.Logs().Attempts(c.ctx(), f)
	if err != nil {
		return none, err
	}
	position := func(at bellhop.Attempt) string { return encodeNumber(cursorAttempts, int64(at.ID)) }
	return page(in.paging, attempts, position, c.attempt), nil
}

type attemptID struct {
	ID bellhop.AttemptID `path:"id" noun:"attempt" doc:"The attempt's id."`
}

func (a *api) getAttempt(c *call, in attemptID) (wire.Attempt, error) {
	at, err := a.b.Logs().Attempt(c.ctx(), in.ID)
	if bellhop.IsNotFound(err) || err == nil && !c.key.Sees(at.App) {
		return wire.Attempt{}, missing("attempt", in.ID.String())
	}
	return c.attempt(at), err
}

// attempt dresses an attempt for the wire. An endpoint's own headers often carry
// a token: in the request as it was sent their values are shown only to those who
// may change endpoints.
func (c *call) attempt(at bellhop.Attempt) wire.Attempt {
	if len(at.RequestHeader) > 0 && !c.seesHeaders() {
		at.RequestHeader = c.discreet(at.Endpoint, at.RequestHeader)
	}
	out := wire.Attempt{
		Attempt: at, StartedAt: at.StartedAt(),
		DurationMS: time.Duration(at.Duration).Milliseconds(),
	}
	if utf8.Valid(at.ResponseBody) {
		out.ResponseBody = string(at.ResponseBody)
	} else {
		out.ResponseBodyBase64 = at.ResponseBody
	}
	return out
}

// hidden stands for a value that this key may not see.
const hidden = "(hidden)"

// seesHeaders tells whether the key may see the values of endpoints' headers.
func (c *call) seesHeaders() bool {
	return c.key.Role == bellhop.RoleAdmin || c.key.Role == bellhop.RoleEditor
}

// discreet is a copy of a request's headers for those who may not see the values of
// endpoints' own: only those that Bellhop and the dialects wrote are shown. Whose
// the others are cannot be told once the endpoint has other headers, or is gone.
func (c *call) discreet(id bellhop.EndpointID, h http.Header) http.Header {
	h = maps.Clone(h)
	for name, values := range h {
		if !c.a.b.WroteHeader(id, name, values) {
			h[name] = []string{hidden}
		}
	}
	return h
}
