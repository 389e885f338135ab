package svix

import (
	"net/http"
)

func operationalCases() map[string]func(caller) {
	return map[string]func(caller){
		"test_endpoint_create_update_and_delete":      operationalOfEndpoints,
		"test_message_attempt_operational_webhooks":   operationalOfAttempts,
		"test_operational_webhooks_event_types_exist": operationalTypes,
	}
}

// operator makes an endpoint of the operator's, which hears of everybody's endpoints.
func (c caller) operator(r *receiver, types ...string) {
	c.Helper()
	c.server.native(c.T, http.MethodPost, "/v1/endpoints", object{"apps": []string{"*"}, "url": r.URL, "dialect": "raw", "events": types})
}

// told waits for what the operator is told.
func (c caller) told(r *receiver, want object) object {
	c.Helper()
	out, _ := decode(r.next(c.T).body).(object)
	c.is(out, want)
	return out
}

func operationalOfEndpoints(c caller) {
	c = c.at(serve(c.T, "--dev"))
	app := c.app()
	hears := map[string]*receiver{}
	for _, what := range []string{"created", "updated", "deleted"} {
		hears[what] = receive(c.T, http.StatusOK)
		c.operator(hears[what], "bellhop.endpoint."+what)
	}
	e := c.endpoint(app, nowhere, object{"uid": "mine"})
	about := object{"app": app, "endpoint": e["id"]}
	c.told(hears["created"], about)
	c.do("endpoint.upsert", app, e["id"], object{"url": nowhere, "description": "Updated", "uid": "mine"})
	c.told(hears["updated"], about)
	c.do("endpoint.rotateSecret", app, e["id"], object{})
	c.told(hears["updated"], about)
	c.do("endpoint.delete", app, e["id"])
	c.told(hears["deleted"], about)
}

func operationalOfAttempts(c caller) {
	c = c.at(serve(c.T, "--dev"))
	hears := map[string]*receiver{}
	for _, what := range []string{"failing", "exhausted", "recovered"} {
		hears[what] = receive(c.T, http.StatusOK)
		c.operator(hears[what], "bellhop.delivery."+what)
	}
	app := c.app()
	r := receive(c.T, http.StatusBadRequest)
	e := c.retries(c.endpoint(app, r.URL), "100ms", "100ms", "100ms", "100ms", "100ms")
	m := c.message(app, object{"test": "data"})
	about := object{"app": app, "event": m["id"], "endpoint": e["id"]}
	c.told(hears["failing"], about)
	c.told(hears["exhausted"], about)
	// The next one succeeds after it has failed so often.
	c.retries(e, "100ms", "100ms", "100ms", "3s", "3s", "3s", "3s", "3s")
	m = c.message(app, object{"test": "data"})
	about["event"] = m["id"]
	c.told(hears["failing"], about)
	r.status.Store(http.StatusOK)
	c.told(hears["recovered"], about)
}

func operationalTypes(c caller) {
	r := receive(c.T, http.StatusOK)
	c = c.at(serve(c.T, "--dev"))
	for _, name := range []string{
		"bellhop.endpoint.created", "bellhop.endpoint.updated", "bellhop.endpoint.deleted", "bellhop.endpoint.disabled",
		"bellhop.delivery.failing", "bellhop.delivery.exhausted", "bellhop.delivery.recovered",
	} {
		c.operator(r, name)
	}
	status, out := ask(c.T, c.server.direct, c.server.key, http.MethodPost, "/v1/endpoints", object{"apps": []string{"*"}, "url": r.URL, "events": []string{"bellhop.endpoint.nonsense"}}, nil)
	if status != http.StatusUnprocessableEntity {
		c.Errorf("a type that there is not is answered %d: %v", status, out)
	}
}
