package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/id"
)

// replayingLocally is what replay-local is asked for.
type replayingLocally struct {
	to, secret, dialect string
	endpoint            bellhop.EndpointID
	sign, insecure      bool
	timeout             time.Duration
}

func (p *program) replayLocalVerb() *cobra.Command {
	var in replayingLocally
	cmd := p.apiVerb("replay-local EVENT", "Send an event of the past to a program on this machine",
		`Send an event of the past to a program on this machine, as it was sent to an endpoint: with the headers
of the newest attempt there, signature and time included, out of the log. A receiver that checks the
time refuses a request that is too old; then --sign signs it anew, with a secret that this prints or
with --secret. Nothing is written to the server's log.`,
		func(ctx context.Context, c *client.Client, args []string) error {
			event, err := idArg[id.Event](args[0])
			if err != nil {
				return err
			}
			if in.to == "" {
				return usage("replay-local needs --to: where your program can be reached, such as --to http://localhost:3000/hook")
			}
			if !in.sign && (in.secret != "" || in.dialect != "") {
				return usage("--secret and --dialect are for --sign: without it the original headers are sent")
			}
			return p.replayLocal(ctx, c, event, in)
		})
	cmd.Example = `  bellhop replay-local evt_01HZX3K2Q9F7A --to http://localhost:3000/hook
  bellhop replay-local evt_01HZX3K2Q9F7A --to 3000/hook --sign --secret whsec_…`
	f := cmd.Flags()
	f.StringVar(&in.to, "to", "", "the `URL` of your program; a port or host:port will do")
	f.TextVar(&in.endpoint, "endpoint", in.endpoint, "as it was sent to this `endpoint` (default: the only one it was sent to)")
	f.BoolVar(&in.sign, "sign", false, "sign it anew instead of sending the original headers")
	f.StringVar(&in.secret, "secret", "", "with --sign: the `secret`, or @FILE (default: a new one)")
	f.StringVar(&in.dialect, "dialect", "", "with --sign: how it looks on the wire (default: the endpoint's)")
	f.Var(durationOf(&in.timeout, 15*time.Second), "timeout", "how long your program may take")
	f.BoolVar(&in.insecure, "insecure", false, "do not check the certificate of an https program")
	return cmd
}

// userAgent is what a server sends that was told nothing else.
var userAgent = wire.HeaderField{Name: "User-Agent", Value: "Bellhop"}

// localRequest is a request that is to be made again, and what is to be said of it.
type localRequest struct {
	client.ListenRequest
	notes []string
}

func (p *program) replayLocal(ctx context.Context, c *client.Client, i bellhop.EventID, in replayingLocally) error {
	to, err := forwardURL(in.to)
	if err != nil {
		return err
	}
	event, err := c.Event(ctx, i)
	if err != nil {
		return err
	}
	if event.Erased {
		return fmt.Errorf("the data of %s was erased: there is nothing to send", i)
	}
	var r localRequest
	if in.sign {
		r, err = p.signedAnew(ctx, c, event, in)
	} else {
		r, err = p.original(ctx, c, event, in.endpoint)
	}
	if err != nil {
		return err
	}
	r.TimeoutMS, r.ID = in.timeout.Milliseconds(), i.String()
	forward := newForwarder(to, in.insecure, p.now)
	if !p.json {
		for _, n := range r.notes {
			p.note("%s", n)
		}
	}
	x, _ := forward.take(ctx, r.ListenRequest)
	<-x.ready
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := p.show(forwardedJSON{x.at, x.request, x.answer}, func() {
		for _, line := range p.answerLines(x) {
			p.print("%s", line)
		}
	}); err != nil {
		return err
	}
	if bellhop.ClassOf(x.answer.Status) != bellhop.ClassTaken {
		return errSilent
	}
	return nil
}

// original is the request of the newest attempt, with its headers.
func (p *program) original(ctx context.Context, c *client.Client, event client.Event, endpoint bellhop.EndpointID) (r localRequest, err error) {
	a, err := newestAttempt(ctx, c, event.ID, endpoint)
	if err != nil {
		return r, err
	}
	r.ListenRequest = client.ListenRequest{Event: event.ID, App: event.App, Type: event.Type, Method: http.MethodPost}
	if a.Method != "" {
		r.Method = a.Method
	}
	var hidden []string
	for _, name := range sortedKeys(a.RequestHeader) {
		for _, v := range a.RequestHeader[name] {
			if v == "(hidden)" {
				hidden = append(hidden, name)
				continue
			}
			r.Headers = append(r.Headers, wire.HeaderField{Name: name, Value: v})
		}
	}
	if !slices.ContainsFunc(sortedKeys(a.RequestHeader), func(n string) bool { return strings.EqualFold(n, "User-Agent") }) { // the log leaves out what is the same in all requests
		r.Headers = append(r.Headers, userAgent)
	}
	r.notes = append(r.notes, fmt.Sprintf("Original headers, of attempt %s at %s.", a.ID, a.Endpoint))
	if len(hidden) > 0 {
		r.notes = append(r.notes, fmt.Sprintf("Left out, since they are hidden: %s.", strings.Join(hidden, ", ")))
	}
	switch {
	case a.RequestTruncated:
		return r, errors.New("the log has only the beginning of the body that was sent: 'bellhop resend' makes the request anew")
	case a.RequestBody != "":
		r.Body = []byte(a.RequestBody)
		return r, nil
	case len(a.RequestBodyBase64) > 0:
		r.Body = a.RequestBodyBase64
		return r, nil
	}
	d, options, err := speaks(ctx, c, event, a.Endpoint, "")
	if err != nil {
		return r, fmt.Errorf("the body is made anew, for which the endpoint's dialect is needed: %w; --sign --dialect NAME does without the endpoint", err)
	}
	signer, err := d.NewSigner(nil)
	if err == nil {
		r.Body, err = rendered(signer, event, options, a.StartedAt)
	}
	if err != nil {
		return r, fmt.Errorf("make the body anew: %w", err)
	}
	r.notes = append(r.notes, signedWhen(d, a.RequestHeader, r.Body, p.now().Sub(a.StartedAt)))
	return r, nil
}

