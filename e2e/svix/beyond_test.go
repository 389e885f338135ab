package svix

import (
	"net/http"
	"testing"
	"time"
)

// beyond are the calls that Svix's own server does not have, but its cloud, and Bellhop.
func beyond() []operation {
	const (
		endpoint = "/app/{app}/endpoint/{endpoint}"
		operator = "/operational-webhook/endpoint"
	)
	return []operation{
		{"endpoint.replayMissing", "POST", endpoint + "/replay-missing", shape(202, "ReplayOut")},
		{"endpoint.bulkReplay", "POST", endpoint + "/bulk-replay", shape(202, "ReplayOut")},
		{"endpoint.transformation.get", "GET", endpoint + "/transformation", shape(200, "EndpointTransformationOut")},
		{"endpoint.transformation.patch", "PATCH", endpoint + "/transformation", shape(204, "")},
		{"message.precheck", "POST", "/app/{app}/msg/precheck/active", shape(200, "MessagePrecheckOut")},
		{"message.bulkExpungeContent", "POST", "/app/{app}/msg/bulk-expunge", shape(200, "BulkExpungeContentsOut")},
		{"authentication.expireAll", "POST", "/auth/app/{app}/expire-all", shape(204, "")},
		{"backgroundTask.list", "GET", "/background-task", shape(200, "ListResponse_BackgroundTaskOut_")},
		{"backgroundTask.get", "GET", "/background-task/{task}", shape(200, "BackgroundTaskOut")},
		{"statistics.aggregateEventTypes", "PUT", "/stats/usage/event-types", shape(202, "AggregateEventTypesOut")},
		{"statistics.aggregateAppStats", "POST", "/stats/usage/app", shape(202, "AppUsageStatsOut")},
		{"operationalWebhook.endpoint.list", "GET", operator, shape(200, "ListResponse_EndpointOut_")},
		{"operationalWebhook.endpoint.create", "POST", operator, shape(201, "EndpointOut")},
		{"operationalWebhook.endpoint.get", "GET", operator + "/{endpoint}", shape(200, "EndpointOut")},
		{"operationalWebhook.endpoint.upsert", "PUT", operator + "/{endpoint}", shape(200, "EndpointOut")},
		{"operationalWebhook.endpoint.delete", "DELETE", operator + "/{endpoint}", shape(204, "")},
		{"operationalWebhook.endpoint.getHeaders", "GET", operator + "/{endpoint}/headers", shape(200, "EndpointHeadersOut")},
		{"operationalWebhook.endpoint.setHeaders", "PUT", operator + "/{endpoint}/headers", shape(204, "")},
		{"operationalWebhook.endpoint.getSecret", "GET", operator + "/{endpoint}/secret", shape(200, "EndpointSecretOut")},
		{"operationalWebhook.endpoint.rotateSecret", "POST", operator + "/{endpoint}/secret/rotate", shape(204, "")},
	}
}

// ended waits for a task to end, and gives what it has done.
func (c caller) ended(task object) object {
	c.Helper()
	var now object
	eventually(c.T, "the task has ended", func() bool {
		now = c.do("backgroundTask.get", task["id"])
		return now["status"] != "running"
	})
	c.is(now, object{"id": task["id"], "task": task["task"], "status": "finished"})
	done, _ := now["data"].(object)
	return done
}

// What was never sent to an endpoint is sent, and what was is not sent again, but by a
// bulk replay.
func TestReplays(t *testing.T) {
	bySDK(t, func(c caller) {
		app := c.app()
		for i := range 3 {
			c.message(app, object{"before": i}, object{"eventType": "old"})
		}
		r := receive(c.T, http.StatusOK)
		e := text(c.endpoint(app, r.URL), "id")
		c.message(app, object{"after": 0})
		r.next(c.T)
		task := c.do("endpoint.replayMissing", app, e, object{"since": ago(time.Hour)})
		c.is(task, object{"task": "endpoint.replay"})
		c.is(c.ended(task), object{"messagesSent": 3})
		for range 3 {
			r.next(c.T)
		}
		c.attempted(app, e, 4, object{})
		c.is(c.ended(c.do("endpoint.replayMissing", app, e, object{"since": ago(time.Hour)})), object{"messagesSent": 0})

		task = c.do("endpoint.bulkReplay", app, e, object{"since": ago(time.Hour), "eventTypes": []string{"old"}})
		c.is(task, object{"task": "endpoint.bulk-replay"})
		c.is(c.ended(task), object{"messagesSent": 3})
		c.attempted(app, e, 7, object{})

		// Narrowed by what its clients know.
		c.message(app, object{"red": 1}, object{"eventType": "new", "tags": []string{"red"}, "channels": []string{"shop"}})
		c.attempted(app, e, 8, object{})
		sent := 8
		for _, narrowed := range []struct {
			by    object
			sends int
		}{
			{object{"tag": "red"}, 1},
			{object{"tag": "blue"}, 0},
			{object{"channel": "shop"}, 1},
			{object{"status": 0, "eventTypes": []string{"new"}}, 1},
			{object{"status": 2}, 0},
			{object{"statusCodeClass": 200, "tag": "red"}, 1},
			{object{"statusCodeClass": 500}, 0},
		} {
			task := c.do("endpoint.bulkReplay", app, e, with(object{"since": ago(time.Hour)}, narrowed.by))
			c.is(c.ended(task), object{"messagesSent": narrowed.sends})
			sent += narrowed.sends
			c.attempted(app, e, sent, object{})
		}
		ids := each(data(c.do("backgroundTask.list", object{"limit": 250})), "id")
		var there bool
		for _, id := range ids {
			there = there || id == task["id"]
		}
		c.same("whether the task is listed", there, true)

		c.refused(http.StatusNotFound, "backgroundTask.get", "qtask_gone")
		for _, method := range []string{"endpoint.replayMissing", "endpoint.bulkReplay"} {
			c.refused(http.StatusNotFound, method, app, "ep_gone", object{"since": ago(time.Hour)})
			c.refused(http.StatusUnprocessableEntity, method, app, e, object{"since": ago(time.Hour), "until": ago(2 * time.Hour)})
			c.portal(c.app()).refused(http.StatusNotFound, method, app, e, object{"since": ago(time.Hour)})
		}
	})
}

