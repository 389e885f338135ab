package bellhop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/match"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// Defaults and bounds of an endpoint's settings.
const (
	DefaultTimeout     = Duration(15 * time.Second)
	minTimeout         = Duration(100 * time.Millisecond)
	maxTimeout         = Duration(2 * time.Minute)
	DefaultConcurrency = 32
	maxConcurrency     = 1000
	DefaultDialect     = "standard"
	maxPatterns        = 200
	maxEndpointApps    = 100
	maxHeaders         = 30
)

// EndpointFilter selects endpoints, newest first.
type EndpointFilter struct {
	Apps   []string // those that listen to any of these; nil for all
	Status EndpointStatus
	Before EndpointID // the cursor: only older ones
	Limit  int
}

func (b *Bellhop) route(e EndpointID) (*route, error) {
	b.routes.mu.RLock()
	defer b.routes.mu.RUnlock()
	r := b.routes.endpoints[e]
	if r == nil {
		return nil, notFound("endpoint", e.String())
	}
	return r, nil
}

// Endpoint gives an endpoint, or a CodeNotFound error.
func (b *Bellhop) Endpoint(e EndpointID) (Endpoint, error) {
	r, err := b.route(e)
	if err != nil {
		return Endpoint{}, err
	}
	return r.Endpoint, nil
}

// Endpoints lists endpoints, newest first.
func (b *Bellhop) Endpoints(f EndpointFilter) []Endpoint {
	b.routes.mu.RLock()
	defer b.routes.mu.RUnlock()
	routes := page(b.routes.endpoints, f.Limit, func(r *route) bool {
		return (f.Before == 0 || r.ID < f.Before) && (f.Status == "" || r.Status == f.Status) &&
			(f.Apps == nil || slices.ContainsFunc(f.Apps, func(a string) bool { return slices.Contains(r.Apps, a) }))
	}, func(x, y *route) int { return cmp.Compare(y.ID, x.ID) })
	list := make([]Endpoint, len(routes))
	for i, r := range routes {
		list[i] = r.Endpoint
	}
	return list
}

// CreateEndpoint adds an endpoint and answers it with its secret in the open.
func (b *Bellhop) CreateEndpoint(ctx context.Context, actor string, c EndpointChange) (Endpoint, string, error) {
	now := b.cfg.Now().UTC().Truncate(time.Millisecond)
	e := Endpoint{
		ID: id.Next[id.Endpoint](b.node.Load().ids, now), Status: EndpointActive, Dialect: DefaultDialect,
		Events: []string{}, Subjects: []string{}, CreatedAt: now, UpdatedAt: now,
	}
	fields := b.apply(&e, c)
	if !c.Apps.Set {
		fields = append(fields, FieldError{"apps", "required", "is missing: name the apps to listen to"})
	}
	if !c.URL.Set {
		fields = append(fields, FieldError{"url", "required", "is missing: give the address that events are sent to"})
	}
	secret := c.Secret.Value
	d := b.dialect(e.Dialect)
	if d != nil {
		var err error
		if secret == "" {
			if secret, err = d.NewSecret(); err != nil {
				return Endpoint{}, "", fmt.Errorf("make a secret: %w", err)
			}
		} else if err = d.CheckSecret(secret); err != nil {
			fields = append(fields, FieldError{"secret", "secret", err.Error()})
		}
	}
	if len(fields) > 0 {
		return Endpoint{}, "", endpointError(fields)
	}
	if err := b.checkApps(e.Apps); err != nil {
		return Endpoint{}, "", err
	}
	e.Secrets = []Secret{{Sealed: b.cfg.Sealer.Seal([]byte(secret), e.ID.String()), CreatedAt: now}}
	if err := b.verify(ctx, e, c.Verify); err != nil {
		return Endpoint{}, "", err
	}
	entry := b.auditEntry(actor, "endpoint.create", e.ID.String(), e.Apps, auditView(e))
	if err := b.wrote("create an endpoint", b.store.SaveEndpoint(ctx, e, entry, now)); err != nil {
		return Endpoint{}, "", err
	}
	b.refresh(ctx)
	return e, secret, nil
}

