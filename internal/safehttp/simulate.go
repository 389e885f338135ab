package safehttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"
)

// simulate does an exchange by Options.Transport instead of the network.
func (x *exchange) simulate(u *url.URL, r Request) Response {
	ctx, cancel := context.WithDeadline(x.caller, x.deadline)
	defer cancel()
	body := &payload{rest: r.Body}
	defer body.release()
	res, err := x.client.transport.RoundTrip(x.newRequest(ctx, u, r, body))
	if err != nil {
		return x.failed(err)
	}
	if res.Body == nil {
		res.Body = http.NoBody
	}
	defer res.Body.Close()
	out := Response{Status: res.StatusCode, Header: res.Header}
	if out.Status < 200 {
		x.finish(&out, unasked(out.Status))
		return out
	}
	more := x.keep(&out, res.Body, res.ContentLength, r.MaxBody)
	x.finish(&out, nil)
	if more {
		timer := time.AfterFunc(x.client.drainTime, cancel)
		drain(res.Body, &out)
		timer.Stop()
	}
	return out
}

func (x *exchange) newRequest(ctx context.Context, u *url.URL, r Request, body *payload) *http.Request {
	req := &http.Request{
		Method:        r.Method,
		URL:           u,
		Host:          u.Host,
		Header:        x.client.header(r),
		ContentLength: int64(len(r.Body)),
	}
	if len(r.Body) > 0 { // else a length of zero, which net/http takes for "unknown", would be sent as chunks
		req.Body = body
	}
	return req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				x.enter(phaseWait)
			}
		},
	}))
}

// header is a request's header as it would be sent. The values are not copied:
// a transport only reads them.
func (c *Client) header(r Request) http.Header {
	header := make(http.Header, len(r.Header)+1)
	header["User-Agent"] = []string{c.userAgent}
	for name, values := range r.Header {
		if strings.EqualFold(name, "User-Agent") {
			name = "User-Agent"
		}
		if !connectionHeader(name) {
			header[name] = values
		}
	}
	return header
}

// payload is a request's body. It lets go of the caller's bytes when the exchange
// is over, though a transport may still be reading after an early response.
type payload struct {
	mu   sync.Mutex
	rest []byte
	gone bool
}

var errGone = errors.New("the exchange is over")

func (b *payload) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone {
		return 0, errGone
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	if len(b.rest) == 0 {
		return n, io.EOF
	}
	return n, nil
}

func (b *payload) Close() error { return nil }

func (b *payload) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rest, b.gone = nil, true
}
