package native

import (
	"time"
	"unicode/utf8"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
)

// attemptFilter is what the log of attempts and the stream are filtered by.
type attemptFilter struct {
	App      string                `query:"app" doc:"Only attempts for this app's events." example:"acme"`
	Endpoint bellhop.EndpointID    `query:"endpoint" doc:"Only attempts at this endpoint."`
	Event    bellhop.EventID       `query:"event" doc:"Only attempts for this event."`
	Delivery bellhop.DeliveryID    `query:"delivery" doc:"Only attempts for this delivery."`
	Type     string                `query:"type" minLength:"1" doc:"Only attempts for events of this type: exact, or a prefix and a trailing *." example:"invoice.*"`
	Status   bellhop.AttemptStatus `query:"status" enum:"succeeded,failed,canceled" doc:"Only attempts that ended so."`
	Response bellhop.StatusRange   `query:"response_status" doc:"Only attempts that were answered so: a status such as 503, a class such as 5xx, or none where no answer came." example:"5xx"`
	Reason   string                `query:"reason" doc:"Only attempts with this reason, such as timeout, connect, tls, dns or status." example:"timeout"`
	labelFilter
}

// labelFilter is what logs of what was made of events are filtered by.
type labelFilter struct {
	Channel string `query:"channel" minLength:"1" doc:"Only of events in this channel. Each page of a list looks at a bounded number of events: see searched_until." example:"project:7"`
	Tag     string `query:"tag" minLength:"1" doc:"Only of events with this tag; searched for as channel is." example:"batch-7"`
}

func (f labelFilter) labels() bellhop.LabelFilter {
	return bellhop.LabelFilter{Channel: f.Channel, Tag: f.Tag}
}

// any tells whether there is no such filter.
func (f labelFilter) any() bool { return f == labelFilter{} }

func (f attemptFilter) filter() bellhop.AttemptFilter {
	return bellhop.AttemptFilter{Endpoint: f.Endpoint, Event: f.Event, Delivery: f.Delivery, Type: f.Type, Status: f.Status, Response: f.Response, Reason: f.Reason}
}

type listAttemptsInput struct {
	api.Paging
	span
	attemptFilter
}

func (n *native) listAttempts(c *api.Call, in listAttemptsInput) (wire.Page[wire.Attempt], error) {
	var none wire.Page[wire.Attempt]
	before, err := cursorAttempts.Number(in.Cursor)
	if err != nil {
		return none, err
	}
	f := in.filter()
	f.Since, f.Until, f.Before, f.Limit = in.Since, in.Until, bellhop.AttemptID(before), in.Limit
	if !in.any() {
		attempts, next, err := n.desk.LabelledAttempts(c.Context(), c.Principal(), in.App, f, in.labels())
		return searched(attempts, attempt, cursorAttempts, int64(next), next.Time()), err
	}
	f.Limit = in.More()
	attempts, err := n.desk.Attempts(c.Context(), c.Principal(), in.App, f)
	if err != nil {
		return none, err
	}
	position := func(at bellhop.Attempt) string { return cursorAttempts.AtNumber(int64(at.ID)) }
	return page(in.Paging, attempts, position, attempt), nil
}

type attemptID struct {
	ID bellhop.AttemptID `path:"id" noun:"attempt" doc:"The attempt's id."`
}

func (n *native) getAttempt(c *api.Call, in attemptID) (wire.Attempt, error) {
	at, err := n.desk.Attempt(c.Context(), c.Principal(), in.ID)
	out := attempt(at.Attempt)
	out.RequestBody, out.RequestBodyBase64 = textOrBytes(at.Body)
	out.RequestBodyProof, out.RequestBodySHA256, out.RequestBodyConcealed = string(at.Known), at.SHA256(), at.Concealed
	return out, err
}

// attempt dresses an attempt for the wire.
func attempt(at bellhop.Attempt) wire.Attempt {
	out := wire.Attempt{
		Attempt: at, StartedAt: at.StartedAt(),
		DurationMS: time.Duration(at.Duration).Milliseconds(),
	}
	out.RequestBody, out.RequestBodyBase64 = textOrBytes(at.RequestBody)
	out.ResponseBody, out.ResponseBodyBase64 = textOrBytes(at.ResponseBody)
	return out
}

// textOrBytes gives a body as text if it is UTF-8.
func textOrBytes(body []byte) (text string, bytes []byte) {
	if utf8.Valid(body) {
		return string(body), nil
	}
	return "", body
}
