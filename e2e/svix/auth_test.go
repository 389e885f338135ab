package svix

import (
	"net/http"
	"strings"
	"testing"
)

func authCases() map[string]func(caller) {
	return map[string]func(caller){
		"test_restricted_application_access":      restrictedAccess,
		"test_dashboard_access_without_body":      dashboardAccess,
		"test_invalid_auth_error_detail":          invalidAuth,
		"test_app_portal_access_with_application": portalWithApplication,
	}
}

// portal makes an app's token.
func (c caller) portal(app string) caller {
	c.Helper()
	return c.as(text(c.do("authentication.appPortalAccess", app, object{}), "token"))
}

func restrictedAccess(c caller) {
	app, other := c.app(), c.app()
	portal := c.portal(app)
	portal.refused(http.StatusForbidden, "application.create", object{"name": "x"})
	portal.refused(http.StatusForbidden, "application.upsert", app, object{"name": "x"})
	portal.refused(http.StatusForbidden, "application.patch", app, object{"name": "x"})
	portal.refused(http.StatusForbidden, "application.delete", app)
	portal.refused(http.StatusForbidden, "application.list")
	portal.refused(http.StatusNotFound, "application.get", other)
	portal.is(portal.do("application.get", app), object{"id": app})
}

// What the holder of an app's token may: of its own app, and of others.
func TestAppTokenRights(t *testing.T) {
	bySDK(t, func(c caller) {
		s := c.scene()
		forbidden := map[string]bool{
			"application.list": true, "application.create": true, "application.upsert": true, "application.patch": true, "application.delete": true,
			"endpoint.sendExample": true, "eventType.create": true, "eventType.upsert": true, "eventType.patch": true, "eventType.delete": true,
			"message.create": true, "message.expungeContent": true, "messageAttempt.expungeContent": true, "authentication.appPortalAccess": true,
		}
		portal := c.portal(s.app)
		stranger := c.portal(c.app())
		for _, op := range clientOperations() {
			args, ok := s.args()[op.method]
			if !ok || op.method == "authentication.logout" || op.method == "health.get" {
				continue
			}
			switch {
			case forbidden[op.method]:
				c.is(portal.refused(http.StatusForbidden, op.method, args...), object{"code": "insufficient access"})
				if _, err := c.sdk.call(c.Context(), c.server.url, stranger.token, op.method, args); err == nil {
					c.Errorf("%s of another app is done", op.method)
				}
			case strings.HasPrefix(op.path, "/app/{app}"):
				c.is(stranger.refused(http.StatusNotFound, op.method, args...), object{"code": "not_found"})
			}
		}
		// What it may, by hand: the order matters, since some of it takes things away.
		for _, method := range []string{
			"application.get", "endpoint.list", "endpoint.get", "endpoint.upsert", "endpoint.patch", "endpoint.setHeaders", "endpoint.patchHeaders", "endpoint.getHeaders",
			"endpoint.getSecret", "endpoint.rotateSecret", "endpoint.getStats", "eventType.list", "message.list", "message.get", "messageAttempt.listByEndpoint",
			"messageAttempt.listByMsg", "messageAttempt.listAttemptedMessages", "messageAttempt.listAttemptedDestinations", "messageAttempt.get", "messageAttempt.resend",
			"endpoint.recover", "endpoint.create", "endpoint.delete",
		} {
			portal.do(method, s.args()[method]...)
		}
		portal.refused(http.StatusNotImplemented, "authentication.logout")
		c.do("authentication.expireAll", s.app, object{})
		portal.refused(http.StatusUnauthorized, "application.get", s.app)
	})
}

// A token that is none, one that is cut off, and none at all are refused everywhere; so is
// what is not there.
func TestUnhappyOperations(t *testing.T) {
	bySDK(t, func(c caller) {
		s := c.scene()
		gone := scene{app: "app_gone", endpoint: "ep_gone", message: "evt_gone", attempt: "att_gone", eventType: "gone"}
		for _, op := range clientOperations() {
			args := s.args()[op.method]
			if op.method == "health.get" {
				continue
			}
			for _, token := range []string{"nonsense", c.token[:len(c.token)-1], c.token + "x", "a.b.c"} {
				c.is(c.as(token).refused(http.StatusUnauthorized, op.method, args...), object{"code": "authentication_failed"})
			}
			switch {
			case !strings.Contains(op.path, "{"):
			case strings.HasPrefix(op.path, "/app/{app}"):
				if op.verb == http.MethodPut && op.path == "/app/{app}" {
					continue // makes it
				}
				c.is(c.refused(http.StatusNotFound, op.method, gone.args()[op.method]...), object{"code": "not_found"})
				// What is below an app, in that app.
				here := gone
				here.app = s.app
				if strings.Count(op.path, "{") > 1 && op.method != "endpoint.upsert" {
					c.is(c.refused(http.StatusNotFound, op.method, here.args()[op.method]...), object{"code": "not_found"})
				}
			case op.verb != http.MethodPut:
				c.refused(http.StatusNotFound, op.method, gone.args()[op.method]...)
			}
		}
		c.as("").raw(http.StatusUnauthorized, "GET", "/app/"+s.app, nil)
	})
}

