package bellhop

import (
	"context"
	"fmt"
	"net/http"
	"net/textproto"
	"time"

	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// Reasons that do not come from the exchange itself.
const (
	reasonStatus   = "status"   // an answer other than 2xx
	reasonRender   = "render"   // the dialect cannot express this event, or cannot sign
	reasonCanceled = "canceled" // ended by an erasure or deletion
)

// attempt renders, signs and POSTs one delivery. What goes wrong is in the
// attempt, not an error; nil means that ctx ended first and nothing is known.
func (b *Bellhop) attempt(ctx context.Context, r *route, w *Work) *Attempt {
	now := b.cfg.Now()
	a := &Attempt{
		ID:       id.Next[id.Attempt](b.node.Load().ids, now),
		Delivery: w.Delivery.ID,
		Event:    w.Delivery.Event,
		Endpoint: r.ID,
		App:      w.Event.App,
		Type:     w.Event.Type,
		Trigger:  w.Delivery.Trigger,
		Number:   w.Delivery.Attempts + 1,
		URL:      r.URL,
	}
	signer, err := r.sign(now)
	if err != nil {
		a.Reason, a.Detail = reasonRender, "The request could not be signed: "+err.Error()
		return a
	}
	request, err := b.render(r, signer, dialect.Message{
		ID: w.Event.ID.String(), App: w.Event.App, Type: w.Event.Type, Subject: w.Event.Subject,
		Time: w.Event.CreatedAt(), Data: w.Event.Data, Timestamp: now,
	})
	if err != nil {
		a.Reason, a.Detail = reasonRender, "The dialect "+r.dialect.Name()+" cannot express this event: "+err.Error()
		return a
	}
	b.exchange(ctx, a, r, request)
	if a.Reason == string(safehttp.ReasonCanceled) && ctx.Err() != nil {
		return nil
	}
	return a
}

// render makes the request that carries a message to an endpoint: the one way to
// make one, for deliveries, tests, verifications and previews alike.
func (b *Bellhop) render(r *route, signer *dialect.Signer, m dialect.Message) (safehttp.Request, error) {
	rendered, err := signer.Render(m)
	if err != nil {
		return safehttp.Request{}, err
	}
	header := make(http.Header, len(rendered.Headers)+len(r.Headers)+1)
	for name, value := range r.Headers {
		header[textproto.CanonicalMIMEHeaderKey(name)] = []string{value}
	}
	for _, h := range rendered.Headers {
		header[h.Name] = []string{h.Value} // in the case that the dialect wants
	}
	return safehttp.Request{
		URL: r.URL, Method: http.MethodPost, Header: header, Body: rendered.Body,
		Timeout: time.Duration(r.Timeout), MaxBody: b.cfg.MaxBody,
	}, nil
}

// exchange makes the request and notes the response. A request to one of Bellhop's
// own inboxes does not leave the process.
func (b *Bellhop) exchange(ctx context.Context, a *Attempt, r *route, request safehttp.Request) {
	b.metrics.inFlight.Inc()
	var res safehttp.Response
	if token, ours := b.inboxes.tokenOf(request.URL); ours {
		res = b.receiveInside(token, a, r, request)
	} else {
		res = b.client.Do(ctx, request)
	}
	b.metrics.inFlight.Dec()
	a.RequestHeader = request.Header
	a.Duration = Duration(res.Duration)
	a.ResponseStatus, a.ResponseHeader = res.Status, res.Header
	a.ResponseBody, a.ResponseTruncated = res.Body, res.Truncated
	a.Reason, a.Detail = string(res.Reason), res.Detail
	if a.Reason == "" && (res.Status < 200 || res.Status > 299) {
		a.Reason, a.Detail = reasonStatus, statusDetail(res)
	}
}

func statusDetail(res safehttp.Response) string {
	text := fmt.Sprintf("The receiver answered %d", res.Status)
	if t := http.StatusText(res.Status); t != "" {
		text += " " + t
	}
	switch {
	case res.Status >= 300 && res.Status <= 399:
		text += "; redirects are not followed"
		if to := res.Header.Get("Location"); to != "" {
			text += ": if " + clip(to) + " is the right address, make it the endpoint's URL"
		}
	case res.Status == http.StatusGone:
		text += ": it wants no more events"
	}
	return text + "."
}
