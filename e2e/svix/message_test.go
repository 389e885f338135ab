package svix

import (
	"net/http"
	"strings"
	"time"
)

func messageCases() map[string]func(caller) {
	return map[string]func(caller){
		"test_message_create_read_list":                messageCreateReadList,
		"test_message_create_read_list_with_content":   messageWithContent,
		"test_failed_message_gets_recorded":            messageFails,
		"test_multiple_endpoints":                      messageToSeveral,
		"test_failed_message_gets_requeued":            messageRequeued,
		"test_payload_retention_period_messagecontent": messageRetention,
		"test_expunge_message_payload":                 messageExpunged,
		"test_message_conflict":                        messageConflict,
		"test_message_validation":                      messageValidation,
		"test_raw_payload":                             messageRaw,
		"test_create_message_with_application":         messageWithApplication,
	}
}

func messageCreateReadList(c caller) {
	app := c.app()
	c.do("endpoint.create", app, object{"url": nowhere})
	var made []object
	for i, fields := range []object{{}, {}, {"eventType": "balloon.popped", "channels": []string{"news"}}, {"tags": []string{"red"}}} {
		m := c.message(app, object{"test": i}, fields)
		c.is(m, with(object{"eventType": "event.type", "payload": object{"test": i}}, fields))
		c.same("what is read", c.do("message.get", app, m["id"], object{"withContent": true}), m)
		made = append(made, m)
	}
	list := func(options object) []any {
		return each(data(c.do("message.list", app, options)), "id")
	}
	id := func(n ...int) (ids []any) {
		for _, i := range n {
			ids = append(ids, made[i]["id"])
		}
		return ids
	}
	c.same("the list", data(c.do("message.list", app, object{"withContent": true})), []object{made[3], made[2], made[1], made[0]})
	c.same("of a channel", list(object{"channel": "news"}), id(2))
	c.same("of a tag", list(object{"tag": "red"}), id(3))
	c.same("of a type", list(object{"eventTypes": []string{"balloon.popped"}}), id(2))
	c.same("of two types", list(object{"eventTypes": []string{"balloon.popped", "event.type"}}), id(3, 2, 1, 0))
	c.same("before an hour ago", list(object{"before": ago(time.Hour)}), []any{})
	c.same("after an hour ago", list(object{"after": ago(time.Hour)}), id(3, 2, 1, 0))
	page := c.do("message.list", app, object{"limit": 3})
	c.is(page, object{"done": false})
	c.same("the next page", list(object{"limit": 3, "iterator": page["iterator"]}), id(0))
	for _, bad := range []string{"limit=0", "limit=251", "limit=x", "iterator=BAD-$$$", "before=yesterday", "after=2020-13-01T00:00:00Z", "with_content=perhaps"} {
		status, out := ask(c.T, c.server.url, c.token, "GET", "/api/v1/app/"+app+"/msg?"+bad, nil, nil)
		if status != http.StatusUnprocessableEntity && status != http.StatusBadRequest {
			c.Errorf("with %s the list is answered %d: %v", bad, status, out)
		}
	}
}

func messageWithContent(c caller) {
	app := c.app()
	whole := object{"test": "value"}
	sent := object{"eventType": "event.type", "payload": whole}
	shown := c.do("message.create", app, sent, object{"withContent": true})
	hidden := c.do("message.create", app, sent, object{"withContent": false})
	c.is(shown, object{"payload": whole})
	c.is(hidden, object{"payload": object{}})
	c.is(c.raw(http.StatusAccepted, "POST", "/app/"+app+"/msg", sent), object{"payload": whole})
	for _, m := range []object{shown, hidden} {
		c.is(c.do("message.get", app, m["id"], object{"withContent": true}), object{"payload": whole})
		c.is(c.do("message.get", app, m["id"], object{"withContent": false}), object{"payload": object{}})
	}
	for _, m := range data(c.do("message.list", app, object{"withContent": true})) {
		c.is(m, object{"payload": whole})
	}
	for _, m := range data(c.do("message.list", app, object{"withContent": false})) {
		c.is(m, object{"payload": object{}})
	}
	// Without a word, the server shows it.
	c.is(c.raw(http.StatusOK, "GET", "/app/"+app+"/msg/"+text(shown, "id"), nil), object{"payload": whole})
}

