package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine/send"
	"github.com/bellhop/bellhop/engine/send/listen"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/match"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// Defaults and bounds of an endpoint's settings.
const (
	DefaultTimeout     = bellhop.Duration(15 * time.Second)
	minTimeout         = bellhop.Duration(100 * time.Millisecond)
	maxTimeout         = bellhop.Duration(2 * time.Minute)
	DefaultConcurrency = 32
	maxConcurrency     = 1000
	DefaultDialect     = "standard"
	maxLockedReason    = 500
)

// apply sets what is set in c, with defaults for null, and says what is wrong.
func (d *Desk) apply(ctx context.Context, e *bellhop.Endpoint, c bellhop.EndpointChange) (fields []bellhop.FieldError) {
	old := *e
	if c.FormerID.Set && c.FormerID.Value != old.FormerID && old.Revision > 0 {
		fields = append(fields, bellhop.FieldError{Field: "former_id", Code: "fixed", Detail: "is set when an endpoint is created, and never changes: leave it out"})
		c.FormerID.Set = false
	}
	fields = append(fields, applyApps(e, &c)...)
	set(c.URL, &e.URL)
	set(c.Name, &e.Name)
	set(c.Description, &e.Description)
	set(c.UID, &e.UID)
	set(c.FormerID, &e.FormerID)
	set(c.Imported, &e.Imported)
	set(c.Events, &e.Events)
	if c.Channels.Set {
		e.Channels = match.LabelSet(c.Channels.Value)
	}
	set(c.Subjects, &e.Subjects)
	set(c.Filter, &e.Filter)
	was := e.Dialect
	set(c.Dialect, &e.Dialect)
	set(c.DialectOptions, &e.DialectOptions)
	set(c.Headers, &e.Headers)
	fields = append(fields, d.applyMaking(ctx, e, &c)...)
	set(c.Timeout, &e.Timeout)
	set(c.Retry, &e.Retry)
	if e.Retry.IsDefault() && (c.Retry.Set || e.Revision == 0) {
		e.Retry = d.defaultRetry
	}
	set(c.RateLimit, &e.RateLimit)
	if c.Concurrency.Set {
		e.Concurrency, e.ExactConcurrency = c.Concurrency.Value, c.Concurrency.Value != 0
	}
	set(c.Ordering, &e.Ordering)
	set(c.Metadata, &e.Metadata)
	set(c.Notify, &e.Notify)
	set(c.Locked, &e.Locked)
	if !e.Locked {
		e.LockedReason = ""
	}
	set(c.LockedReason, &e.LockedReason)
	if c.Status.Set {
		e.Status, e.DisabledReason = c.Status.Value, ""
	}
	if e.Events == nil {
		e.Events = []string{}
	}
	if e.Subjects == nil {
		e.Subjects = []string{}
	}
	e.Status = cmp.Or(e.Status, bellhop.EndpointActive)
	e.Timeout = cmp.Or(e.Timeout, DefaultTimeout)
	e.Concurrency = cmp.Or(e.Concurrency, DefaultConcurrency)
	e.Ordering = cmp.Or(e.Ordering, bellhop.OrderingNone)
	if e.Dialect == "" {
		fields = append(fields, d.chooseDialect(e)...)
	}
	fields = append(fields, d.checkEndpoint(ctx, e, c)...)
	fields = append(fields, leaveHost(e, &old, &c)...)
	fields = append(fields, checkMail(e, &c)...)
	fields = append(fields, d.checkAuth(e, &c)...)
	fields = append(fields, d.checkTLS(e, &c)...)
	return append(fields, d.checkDialectOptions(e, c, was)...)
}

// set takes over a field that is given; null has the zero value.
func set[T any](f bellhop.Field[T], to *T) {
	if f.Set {
		*to = f.Value
	}
}

// checkEndpoint says what is wrong with an endpoint; what is costly to check, or may
// have been allowed by earlier rules, only where it was given.
func (d *Desk) checkEndpoint(ctx context.Context, e *bellhop.Endpoint, c bellhop.EndpointChange) (fields []bellhop.FieldError) {
	wrong := func(field, code, format string, a ...any) {
		fields = append(fields, bellhop.FieldError{Field: field, Code: code, Detail: fmt.Sprintf(format, a...)})
	}
	if c.URL.Set || c.Apps.Set {
		if f := d.checkURL(ctx, e, c.URL.Set); f != nil {
			fields = append(fields, *f)
		}
	}
	for _, name := range []struct {
		field string
		given bellhop.Field[string]
	}{{"uid", c.UID}, {"former_id", c.FormerID}} {
		if !name.given.Set || name.given.Value == "" {
			continue
		}
		if err := match.CheckUID(name.field, name.given.Value); err != nil {
			wrong(name.field, "uid", "%s", err)
		} else if i, err := id.Parse[id.Endpoint](name.given.Value); err == nil && (name.field == "uid" || d.routes().Endpoint(i) != nil) {
			wrong(name.field, "endpoint_id", "has the form of an endpoint's id, by which that endpoint alone is found: give another one, or leave it out")
		}
	}
	fields = append(fields, bellhop.CheckText("name", e.Name, bellhop.MaxName)...)
	fields = append(fields, bellhop.CheckMetadata(e.Metadata)...)
	fields = append(fields, bellhop.CheckText("imported", e.Imported, bellhop.MaxImported)...)
	if c.Notify.Set {
		fields = append(fields, checkAddresses("notify", e.Notify, maxNotify)...)
	}
	fields = append(fields, bellhop.CheckText("description", e.Description, bellhop.MaxDescription)...)
	fields = append(fields, bellhop.CheckText("locked_reason", e.LockedReason, maxLockedReason)...)
	if e.LockedReason != "" && !e.Locked {
		wrong("locked_reason", "without", "says why an endpoint is locked: set locked, too")
	}
	fields = append(fields, checkWants(e, &c)...)
	var headersOf []*dialect.Dialect
	if x := d.e.Routes().Dialect(e.Dialect); x != nil {
		headersOf = []*dialect.Dialect{x}
	} else {
		wrong("dialect", "unknown_dialect", "there is no dialect %q: GET /v1/dialects lists them", bellhop.Clip(e.Dialect))
	}
	if c.Headers.Set {
		headersOf = d.e.Routes().Dialects() // see wroteHeader
	}
	fields = append(fields, checkHeaders(e.Headers, headersOf, c.Headers.Set)...)
	return append(fields, checkDelivering(e)...)
}

