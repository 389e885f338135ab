package desk

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/match"
)

// access is who may use an operation besides admins, who may use all of them.
type access uint8

const (
	publisher access = 1 << iota
	editor
	viewer
	// whole operations concern the whole installation: only admins who are not
	// limited to apps may use them.
	whole

	admins    access = 0 // nobody else
	everybody        = publisher | editor | viewer
)

// table says which role may use which operation. What a principal reaches with it is
// decided besides: objects of apps that are not in its scope do not exist for it.
var table = map[string]access{
	"publishEvent":        publisher,
	"publishBatch":        publisher,
	"publishStream":       publisher,
	"listEvents":          everybody,
	"getEvent":            everybody,
	"listEventDeliveries": everybody,
	"explainEvent":        editor | viewer,
	"resendEvent":         editor,
	"eraseEvent":          admins,
	"eraseSubject":        admins,

	"listDeliveries": everybody,
	"getDelivery":    everybody,
	"listAttempts":   everybody,
	"getAttempt":     everybody,
	"streamAttempts": everybody,

	"exportEvents":     everybody,
	"exportDeliveries": everybody,
	"exportAttempts":   everybody,

	"listApps":  everybody,
	"getApp":    everybody,
	"createApp": whole,
	"putApp":    admins,
	"patchApp":  admins,
	"deleteApp": whole,

	"listEventTypes":  everybody,
	"getEventType":    everybody,
	"putEventType":    whole,
	"deleteEventType": whole,

	"listEndpoints":    editor | viewer,
	"getEndpoint":      editor | viewer,
	"getEndpointStats": editor | viewer,
	"createEndpoint":   editor,
	"updateEndpoint":   editor,
	"deleteEndpoint":   editor,
	"pauseEndpoint":    editor,
	"resumeEndpoint":   editor,
	"testEndpoint":     editor,
	"checkEndpoint":    editor,
	"checkRequest":     editor | viewer,
	"replayEndpoint":   editor,
	"tryEndpoint":      editor,
	"tryDelivery":      editor,
	"listFailures":     editor | viewer,
	"getSecrets":       editor,
	"rotateSecret":     editor,

	"getStats":     editor | viewer,
	"listDialects": everybody,
	"getDialect":   everybody,
	"listRecipes":  everybody,
	"getRecipe":    everybody,

	"createKey":        admins,
	"listKeys":         admins,
	"deleteKey":        admins,
	"createPortalLink": admins,
	"listAudit":        admins,

	"getSession":  everybody,
	"endSession":  everybody,
	"getSettings": whole,

	"listNodes": whole,

	"getHold":        everybody,
	"holdSending":    whole,
	"releaseSending": whole,

	"listRefused":   whole,
	"getRefused":    whole,
	"retryRefused":  whole,
	"deleteRefused": whole,
	"clearRefused":  whole,

	"getNotices":     whole,
	"putNotices":     whole,
	"testNotices":    whole,
	"getAppNotices":  editor,
	"putAppNotices":  editor,
	"testAppNotices": editor,

	"getBacklog":            whole,
	"compareEndpoints":      editor | viewer,
	"listTroubledEndpoints": editor | viewer,

	"listenEndpoint": editor,
	"answerListened": editor,

	"createInbox":         editor,
	"updateInbox":         editor,
	"deleteInbox":         editor,
	"listInboxes":         editor | viewer,
	"getInbox":            editor | viewer,
	"previewEndpoint":     editor,
	"testTransformation":  editor,
	"matchEndpoint":       editor,
	"listEventFields":     editor | viewer,
	"getVerificationCode": everybody,
}

// Operations lists the operations of the table by name.
func Operations() []string { return slices.Sorted(maps.Keys(table)) }

// Permits fails with a CodeForbidden error unless the principal's role may use the
// operation. Every method of Desk asks it first; an API may ask it earlier, before
// it reads a body.
func Permits(p bellhop.Principal, op string) error {
	a, ok := table[op]
	switch {
	case !ok:
		return fmt.Errorf("desk: there is no operation %q", op)
	case a.permits(p):
		return nil
	}
	return forbidden("This takes a key with one of these roles: " + a.String())
}

// Roles names who may use the operation, for people. It panics if there is no such
// operation: documents are made when a program starts.
func Roles(op string) string {
	a, ok := table[op]
	if !ok {
		panic(fmt.Sprintf("desk: there is no operation %q", op))
	}
	return a.String()
}

