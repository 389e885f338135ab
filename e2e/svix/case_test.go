package svix

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
)

// object is a JSON object.
type object = map[string]any

// caller is somebody who calls a server by one of the SDKs.
type caller struct {
	*testing.T
	name   string // of the SDK
	sdk    sdk
	server *server
	token  string
}

// as is the same caller with another token.
func (c caller) as(token string) caller {
	c.token = token
	return c
}

// at is the same caller at another server, as its admin.
func (c caller) at(s *server) caller {
	c.server, c.token = s, s.key
	return c
}

// do calls a method, which must be done, and gives what it gives.
func (c caller) do(method string, args ...any) object {
	c.Helper()
	out, err := c.sdk.call(c.Context(), c.server.url, c.token, method, args)
	if err != nil {
		c.Fatalf("%s of the SDK of %s, with %.600s: %v", method, c.name, fmt.Sprint(args...), err)
	}
	o, _ := out.(object)
	return o
}

// refused calls a method, which must be answered with the status.
func (c caller) refused(status int, method string, args ...any) object {
	c.Helper()
	_, err := c.sdk.call(c.Context(), c.server.url, c.token, method, args)
	var refused *refusal
	switch {
	case !errors.As(err, &refused):
		c.Errorf("%s of the SDK of %s, with %.600s: got %v, want it answered %d", method, c.name, fmt.Sprint(args...), err, status)
		return nil
	case refused.status != status:
		c.Errorf("%s of the SDK of %s, with %.600s: answered %d, want %d: %v", method, c.name, fmt.Sprint(args...), refused.status, status, refused.body)
	}
	o, _ := refused.body.(object)
	return o
}

// raw sends what no SDK would, and must be answered with the status.
func (c caller) raw(status int, method, path string, in any) object {
	c.Helper()
	got, body := ask(c.T, c.server.url, c.token, method, "/api/v1"+path, in, nil)
	if got != status {
		c.Errorf("%s %s with %.300s: answered %d, want %d: %v", method, path, fmt.Sprint(in), got, status, body)
	}
	o, _ := body.(object)
	return o
}

var lastName atomic.Int64

// unique makes a name that nobody else has.
func (c caller) unique(name string) string { return fmt.Sprintf("%s-%d", name, lastName.Add(1)) }

// app makes an app and gives its id.
func (c caller) app() string {
	c.Helper()
	return text(c.do("application.create", object{"name": "An app"}), "id")
}

// eventType makes an event type and gives its name.
func (c caller) eventType(name string) string {
	c.Helper()
	return text(c.do("eventType.create", object{"name": c.unique(name), "description": "Of a test"}), "name")
}

// endpoint makes an endpoint; more are fields besides the URL.
func (c caller) endpoint(app, url string, more ...object) object {
	c.Helper()
	return c.do("endpoint.create", app, with(object{"url": url}, more...))
}

// retries sets the delays of an endpoint's retries, which Svix has for a server as a whole.
func (c caller) retries(endpoint object, delays ...string) object {
	c.Helper()
	if delays == nil {
		delays = []string{}
	}
	c.server.native(c.T, http.MethodPatch, "/v1/endpoints/"+text(endpoint, "id"), object{"retry": delays})
	return endpoint
}

// message publishes.
func (c caller) message(app string, payload object, more ...object) object {
	c.Helper()
	return c.do("message.create", app, with(object{"eventType": "event.type", "payload": payload}, more...), object{"withContent": true})
}

// attempts waits until a message has had so many, and gives them.
func (c caller) attempts(app string, message object, n int) []object {
	c.Helper()
	var list []object
	eventually(c.T, fmt.Sprintf("there are %d attempts", n), func() bool {
		list = data(c.do("messageAttempt.listByMsg", app, text(message, "id")))
		return len(list) >= n
	})
	if len(list) > n {
		c.Fatalf("there are %d attempts, want %d: %v", len(list), n, list)
	}
	return list
}

// attempted waits until so many of an endpoint's attempts are listed with the options.
func (c caller) attempted(app, endpoint string, n int, options object) []object {
	c.Helper()
	var list []object
	eventually(c.T, fmt.Sprintf("the endpoint has %d attempts with %v", n, options), func() bool {
		list = data(c.do("messageAttempt.listByEndpoint", app, endpoint, options))
		return len(list) == n
	})
	return list
}

// with adds fields to an object.
func with(o object, more ...object) object {
	for _, m := range more {
		for name, v := range m {
			o[name] = v
		}
	}
	return o
}

// text is a member that is text; "" where there is none.
func text(o object, name string) string {
	s, _ := o[name].(string)
	return s
}

// data are the items of a list's answer.
func data(list object) []object {
	items, _ := list["data"].([]any)
	out := make([]object, len(items))
	for i := range items {
		out[i], _ = items[i].(object)
	}
	return out
}

// each gives one member of each.
func each(list []object, name string) []any {
	out := []any{}
	for _, o := range list {
		out = append(out, o[name])
	}
	return out
}

// is compares members of an object with what they must be; nil is null or absent.
func (c caller) is(got object, want object) {
	c.Helper()
	for name, w := range want {
		if w = plain(w); !reflect.DeepEqual(got[name], w) {
			c.Errorf("%s is %v, want %v, in %v", name, got[name], w, got)
		}
	}
}

// same compares two values as JSON.
func (c caller) same(what string, got, want any) {
	c.Helper()
	if got, want = plain(got), plain(want); !reflect.DeepEqual(got, want) {
		c.Errorf("%s: got\n%v\nwant\n%v", what, got, want)
	}
}

// group are the cases that bear the names of the tests of one file of Svix's.
type group struct {
	name  string
	cases map[string]func(caller)
}

func groups() []group {
	return []group{
		{"e2e_application", applicationCases()},
		{"e2e_attempt", attemptCases()},
		{"e2e_auth", authCases()},
		{"e2e_endpoint", endpointCases()},
		{"e2e_event_type", eventTypeCases()},
		{"e2e_health", healthCases()},
		{"e2e_message", messageCases()},
		{"e2e_operational_webhooks", operationalCases()},
		{"integ_webhook_http_client", filterCases()},
		{"message_app", deletionCases()},
		{"worker", workerCases()},
	}
}

// Each case, by each SDK.
func TestCases(t *testing.T) {
	for _, g := range groups() {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			for name, f := range g.cases {
				t.Run(name, func(t *testing.T) { bySDK(t, f) })
			}
		})
	}
}

// bySDK runs a test with each SDK, as an admin of the shared server.
func bySDK(t *testing.T, f func(caller)) {
	t.Parallel()
	for name, sdk := range map[string]sdk{"go": goSDK{}, "npm": js} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(caller{T: t, name: name, sdk: sdk, server: shared, token: shared.key})
		})
	}
}

// within tells whether a text is in an answer's detail.
func within(o object, s string) bool { return strings.Contains(fmt.Sprint(o["detail"]), s) }