// signedWhen says whether the original signature will do.
func signedWhen(d *dialect.Dialect, header http.Header, body []byte, old time.Duration) string {
	limit := d.MaxAge()
	switch {
	case limit == 0 || d.Definition().Signature.Header == "":
		return "Its signature has no time: it is as good as on the first day."
	case old > limit:
		return fmt.Sprintf("It was signed %s ago: a receiver that checks the time takes it for %s only, and refuses it. --sign signs it anew.", bellhop.Duration(old.Round(time.Second)), bellhop.Duration(limit))
	}
	return fmt.Sprintf("It was signed %s ago, which receivers accept for %s.", bellhop.Duration(old.Round(time.Second)), bellhop.Duration(limit))
}

// newestAttempt is the newest request that was made for an event: to an endpoint or,
// where none is named, to the only one there was.
func newestAttempt(ctx context.Context, c *client.Client, event bellhop.EventID, endpoint bellhop.EndpointID) (client.Attempt, error) {
	var newest client.Attempt
	var endpoints []string
	for a, err := range c.Attempts(ctx, client.AttemptFilter{Event: event, Endpoint: endpoint, Limit: 250}) {
		if err != nil {
			return newest, err
		}
		if a.URL == "" || a.Status == bellhop.AttemptCanceled {
			continue // no request was made
		}
		if newest.ID == 0 {
			newest = a
		}
		if e := a.Endpoint.String(); !slices.Contains(endpoints, e) {
			endpoints = append(endpoints, e)
		}
	}
	switch {
	case newest.ID == 0:
		return newest, fmt.Errorf("no request was made of %s yet, so there are no original headers: --sign signs it anew", event)
	case len(endpoints) > 1:
		return newest, usage("the event was sent to several endpoints: name one with --endpoint: %s", strings.Join(endpoints, ", "))
	}
	return c.Attempt(ctx, newest.ID)
}

// signedAnew is the event as an endpoint would be sent it now.
func (p *program) signedAnew(ctx context.Context, c *client.Client, event client.Event, in replayingLocally) (r localRequest, err error) {
	d, options, err := speaks(ctx, c, event, in.endpoint, in.dialect)
	if err != nil {
		return r, err
	}
	secret := ""
	if in.secret != "" {
		b, err := p.textOrFile(in.secret)
		if err != nil {
			return r, err
		}
		secret = strings.TrimSpace(string(b))
	} else if secret, err = d.NewSecret(); err != nil {
		return r, fmt.Errorf("make a secret: %w", err)
	}
	signer, err := d.NewSigner([]string{secret})
	if err != nil {
		return r, usage("--secret: %w", err)
	}
	request, err := signer.Render(messageOf(event, options, p.now()))
	if err != nil {
		return r, fmt.Errorf("the dialect %s cannot express this event: %w", d.Name(), err)
	}
	r.ListenRequest = client.ListenRequest{Event: event.ID, App: event.App, Type: event.Type, Method: http.MethodPost, Body: request.Body}
	r.Headers = append(r.Headers, userAgent)
	for _, h := range request.Headers {
		r.Headers = append(r.Headers, wire.HeaderField{Name: h.Name, Value: h.Value})
	}
	note := fmt.Sprintf("Signed anew, in the dialect %s", d.Name())
	if in.secret == "" {
		note += ", with the secret " + secret
	}
	r.notes = []string{note + "."}
	return r, nil
}

// speaks is the dialect of an endpoint, or the one that is named, with the options that
// hold for an event's app.
func speaks(ctx context.Context, c *client.Client, event client.Event, endpoint bellhop.EndpointID, name string) (*dialect.Dialect, map[string]string, error) {
	var own map[string]string
	if endpoint != 0 {
		e, err := c.Endpoint(ctx, endpoint)
		if err != nil {
			return nil, nil, err
		}
		if name == "" {
			name, own = e.Dialect, e.DialectOptions
		}
	}
	app, err := c.App(ctx, event.App)
	if err != nil {
		return nil, nil, err
	}
	if name == "" {
		if name = "standard"; len(app.Dialects) > 0 {
			name = app.Dialects[0]
		}
	}
	definition, err := c.Dialect(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	d, err := dialect.Compile(definition)
	if err != nil {
		return nil, nil, fmt.Errorf("dialect %q: %w", name, err)
	}
	return d, dialect.MergeOptions(own, app.DialectOptions[name]), nil
}

func messageOf(event client.Event, options map[string]string, at time.Time) dialect.Message {
	return dialect.Message{
		ID: event.ID.String(), App: event.App, Type: event.Type, Subject: event.Subject,
		Time: event.CreatedAt, Data: event.Data, Timestamp: at, Options: options,
	}
}

func rendered(signer *dialect.Signer, event client.Event, options map[string]string, at time.Time) ([]byte, error) {
	request, err := signer.Render(messageOf(event, options, at))
	return request.Body, err
}