func (a access) permits(p bellhop.Principal) bool {
	switch p.Role {
	case bellhop.RoleAdmin:
		return a&whole == 0 || p.Scope.All
	case bellhop.RolePublisher:
		return a&publisher != 0
	case bellhop.RoleEditor:
		return a&editor != 0
	case bellhop.RoleViewer:
		return a&viewer != 0
	}
	return false
}

func (a access) String() string {
	if a&whole != 0 {
		return "admin (key not limited to apps)"
	}
	s := "admin"
	for _, role := range []struct {
		bit  access
		name string
	}{{publisher, "publisher"}, {editor, "editor"}, {viewer, "viewer"}} {
		if a&role.bit != 0 {
			s += ", " + role.name
		}
	}
	return s
}

func forbidden(detail string) error {
	return &bellhop.Error{Code: bellhop.CodeForbidden, Detail: detail}
}

// Authenticate finds the key of a token. Tokens are looked up by their hash, so
// the time that it takes says nothing about them.
// A key that is not known may be one that another node has just made: where that cannot
// be known, it fails with ErrUnavailable.
func (d *Desk) Authenticate(ctx context.Context, token string) (k bellhop.Key, ok bool, err error) {
	var room [64]byte // for a token of Bellhop's own
	hash := sha256.Sum256(append(room[:0], token...))
	k, ok = d.e.Routes().Access().Find(hash, d.e.Now())
	if !ok && !d.e.Alone() && !d.wrongKeys.has(hash, d.e.Routes().Access().Version(), d.e.Elapsed()) {
		if _, err := d.e.Missed(ctx); err != nil {
			return bellhop.Key{}, false, err
		}
		if k, ok = d.e.Routes().Access().Find(hash, d.e.Now()); !ok {
			d.wrongKeys.add(hash, d.e.Routes().Access().Version(), d.e.Elapsed())
		}
	}
	if ok {
		d.e.UsedKey(k.ID)
	}
	return k, ok, nil
}

// Missed is that of the engine: whether another node may just have made what was not found.
func (d *Desk) Missed(ctx context.Context) (bool, error) { return d.e.Missed(ctx) }

// knownApp refuses a field that names an app which does not exist or is beyond the
// scope: the answers are the same.
func (d *Desk) knownApp(p bellhop.Principal, field, app string) error {
	if p.Scope.Sees(app) {
		if _, ok := d.routes().App(app); ok {
			return nil
		}
	}
	return bellhop.UnknownApp(field, app)
}

// mayListenToAll refuses AllApps to those who may not have it, or beside others.
func mayListenToAll(p bellhop.Principal, apps []string) error {
	switch {
	case !slices.Contains(apps, bellhop.AllApps):
		return nil
	case p.Role != bellhop.RoleAdmin || !p.Scope.All:
		return &bellhop.Error{Code: bellhop.CodeForbidden, Detail: "An endpoint of all apps takes an admin key that is not limited to apps", Fields: []bellhop.FieldError{
			{Field: "apps", Code: "forbidden", Detail: `"*" is for admins of the whole installation: name the apps`},
		}}
	case len(apps) > 1:
		return bellhop.Wrong("apps", "all_apps", `"*" stands alone: it is for what Bellhop itself tells of all apps. Make another endpoint for the events of an app`)
	}
	return nil
}

// listens is knownApps for an endpoint, which may listen to AllApps.
func (d *Desk) listens(p bellhop.Principal, apps []string) error {
	if slices.Contains(apps, bellhop.AllApps) {
		return mayListenToAll(p, apps)
	}
	return d.knownApps(p, apps)
}

// knownApps is knownApp for each app of the field "apps".
func (d *Desk) knownApps(p bellhop.Principal, apps []string) error {
	for i, app := range apps {
		if err := d.knownApp(p, fmt.Sprintf("apps[%d]", i), app); err != nil {
			return err
		}
	}
	return nil
}

// narrow is the scope of a list that is asked for of one app, or ("") of all that
// the principal reaches.
func (d *Desk) narrow(p bellhop.Principal, app string) (bellhop.Scope, error) {
	if app != "" && (app != bellhop.AllApps || !p.Scope.All) {
		if err := d.knownApp(p, "app", app); err != nil {
			return bellhop.Scope{}, err
		}
	}
	return p.Scope.Narrow(app), nil
}

// endpoint gives an endpoint that listens to an app of the scope.
func (d *Desk) endpoint(p bellhop.Principal, id bellhop.EndpointID) (*routes.Route, error) {
	r := d.routes().Endpoint(id)
	if r == nil || !p.Scope.SeesAny(r.Apps) {
		return nil, bellhop.NotFound("endpoint", id.String())
	}
	return r, nil
}

