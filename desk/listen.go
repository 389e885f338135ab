package desk

import (
	"context"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/send/listen"
)

// What listening is made of, by the names under which people ask for it.
type (
	ListenStream  = listen.Stream
	ListenRequest = listen.Request
	ListenAnswer  = listen.Answer
)

// Listen begins to listen at an endpoint whose URL says that somebody shall: its
// requests are handed to whoever has the stream, until that is closed. Only one session
// listens at an endpoint; one that comes back takes over from its earlier connection.
func (d *Desk) Listen(ctx context.Context, p bellhop.Principal, i bellhop.EndpointID, session string) (*ListenStream, error) {
	if err := Permits(p, "listenEndpoint"); err != nil {
		return nil, err
	}
	r, err := d.changeable(p, i)
	if err != nil {
		return nil, err
	}
	if len(session) < 16 || len(session) > 64 {
		return nil, bellhop.Wrong("session", "length", "must be a text of 16 to 64 characters that nobody can guess")
	}
	if !r.Listened() {
		return nil, &bellhop.Error{Code: bellhop.CodeConflict, Detail: "This endpoint is sent to: only one whose url begins with listen+, such as listen+http://localhost:3000/hook, can be listened at"}
	}
	return d.e.Listen(ctx, i, r.Apps, session)
}

// AnswerListened brings the answer to a request that a session was given. It answers a
// CodeNotFound error if nobody waits for it any more: then the request comes again, or
// its outcome is known by now.
func (d *Desk) AnswerListened(ctx context.Context, p bellhop.Principal, i bellhop.EndpointID, session, request string, a ListenAnswer) error {
	if err := Permits(p, "answerListened"); err != nil {
		return err
	}
	if _, err := d.changeable(p, i); err != nil {
		return err
	}
	awaited, err := d.e.AnswerListened(ctx, i, session, request, a)
	if err == nil && !awaited {
		err = bellhop.NotFound("request", request)
	}
	return err
}
