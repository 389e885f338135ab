package svix

import (
	"context"
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

	"v1.endpoint.transformation-get":   {op: "getEndpoint"},
	"v1.endpoint.patch-transformation": {op: "updateEndpoint"},

	"v1.message.list":            {op: "listEvents"},
	"v1.message.create":          {op: "publishEvent", org: true},
	"v1.message.get":             {op: "getEvent"},
	"v1.message.expunge-content": {op: "eraseEvent", org: true},
	"v1.message.bulk-expunge":    {op: "eraseEvent", org: true},
	"v1.message.precheck":        {op: "publishEvent", org: true},

	"v1.endpoint.get-stats":      {op: "getEndpointStats"},
	"v1.endpoint.send-example":   {op: "testEndpoint", org: true},
	"v1.endpoint.recover":        {op: "replayEndpoint"},
	"v1.endpoint.replay-missing": {op: "replayEndpoint"},
	"v1.endpoint.bulk-replay":    {op: "replayEndpoint"},

	"v1.message-attempt.list-by-endpoint":            {op: "listAttempts"},
	"v1.message-attempt.list-by-msg":                 {op: "listAttempts"},
	"v1.message-attempt.list-by-msg-deprecated":      {op: "listAttempts"},
	"v1.message-attempt.list-by-endpoint-deprecated": {op: "listAttempts"},
	"v1.message-attempt.list-attempted-messages":     {op: "listDeliveries"},
	"v1.message-attempt.list-attempted-destinations": {op: "listEventDeliveries"},
	"v1.message-attempt.get":                         {op: "getAttempt"},
	"v1.message-attempt.expunge-content":             {op: "eraseEvent", org: true},
	"v1.message-attempt.resend":                      {op: "resendEvent"},

	"v1.authentication.app-portal-access": {op: "createPortalLink", org: true},
	"v1.authentication.dashboard-access":  {op: "createPortalLink", org: true},
	"v1.authentication.expire-all":        {op: "deleteKey", org: true},

	"v1.background-task.list":             {op: "listAudit", org: true},
	"v1.background-task.get":              {op: "listAudit", org: true},
	"v1.statistics.aggregate-event-types": {op: "createApp", org: true},
	"v1.statistics.aggregate-app-stats":   {op: "createApp", org: true},

	"v1.operational-webhook.endpoint.list":           {op: "createApp", org: true},
	"v1.operational-webhook.endpoint.create":         {op: "createApp", org: true},
	"v1.operational-webhook.endpoint.get":            {op: "createApp", org: true},
	"v1.operational-webhook.endpoint.update":         {op: "createApp", org: true},
	"v1.operational-webhook.endpoint.delete":         {op: "createApp", org: true},
	"v1.operational-webhook.endpoint.get-headers":    {op: "createApp", org: true},
	"v1.operational-webhook.endpoint.update-headers": {op: "createApp", org: true},
	"v1.operational-webhook.endpoint.get-secret":     {op: "createApp", org: true},
	"v1.operational-webhook.endpoint.rotate-secret":  {op: "createApp", org: true},

	"v1.admin.redrive-dlq": {op: "createApp", org: true},

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

	operator = prefix + "/operational-webhook/endpoint"
)

// on is a route whose operation's name is that of Svix.
func on[In, Out any](pattern, id, summary string, h func(*api.Call, In) (Out, error), statuses ...int) api.Route {
	return api.On(pattern, id, group(id), h, summary, about[id], statuses...).Fails(bellhop.CodeUnavailable)
}

// public is a route that takes no token.
func public[Out any](pattern, id, summary string, h func(*api.Call, api.NoInput) (Out, error), statuses ...int) api.Route {
	return api.On(pattern, id, group(id), h, summary, about[id], statuses...).Fails(api.CodeQuery, bellhop.CodeInvalid).Open()
}

// file is a route of a file below the prefix that anybody may read.
func file(path, id, content, summary string, serve func(*api.Call) error) api.Route {
	return api.Plain(prefix+path, id, group(id), content, serve, summary, about[id]).Open()
}

