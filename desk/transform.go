package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/send"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/internal/script"
)

// Writers says who may write transformations.
type Writers string

// The writers. What is written already runs on, whatever they are.
const (
	WritersEditors Writers = "editors" // whoever may change the endpoint, in the portal, too
	WritersAdmins  Writers = "admins"
	WritersNobody  Writers = "off"
)

// MayTransform tells whether the principal may write transformations.
func (d *Desk) MayTransform(p bellhop.Principal) bool {
	switch d.writers {
	case WritersEditors:
		return p.Role == bellhop.RoleAdmin || p.Role == bellhop.RoleEditor
	case WritersAdmins:
		return p.Role == bellhop.RoleAdmin
	}
	return false
}

// mayTransform refuses to let others write a transformation. Whoever sends the old one
// back changes nothing, and an admin may always take one off.
func (d *Desk) mayTransform(p bellhop.Principal, old, wanted *bellhop.Transform) error {
	same := old == nil && wanted == nil || old != nil && wanted != nil && *old == *wanted
	if same || d.MayTransform(p) || wanted == nil && p.Role == bellhop.RoleAdmin {
		return nil
	}
	detail := "is for admins to write on this server: leave it out"
	if d.writers == WritersNobody {
		detail = "is switched off on this server (--transformations): leave it out"
	}
	return &bellhop.Error{Code: bellhop.CodeForbidden, Detail: "This key may not write transformations", Fields: []bellhop.FieldError{
		{Field: "transform", Code: "forbidden", Detail: detail},
	}}
}

// checkTransform says what is wrong with an endpoint's transformation.
func (d *Desk) checkTransform(ctx context.Context, e *bellhop.Endpoint) (fields []bellhop.FieldError) {
	t := e.Transform
	if t == nil {
		return nil
	}
	wrong := func(field, code, format string, a ...any) {
		fields = append(fields, bellhop.FieldError{Field: field, Code: code, Detail: fmt.Sprintf(format, a...)})
	}
	if !knownFunction(t.Function) {
		wrong("transform.function", "enum", notFunction)
		return fields
	}
	switch t.OnError {
	case "", bellhop.OnErrorHold, bellhop.OnErrorFail:
	default:
		wrong("transform.on_error", "enum", `must be "hold" or "fail"`)
	}
	if strings.TrimSpace(t.Code) == "" {
		example := "function transform(event) { return { body: event.data } }"
		if t.Function == bellhop.FunctionHandler {
			example = "function handler(webhook) { return webhook }"
		}
		wrong("transform.code", "required", "is missing: write %s", example)
		return fields
	}
	if safehttp.IsMail(e.URL) {
		wrong("transform", "mail", "makes HTTP requests, and the url is a mail server's: mail takes a recipe")
	}
	app := sampleApp
	if len(e.Apps) > 0 {
		app = e.Apps[0]
	}
	err := d.e.Sender().Scripts().Check(ctx, app, script.Script{Code: t.Code, Handler: t.Function == bellhop.FunctionHandler})
	if fault, ok := errors.AsType[*script.Fault](err); ok {
		wrong("transform.code", send.ReasonOf(fault), "%s", fault.Error())
	} else if err != nil {
		wrong("transform.code", bellhop.ReasonTransform, "cannot be checked: %s", err)
	}
	return fields
}

const notFunction = `must be "transform" or "handler"`

func knownFunction(f bellhop.TransformFunction) bool {
	return f == "" || f == bellhop.FunctionTransform || f == bellhop.FunctionHandler
}

// TransformTest asks what a transformation makes of an event.
type TransformTest struct {
	Code     string
	Function bellhop.TransformFunction
	// Preview has the endpoint's other settings, and the event if it is to be made up.
	Preview PreviewRequest
	// Event, if not 0, is one that happened.
	Event bellhop.EventID
}

// TransformTested is what came of it: a request, a reason to make none, or a fault.
type TransformTested struct {
	Request    *Preview
	Skipped    bool
	SkipReason string
	Fault      *TransformFault
	// Original is the body that would be sent without the transformation.
	Original []byte
	// Logs are the lines that the script printed.
	Logs []string
	// Duration is how long it ran, and Used which part of what it may use up that was.
	Duration time.Duration
	Used     float64
}

// TransformFault is what is wrong with a script or its result.
type TransformFault struct {
	// Reason is the word that attempts have.
	Reason, Message string
	// Line and Column are in the code, from 1; 0 if not known.
	Line, Column int
}

// TestTransformation runs a transformation on an event, as a delivery would, and sends
// nothing. What is wrong with the script is in the answer; the error is about the rest. It
// takes a slot, as Preview does.
func (d *Desk) TestTransformation(ctx context.Context, p bellhop.Principal, ask TransformTest) (t TransformTested, err error) {
	if err := Permits(p, "testTransformation"); err != nil {
		return t, err
	}
	tried := &bellhop.Transform{Code: ask.Code, Function: ask.Function}
	if err := d.mayTransform(p, nil, tried); err != nil {
		return t, err
	}
	if !knownFunction(ask.Function) {
		return t, bellhop.Wrong("function", "enum", notFunction)
	}
	var past *bellhop.Event
	if ask.Event != 0 {
		event, err := d.event(ctx, p, ask.Event)
		if err != nil {
			return t, err
		}
		if event.Erased {
			return t, bellhop.Wrong("event_id", "erased", "names an event that was erased: choose another, or give an event")
		}
		past, ask.Preview.App = &event, event.App
	}
	ask.Preview.Endpoint.Transform = bellhop.Field[*bellhop.Transform]{}
	h, err := d.rehearse(ctx, p, ask.Preview, past)
	if err != nil {
		return t, err
	}
	defer h.release()
	sender := d.e.Sender()
	if plain, unmade := sender.Make(ctx, h.route, h.signer, h.message); unmade == nil {
		t.Original = plain.Request.Body
	}
	e := h.route.Endpoint
	e.Transform = tried
	made, seen, unmade := sender.Transform(ctx, d.e.Routes().Compile(e), h.signer, h.message)
	t.Skipped, t.SkipReason, t.Logs = seen.Skipped, seen.Reason, slices.Clip(seen.Logs)
	t.Duration, t.Used = seen.Duration, seen.Used
	switch {
	case seen.Fault != nil:
		f := seen.Fault
		t.Fault = &TransformFault{Reason: send.ReasonOf(f), Message: f.Message, Line: f.Line, Column: f.Column}
	case seen.Skipped:
	case unmade != nil:
		if ctx.Err() != nil {
			return t, ctx.Err()
		}
		return t, fmt.Errorf("test a transformation: %s", unmade.Detail)
	default:
		request, err := d.previewOf(made, h.sample)
		if err != nil {
			return t, err
		}
		t.Request = &request
	}
	return t, nil
}
