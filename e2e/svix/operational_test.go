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
	c.do("operationalWebhook.endpoint.create", object{"url": r.URL, "eventTypes": types})
}

// told waits for what the operator is told of an endpoint that is not an operator's.
func (c caller) told(r *receiver, eventType string, want object) {
	c.Helper()
	for {
		out, _ := decode(r.next(c.T).body).(object)
		about, _ := out["data"].(object)
		if apps, _ := about["apps"].([]any); len(apps) == 1 && apps[0] == "*" {
			continue
		}
		c.is(out, object{"type": eventType})
		c.is(about, want)
		return
	}
}

func operationalOfEndpoints(c caller) {
	c = c.at(serve(c.T, "--dev"))
	app := c.app()
	hears := map[string]*receiver{}
	for _, what := range []string{"created", "updated", "deleted"} {
		hears[what] = receive(c.T, http.StatusOK)
		c.operator(hears[what], "endpoint."+what)
	}
	e := c.endpoint(app, nowhere, object{"uid": "mine"})
	about := object{"apps": []string{app}, "endpoint": e["id"], "uid": "mine", "url": nowhere}
	c.told(hears["created"], "bellhop.endpoint.created", about)
	c.do("endpoint.upsert", app, e["id"], object{"url": nowhere, "description": "Updated", "uid": "mine"})
	c.told(hears["updated"], "bellhop.endpoint.updated", about)
	c.do("endpoint.rotateSecret", app, e["id"], object{})
	c.told(hears["updated"], "bellhop.endpoint.updated", about)
	c.do("endpoint.delete", app, e["id"])
	c.told(hears["deleted"], "bellhop.endpoint.deleted", about)
}

func operationalOfAttempts(c caller) {
	c = c.at(serve(c.T, "--dev"))
	hears := map[string]*receiver{}
	for _, what := range []string{"failing", "exhausted", "recovered"} {
		hears[what] = receive(c.T, http.StatusOK)
		c.operator(hears[what], "message.attempt."+what)
	}
	app := c.app()
	r := receive(c.T, http.StatusBadRequest)
	e := c.retries(c.endpoint(app, r.URL), "100ms", "100ms", "100ms", "100ms", "100ms")
	m := c.message(app, object{"test": "data"})
	about := object{"app": app, "event": m["id"], "endpoint": e["id"]}
	c.told(hears["failing"], "bellhop.delivery.failing", about)
	c.told(hears["exhausted"], "bellhop.delivery.exhausted", about)
	// The next one succeeds after it has failed so often.
	c.retries(e, "100ms", "100ms", "100ms", "3s", "3s", "3s", "3s", "3s")
	m = c.message(app, object{"test": "data"})
	about["event"] = m["id"]
	c.told(hears["failing"], "bellhop.delivery.failing", about)
	r.status.Store(http.StatusOK)
	c.told(hears["recovered"], "bellhop.delivery.recovered", about)
}

func operationalTypes(c caller) {
	c = c.at(serve(c.T, "--dev"))
	for _, name := range []string{
		"endpoint.created", "endpoint.updated", "endpoint.deleted", "endpoint.disabled",
		"message.attempt.failing", "message.attempt.exhausted", "message.attempt.recovered",
	} {
		c.is(c.do("operationalWebhook.endpoint.create", object{"url": nowhere, "eventTypes": []string{name}}), object{"eventTypes": []string{name}})
	}
}
