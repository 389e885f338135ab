package svix

import (
	"net/http"
	"slices"
	"strings"
)

// operation is one call of Svix's API, and what it answers.
type operation struct {
	// method is the SDK's, by its name in npm; one without is called by no SDK.
	method string
	verb   string
	path   string // below /api/v1
	// answers are the definition in shapes.json of what is answered with each status that
	// says that it went well; "" stands for no body.
	answers map[int]string
}

// operations are those that there are here.
func operations() []operation {
	return slices.Concat(clientOperations(), beyond(), []operation{
		{"", "POST", "/auth/dashboard-access/{app}", shape(200, "DashboardAccessOut")},
		{"", "GET", "/app/{app}/msg/{msg}/attempt", shape(200, "ListResponse_MessageAttemptOut_")},
		{"", "GET", "/app/{app}/msg/{msg}/endpoint/{endpoint}/attempt", shape(200, "ListResponse_MessageAttemptOut_")},
		{"", "POST", "/admin/redrive-dlq", shape(204, "")},
		{"", "GET", "/health/ping", shape(204, "")},
		{"", "HEAD", "/health/ping", shape(204, "")},
		{"", "HEAD", "/health", either(200, "", 204, "")},
	})
}

// clientOperations are those of Svix's own server that the SDKs call.
func clientOperations() []operation {
	const (
		app      = "/app/{app}"
		endpoint = app + "/endpoint/{endpoint}"
		msg      = app + "/msg/{msg}"
		attempt  = msg + "/attempt/{attempt}"
	)
	return []operation{
		{"application.list", "GET", "/app", shape(200, "ListResponse_ApplicationOut_")},
		{"application.create", "POST", "/app", either(201, "ApplicationOut", 200, "ApplicationOut")},
		{"application.get", "GET", app, shape(200, "ApplicationOut")},
		{"application.upsert", "PUT", app, either(200, "ApplicationOut", 201, "ApplicationOut")},
		{"application.patch", "PATCH", app, shape(200, "ApplicationOut")},
		{"application.delete", "DELETE", app, shape(204, "")},

		{"endpoint.list", "GET", app + "/endpoint", shape(200, "ListResponse_EndpointOut_")},
		{"endpoint.create", "POST", app + "/endpoint", shape(201, "EndpointOut")},
		{"endpoint.get", "GET", endpoint, shape(200, "EndpointOut")},
		{"endpoint.upsert", "PUT", endpoint, either(200, "EndpointOut", 201, "EndpointOut")},
		{"endpoint.patch", "PATCH", endpoint, shape(200, "EndpointOut")},
		{"endpoint.delete", "DELETE", endpoint, shape(204, "")},
		{"endpoint.getHeaders", "GET", endpoint + "/headers", shape(200, "EndpointHeadersOut")},
		{"endpoint.setHeaders", "PUT", endpoint + "/headers", shape(204, "")},
		{"endpoint.patchHeaders", "PATCH", endpoint + "/headers", shape(204, "")},
		{"endpoint.getSecret", "GET", endpoint + "/secret", shape(200, "EndpointSecretOut")},
		{"endpoint.rotateSecret", "POST", endpoint + "/secret/rotate", shape(204, "")},
		{"endpoint.getStats", "GET", endpoint + "/stats", shape(200, "EndpointStats")},
		{"endpoint.sendExample", "POST", endpoint + "/send-example", either(200, "MessageOut", 202, "MessageOut")},
		{"endpoint.recover", "POST", endpoint + "/recover", shape(202, "RecoverOut")},

		{"eventType.list", "GET", "/event-type", shape(200, "ListResponse_EventTypeOut_")},
		{"eventType.create", "POST", "/event-type", shape(201, "EventTypeOut")},
		{"eventType.get", "GET", "/event-type/{type}", shape(200, "EventTypeOut")},
		{"eventType.upsert", "PUT", "/event-type/{type}", either(200, "EventTypeOut", 201, "EventTypeOut")},
		{"eventType.patch", "PATCH", "/event-type/{type}", shape(200, "EventTypeOut")},
		{"eventType.delete", "DELETE", "/event-type/{type}", shape(204, "")},

		{"message.list", "GET", app + "/msg", shape(200, "ListResponse_MessageOut_")},
		{"message.create", "POST", app + "/msg", shape(202, "MessageOut")},
		{"message.get", "GET", msg, shape(200, "MessageOut")},
		{"message.expungeContent", "DELETE", msg + "/content", shape(204, "")},

		{"messageAttempt.listByEndpoint", "GET", app + "/attempt/endpoint/{endpoint}", shape(200, "ListResponse_MessageAttemptOut_")},
		{"messageAttempt.listByMsg", "GET", app + "/attempt/msg/{msg}", shape(200, "ListResponse_MessageAttemptOut_")},
		{"messageAttempt.listAttemptedMessages", "GET", endpoint + "/msg", shape(200, "ListResponse_EndpointMessageOut_")},
		{"messageAttempt.listAttemptedDestinations", "GET", msg + "/endpoint", shape(200, "ListResponse_MessageEndpointOut_")},
		{"messageAttempt.get", "GET", attempt, shape(200, "MessageAttemptOut")},
		{"messageAttempt.expungeContent", "DELETE", attempt + "/content", shape(204, "")},
		{"messageAttempt.resend", "POST", msg + "/endpoint/{endpoint}/resend", shape(202, "EmptyResponse")},

		{"authentication.appPortalAccess", "POST", "/auth/app-portal-access/{app}", shape(200, "AppPortalAccessOut")},
		{"authentication.logout", "POST", "/auth/logout", shape(204, "")},
		{"health.get", "GET", "/health", either(200, "Health", 204, "")},
	}
}

func shape(status int, definition string) map[int]string { return map[int]string{status: definition} }

func either(status int, definition string, status2 int, definition2 string) map[int]string {
	return map[int]string{status: definition, status2: definition2}
}

// operationOf finds the operation that a request calls; nil if it is none of those.
func operationOf(r *http.Request) *operation {
	path, ok := strings.CutPrefix(strings.TrimSuffix(r.URL.Path, "/"), "/api/v1")
	if !ok {
		return nil
	}
	got := strings.Split(path, "/")
	for _, op := range operations() {
		if op.verb == r.Method && matches(strings.Split(op.path, "/"), got) {
			return &op
		}
	}
	return nil
}

func matches(pattern, path []string) bool {
	if len(pattern) != len(path) {
		return false
	}
	for i := range pattern {
		if pattern[i] != path[i] && !strings.HasPrefix(pattern[i], "{") {
			return false
		}
	}
	return true
}
