package send

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/internal/script"
)

// Transformed is what is seen of a transformation that was tried out.
type Transformed struct {
	script.Trace
	// Fault is what is wrong with the script or its result; nil if a request was made,
	// or was not wanted.
	Fault *script.Fault
	// Skipped says that the script wants no request, and Reason why, if it says so.
	Skipped bool
	Reason  string
}

// Scripts is where transformations run.
func (s *Sender) Scripts() *script.Sandbox { return s.o.Scripts }

// Transform is Make for an endpoint with a transformation, and gives what is seen of it,
// too. Only for this is what the script prints kept.
func (s *Sender) Transform(ctx context.Context, r *routes.Route, signer *dialect.Signer, m dialect.Message) (Made, Transformed, *bellhop.Outcome) {
	return s.transform(script.ForPeople(ctx), r, signer, m, true)
}

// transform has the endpoint's script make the request, and its dialect sign it.
func (s *Sender) transform(ctx context.Context, r *routes.Route, signer *dialect.Signer, m dialect.Message, logs bool) (made Made, seen Transformed, unmade *bellhop.Outcome) {
	s.chooseOptions(r, &m)
	result, trace, err := s.o.Scripts.Run(ctx, m.App, script.Script{Code: r.Transform.Code, Handler: r.Transform.Function == bellhop.FunctionHandler}, script.Event{
		ID: m.ID, Type: m.Type, App: m.App, Subject: m.Subject, Time: m.Time, Data: m.Data,
		Endpoint: int64(r.ID), URL: r.URL,
	}, logs)
	seen.Trace = trace
	fault, isFault := errors.AsType[*script.Fault](err)
	switch {
	case ctx.Err() != nil:
		return made, seen, &bellhop.Outcome{Reason: bellhop.ReasonCutShort, Detail: "Bellhop was stopped before the transformation had run.", Exchange: bellhop.Exchange{URL: r.URL}}
	case isFault:
	case err != nil:
		o := ours(r, "The transformation could not be run: "+err.Error())
		return made, seen, &o
	case result.Skip:
		seen.Skipped, seen.Reason = true, result.Reason
		return made, seen, skipped(r, result.Reason)
	default:
		made, fault = s.transformed(r, signer, m, result)
	}
	if fault != nil {
		seen.Fault = fault
		return Made{}, seen, faulty(r, fault)
	}
	return made, seen, nil
}

// skipped is the outcome of an event that the script wants no request for.
func skipped(r *routes.Route, reason string) *bellhop.Outcome {
	detail := "The endpoint's transformation skips this event."
	if reason != "" {
		detail = "The endpoint's transformation skips this event: " + bellhop.Clip(reason) + "."
	}
	return &bellhop.Outcome{Class: bellhop.ClassSkipped, Reason: bellhop.ReasonSkipped, Detail: detail, Exchange: unsent(r)}
}

// unsent is the exchange that did not take place. Its body is empty, not absent: what the
// script says of an event may quote it, and is then erased with it.
func unsent(r *routes.Route) bellhop.Exchange {
	return bellhop.Exchange{URL: r.URL, RequestBody: []byte{}}
}

// reasons are the words of the log for what is wrong with a script.
var reasons = map[script.Kind]string{
	script.KindSyntax:  bellhop.ReasonTransform,
	script.KindError:   bellhop.ReasonTransform,
	script.KindTimeout: bellhop.ReasonTransformTimeout,
	script.KindMemory:  bellhop.ReasonTransformMemory,
	script.KindResult:  bellhop.ReasonTransformResult,
}

// ReasonOf is the word of the log for what is wrong with a script.
func ReasonOf(f *script.Fault) string { return reasons[f.Kind] }

// faulty is the outcome of an event that the script fails on.
func faulty(r *routes.Route, f *script.Fault) *bellhop.Outcome {
	detail := "The transformation failed: "
	switch f.Kind {
	case script.KindTimeout, script.KindMemory:
		detail = "The transformation was stopped: "
	case script.KindResult:
		detail = "The transformation gave what cannot be sent: "
	}
	o := &bellhop.Outcome{Class: bellhop.ClassHeld, Reason: ReasonOf(f), Exchange: unsent(r)}
	remedy := ". Correct it, and what is held goes out."
	if r.Transform.OnError == bellhop.OnErrorFail {
		o.Class, remedy = bellhop.ClassUnfit, ". Correct it, and resend what has failed."
	}
	o.Detail = detail + strings.TrimSuffix(f.Error(), ".") + remedy
	return o
}

