package native

import (
	"encoding/base64"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/internal/safehttp"
)

type listenInput struct {
	endpointID
	Session string `query:"session" required:"true" doc:"Names who listens: 16 to 64 characters that nobody can guess. When a connection breaks, come back with the same." example:"f3a1c0d29be84b6a"`
}

// listen hands an endpoint's requests over until its listener goes away, comes back by
// another connection, the server stops, or the key ends.
func (n *native) listen(c *api.Call, in listenInput) error {
	stream, err := n.desk.Listen(c.Context(), c.Principal(), in.ID, in.Session)
	if err != nil {
		return err
	}
	defer stream.Close()
	events := c.Events()
	if !events.Comment("requests as they are to be made") {
		return nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-stream.News():
			for r := range stream.Take() {
				// Nothing more is handed out once a key is gone.
				if !c.Welcome() || !events.Send(api.Event("request", "", listenRequest(r))) {
					return nil
				}
			}
		case <-beat.C:
			if !c.Welcome() || !events.Comment("still here") {
				return nil
			}
		case <-stream.Ended():
			return nil
		case <-n.o.Stop:
			return nil
		case <-c.Context().Done():
			return nil
		}
	}
}

// listenRequest dresses a request for the wire.
func listenRequest(r *desk.ListenRequest) wire.ListenRequest {
	out := wire.ListenRequest{
		ID: r.ID, Event: r.Event, Delivery: r.Delivery, App: r.App, Type: r.Type, Trigger: r.Trigger, Number: r.Number,
		Method: r.Method, URL: r.URL, Headers: make([]wire.HeaderField, len(r.Header)), Body: r.Body, TimeoutMS: r.Timeout.Milliseconds(),
	}
	for i, f := range r.Header {
		out.Headers[i] = wire.HeaderField(f)
	}
	return out
}

type answerListenedInput struct {
	endpointID
	Body wire.ListenAnswer
}

func (n *native) answerListened(c *api.Call, in answerListenedInput) (api.None, error) {
	b := in.Body
	body, err := base64.StdEncoding.DecodeString(b.Body)
	if err != nil {
		return api.None{}, bellhop.Wrong("body", "base64", "is not base64, with + and / and padded with =")
	}
	return api.None{}, n.desk.AnswerListened(c.Context(), c.Principal(), in.ID, b.Session, b.ID, desk.ListenAnswer{
		Status: b.Status, Header: b.Headers, Body: body, Truncated: b.Truncated,
		Duration: time.Duration(b.DurationMS) * time.Millisecond,
		Reason:   safehttp.Reason(b.Reason), Detail: b.Detail,
	})
}

// maxListenAnswer bounds an answer on the wire: the kept part of a body, in base64, and
// its headers.
const maxListenAnswer = 256 << 10
