package svix

import (
	"net/http"
	"net/url"
)

func workerCases() map[string]func(caller) {
	return map[string]func(caller){
		"test_no_redirects_policy":                  noRedirects,
		"test_endpoint_disable_on_repeated_failure": disabledOnFailure,
		"test_endpoint_disable_on_sporadic_failure": notDisabledOnSuccess,
	}
}

func noRedirects(c caller) {
	r := receive(c.T, http.StatusPermanentRedirect)
	app := c.app()
	c.retries(c.endpoint(app, r.URL+"/first"))
	c.is(c.attempts(app, c.message(app, object{}), 1)[0], object{"responseStatusCode": 308, "status": 2})
	// Another message comes after whatever a redirect would have led to.
	c.message(app, object{})
	for range 2 {
		c.same("the path", r.next(c.T).path, "/first")
	}
}

// How long an endpoint may fail is the operator's to say.
func disabledOnFailure(c caller) {
	c = c.at(serve(c.T, "--dev", "--disable-after", "1m"))
	app := c.app()
	e := c.endpoint(app, receive(c.T, http.StatusGone).URL)["id"]
	c.message(app, object{})
	eventually(c.T, "the endpoint is disabled", func() bool { return c.do("endpoint.get", app, e)["disabled"] == true })
	// Whoever looks after it enables it again.
	c.is(c.do("endpoint.patch", app, e, object{"disabled": false}), object{"disabled": false})
}

func notDisabledOnSuccess(c caller) {
	r := receive(c.T, http.StatusInternalServerError)
	app := c.app()
	e := c.retries(c.endpoint(app, r.URL))["id"]
	for _, status := range []int{http.StatusInternalServerError, http.StatusOK, http.StatusInternalServerError} {
		r.status.Store(int32(status))
		c.attempts(app, c.message(app, object{}), 1)
	}
	c.is(c.do("endpoint.get", app, e), object{"disabled": false})
}

func deletionCases() map[string]func(caller) {
	return map[string]func(caller){"test_app_deletion": appDeletion, "test_endp_deletion": endpointDeletion}
}

func appDeletion(c caller) {
	r := receive(c.T, http.StatusOK)
	app := c.app()
	c.endpoint(app, r.URL)
	c.message(app, object{"test": "value"})
	c.same("the body", string(r.next(c.T).body), `{"test":"value"}`)
	c.do("application.delete", app)
	c.refused(http.StatusNotFound, "message.create", app, object{"eventType": "test.event", "payload": object{}})
	nothing(c, r)
}

func endpointDeletion(c caller) {
	r := receive(c.T, http.StatusOK)
	app := c.app()
	e := c.endpoint(app, r.URL)["id"]
	c.message(app, object{"test": "value"})
	c.same("the body", string(r.next(c.T).body), `{"test":"value"}`)
	c.do("endpoint.delete", app, e)
	m := c.message(app, object{"test": "value"})
	c.same("who was sent it", len(data(c.do("messageAttempt.listAttemptedDestinations", app, m["id"]))), 0)
	nothing(c, r)
}

// nothing fails if the receiver has got something, when another one, whose message was
// published after whatever it would have got, has got that.
func nothing(c caller, r *receiver) {
	c.Helper()
	other := receive(c.T, http.StatusOK)
	app := c.app()
	c.endpoint(app, other.URL)
	c.message(app, object{})
	other.next(c.T)
	if len(r.got) > 0 {
		c.Error("something was sent")
	}
}

func filterCases() map[string]func(caller) {
	return map[string]func(caller){"test_filtering": filtering}
}

// Addresses within are not connected to, by whatever name.
func filtering(c caller) {
	r := receive(c.T, http.StatusOK)
	at, err := url.Parse(r.URL)
	if err != nil {
		c.Fatal(err)
	}
	c = c.at(serve(c.T))
	app := c.app()
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		out, err := c.sdk.call(c.Context(), c.server.url, c.token, "endpoint.create", []any{app, object{"url": "https://" + host + ":" + at.Port()}})
		if err != nil {
			c.refused(http.StatusUnprocessableEntity, "endpoint.create", app, object{"url": "https://" + host + ":" + at.Port()})
			continue
		}
		c.retries(out.(object))
		c.is(c.attempts(app, c.message(app, object{}), 1)[0], object{"responseStatusCode": 0, "status": 2})
		c.do("endpoint.delete", app, out.(object)["id"])
	}
	if len(r.got) > 0 {
		c.Error("something was sent")
	}
}