// editable gives an endpoint all of whose apps are in the scope: a change to it
// concerns each of them.
func (d *Desk) editable(p bellhop.Principal, id bellhop.EndpointID) (*routes.Route, error) {
	r, err := d.endpoint(p, id)
	if err == nil && !p.Scope.SeesAll(r.Apps) {
		return nil, forbidden("This endpoint listens to other apps, too: changing it takes a key that reaches all of them")
	}
	return r, err
}

// Hidden stands for a value that the principal may not see.
const Hidden = bellhop.Hidden

// edits tells whether the principal may change an endpoint of these apps: only then
// it may see the values of its headers, which often carry a token.
func edits(p bellhop.Principal, apps []string) bool {
	return (p.Role == bellhop.RoleAdmin || p.Role == bellhop.RoleEditor) && p.Scope.SeesAll(apps)
}

// editsEndpoint is edits of an endpoint that may be gone: then only those who reach
// every app can be sure to have reached all of its.
func (d *Desk) editsEndpoint(p bellhop.Principal, id bellhop.EndpointID) bool {
	if r := d.routes().Endpoint(id); r != nil {
		return edits(p, r.Apps)
	}
	return edits(p, nil) && p.Scope.All
}

// shown is an endpoint as the principal may see it: without the names of apps beyond
// its scope and, unless it may change the endpoint, without the values of headers.
func shown(p bellhop.Principal, e bellhop.Endpoint) bellhop.Endpoint {
	if len(e.Headers) > 0 && !edits(p, e.Apps) {
		e.Headers = maps.Clone(e.Headers)
		for name := range e.Headers {
			e.Headers[name] = Hidden
		}
	}
	if e.Auth != nil && len(e.Auth.Params) > 0 && !edits(p, e.Apps) {
		e.Making = e.Making.Clone()
		for name := range e.Auth.Params {
			e.Auth.Params[name] = Hidden
		}
	}
	if e.Transform != nil && !edits(p, e.Apps) { // it may set headers, too
		e.Making = e.Making.Clone()
		e.Transform.Code = Hidden
	}
	if !p.Scope.SeesAll(e.Apps) {
		e.Terms = slices.DeleteFunc(slices.Clone(e.Terms), func(t bellhop.AppTerms) bool { return !p.Scope.Sees(t.App) })
		e.Subjects = match.WithoutURNs(e.Subjects, func(app string) bool { return !p.Scope.Sees(app) })
		e.Apps = p.Scope.Visible(e.Apps)
	}
	if e.Events == nil {
		e.Events = []string{}
	}
	if e.Subjects == nil {
		e.Subjects = []string{}
	}
	return e
}

// shownAttempt is an attempt as the principal may see it: the request carried the
// endpoint's own headers and, if it is kept, a body that a recipe or script of the
// endpoint made.
func (d *Desk) shownAttempt(p bellhop.Principal, a bellhop.Attempt) bellhop.Attempt {
	if (len(a.RequestHeader) > 0 || len(a.RequestBody) > 0) && !d.editsEndpoint(p, a.Endpoint) {
		a.RequestHeader, a.RequestBody = d.discreet(a.Endpoint, a.RequestHeader), nil
	}
	return a
}

// discreet is a copy of a request's headers for those who may not see the values of
// an endpoint's own: only those that Bellhop and the dialects wrote are shown. Whose
// the others are cannot be told once the endpoint has other headers, or is gone.
func (d *Desk) discreet(id bellhop.EndpointID, h http.Header) http.Header {
	h = maps.Clone(h)
	for name, values := range h {
		if !d.wroteHeader(id, name, values) {
			h[name] = []string{Hidden}
		}
	}
	return h
}

// wroteHeader tells whether Bellhop or a dialect wrote a header with these values
// into a request of an endpoint. All others may be the endpoint's own.
func (d *Desk) wroteHeader(id bellhop.EndpointID, name string, values []string) bool {
	name = http.CanonicalHeaderKey(name)
	switch name {
	case "Host", "Content-Length", "Content-Type":
		return true
	case "User-Agent":
		return slices.Equal(values, []string{d.e.Config().UserAgent})
	case "Authorization", "Proxy-Authorization", "Cookie":
		return false
	}
	if r := d.routes().Endpoint(id); r != nil {
		for own := range r.Headers { // from before there was a dialect with this name, maybe
			if http.CanonicalHeaderKey(own) == name {
				return false
			}
		}
	}
	for _, known := range d.e.Routes().Dialects() {
		if slices.ContainsFunc(known.HeaderNames(), func(n string) bool { return http.CanonicalHeaderKey(n) == name }) {
			return true
		}
	}
	return false
}