// UpdateEndpoint changes what is set in c. Pausing holds deliveries; making a
// paused or disabled endpoint active sends what was held, oldest first.
func (b *Bellhop) UpdateEndpoint(ctx context.Context, actor string, e EndpointID, c EndpointChange) (Endpoint, error) {
	if c.Secret.Set {
		return Endpoint{}, invalid("secret", "secret", "cannot be changed here: rotate it with POST /v1/endpoints/{id}/secret/rotate")
	}
	return b.changeEndpoint(ctx, actor, "endpoint.update", e, func(e *Endpoint) error {
		url, dialectName := e.URL, e.Dialect
		if fields := b.apply(e, c); len(fields) > 0 {
			return endpointError(fields)
		}
		if e.Dialect != dialectName {
			if err := b.keepsSecrets(e); err != nil {
				return err
			}
		}
		if c.Apps.Set {
			if err := b.checkApps(e.Apps); err != nil {
				return err
			}
		}
		if e.URL != url || c.Verify.Value {
			return b.verify(ctx, *e, c.Verify)
		}
		return nil
	})
}

// changeEndpoint reads, changes and saves an endpoint, again if somebody else
// changed it in between.
func (b *Bellhop) changeEndpoint(ctx context.Context, actor, action string, i EndpointID, change func(*Endpoint) error) (Endpoint, error) {
	for range 10 {
		e, err := b.Endpoint(i)
		if err != nil {
			return Endpoint{}, err
		}
		if err := change(&e); err != nil {
			return Endpoint{}, err
		}
		now := b.cfg.Now().UTC().Truncate(time.Millisecond)
		e.UpdatedAt = now
		entry := b.auditEntry(actor, action, i.String(), e.Apps, auditView(e))
		err = b.store.SaveEndpoint(ctx, e, entry, now)
		if errors.Is(err, ErrRevision) {
			if err := b.reload(ctx); err != nil {
				return Endpoint{}, err
			}
			continue
		}
		if err := b.wrote("change an endpoint", err); err != nil {
			return Endpoint{}, err
		}
		b.refresh(ctx)
		return b.Endpoint(i)
	}
	return Endpoint{}, &Error{Code: CodeConflict, Detail: "The endpoint is being changed by others; try again"}
}

// DeleteEndpoint removes an endpoint. Its pending deliveries are canceled; its log
// stays.
func (b *Bellhop) DeleteEndpoint(ctx context.Context, actor string, i EndpointID) error {
	e, err := b.Endpoint(i)
	if err != nil {
		return err
	}
	entry := b.auditEntry(actor, "endpoint.delete", i.String(), e.Apps, map[string]any{"url": e.URL, "name": e.Name})
	if err := b.wrote("delete an endpoint", b.store.DeleteEndpoint(ctx, i, b.attemptIDs(), entry, b.cfg.Now())); err != nil {
		return err
	}
	b.refresh(ctx)
	return nil
}

// attemptIDs makes ids for the last lines of canceled deliveries.
func (b *Bellhop) attemptIDs() func() AttemptID {
	return func() AttemptID { return id.Next[id.Attempt](b.node.Load().ids, b.cfg.Now()) }
}

// auditView is an endpoint as the audit log shows it: headers without their values,
// since those may be the receiver's passwords.
func auditView(e Endpoint) Endpoint {
	hidden := make(map[string]string, len(e.Headers))
	for name := range e.Headers {
		hidden[name] = "…"
	}
	e.Headers = hidden
	return e
}

func endpointError(fields []FieldError) *Error {
	return &Error{Code: CodeInvalid, Detail: "The endpoint is not valid", Fields: fields}
}

func (b *Bellhop) checkApps(apps []string) error {
	for i, a := range apps {
		if _, err := b.App(a); err != nil {
			return unknownApp(fmt.Sprintf("apps[%d]", i), a)
		}
	}
	return nil
}