// checkDelivering says what is wrong with how an endpoint wants to be sent to.
func checkDelivering(e *bellhop.Endpoint) (fields []bellhop.FieldError) {
	wrong := func(field, code, format string, a ...any) {
		fields = append(fields, bellhop.FieldError{Field: field, Code: code, Detail: fmt.Sprintf(format, a...)})
	}
	switch e.Status {
	case bellhop.EndpointActive, bellhop.EndpointPaused, bellhop.EndpointDisabled:
	default:
		wrong("status", "enum", `must be "active", "paused" or "disabled"`)
	}
	switch e.Ordering {
	case bellhop.OrderingNone, bellhop.OrderingSubject, bellhop.OrderingEndpoint:
	default:
		wrong("ordering", "enum", `must be "none", "subject" or "endpoint"`)
	}
	if e.Timeout < minTimeout || e.Timeout > maxTimeout {
		wrong("timeout", "range", "is %s; it must be between %s and %s", e.Timeout, minTimeout, maxTimeout)
	}
	if e.Concurrency < 1 || e.Concurrency > maxConcurrency {
		wrong("concurrency", "range", "is %d; it must be between 1 and %d", e.Concurrency, maxConcurrency)
	}
	fields = append(fields, e.RateLimit.Check()...)
	if f := e.Retry.Check(); f != nil {
		fields = append(fields, *f)
	}
	return fields
}

// checkURL says what is wrong with an endpoint's URL: that of an inbox must name
// one of its apps' inboxes, and every other one is for the guard to judge. Of a URL
// that stays as it is, only whether its inbox is for the apps.
func (d *Desk) checkURL(ctx context.Context, e *bellhop.Endpoint, isNew bool) *bellhop.FieldError {
	inside := d.e.Inboxes().Covers(e.URL)
	var err error
	switch {
	case isNew && e.Listened():
		err = listen.CheckURL(e.URL)
	case isNew && inside:
		err = safehttp.CheckEscapes(e.URL)
	case isNew:
		err = d.e.Sender().CheckURL(e.URL)
	}
	if inside && err == nil {
		return d.checkInboxURL(ctx, e, isNew)
	}
	if err == nil {
		return nil
	}
	return urlError("url", err)
}

// urlError is what is wrong with a URL in a field.
func urlError(field string, err error) *bellhop.FieldError {
	if ue, ok := errors.AsType[*safehttp.URLError](err); ok {
		return &bellhop.FieldError{Field: field, Code: ue.Code, Detail: ue.Detail}
	}
	return &bellhop.FieldError{Field: field, Code: safehttp.CodeInvalid, Detail: err.Error()}
}

// checkHeaders refuses headers that would break the request, or that one of the
// dialects sets itself. Values beyond ASCII, which were allowed once, are refused only
// in new headers.
func checkHeaders(headers map[string]string, dialects []*dialect.Dialect, isNew bool) (fields []bellhop.FieldError) {
	if len(headers) > send.MaxHeaders {
		return []bellhop.FieldError{{
			Field: "headers", Code: "length",
			Detail: fmt.Sprintf("has %d headers; at most %d are allowed", len(headers), send.MaxHeaders),
		}}
	}
	seen := map[string]bool{}
	for name, value := range headers {
		wrong := func(detail string) {
			fields = append(fields, bellhop.FieldError{Field: "headers." + bellhop.Clip(name), Code: "header", Detail: detail})
		}
		canonical := http.CanonicalHeaderKey(name)
		switch fault := send.HeaderFault(name, value, isNew); {
		case send.Reserved(name, dialects...):
			wrong(send.HeaderReserved)
		case seen[canonical]:
			wrong(send.HeaderTwice)
		case fault != "":
			wrong(fault)
		}
		seen[canonical] = true
	}
	slices.SortFunc(fields, func(x, y bellhop.FieldError) int { return strings.Compare(x.Field, y.Field) })
	return fields
}