func messageFails(c caller) {
	r := receive(c.T, http.StatusInternalServerError, []byte("broken")...)
	app := c.app()
	e := c.endpoint(app, r.URL)
	m := c.message(app, object{"test": "value"})
	a := c.attempts(app, m, 1)[0]
	c.is(c.do("messageAttempt.get", app, m["id"], a["id"]), object{
		"responseStatusCode": 500, "response": "broken", "endpointId": e["id"], "msgId": m["id"], "url": r.URL, "triggerType": 0, "status": 2, "statusText": "fail",
	})
}

func messageToSeveral(c caller) {
	rs := []*receiver{receive(c.T, http.StatusOK), receive(c.T, http.StatusInternalServerError), receive(c.T, http.StatusOK)}
	app := c.app()
	for _, r := range rs {
		c.retries(c.endpoint(app, r.URL), "100ms", "100ms", "100ms", "100ms", "100ms")
	}
	m := c.message(app, object{"test": "value1"})
	for _, r := range rs {
		c.same("the body", string(r.next(c.T).body), `{"test":"value1"}`)
	}
	rs[1].status.Store(http.StatusOK)
	c.same("the body that is sent again", string(rs[1].next(c.T).body), `{"test":"value1"}`)
	eventually(c.T, "all have succeeded", func() bool {
		return len(data(c.do("messageAttempt.listByMsg", app, m["id"], object{"status": 0}))) == 3
	})
}

func messageRequeued(c caller) {
	r := receive(c.T, http.StatusInternalServerError)
	app := c.app()
	e := c.retries(c.endpoint(app, r.URL), "100ms", "100ms", "100ms", "100ms", "100ms")
	m := c.message(app, object{"test": "value"})
	first := r.next(c.T)
	r.status.Store(http.StatusOK)
	again := r.next(c.T)
	c.same("the body", string(again.body), string(first.body))
	c.same("the id", again.header.Get("Svix-Id"), first.header.Get("Svix-Id"))
	eventually(c.T, "it has succeeded", func() bool {
		return len(data(c.do("messageAttempt.listByMsg", app, m["id"], object{"statusCodeClass": 200}))) == 1
	})
	// By hand it is sent once more.
	c.do("messageAttempt.resend", app, m["id"], e["id"])
	verified(c.T, r.next(c.T), text(c.do("endpoint.getSecret", app, e["id"]), "key"))
	c.is(c.attempts(app, m, 3)[0], object{"triggerType": 1, "status": 0})
}

// The time at which it ends is Bellhop's to tell: Svix shows it nowhere.
func messageRetention(c caller) {
	app := c.app()
	for _, r := range []struct {
		fields object
		keeps  time.Duration
	}{{object{"payloadRetentionPeriod": 5}, 5 * 24 * time.Hour}, {object{"payloadRetentionHours": 7}, 7 * time.Hour}} {
		m := c.message(app, object{"test": "value"}, r.fields)
		event := c.server.native(c.T, "GET", "/v1/events/"+text(m, "id"), nil)
		at, err := time.Parse(time.RFC3339, text(event, "data_expires_at"))
		if left := time.Until(at); err != nil || left > r.keeps || left < r.keeps-time.Hour {
			c.Errorf("with %v its data expires at %v, want %s from now", r.fields, event["data_expires_at"], r.keeps)
		}
	}
	for _, bad := range []string{`"payloadRetentionPeriod":0`, `"payloadRetentionPeriod":91`, `"payloadRetentionHours":0`, `"payloadRetentionHours":2161`, `"payloadRetentionPeriod":5,"payloadRetentionHours":5`} {
		c.raw(http.StatusUnprocessableEntity, "POST", "/app/"+app+"/msg", `{"eventType":"a","payload":{},`+bad+`}`)
	}
}

func messageExpunged(c caller) {
	app := c.app()
	m := c.message(app, object{"sensitive": "data"})
	c.is(m, object{"payload": object{"sensitive": "data"}})
	c.is(c.do("message.get", app, m["id"], object{"withContent": true}), object{"payload": object{"sensitive": "data"}})
	c.do("message.expungeContent", app, m["id"])
	c.is(c.do("message.get", app, m["id"], object{"withContent": true}), object{"payload": object{"expired": true}, "eventType": "event.type"})

	// What is gone cannot be sent again.
	r := receive(c.T, http.StatusInternalServerError)
	e := c.retries(c.endpoint(app, r.URL))
	m = c.message(app, object{"sensitive": "more"})
	c.attempts(app, m, 1)
	c.do("message.expungeContent", app, m["id"])
	c.refused(http.StatusBadRequest, "messageAttempt.resend", app, m["id"], e["id"])
}

