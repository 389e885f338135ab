package svix

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/desk"
)

// right says who may use an operation: whoever may use one of the desk's.
type right struct {
	op string
	// org operations are for the platform, and not for the people of its apps: portal links
	// and other keys of editors and viewers that are limited to apps may not use them.
	org bool
}

// rights are those of every operation.
var rights = map[string]right{
	"v1.application.list":   {op: "listApps", org: true},
	"v1.application.create": {op: "createApp", org: true},
	"v1.application.get":    {op: "getApp"},
	"v1.application.update": {op: "createApp", org: true},
	"v1.application.patch":  {op: "patchApp", org: true},
	"v1.application.delete": {op: "deleteApp", org: true},

	"v1.event-type.list":   {op: "listEventTypes"},
	"v1.event-type.create": {op: "putEventType", org: true},
	"v1.event-type.get":    {op: "getEventType"},
	"v1.event-type.update": {op: "putEventType", org: true},
	"v1.event-type.patch":  {op: "putEventType", org: true},
	"v1.event-type.delete": {op: "deleteEventType", org: true},

	"v1.endpoint.list":           {op: "listEndpoints"},
	"v1.endpoint.create":         {op: "createEndpoint"},
	"v1.endpoint.get":            {op: "getEndpoint"},
	"v1.endpoint.update":         {op: "updateEndpoint"},
	"v1.endpoint.patch":          {op: "updateEndpoint"},
	"v1.endpoint.delete":         {op: "deleteEndpoint"},
	"v1.endpoint.get-headers":    {op: "getEndpoint"},
	"v1.endpoint.update-headers": {op: "updateEndpoint"},
	"v1.endpoint.patch-headers":  {op: "updateEndpoint"},
	"v1.endpoint.get-secret":     {op: "getSecrets"},
	"v1.endpoint.rotate-secret":  {op: "rotateSecret"},

	"v1.message.list":            {op: "listEvents"},
	"v1.message.create":          {op: "publishEvent", org: true},
	"v1.message.get":             {op: "getEvent"},
	"v1.message.expunge-content": {op: "eraseEvent", org: true},
	"v1.message.bulk-expunge":    {op: "eraseEvent", org: true},
	"v1.message.precheck":        {op: "publishEvent", org: true},

	absentOperation: {op: "getSession"},
}

// permits tells whether a principal may use an operation.
func permits(p bellhop.Principal, operation string) error {
	r, ok := rights[operation]
	if !ok {
		return fmt.Errorf("svix: there is no operation %q", operation)
	}
	if limited := p.Role == bellhop.RoleEditor || p.Role == bellhop.RoleViewer; r.org && limited && !p.Scope.All {
		return &bellhop.Error{Code: bellhop.CodeForbidden, Detail: "This is for the platform, and not for who manages one of its apps"}
	}
	return desk.Permits(p, r.op)
}

const (
	prefix = "/api/v1"
	ofApp  = prefix + "/app/{app_id}"
	ofDoor = ofApp + "/endpoint/{endpoint_id}"
	ofMsg  = ofApp + "/msg/{msg_id}"
	ofType = prefix + "/event-type/{event_type_name}"
)

// on is a route whose operation's name is that of Svix.
func on[In, Out any](pattern, id string, h func(*api.Call, In) (Out, error), statuses ...int) api.Route {
	return api.On(pattern, id, "", h, "", "", statuses...)
}

// routes lists every route.
func (a *API) routes() []api.Route {
	list := []api.Route{
		on("GET "+prefix+"/app", "v1.application.list", a.listApps, 200),
		on("POST "+prefix+"/app", "v1.application.create", a.createApp, 201, 200),
		on("GET "+ofApp, "v1.application.get", a.getApp, 200),
		on("PUT "+ofApp, "v1.application.update", a.putApp, 200, 201),
		on("PATCH "+ofApp, "v1.application.patch", a.patchApp, 200),
		on("DELETE "+ofApp, "v1.application.delete", a.deleteApp, 204),

		on("GET "+prefix+"/event-type", "v1.event-type.list", a.listEventTypes, 200),
		on("POST "+prefix+"/event-type", "v1.event-type.create", a.createEventType, 201),
		on("GET "+ofType, "v1.event-type.get", a.getEventType, 200),
		on("PUT "+ofType, "v1.event-type.update", a.putEventType, 200, 201),
		on("PATCH "+ofType, "v1.event-type.patch", a.patchEventType, 200),
		on("DELETE "+ofType, "v1.event-type.delete", a.deleteEventType, 204),

		on("GET "+ofApp+"/endpoint", "v1.endpoint.list", a.listEndpoints, 200),
		on("POST "+ofApp+"/endpoint", "v1.endpoint.create", a.createEndpoint, 201),
		on("GET "+ofDoor, "v1.endpoint.get", a.getEndpoint, 200),
		on("PUT "+ofDoor, "v1.endpoint.update", a.putEndpoint, 200, 201),
		on("PATCH "+ofDoor, "v1.endpoint.patch", a.patchEndpoint, 200),
		on("DELETE "+ofDoor, "v1.endpoint.delete", a.deleteEndpoint, 204),
		on("GET "+ofDoor+"/headers", "v1.endpoint.get-headers", a.getHeaders, 200),
		on("PUT "+ofDoor+"/headers", "v1.endpoint.update-headers", a.putHeaders, 204),
		on("PATCH "+ofDoor+"/headers", "v1.endpoint.patch-headers", a.patchHeaders, 204),
		on("GET "+ofDoor+"/secret", "v1.endpoint.get-secret", a.getSecret, 200),
		on("POST "+ofDoor+"/secret/rotate", "v1.endpoint.rotate-secret", a.rotateSecret, 204),

		on("GET "+ofApp+"/msg", "v1.message.list", a.listMessages, 200).Reads("after", "before", "event_types"),
		on("POST "+ofApp+"/msg", createMessage, a.createMessage, 202).Takes(a.o.MaxMessageBody),
		on("GET "+ofMsg, "v1.message.get", a.getMessage, 200),
		on("DELETE "+ofMsg+"/content", "v1.message.expunge-content", a.expungeMessage, 204),
		on("POST "+ofApp+"/msg/bulk-expunge", "v1.message.bulk-expunge", a.bulkExpunge, 200),
		on("POST "+ofApp+"/msg/precheck/active", "v1.message.precheck", a.precheck, 200),

		api.Plain(prefix+"/health", "v1.health.get", "", "application/json", a.health, "", "").Open(),
		api.Plain(prefix+"/health/ping", "v1.health.ping", "", "", ping, "", "").Open(),
	}
	return append(list, absent()...)
}

// createMessage is the operation that publishes: the store itself sees to it that what is
// repeated is done once.
const createMessage = "v1.message.create"

// mux serves the routes, each POST once if it is repeated.
func (a *API) mux(kit *api.Kit, routes []api.Route) *http.ServeMux {
	mux := http.NewServeMux()
	busy := kit.Handler(ptr(api.Foreign("repeated", func(*api.Call) error {
		return &bellhop.Error{Code: bellhop.CodeConflict, Detail: "The request with this Idempotency-Key is still under way: ask again in a moment"}
	})))
	for i := range routes {
		h := kit.Handler(&routes[i])
		switch {
		case routes[i].Method != http.MethodPost || routes[i].ID == absentOperation:
		case routes[i].ID == createMessage:
			h = a.published.once(h, busy)
		default:
			h = a.memory.once(h, busy)
		}
		mux.Handle(strings.TrimSpace(routes[i].Method+" "+routes[i].Path), h)
	}
	return mux
}

func ptr[T any](v T) *T { return &v }
