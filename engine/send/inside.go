package send

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/bellhop/bellhop/engine/send/inbox"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// inside is the door to one of our own inboxes. What goes through it does not leave
// Bellhop, and looks as if it had.
type inside struct {
	s     *Sender
	token string
}

func (d inside) Exchange(ctx context.Context, p Parcel) safehttp.Response {
	start := d.s.o.Now()
	arrived := inbox.Request{App: p.App, Method: p.Request.Method, Path: p.Request.URL, Header: http.Header{}, Body: p.Request.Body}
	if u, err := url.Parse(p.Request.URL); err == nil {
		safehttp.NormalizeTarget(u)
		arrived.Path = u.RequestURI()
	}
	fields, err := d.s.Fields(p.Request)
	if err != nil { // the URL has been parsed before
		return safehttp.Response{Reason: safehttp.ReasonURL, Detail: err.Error(), Duration: d.s.o.Now().Sub(start)}
	}
	for _, f := range fields {
		arrived.Header.Add(f.Name, f.Value) // canonical, as a server reads it
	}
	answer := d.s.o.Inboxes.Deliver(ctx, d.token, arrived, p.Event, p.Route)
	if !answer.Wait(ctx, p.Request.Timeout) {
		if ctx.Err() != nil {
			return safehttp.Response{Reason: safehttp.ReasonCanceled, Detail: "the request was canceled before it was answered", Duration: d.s.o.Now().Sub(start)}
		}
		return safehttp.Response{
			Reason: safehttp.ReasonTimeout, Duration: d.s.o.Now().Sub(start),
			Detail: fmt.Sprintf("no answer within %s: the inbox is set to answer after %s", p.Request.Timeout, answer.Delay),
		}
	}
	kept := min(int64(len(answer.Text)), max(p.Request.MaxBody, 0))
	return safehttp.Response{
		Status: answer.Status, Header: answer.Header,
		Body: []byte(answer.Text[:kept]), Truncated: kept < int64(len(answer.Text)), Duration: d.s.o.Now().Sub(start),
	}
}