func messageConflict(c caller) {
	app := c.app()
	sent := object{"eventType": "user.signup", "payload": object{"test": "value"}, "eventId": "test1"}
	m := c.do("message.create", app, sent)
	c.is(m, object{"eventId": "test1"})
	c.is(c.refused(http.StatusConflict, "message.create", app, sent), object{"code": "conflict"})
	c.refused(http.StatusConflict, "message.create", app, with(object{}, sent, object{"payload": object{"another": 1}}))
	// It names the message in every path, in its app alone.
	c.is(c.do("message.get", app, "test1"), object{"id": m["id"]})
	c.same("its attempts", len(data(c.do("messageAttempt.listByMsg", app, "test1"))), 0)
	c.is(c.do("message.create", c.app(), sent), object{"eventId": "test1"})
}

func messageValidation(c caller) {
	app := c.app()
	c.is(c.refused(http.StatusRequestEntityTooLarge, "message.create", app, object{"eventType": "event.type", "payload": object{"large": strings.Repeat("payload-", 1_000_000)}}),
		object{"code": "payload_too_large"})
	for _, bad := range []string{
		`{}`, `{"eventType":"a"}`, `{"payload":{}}`, `{"eventType":"a b","payload":{}}`, `{"eventType":"","payload":{}}`, `{"eventType":1,"payload":{}}`,
		`{"eventType":"a","payload":[]}`, `{"eventType":"a","payload":"text"}`, `{"eventType":"a","payload":null}`, `{"eventType":"a","payload":1}`,
		`{"eventType":"a","payload":{},"channels":[]}`, `{"eventType":"a","payload":{},"channels":["sp ace"]}`, `{"eventType":"a","payload":{},"channels":"x"}`,
		`{"eventType":"a","payload":{},"eventId":"msg_1"}`, `{"eventType":"a","payload":{},"eventId":"evt_1"}`, `{"eventType":"a","payload":{},"eventId":""}`, `{"eventType":"a","payload":{},"eventId":"sp ace"}`, `{"eventType":"a","payload":{},"deliverAt":"soon"}`,
		`{"eventType":"a","payload":{},"transformationsParams":{"rawPayload":1}}`,
	} {
		c.raw(http.StatusUnprocessableEntity, "POST", "/app/"+app+"/msg", bad)
	}
	c.same("messages", len(data(c.do("message.list", app))), 0)
	c.raw(http.StatusAccepted, "POST", "/app/"+app+"/msg", `{"eventType":"a","data":{"the alias":1}}`)
}

// What is raw arrives byte for byte, if it is JSON.
func messageRaw(c caller) {
	r := receive(c.T, http.StatusOK)
	app := c.app()
	e := c.endpoint(app, r.URL)["id"]
	raw := func(payload string) object {
		return object{"eventType": "payload.raw", "payload": object{}, "transformationsParams": object{"rawPayload": payload, "headers": object{"content-type": "application/json"}}}
	}
	for _, payload := range []string{`{"test" : "value1",  "n": 1.0, "big": 12345678901234567890, "s": "\/\u00e4"}`, `[1,2 ]`, `"text"`} {
		c.do("message.create", app, raw(payload))
		q := r.next(c.T)
		c.same("the body", string(q.body), payload)
		c.same("the content type", q.header.Get("Content-Type"), "application/json")
		verified(c.T, q, text(c.do("endpoint.getSecret", app, e), "key"))
	}
	for _, payload := range []string{"plain text", "<a>1</a>", ""} {
		c.refused(http.StatusUnprocessableEntity, "message.create", app, raw(payload))
	}
}

func messageWithApplication(c caller) {
	uid := c.unique("created")
	sent := func(uid any, payload string) object {
		m := object{"eventType": "test.event", "payload": object{"test": payload}}
		if uid != nil {
			m["application"] = object{"name": "Of " + payload, "uid": uid}
		}
		return m
	}
	c.refused(http.StatusNotFound, "message.create", uid, sent(nil, "value"))
	c.do("message.create", uid, sent(uid, "value1"))
	c.is(c.do("application.get", uid), object{"uid": uid, "name": "Of value1"})
	c.do("message.create", uid, sent(uid, "value2"))
	c.is(c.do("application.get", uid), object{"name": "Of value1"})
	c.same("messages", len(data(c.do("message.list", uid))), 2)
	other := c.unique("other")
	c.refused(http.StatusUnprocessableEntity, "message.create", other, sent(uid, "value"))
	c.refused(http.StatusUnprocessableEntity, "message.create", other, object{"eventType": "a", "payload": object{}, "application": object{"name": "No uid"}})
	c.refused(http.StatusNotFound, "application.get", other)
}