// routes lists every route.
func (a *API) routes() []api.Route {
	saving := []bellhop.Code{bellhop.CodeUIDConflict, bellhop.CodeVerification, bellhop.CodeLocked}
	again := []bellhop.Code{bellhop.CodeEndpointStatus, bellhop.CodeUnsubscribed, bellhop.CodeBacklogFull}
	publishing := []bellhop.Code{
		bellhop.CodeUnknownType, bellhop.CodeArchivedType, bellhop.CodeInvalidData,
		bellhop.CodeIDConflict, bellhop.CodeTooLarge, bellhop.CodeBacklogFull,
	}
	list := []api.Route{
		on("GET "+prefix+"/app", "v1.application.list", "List applications", a.listApps, 200),
		on("POST "+prefix+"/app", "v1.application.create", "Create an application", a.createApp, 201, 200).Fails(bellhop.CodeUIDConflict),
		on("GET "+ofApp, "v1.application.get", "Get an application", a.getApp, 200),
		on("PUT "+ofApp, "v1.application.update", "Replace an application, or create it", a.putApp, 200, 201).Fails(bellhop.CodeUIDConflict),
		on("PATCH "+ofApp, "v1.application.patch", "Change an application", a.patchApp, 200).Fails(bellhop.CodeUIDConflict),
		on("DELETE "+ofApp, "v1.application.delete", "Delete an application and all that belongs to it", a.deleteApp, 204),

		on("GET "+prefix+"/event-type", "v1.event-type.list", "List event types", a.listEventTypes, 200),
		on("POST "+prefix+"/event-type", "v1.event-type.create", "Create an event type, or take an archived one up again", a.createEventType, 201).Fails(codeEventTypeExists),
		on("GET "+ofType, "v1.event-type.get", "Get an event type", a.getEventType, 200),
		on("PUT "+ofType, "v1.event-type.update", "Replace an event type, or create it", a.putEventType, 200, 201),
		on("PATCH "+ofType, "v1.event-type.patch", "Change an event type", a.patchEventType, 200),
		on("DELETE "+ofType, "v1.event-type.delete", "Archive an event type, or remove it", a.deleteEventType, 204),

		on("GET "+ofApp+"/endpoint", "v1.endpoint.list", "List an application's endpoints", a.listEndpoints, 200),
		on("POST "+ofApp+"/endpoint", "v1.endpoint.create", "Create an endpoint", a.createEndpoint, 201).Fails(saving...),
		on("GET "+ofDoor, "v1.endpoint.get", "Get an endpoint", a.getEndpoint, 200),
		on("PUT "+ofDoor, "v1.endpoint.update", "Replace an endpoint, or create it", a.putEndpoint, 200, 201).Fails(saving...),
		on("PATCH "+ofDoor, "v1.endpoint.patch", "Change an endpoint", a.patchEndpoint, 200).Fails(saving...),
		on("DELETE "+ofDoor, "v1.endpoint.delete", "Delete an endpoint", a.deleteEndpoint, 204).Fails(bellhop.CodeLocked),
		on("GET "+ofDoor+"/headers", "v1.endpoint.get-headers", "Get the headers that are sent with each request", a.getHeaders, 200),
		on("PUT "+ofDoor+"/headers", "v1.endpoint.update-headers", "Replace the headers", a.putHeaders, 204).Fails(bellhop.CodeLocked),
		on("PATCH "+ofDoor+"/headers", "v1.endpoint.patch-headers", "Set some headers, and remove some", a.patchHeaders, 204).Fails(bellhop.CodeLocked),
		on("GET "+ofDoor+"/secret", "v1.endpoint.get-secret", "Get the signing secret", a.getSecret, 200),
		on("POST "+ofDoor+"/secret/rotate", "v1.endpoint.rotate-secret", "Rotate the signing secret", a.rotateSecret, 204).Fails(bellhop.CodeLocked, bellhop.CodeManySecrets, bellhop.CodeEndpointStatus),

		on("GET "+ofDoor+"/transformation", "v1.endpoint.transformation-get", "Get an endpoint's transformation", a.getTransformation, 200),
		on("PATCH "+ofDoor+"/transformation", "v1.endpoint.patch-transformation", "Change an endpoint's transformation", a.patchTransformation, 204).Fails(bellhop.CodeLocked),

		on("GET "+ofApp+"/msg", "v1.message.list", "List an application's messages", a.listMessages, 200).Reads("after", "before", "event_types"),
		on("POST "+ofApp+"/msg", createMessage, "Publish a message", a.createMessage, 202).Takes(a.o.MaxMessageBody).Fails(publishing...),
		on("GET "+ofMsg, "v1.message.get", "Get a message", a.getMessage, 200),
		on("DELETE "+ofMsg+"/content", "v1.message.expunge-content", "Erase a message's payload", a.expungeMessage, 204),
		on("POST "+ofApp+"/msg/bulk-expunge", "v1.message.bulk-expunge", "Erase the payloads of several messages", a.bulkExpunge, 200),
		on("POST "+ofApp+"/msg/precheck/active", "v1.message.precheck", "Ask whether anybody would get a message", a.precheck, 200),

		on("GET "+ofDoor+"/stats", "v1.endpoint.get-stats", "Count an endpoint's attempts", a.endpointStats, 200).Reads("since", "until").Fails(codeRange),
		on("POST "+ofDoor+"/send-example", "v1.endpoint.send-example", "Send an example to one endpoint", a.sendExample, 200).Fails(codeInvalidScheme, bellhop.CodeInvalidData, bellhop.CodeEndpointStatus),
		on("POST "+ofDoor+"/recover", "v1.endpoint.recover", "Send again what failed", a.recoverFailed, 202).Fails(again...),
		on("POST "+ofDoor+"/replay-missing", "v1.endpoint.replay-missing", "Send what was never sent to the endpoint", a.replayMissing, 202).Fails(again...),
		on("POST "+ofDoor+"/bulk-replay", "v1.endpoint.bulk-replay", "Send messages of the past again", a.bulkReplay, 202).Fails(again...),

		on("GET "+ofApp+"/attempt/endpoint/{endpoint_id}", "v1.message-attempt.list-by-endpoint", "List an endpoint's attempts", a.attemptsOfEndpoint, 200).Reads("after", "before", "status", "event_types"),
		on("GET "+ofApp+"/attempt/msg/{msg_id}", "v1.message-attempt.list-by-msg", "List a message's attempts", a.attemptsOfMessage, 200).Reads("endpoint_id", "after", "before"),
		on("GET "+ofMsg+"/attempt", "v1.message-attempt.list-by-msg-deprecated", "List a message's attempts, by the path that they had before", a.attemptsOfMessage, 200).Reads("endpoint_id", "after", "before"),
		on("GET "+ofMsg+"/endpoint/{endpoint_id}/attempt", "v1.message-attempt.list-by-endpoint-deprecated", "List a message's attempts at an endpoint, by the path that they had before", a.attemptsAtEndpoint, 200).Reads("after", "before"),
		on("GET "+ofDoor+"/msg", "v1.message-attempt.list-attempted-messages", "List an endpoint's messages", a.attemptedMessages, 200).Reads("after", "before", "event_types"),
		on("GET "+ofMsg+"/endpoint", "v1.message-attempt.list-attempted-destinations", "List a message's endpoints", a.destinations, 200).Reads(),
		on("GET "+ofMsg+"/attempt/{attempt_id}", "v1.message-attempt.get", "Get an attempt", a.getAttempt, 200),
		on("DELETE "+ofMsg+"/attempt/{attempt_id}/content", "v1.message-attempt.expunge-content", "Erase what was answered to an attempt", a.expungeAttempt, 204),
		on("POST "+ofMsg+"/endpoint/{endpoint_id}/resend", "v1.message-attempt.resend", "Send a message to an endpoint again", a.resend, 202).Fails(bellhop.CodeErased, bellhop.CodeEndpointStatus, bellhop.CodeUnsubscribed, bellhop.CodeBacklogFull),

		on("POST "+prefix+"/auth/app-portal-access/{app_id}", "v1.authentication.app-portal-access", "Make a link to an application's portal", a.portalAccess, 200),
		on("POST "+prefix+"/auth/dashboard-access/{app_id}", "v1.authentication.dashboard-access", "Make a link to an application's portal, by the path that it had before", a.portalAccess, 200),
		on("POST "+prefix+"/auth/app/{app_id}/expire-all", "v1.authentication.expire-all", "End an application's links", a.expireAll, 204),

		on("GET "+prefix+"/background-task", "v1.background-task.list", "List background tasks", a.listTasks, 200).Reads(),
		on("GET "+prefix+"/background-task/{task_id}", "v1.background-task.get", "Get a background task", a.getTask, 200),
		on("PUT "+prefix+"/stats/usage/event-types", "v1.statistics.aggregate-event-types", "Collect which application listens to what", a.aggregateEventTypes, 202),
		on("POST "+prefix+"/stats/usage/app", "v1.statistics.aggregate-app-stats", "Count each application's attempts", a.aggregateAppStats, 202),

		on("GET "+operator, "v1.operational-webhook.endpoint.list", "List the operator's endpoints", a.listOperator, 200),
		on("POST "+operator, "v1.operational-webhook.endpoint.create", "Create an endpoint of the operator", a.createOperator, 201).Fails(saving...),
		on("GET "+operator+"/{endpoint_id}", "v1.operational-webhook.endpoint.get", "Get an endpoint of the operator", a.getOperator, 200),
		on("PUT "+operator+"/{endpoint_id}", "v1.operational-webhook.endpoint.update", "Replace an endpoint of the operator", a.putOperator, 200).Fails(saving...),
		on("DELETE "+operator+"/{endpoint_id}", "v1.operational-webhook.endpoint.delete", "Delete an endpoint of the operator", a.deleteOperator, 204),
		on("GET "+operator+"/{endpoint_id}/headers", "v1.operational-webhook.endpoint.get-headers", "Get the headers that are sent with each request", a.getOperatorHeaders, 200),
		on("PUT "+operator+"/{endpoint_id}/headers", "v1.operational-webhook.endpoint.update-headers", "Replace the headers", a.putOperatorHeaders, 204),
		on("GET "+operator+"/{endpoint_id}/secret", "v1.operational-webhook.endpoint.get-secret", "Get the signing secret", a.getOperatorSecret, 200),
		on("POST "+operator+"/{endpoint_id}/secret/rotate", "v1.operational-webhook.endpoint.rotate-secret", "Rotate the signing secret", a.rotateOperatorSecret, 204).Fails(bellhop.CodeLocked, bellhop.CodeManySecrets, bellhop.CodeEndpointStatus),

		on("POST "+prefix+"/admin/redrive-dlq", "v1.admin.redrive-dlq", "Take up again what the server gave up", redrive, 204),

		public("GET "+prefix+"/health", "v1.health.get", "Tell whether the server takes messages", a.health, 200, 500),
		public("GET "+prefix+"/health/ping", "v1.health.ping", "Tell that there is a server", ping, 204),

		file("/openapi.json", "v1.docs.openapi", "application/json", "This document", a.serveDocument),
		file("/docs", "v1.docs.get", "text/html", "This document for reading", api.ServeDocs),
		file("/docs/redoc.standalone.js", "v1.docs.script", "text/javascript", "The script of that page", api.ServeRedoc),
	}
	return append(list, absent()...)
}

// createMessage is the operation that publishes: the store itself sees to it that what is
// repeated is done once.
const createMessage = "v1.message.create"

// mux serves the routes, each POST once if it is repeated.
func (a *API) mux(kit *api.Kit, routes []api.Route) *http.ServeMux {
	mux := http.NewServeMux()
	refuse := func(err error) http.Handler {
		if err == nil {
			err = &bellhop.Error{Code: bellhop.CodeConflict, Detail: "The request with this Idempotency-Key is still under way: ask again in a moment"}
		}
		return kit.Handler(ptr(api.Foreign("repeated", func(*api.Call) error { return err })))
	}
	for i := range routes {
		h := kit.Handler(&routes[i])
		holds := func(ctx context.Context, body []byte) bool { return a.holds(ctx, routes[i].ID, body) }
		switch {
		case routes[i].Method != http.MethodPost || routes[i].ID == absentOperation:
		case routes[i].ID == createMessage:
			h = a.publishing.once(h, refuse, holds)
		default:
			h = a.memory.once(h, refuse, holds)
		}
		mux.Handle(strings.TrimSpace(routes[i].Method+" "+routes[i].Path), h)
	}
	return mux
}

func ptr[T any](v T) *T { return &v }