// methods are those that a script can choose.
var methods = []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodGet}

// transformed makes the request of what a script gave. What it chose is checked like
// what the endpoint's owner chooses, and the guard sees it like any other request.
func (s *Sender) transformed(r *routes.Route, signer *dialect.Signer, m dialect.Message, result script.Result) (Made, *script.Fault) {
	wrong := func(format string, a ...any) (Made, *script.Fault) {
		return Made{}, &script.Fault{Kind: script.KindResult, Message: fmt.Sprintf(format, a...)}
	}
	if result.Method != "" && !slices.Contains(methods, result.Method) {
		return wrong("the method is %q; it may be %s", bellhop.Clip(result.Method), strings.Join(methods, ", "))
	}
	if result.Method == http.MethodGet && len(result.Body) > 0 {
		return wrong("a GET has no body: leave it out, or choose another method")
	}
	if safehttp.IsMail(r.URL) && result.URL == "" {
		return wrong("the endpoint's url is a mail server's: mail takes a recipe")
	}
	if result.URL != "" && (result.URL != r.URL || safehttp.IsMail(r.URL)) {
		if why := s.refuse(result.URL); why != "" {
			return wrong("the url%s", why)
		}
	}
	if why := checkHeader(result.Header, r.Speaks()); why != "" {
		return wrong("%s", why)
	}
	if m.Body = result.Body; m.Body == nil {
		m.Body = []byte{}
	}
	rendered, err := signer.Render(m)
	if err != nil {
		return wrong("the dialect %s cannot sign it: %s", r.Dialect, err)
	}
	if len(result.Body) == 0 && (result.Method == http.MethodGet || result.Method == http.MethodDelete) {
		rendered.Headers = slices.DeleteFunc(rendered.Headers, func(h dialect.Header) bool { return h.Name == "Content-Type" })
	}
	made := Made{KeepBody: true}
	s.request(&made.Request, r, m.App, rendered)
	if result.Method != "" {
		made.Request.Method = result.Method
	}
	if result.URL != "" {
		made.Request.URL = result.URL
	}
	secret := sha256.New()
	for _, h := range result.Header {
		for name := range made.Request.Header {
			if strings.EqualFold(name, h.Name) {
				delete(made.Request.Header, name)
			}
		}
		made.Request.Header[h.Name] = []string{h.Value}
		if mayAuthenticate(h.Name) {
			fmt.Fprintf(secret, "%d:%s%d:%s", len(h.Name), h.Name, len(h.Value), h.Value)
			made.Request.Credentials = r.Credentials() + string(secret.Sum(nil)[:16])
		}
	}
	made.ShownURL, made.ShownHeader = made.Request.URL, made.Request.Header
	conceal(r, &made)
	return made, nil
}

// refuse says why a script may not send to a URL, as the rest of a sentence that begins
// with it; "" if it may.
func (s *Sender) refuse(raw string) string {
	if s.o.Inboxes != nil && s.o.Inboxes.Covers(raw) {
		return " is that of an inbox: make it the endpoint's own URL"
	}
	err := s.CheckHTTP(raw)
	if err == nil {
		return ""
	}
	if ue, ok := errors.AsType[*safehttp.URLError](err); ok {
		return strings.TrimSuffix(strings.TrimPrefix(ue.Detail, "The URL"), ".")
	}
	return " cannot be used: " + err.Error()
}

// checkHeader says what is wrong with header fields that a script set; "" if nothing.
func checkHeader(fields []script.Header, x *dialect.Dialect) string {
	if len(fields) > MaxHeaders {
		return fmt.Sprintf("there are %d headers; at most %d are allowed", len(fields), MaxHeaders)
	}
	for i, h := range fields {
		fault := HeaderFault(h.Name, h.Value, true)
		switch {
		case fault != "":
		case Reserved(h.Name, x) && !strings.EqualFold(h.Name, "Content-Type"):
			fault = HeaderReserved
		case slices.ContainsFunc(fields[:i], func(o script.Header) bool { return strings.EqualFold(o.Name, h.Name) }):
			fault = HeaderTwice
		}
		if fault != "" {
			return "the header " + bellhop.Clip(h.Name) + " " + fault
		}
	}
	return ""
}

// mayAuthenticate tells whether a header's value is likely to be a credential, which an
// event may bring: requests with different ones share no connection. Those that stand in
// the script are part of the endpoint's (routes.Route.Credentials).
func mayAuthenticate(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"auth", "cookie", "token", "key", "secret", "session", "signature"}, func(word string) bool {
		return strings.Contains(name, word)
	})
}
