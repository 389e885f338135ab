package api

import (
	"fmt"
	"slices"

	"github.com/bellhop/bellhop"
)

// access is who may use an operation besides admins, who may use all of them.
type access uint8

const (
	publisher access = 1 << iota
	editor
	viewer
	// whole operations concern the whole installation: only admins whose key is
	// not limited to apps may use them.
	whole

	admins access = 0 // nobody else
)

// matrix says which role may use which operation. What a key reaches is decided
// besides: objects of apps that it is not limited to do not exist for it.
func matrix() map[string]access {
	const everybody = publisher | editor | viewer
	return map[string]access{
		"publishEvent":        publisher,
		"publishBatch":        publisher,
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
		"replayEndpoint":   editor,
		"getSecrets":       editor,
		"rotateSecret":     editor,

		"getStats":     editor | viewer,
		"listDialects": everybody,
		"getDialect":   everybody,

		"createKey":        admins,
		"listKeys":         admins,
		"deleteKey":        admins,
		"createPortalLink": admins,
		"listAudit":        admins,

		"getSession":  everybody,
		"endSession":  everybody,
		"getSettings": whole,

		"getBacklog":            whole,
		"compareEndpoints":      editor | viewer,
		"listTroubledEndpoints": editor | viewer,

		"createInbox":         editor,
		"updateInbox":         editor,
		"deleteInbox":         editor,
		"listInboxes":         editor | viewer,
		"getInbox":            editor | viewer,
		"previewEndpoint":     editor,
		"getVerificationCode": everybody,
	}
}

// permits tells whether a key may use an operation.
func (a access) permits(k *bellhop.Key) bool {
	switch k.Role {
	case bellhop.RoleAdmin:
		return a&whole == 0 || len(k.Apps) == 0
	case bellhop.RolePublisher:
		return a&publisher != 0
	case bellhop.RoleEditor:
		return a&editor != 0
	case bellhop.RoleViewer:
		return a&viewer != 0
	}
	return false
}

// String names who is permitted, for people.
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

// limited tells whether the key is limited to apps.
func (c *call) limited() bool { return len(c.key.Apps) > 0 }

// app gives an app that the key reaches. Others do not exist for it.
func (c *call) app(id string) (bellhop.App, error) {
	if !c.key.Sees(id) {
		return bellhop.App{}, missing("app", id)
	}
	app, err := c.a.b.App(id)
	if bellhop.IsNotFound(err) {
		return app, missing("app", id)
	}
	return app, err
}

// knownApp refuses a field of the request that names an app which does not exist
// or which the key does not reach: the answers are the same.
func (c *call) knownApp(field, id string) error {
	if _, err := c.app(id); err == nil || !bellhop.IsNotFound(err) {
		return err
	}
	return unknownApp(field, id)
}

// unknownApp is worded as the engine words it.
func unknownApp(field, id string) error {
	return &bellhop.Error{Code: bellhop.CodeUnknownApp, Detail: "There is no such app", Fields: []bellhop.FieldError{
		{Field: field, Code: "unknown_app", Detail: fmt.Sprintf("there is no app %q: create it first", clip(id))},
	}}
}

// apps turns ?app= into the apps that a list is filtered by: nil for all.
func (c *call) apps(filter string) ([]string, error) {
	if filter == "" {
		if c.limited() {
			return c.key.Apps, nil
		}
		return nil, nil
	}
	if err := c.knownApp("app", filter); err != nil {
		return nil, err
	}
	return []string{filter}, nil
}

// endpoint gives an endpoint that listens to an app that the key reaches.
func (c *call) endpoint(id bellhop.EndpointID) (bellhop.Endpoint, error) {
	e, err := c.a.b.Endpoint(id)
	if bellhop.IsNotFound(err) || err == nil && !slices.ContainsFunc(e.Apps, c.key.Sees) {
		return bellhop.Endpoint{}, missing("endpoint", id.String())
	}
	return e, err
}

// editable gives an endpoint whose apps the key reaches, all of them: a change to
// it concerns each of its apps.
func (c *call) editable(id bellhop.EndpointID) (bellhop.Endpoint, error) {
	e, err := c.endpoint(id)
	if err != nil {
		return e, err
	}
	for _, app := range e.Apps {
		if !c.key.Sees(app) {
			return e, problem(codeForbidden, "This endpoint listens to other apps, too: changing it takes a key that reaches all of them")
		}
	}
	return e, nil
}

// event gives an event, with its data, of an app that the key reaches.
func (c *call) event(id bellhop.EventID) (bellhop.Event, error) {
	e, err := c.a.b.Logs().Event(c.ctx(), id)
	if bellhop.IsNotFound(err) || err == nil && !c.key.Sees(e.App) {
		return bellhop.Event{}, missing("event", id.String())
	}
	return e, err
}

// missing says that there is no such object: also where there is one that the
// key does not reach.
func missing(what, id string) error {
	return problem(bellhop.CodeNotFound, "There is no "+what+" "+clip(id))
}
