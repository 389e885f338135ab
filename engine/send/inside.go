package send

import (
	"context"
	"net/http"
	"net/url"

	"github.com/bellhop/bellhop/engine/send/inbox"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// inside is the door to one of our own inboxes. What goes through it does not leave
// the process, and looks as if it had.
type inside struct {
	s     *Sender
	token string
}

func (d inside) Exchange(_ context.Context, p Parcel) safehttp.Response {
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
	status, text := d.s.o.Inboxes.Deliver(d.token, arrived, p.Event, p.Route)
	kept := min(int64(len(text)), max(p.Request.MaxBody, 0))
	return safehttp.Response{
		Status: status, Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		Body: []byte(text[:kept]), Truncated: kept < int64(len(text)), Duration: d.s.o.Now().Sub(start),
	}
}