// scene is one of everything, for operations to be called upon.
type scene struct{ app, endpoint, message, attempt, eventType, receiver string }

func (c caller) scene() scene {
	c.Helper()
	r := receive(c.T, http.StatusNoContent)
	app := c.app()
	e := c.endpoint(app, r.URL)
	m := c.message(app, object{"a": 1})
	r.next(c.T)
	a := c.attempts(app, m, 1)[0]
	return scene{app, text(e, "id"), text(m, "id"), text(a, "id"), c.eventType("scene"), r.URL}
}

// args are what each method is called with.
func (s scene) args() map[string][]any {
	url := s.receiver
	if url == "" {
		url = "http://127.0.0.1:9/"
	}
	app, e, m := s.app, s.endpoint, s.message
	return map[string][]any{
		"application.list": {}, "application.create": {object{"name": "x"}}, "application.get": {app}, "application.upsert": {app, object{"name": "x"}},
		"application.patch": {app, object{"name": "x"}}, "application.delete": {app},
		"endpoint.list": {app}, "endpoint.create": {app, object{"url": url}}, "endpoint.get": {app, e}, "endpoint.upsert": {app, e, object{"url": url}},
		"endpoint.patch": {app, e, object{"description": "x"}}, "endpoint.delete": {app, e}, "endpoint.getHeaders": {app, e},
		"endpoint.setHeaders": {app, e, object{"headers": object{"x-a": "1"}}}, "endpoint.patchHeaders": {app, e, object{"headers": object{"x-a": "1"}}},
		"endpoint.getSecret": {app, e}, "endpoint.rotateSecret": {app, e, object{}}, "endpoint.getStats": {app, e},
		"endpoint.sendExample": {app, e, object{"eventType": "svix.ping"}}, "endpoint.recover": {app, e, object{"since": ago(0)}},
		"eventType.list": {}, "eventType.create": {object{"name": s.eventType + ".x", "description": "x"}}, "eventType.get": {s.eventType},
		"eventType.upsert": {s.eventType, object{"description": "x"}}, "eventType.patch": {s.eventType, object{"description": "x"}}, "eventType.delete": {s.eventType},
		"message.list": {app}, "message.create": {app, object{"eventType": "a", "payload": object{}}}, "message.get": {app, m}, "message.expungeContent": {app, m},
		"messageAttempt.listByEndpoint": {app, e}, "messageAttempt.listByMsg": {app, m}, "messageAttempt.listAttemptedMessages": {app, e},
		"messageAttempt.listAttemptedDestinations": {app, m}, "messageAttempt.get": {app, m, s.attempt}, "messageAttempt.expungeContent": {app, m, s.attempt},
		"messageAttempt.resend": {app, m, e}, "authentication.appPortalAccess": {app, object{}}, "authentication.logout": {}, "health.get": {},
	}
}

func dashboardAccess(c caller) {
	app := c.app()
	out := c.raw(http.StatusOK, "POST", "/auth/dashboard-access/"+app+"/", nil)
	c.is(c.as(text(out, "token")).do("application.get", app), object{"id": app})
	// The page is there.
	page, err := goHTTP.Get(strings.Replace(text(out, "url"), c.server.url, c.server.direct, 1))
	if err != nil {
		c.Fatal(err)
	}
	page.Body.Close()
	c.same("the page's status", page.StatusCode, http.StatusOK)
}

func invalidAuth(c caller) {
	out := c.as("some-nonsense-key").refused(http.StatusUnauthorized, "application.create", object{"name": "x"})
	if !within(out, "token") && !within(out, "key") {
		c.Errorf("the detail of %v says nothing of the token", out)
	}
	c.is(out, object{"code": "authentication_failed"})
}

func portalWithApplication(c caller) {
	uid := c.unique("portal")
	c.refused(http.StatusNotFound, "authentication.appPortalAccess", uid, object{})
	out := c.do("authentication.appPortalAccess", uid, object{"application": object{"name": "Made by access", "uid": uid}})
	if !strings.HasPrefix(text(out, "url"), "http") || text(out, "token") == "" {
		c.Errorf("the portal is %v", out)
	}
	c.is(c.do("application.get", uid), object{"uid": uid, "name": "Made by access"})
	c.do("authentication.appPortalAccess", uid, object{"application": object{"name": "Not kept", "uid": uid}})
	c.is(c.do("application.get", uid), object{"name": "Made by access"})
	other := c.unique("other")
	c.refused(http.StatusUnprocessableEntity, "authentication.appPortalAccess", other, object{"application": object{"name": "x", "uid": uid}})
	c.refused(http.StatusUnprocessableEntity, "authentication.appPortalAccess", other, object{"application": object{"name": "x"}})
	c.refused(http.StatusNotFound, "application.get", other)
}
