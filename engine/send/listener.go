package send

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/send/listen"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// listener is the door to whoever listens at an endpoint.
type listener struct{ s *Sender }

func (d listener) Exchange(ctx context.Context, p Parcel) safehttp.Response {
	start := d.s.o.Now()
	failed := func(reason safehttp.Reason, detail string) safehttp.Response {
		return safehttp.Response{Reason: reason, Detail: detail, Duration: d.s.o.Now().Sub(start)}
	}
	local, _ := listen.Local(p.Request.URL)
	request := p.Request
	request.URL = local
	fields, err := d.s.Fields(request)
	if err != nil {
		return failed(safehttp.ReasonURL, err.Error())
	}
	r := &listen.Request{
		ID: rand.Text(), URL: local, App: p.App, Event: p.Event, Type: p.Type,
		Method: request.Method, Body: request.Body, Timeout: request.Timeout,
	}
	if w := p.Work; w != nil {
		r.Delivery, r.Trigger, r.Number = w.Delivery.ID, w.Delivery.Trigger, w.Delivery.Attempts+1
		r.ID = fmt.Sprintf("%s.%d", r.Delivery, r.Number) + particular(p)
	}
	for _, f := range fields {
		if name := http.CanonicalHeaderKey(f.Name); name != "Host" && name != "Content-Length" && name != "Connection" {
			r.Header = append(r.Header, f)
		}
	}
	a, end := d.s.o.Listeners.Exchange(ctx, p.Route.ID, r)
	switch end {
	case listen.Away:
		return failed(bellhop.ReasonNoListener, noListener(local))
	case listen.Full:
		return failed(safehttp.ReasonResources, "too much waits for 'bellhop listen' already: answer what it was given, or set a lower concurrency")
	case listen.Late:
		return failed(safehttp.ReasonTimeout, fmt.Sprintf("no answer within %s: 'bellhop listen' is connected and has not said what the program answered", request.Timeout))
	case listen.Canceled:
		return failed(safehttp.ReasonCanceled, "the request was canceled before it was answered")
	}
	kept := min(int64(len(a.Body)), max(request.MaxBody, 0))
	return safehttp.Response{
		Status: a.Status, Header: a.Header, Body: a.Body[:kept], Truncated: a.Truncated || kept < int64(len(a.Body)),
		Reason: a.Reason, Detail: a.Detail, Duration: a.Duration,
	}
}

// particular names a request apart from the others of its attempt, such as a recipe's
// question before it, or a second try with a newer token. The same attempt has the same
// names, also after a crash.
func particular(p Parcel) string {
	about := p.Request.Method + " " + p.Request.URL
	if p.Route.Auth != nil {
		about += " " + p.Request.Header.Get("Authorization")
	}
	if about == http.MethodPost+" "+p.Route.URL {
		return ""
	}
	sum := sha256.Sum256([]byte(about))
	return "." + hex.EncodeToString(sum[:4])
}

func noListener(local string) string {
	return "nobody listens: start 'bellhop listen --forward " + local + "'"
}