// Whether anybody would get it, before it is made.
func TestPrecheck(t *testing.T) {
	bySDK(t, func(c caller) {
		app := c.app()
		asks := func(channels ...string) any {
			in := object{"eventType": "a"}
			if channels != nil {
				in["channels"] = channels
			}
			return c.do("message.precheck", app, in)["active"]
		}
		c.same("without an endpoint", asks(), false)
		c.endpoint(app, nowhere, object{"channels": []string{"here"}})
		c.same("of another channel", asks("there"), false)
		c.same("of its channel", asks("here"), true)
		c.endpoint(app, nowhere)
		c.same("with one that gets all", asks("there"), true)
		c.refused(http.StatusNotFound, "message.precheck", "app_gone", object{"eventType": "a"})
		c.refused(http.StatusUnprocessableEntity, "message.precheck", app, object{"eventType": ""})
	})
}

// A message waits until its time.
func TestDeliverAt(t *testing.T) {
	bySDK(t, func(c caller) {
		r := receive(c.T, http.StatusOK)
		app := c.app()
		c.endpoint(app, r.URL)
		later := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
		m := c.message(app, object{"later": 1}, object{"deliverAt": later.Format(time.RFC3339Nano)})
		for _, shown := range []object{m, c.do("message.get", app, m["id"])} {
			if at, err := time.Parse(time.RFC3339, text(shown, "deliverAt")); err != nil || !at.Equal(later) {
				c.Errorf("it is delivered at %v, want %s", shown["deliverAt"], later)
			}
		}
		list := data(c.do("messageAttempt.listAttemptedDestinations", app, m["id"]))
		c.same("where it will be sent", each(list, "statusText"), []string{"pending"})
		c.message(app, object{"now": 1})
		c.same("what comes first", string(r.next(c.T).body), `{"now":1}`)
	})
}

// The content of many messages goes at once. The Go SDK is too old for that.
func TestBulkExpunge(t *testing.T) {
	t.Parallel()
	c := admin(t)
	c.name, c.sdk = "npm", js
	app := c.app()
	one, two := c.message(app, object{"a": 1}), c.message(app, object{"a": 2})
	out := c.do("message.bulkExpungeContent", app, object{"ids": []any{one["id"], "evt_gone"}})
	c.same("the results", out["results"], object{text(one, "id"): "expunged", "evt_gone": "not-found"})
	c.is(c.do("message.get", app, one["id"], object{"withContent": true}), object{"payload": object{"expired": true}})
	c.is(c.do("message.get", app, two["id"], object{"withContent": true}), object{"payload": object{"a": 2}})
}

// What each app's endpoints listen to, and how much was sent for it.
func TestStatistics(t *testing.T) {
	bySDK(t, func(c caller) {
		c.is(c.do("statistics.aggregateEventTypes"), object{"task": "event-type.aggregate"})
		app := c.app()
		out := c.do("statistics.aggregateAppStats", object{"since": ago(time.Hour), "until": ago(0), "appIds": []any{app, "app_gone"}})
		c.is(out, object{"task": "application.stats", "unresolvedAppIds": []string{"app_gone"}})
		c.ended(out)
	})
}

// The operator's endpoints, by the API that Svix's cloud has for them.
func TestOperationalEndpoints(t *testing.T) {
	bySDK(t, func(c caller) {
		c = c.at(serve(c.T, "--dev"))
		const of = "operationalWebhook.endpoint."
		e := c.do(of+"create", object{"url": nowhere, "description": "Ours", "uid": "ops", "eventTypes": []string{"endpoint.created"}, "metadata": object{"a": "b"}})
		c.is(e, object{"url": nowhere, "description": "Ours", "uid": "ops", "eventTypes": []string{"endpoint.created"}, "metadata": object{"a": "b"}, "disabled": false})
		c.same("what is read", c.do(of+"get", "ops"), e)
		c.same("the list", data(c.do(of+"list")), []object{e})
		c.is(c.do(of+"upsert", e["id"], object{"url": nowhere, "description": "Changed"}), object{"description": "Changed", "eventTypes": nil, "uid": nil})
		c.do(of+"setHeaders", e["id"], object{"headers": object{"x-a": "1"}})
		c.is(c.do(of+"getHeaders", e["id"]), object{"headers": object{"x-a": "1"}})
		secret := c.do(of+"getSecret", e["id"])
		c.do(of+"rotateSecret", e["id"], object{})
		if now := c.do(of+"getSecret", e["id"]); now["key"] == secret["key"] {
			c.Error("the secret is as it was")
		}
		portal := c.portal(c.app())
		portal.refused(http.StatusForbidden, of+"list")
		portal.refused(http.StatusForbidden, of+"create", object{"url": nowhere})
		c.do(of+"delete", e["id"])
		c.refused(http.StatusNotFound, of+"get", e["id"])
		c.refused(http.StatusUnprocessableEntity, of+"create", object{"url": nowhere, "eventTypes": []string{"nobody.tells"}})
	})
}
