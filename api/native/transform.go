package native

import (
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
)

type transformTestInput struct{ Body wire.TransformTest }

func (n *native) testTransformation(c *api.Call, in transformTestInput) (wire.TransformTested, error) {
	ask := desk.TransformTest{
		Code: in.Body.Code, Function: in.Body.Function, Event: in.Body.EventID,
		Preview: desk.PreviewRequest{Endpoint: in.Body.Endpoint.Change(), App: in.Body.App},
	}
	if e := in.Body.Event; e != nil {
		if ask.Event != 0 {
			return wire.TransformTested{}, bellhop.Wrong("event", "exclusive", "cannot stand beside event_id: leave one of them out")
		}
		ask.Preview.Type, ask.Preview.Subject, ask.Preview.Data = e.Type, e.Subject, e.Data
	}
	t, err := n.desk.TestTransformation(c.Context(), c.Principal(), ask)
	if err != nil {
		return wire.TransformTested{}, err
	}
	out := wire.TransformTested{
		Skipped: t.Skipped, SkipReason: t.SkipReason, Logs: t.Logs,
		DurationMS: float64(t.Duration) / float64(time.Millisecond), Used: t.Used, Original: string(t.Original),
	}
	if out.Logs == nil {
		out.Logs = []string{}
	}
	if f := t.Fault; f != nil {
		out.Error = &wire.TransformError{Reason: f.Reason, Message: f.Message, Line: f.Line, Column: f.Column}
	}
	if r := t.Request; r != nil {
		out.Request = &wire.TransformRequest{Method: r.Method, URL: r.URL, Headers: []wire.Header{}, Body: string(r.Body)}
		for _, f := range r.Header {
			out.Request.Headers = append(out.Request.Headers, wire.Header(f))
		}
	}
	return out, nil
}
