package svix

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/svix/svix-webhooks/go/models"
)

func operationalCases() map[string]func(caller) {
	return map[string]func(caller){
		"test_endpoint_create_update_and_delete":      operationalOfEndpoints,
		"test_message_attempt_operational_webhooks":   operationalOfAttempts,
		"test_operational_webhooks_event_types_exist": operationalTypes,
	}
}

// operator is an endpoint of the operator's, which hears of everybody's endpoints.
type operator struct {
	*receiver
	secret string
}

// operator makes one that hears of some types; of all without any.
func (c caller) operator(types ...string) operator {
	c.Helper()
	r := receive(c.T, http.StatusOK)
	in := object{"url": r.URL}
	if types != nil {
		in["eventTypes"] = types
	}
	e := c.do("operationalWebhook.endpoint.create", in)
	return operator{r, text(c.do("operationalWebhook.endpoint.getSecret", e["id"]), "key")}
}

// told waits for what the operator is told, which must be of its shape, signed, and what
// the SDK of Go reads, and gives its data.
func (c caller) told(o operator, eventType, shape string, model any, want object) object {
	c.Helper()
	q := o.next(c.T)
	verified(c.T, q, o.secret)
	var told struct {
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	}
	strict := func(text []byte, into any) {
		c.Helper()
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(into); err != nil {
			c.Fatalf("%s: %v", q.body, err)
		}
	}
	strict(q.body, &told)
	if told.Type != eventType {
		c.Fatalf("it is of type %q, want %q: %s", told.Type, eventType, q.body)
	}
	strict(told.Data, model)
	if err := record.hold(shape, told.Data); err != nil {
		c.Errorf("%v: %s", err, q.body)
	}
	about, _ := decode(told.Data).(object)
	c.is(about, want)
	return about
}

func operationalOfEndpoints(c caller) {
	c = c.at(serve(c.T, "--dev"))
	app := text(c.do("application.create", object{"name": "An app", "uid": "acme"}), "id")
	hears := map[string]operator{}
	for _, what := range []string{"created", "updated", "deleted", "disabled"} {
		hears[what] = c.operator("endpoint." + what)
	}
	e := c.endpoint(app, nowhere, object{"uid": "mine"})
	about := object{"appId": app, "appUid": "acme", "endpointId": e["id"], "endpointUid": "mine"}
	c.told(hears["created"], "endpoint.created", "EndpointCreatedEventData", &models.EndpointCreatedEventData{}, about)
	c.do("endpoint.upsert", app, e["id"], object{"url": nowhere, "description": "Updated", "uid": "mine"})
	c.told(hears["updated"], "endpoint.updated", "EndpointUpdatedEventData", &models.EndpointUpdatedEventData{}, about)
	c.do("endpoint.rotateSecret", app, e["id"], object{})
	c.told(hears["updated"], "endpoint.updated", "EndpointUpdatedEventData", &models.EndpointUpdatedEventData{}, about)
	c.do("endpoint.delete", app, e["id"])
	c.told(hears["deleted"], "endpoint.deleted", "EndpointDeletedEventData", &models.EndpointDeletedEventData{}, about)

	// Without uids, and disabled by its own answer.
	app = c.app()
	e = c.endpoint(app, receive(c.T, http.StatusGone).URL)
	about = object{"appId": app, "appUid": nil, "endpointId": e["id"], "endpointUid": nil}
	c.told(hears["created"], "endpoint.created", "EndpointCreatedEventData", &models.EndpointCreatedEventData{}, about)
	c.message(app, object{"test": "data"})
	about["trigger"] = "automatic"
	c.told(hears["disabled"], "endpoint.disabled", "EndpointDisabledEventData", &models.EndpointDisabledEventData{}, about)
}

func operationalOfAttempts(c caller) {
	c = c.at(serve(c.T, "--dev"))
	hears := map[string]operator{}
	for _, what := range []string{"failing", "exhausted", "recovered"} {
		hears[what] = c.operator("message.attempt." + what)
	}
	app := text(c.do("application.create", object{"name": "An app", "uid": "acme"}), "id")
	r := receive(c.T, http.StatusBadRequest)
	e := c.retries(c.endpoint(app, r.URL), "100ms", "100ms", "100ms", "100ms", "100ms")
	m := c.message(app, object{"test": "data"}, object{"eventId": "order-1"})
	about := object{"appId": app, "appUid": "acme", "msgId": m["id"], "msgEventId": "order-1", "endpointId": e["id"]}
	// last compares the attempt that is told with the one of the log.
	last := func(about object, status int) {
		c.Helper()
		attempt, _ := about["lastAttempt"].(object)
		c.is(attempt, object{"responseStatusCode": status})
		logged := c.do("messageAttempt.get", app, about["msgId"], attempt["id"])
		c.is(logged, object{"responseStatusCode": status})
		at := func(of object) time.Time { // clients write zeros at the end of a fraction or not
			t, err := time.Parse(time.RFC3339, text(of, "timestamp"))
			if err != nil {
				c.Error(err)
			}
			return t
		}
		if !at(logged).Equal(at(attempt)) {
			c.Errorf("the attempt is told of as %v, and logged as %v", attempt["timestamp"], logged["timestamp"])
		}
	}
	last(c.told(hears["failing"], "message.attempt.failing", "MessageAttemptFailingEventData", &models.MessageAttemptFailingEventData{}, about), 400)
	last(c.told(hears["exhausted"], "message.attempt.exhausted", "MessageAttemptExhaustedEventData", &models.MessageAttemptExhaustedEventData{}, about), 400)
	// The next one succeeds after it has failed so often; it has no id of its publisher's.
	c.retries(e, "100ms", "100ms", "100ms", "3s", "3s", "3s", "3s", "3s")
	m = c.message(app, object{"test": "data"})
	about["msgId"], about["msgEventId"] = m["id"], nil
	last(c.told(hears["failing"], "message.attempt.failing", "MessageAttemptFailingEventData", &models.MessageAttemptFailingEventData{}, about), 400)
	r.status.Store(http.StatusOK)
	last(c.told(hears["recovered"], "message.attempt.recovered", "MessageAttemptRecoveredEventData", &models.MessageAttemptRecoveredEventData{}, about), 200)
}

// An endpoint for which no types are chosen hears of all that Svix has; one that was made
// natively hears of it in Bellhop's words.
func TestOperationalBodies(t *testing.T) {
	bySDK(t, func(c caller) {
		c = c.at(serve(c.T, "--dev"))
		all := c.operator()
		native := receive(c.T, http.StatusOK)
		c.server.native(c.T, http.MethodPost, "/v1/endpoints", object{"url": native.URL, "apps": []string{"*"}, "events": []string{"bellhop.endpoint.*"}})
		app := c.app()
		e := c.endpoint(app, nowhere, object{"uid": "mine"})
		c.told(all, "endpoint.created", "EndpointCreatedEventData", &models.EndpointCreatedEventData{}, object{"appId": app, "endpointUid": "mine"})
		out, _ := decode(native.next(c.T).body).(object)
		about, _ := out["data"].(object)
		c.is(out, object{"type": "bellhop.endpoint.created"})
		c.is(about, object{"apps": []string{app}, "app": app, "endpoint": e["id"], "uid": "mine", "url": nowhere})
	})
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