// apply sets what is set in c, with defaults for null, and says what is wrong.
func (b *Bellhop) apply(e *Endpoint, c EndpointChange) (fields []FieldError) {
	set(c.Apps, &e.Apps)
	set(c.URL, &e.URL)
	set(c.Name, &e.Name)
	set(c.Events, &e.Events)
	set(c.Subjects, &e.Subjects)
	set(c.Filter, &e.Filter)
	set(c.Dialect, &e.Dialect)
	set(c.Headers, &e.Headers)
	set(c.Timeout, &e.Timeout)
	set(c.Retry, &e.Retry)
	set(c.RateLimit, &e.RateLimit)
	set(c.Concurrency, &e.Concurrency)
	set(c.Ordering, &e.Ordering)
	set(c.Metadata, &e.Metadata)
	if c.Status.Set {
		e.Status, e.DisabledReason = c.Status.Value, ""
	}
	if e.Events == nil {
		e.Events = []string{}
	}
	if e.Subjects == nil {
		e.Subjects = []string{}
	}
	e.Dialect = cmp.Or(e.Dialect, DefaultDialect)
	e.Status = cmp.Or(e.Status, EndpointActive)
	e.Timeout = cmp.Or(e.Timeout, DefaultTimeout)
	e.Concurrency = cmp.Or(e.Concurrency, DefaultConcurrency)
	e.Ordering = cmp.Or(e.Ordering, OrderingNone)
	e.Apps = slices.Compact(slices.Sorted(slices.Values(e.Apps)))
	return b.checkEndpoint(e, c)
}

// checkEndpoint says what is wrong with an endpoint; what is costly to check, or may
// have been allowed by earlier rules, only where it was given.
func (b *Bellhop) checkEndpoint(e *Endpoint, c EndpointChange) (fields []FieldError) {
	wrong := func(field, code, format string, a ...any) {
		fields = append(fields, FieldError{field, code, fmt.Sprintf(format, a...)})
	}
	if c.Apps.Set {
		if len(e.Apps) == 0 || len(e.Apps) > maxEndpointApps {
			wrong("apps", "length", "names %d apps; an endpoint listens to 1 to %d", len(e.Apps), maxEndpointApps)
		}
	}
	if c.URL.Set || c.Apps.Set {
		if f := b.checkURL(e, c.URL.Set); f != nil {
			fields = append(fields, *f)
		}
	}
	fields = append(fields, checkText("name", e.Name, maxName)...)
	fields = append(fields, checkMetadata(e.Metadata)...)
	fields = append(fields, checkPatterns("events", e.Events, match.CheckTypePattern)...)
	fields = append(fields, checkPatterns("subjects", e.Subjects, match.CheckSubjectPattern)...)
	if c.Filter.Set && len(e.Filter) > 0 {
		if _, err := match.CompileFilter(e.Filter); err != nil {
			field, detail := "filter", err.Error()
			if fe, ok := errors.AsType[*match.FilterError](err); ok {
				field, detail = field+fe.Pointer, fe.Detail
			}
			wrong(field, "filter", "%s", detail)
		}
	}
	var headersOf []*dialect.Dialect
	if d := b.dialect(e.Dialect); d != nil {
		headersOf = []*dialect.Dialect{d}
	} else {
		wrong("dialect", "unknown_dialect", "there is no dialect %q: GET /v1/dialects lists them", clip(e.Dialect))
	}
	if c.Headers.Set {
		headersOf = b.dialects // see WroteHeader
	}
	fields = append(fields, checkHeaders(e.Headers, headersOf)...)
	switch e.Status {
	case EndpointActive, EndpointPaused, EndpointDisabled:
	default:
		wrong("status", "enum", `must be "active", "paused" or "disabled"`)
	}
	switch e.Ordering {
	case OrderingNone, OrderingSubject, OrderingEndpoint:
	default:
		wrong("ordering", "enum", `must be "none", "subject" or "endpoint"`)
	}
	if e.Timeout < minTimeout || e.Timeout > maxTimeout {
		wrong("timeout", "range", "is %s; it must be between %s and %s", e.Timeout, minTimeout, maxTimeout)
	}
	if e.Concurrency < 1 || e.Concurrency > maxConcurrency {
		wrong("concurrency", "range", "is %d; it must be between 1 and %d", e.Concurrency, maxConcurrency)
	}
	if rl := e.RateLimit; rl != nil {
		if !(rl.PerSecond >= 0.001 && rl.PerSecond <= 100_000) {
			wrong("rate_limit.per_second", "range", "must be between 0.001 and 100000")
		}
		if rl.Burst < 0 || rl.Burst > 100_000 {
			wrong("rate_limit.burst", "range", "must be between 0 and 100000")
		}
	}
	if f := e.Retry.check(); f != nil {
		fields = append(fields, *f)
	}
	return fields
}

