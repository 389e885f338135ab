package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/bellhop/bellhop"
)

// maxRequest bounds a request that is handed over, in base64: an event's data is bounded
// by the server's settings.
const maxRequest = 256 << 20

// Listen listens at an endpoint whose URL begins with listen+, by one connection: it
// calls opened once that stands, and then handle with each request, which must not
// block. It ends with an error when the connection breaks or is refused, and with nil
// when the server ended it. Come back with the same session: what was not answered is
// handed over again.
func (c *Client) Listen(ctx context.Context, e bellhop.EndpointID, session string, opened func(), handle func(ListenRequest)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	resp, err := c.send(ctx, http.MethodGet, at("/v1/endpoints/%s/listen", e), url.Values{"session": {session}}, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	opened()
	// A dead peer sends no FIN: only its silence tells.
	watchdog := time.AfterFunc(silence, func() { cancel(errors.New("the server has gone silent")) })
	defer watchdog.Stop()
	err = readEvents(resp.Body, maxRequest, func() { watchdog.Reset(silence) }, func(name, data string) error {
		if name != "request" {
			return nil
		}
		var r ListenRequest
		if err := json.Unmarshal([]byte(data), &r); err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		handle(r)
		return nil
	})
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// AnswerListened brings the answer to a request that was handed over. A *Problem with
// CodeNotFound says that nobody waits for it any more.
func (c *Client) AnswerListened(ctx context.Context, e bellhop.EndpointID, a ListenAnswer) error {
	_, err := call[struct{}](ctx, c, http.MethodPost, at("/v1/endpoints/%s/listen", e), nil, a)
	return err
}
