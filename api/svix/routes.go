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

		on("GET "+ofDoor+"/transformation", "v1.endpoint.transformation-get", a.getTransformation, 200),
		on("PATCH "+ofDoor+"/transformation", "v1.endpoint.patch-transformation", a.patchTransformation, 204),

		on("GET "+ofApp+"/msg", "v1.message.list", a.listMessages, 200).Reads("after", "before", "event_types"),
		on("POST "+ofApp+"/msg", createMessage, a.createMessage, 202).Takes(a.o.MaxMessageBody),
		on("GET "+ofMsg, "v1.message.get", a.getMessage, 200),
		on("DELETE "+ofMsg+"/content", "v1.message.expunge-content", a.expungeMessage, 204),
		on("POST "+ofApp+"/msg/bulk-expunge", "v1.message.bulk-expunge", a.bulkExpunge, 200),
		on("POST "+ofApp+"/msg/precheck/active", "v1.message.precheck", a.precheck, 200),

		on("GET "+ofDoor+"/stats", "v1.endpoint.get-stats", a.endpointStats, 200).Reads("since", "until"),
		on("POST "+ofDoor+"/send-example", "v1.endpoint.send-example", a.sendExample, 200),
		on("POST "+ofDoor+"/recover", "v1.endpoint.recover", a.recoverFailed, 202),
		on("POST "+ofDoor+"/replay-missing", "v1.endpoint.replay-missing", a.replayMissing, 202),
		on("POST "+ofDoor+"/bulk-replay", "v1.endpoint.bulk-replay", a.bulkReplay, 202),

		on("GET "+ofApp+"/attempt/endpoint/{endpoint_id}", "v1.message-attempt.list-by-endpoint", a.attemptsOfEndpoint, 200).Reads("after", "before", "status", "event_types"),
		on("GET "+ofApp+"/attempt/msg/{msg_id}", "v1.message-attempt.list-by-msg", a.attemptsOfMessage, 200).Reads("endpoint_id", "after", "before"),
		on("GET "+ofMsg+"/attempt", "v1.message-attempt.list-by-msg-deprecated", a.attemptsOfMessage, 200).Reads("endpoint_id", "after", "before"),
		on("GET "+ofMsg+"/endpoint/{endpoint_id}/attempt", "v1.message-attempt.list-by-endpoint-deprecated", a.attemptsAtEndpoint, 200).Reads("after", "before"),
		on("GET "+ofDoor+"/msg", "v1.message-attempt.list-attempted-messages", a.attemptedMessages, 200).Reads("after", "before", "event_types"),
		on("GET "+ofMsg+"/endpoint", "v1.message-attempt.list-attempted-destinations", a.destinations, 200).Reads(),
		on("GET "+ofMsg+"/attempt/{attempt_id}", "v1.message-attempt.get", a.getAttempt, 200),
		on("DELETE "+ofMsg+"/attempt/{attempt_id}/content", "v1.message-attempt.expunge-content", a.expungeAttempt, 204),
		on("POST "+ofMsg+"/endpoint/{endpoint_id}/resend", "v1.message-attempt.resend", a.resend, 202),

		on("POST "+prefix+"/auth/app-portal-access/{app_id}", "v1.authentication.app-portal-access", a.portalAccess, 200),
		on("POST "+prefix+"/auth/dashboard-access/{app_id}", "v1.authentication.dashboard-access", a.portalAccess, 200),
		on("POST "+prefix+"/auth/app/{app_id}/expire-all", "v1.authentication.expire-all", a.expireAll, 204),

		on("GET "+prefix+"/background-task", "v1.background-task.list", a.listTasks, 200).Reads(),
		on("GET "+prefix+"/background-task/{task_id}", "v1.background-task.get", a.getTask, 200),
		on("PUT "+prefix+"/stats/usage/event-types", "v1.statistics.aggregate-event-types", a.aggregateEventTypes, 202),
		on("POST "+prefix+"/stats/usage/app", "v1.statistics.aggregate-app-stats", a.aggregateAppStats, 202),

		on("GET "+operator, "v1.operational-webhook.endpoint.list", a.listOperator, 200),
		on("POST "+operator, "v1.operational-webhook.endpoint.create", a.createOperator, 201),
		on("GET "+operator+"/{endpoint_id}", "v1.operational-webhook.endpoint.get", a.getOperator, 200),
		on("PUT "+operator+"/{endpoint_id}", "v1.operational-webhook.endpoint.update", a.putOperator, 200),
		on("DELETE "+operator+"/{endpoint_id}", "v1.operational-webhook.endpoint.delete", a.deleteOperator, 204),
		on("GET "+operator+"/{endpoint_id}/headers", "v1.operational-webhook.endpoint.get-headers", a.getOperatorHeaders, 200),
		on("PUT "+operator+"/{endpoint_id}/headers", "v1.operational-webhook.endpoint.update-headers", a.putOperatorHeaders, 204),
		on("GET "+operator+"/{endpoint_id}/secret", "v1.operational-webhook.endpoint.get-secret", a.getOperatorSecret, 200),
		on("POST "+operator+"/{endpoint_id}/secret/rotate", "v1.operational-webhook.endpoint.rotate-secret", a.rotateOperatorSecret, 204),

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