// checkURL says what is wrong with an endpoint's URL: that of an inbox must name
// one of its apps' inboxes, and every other one is for the guard to judge. Of a URL
// that stays as it is, only whether its inbox is for the apps.
func (b *Bellhop) checkURL(e *Endpoint, isNew bool) *FieldError {
	if b.inboxes.covers(e.URL) {
		return b.checkInboxURL(e, isNew)
	}
	if !isNew {
		return nil
	}
	err := b.client.CheckURL(e.URL)
	if err == nil {
		return nil
	}
	if ue, ok := errors.AsType[*safehttp.URLError](err); ok {
		return &FieldError{"url", ue.Code, ue.Detail}
	}
	return &FieldError{"url", safehttp.CodeInvalid, err.Error()}
}

// set takes over a field that is given; null has the zero value.
func set[T any](f Field[T], to *T) {
	if f.Set {
		*to = f.Value
	}
}

func checkPatterns(field string, patterns []string, check func(string) error) (fields []FieldError) {
	if len(patterns) > maxPatterns {
		return []FieldError{{field, "length", fmt.Sprintf("has %d patterns; at most %d are allowed: use a trailing * to cover several", len(patterns), maxPatterns)}}
	}
	for i, p := range patterns {
		if err := check(p); err != nil {
			fields = append(fields, FieldError{fmt.Sprintf("%s[%d]", field, i), "pattern", err.Error()})
		}
	}
	return fields
}

// WroteHeader tells whether Bellhop or a dialect wrote a header with these values
// into a request of an endpoint, so that whoever sees the request may see them. All
// others may be the endpoint's own, which often carry a token.
func (b *Bellhop) WroteHeader(e EndpointID, name string, values []string) bool {
	name = http.CanonicalHeaderKey(name)
	switch name {
	case "Host", "Content-Length", "Content-Type":
		return true
	case "User-Agent":
		return slices.Equal(values, []string{b.cfg.UserAgent})
	case "Authorization", "Proxy-Authorization", "Cookie":
		return false
	}
	if r, err := b.route(e); err == nil {
		for own := range r.Headers { // from before there was a dialect with this name, maybe
			if http.CanonicalHeaderKey(own) == name {
				return false
			}
		}
	}
	return slices.ContainsFunc(b.dialects, func(d *dialect.Dialect) bool {
		return slices.ContainsFunc(d.HeaderNames(), func(n string) bool { return http.CanonicalHeaderKey(n) == name })
	})
}

// checkHeaders refuses headers that would break the request, or that one of the
// dialects sets itself.
func checkHeaders(headers map[string]string, dialects []*dialect.Dialect) (fields []FieldError) {
	if len(headers) > maxHeaders {
		return []FieldError{{"headers", "length", fmt.Sprintf("has %d headers; at most %d are allowed", len(headers), maxHeaders)}}
	}
	reserved := map[string]bool{
		"Host": true, "Content-Length": true, "Content-Type": true, "Content-Encoding": true, "Connection": true,
		"Transfer-Encoding": true, "Upgrade": true, "Te": true, "Trailer": true, "Expect": true,
		"Keep-Alive": true, "Proxy-Connection": true, "Proxy-Authorization": true,
	}
	for _, d := range dialects {
		for _, name := range d.HeaderNames() {
			reserved[textproto.CanonicalMIMEHeaderKey(name)] = true
		}
	}
	seen := map[string]bool{}
	for name, value := range headers {
		field := "headers." + clip(name)
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name) || len(name) > 128:
			fields = append(fields, FieldError{field, "header", "is not a header name: use letters, digits and hyphens"})
		case reserved[canonical]:
			fields = append(fields, FieldError{field, "header", "is set by Bellhop or a dialect and cannot be chosen"})
		case seen[canonical]:
			fields = append(fields, FieldError{field, "header", "is there twice, in different case"})
		case !httpguts.ValidHeaderFieldValue(value) || len(value) > 4096 || !utf8.ValidString(value):
			fields = append(fields, FieldError{field, "header", "has a value that is not allowed: at most 4096 bytes, no line breaks"})
		}
		seen[canonical] = true
	}
	slices.SortFunc(fields, func(x, y FieldError) int { return strings.Compare(x.Field, y.Field) })
	return fields
}
