package svix

import (
	"strings"
	"testing"
	"time"
)

// at is where an answer says that a field is wrong: "body.channels.1".
func (r reply) at() string {
	loc, _ := r.has("detail.0.loc").([]any)
	parts := make([]string, len(loc))
	for i := range loc {
		parts[i], _ = loc[i].(string)
	}
	return strings.Join(parts, ".")
}

// A field that has two names is refused where they differ, and taken where they do not.
func TestTwoNamesOfAField(t *testing.T) {
	s := open(t)
	for _, name := range []string{"a.b", "c.d"} {
		s.do(201, "POST", "/event-type", `{"name":"`+name+`","description":""}`)
	}
	app := s.app("")
	door := s.endpoint(app, "")
	one := "/app/" + app + "/endpoint/" + door
	for _, tt := range []struct{ method, path, rest, differ, field, same string }{
		{"POST", "/app", `"name":"x",`, `"throttleRate":1,"rateLimit":2`, "rateLimit", `"throttleRate":1,"rateLimit":1`},
		{"PUT", "/app/" + app, `"name":"x",`, `"throttleRate":1,"rateLimit":2`, "rateLimit", `"throttleRate":1,"rateLimit":null`},
		{"PATCH", "/app/" + app, ``, `"throttleRate":null,"rateLimit":2`, "rateLimit", `"throttleRate":3,"rateLimit":3`},
		{"POST", "/app/" + app + "/endpoint", `"url":"https://example.com/",`, `"eventTypes":["a.b"],"filterTypes":["c.d"]`, "filterTypes", `"eventTypes":["a.b"],"filterTypes":["a.b"]`},
		{"POST", "/app/" + app + "/endpoint", `"url":"https://example.com/",`, `"throttleRate":1,"rateLimit":2`, "rateLimit", `"throttleRate":1,"rateLimit":1`},
		{"PUT", one, `"url":"https://example.com/",`, `"eventTypes":["a.b"],"filterTypes":["a.b","c.d"]`, "filterTypes", `"filterTypes":["a.b"]`},
		{"PATCH", one, ``, `"eventTypes":null,"filterTypes":["c.d"]`, "filterTypes", `"eventTypes":null,"filterTypes":null`},
		{"PATCH", one, ``, `"throttleRate":1,"rateLimit":null`, "rateLimit", `"throttleRate":1,"rateLimit":1`},
		{"POST", "/operational-webhook/endpoint", `"url":"https://example.com/",`, `"eventTypes":["endpoint.created"],"filterTypes":["endpoint.updated"]`, "filterTypes", `"filterTypes":["endpoint.updated"]`},
		{"POST", "/operational-webhook/endpoint", `"url":"https://example.com/",`, `"throttleRate":1,"rateLimit":2`, "rateLimit", `"rateLimit":2`},
		{"POST", "/app/" + app + "/msg", `"eventType":"a.b",`, `"payload":{"a":1},"data":{"a":2}`, "data", `"payload":{"a":1},"data":{"a":1}`},
		{"PUT", "/event-type/a.b", `"description":"",`, `"featureFlag":"x","featureFlags":["y"]`, "featureFlag", `"featureFlag":"x","featureFlags":["x","y"]`},
		{"PATCH", "/event-type/a.b", ``, `"featureFlag":null,"featureFlags":["y"]`, "featureFlag", `"featureFlag":null,"featureFlags":[]`},
		{"PATCH", one + "/headers", ``, `"headers":{"X-F":"4"},"deleteHeaders":["x-f"]`, "deleteHeaders.0", `"headers":{"X-F":null},"deleteHeaders":["x-f"]`},
		{"PATCH", one + "/headers", ``, `"headers":{"X-F":"4","x-f":"5"}`, "headers.x-f", `"headers":{"X-F":"4"}`},
		{"POST", "/auth/app-portal-access/" + app, ``, `"readOnly":true,"capabilities":["ViewBase","ManageEndpoint"]`, "capabilities", `"readOnly":true,"capabilities":["ViewBase"]`},
	} {
		if r := s.do(422, tt.method, tt.path, "{"+tt.rest+tt.differ+"}"); r.at() != "body."+tt.field {
			t.Errorf("%s %s %s: %s, want it to name %s", tt.method, tt.path, tt.differ, r, tt.field)
		}
		if r := s.ask(s.admin, tt.method, tt.path, "{"+tt.rest+tt.same+"}"); r.status >= 300 {
			t.Errorf("%s %s %s: %s", tt.method, tt.path, tt.same, r)
		}
	}
	// Errors name the field by the name that it was given by.
	for _, tt := range []struct{ method, path, body, field string }{
		{"POST", "/app/" + app + "/endpoint", `{"url":"https://example.com/","filterTypes":[]}`, "filterTypes"},
		{"PATCH", one, `{"filterTypes":["no.such"]}`, "filterTypes.0"},
		{"PATCH", one, `{"eventTypes":[]}`, "eventTypes"},
		{"PUT", one, `{"url":"https://example.com/","headers":{"X-A":"1"}}`, "headers"},
		{"PUT", one, `{"url":"https://example.com/","secret":"whsec_x"}`, "secret"},
		{"POST", "/operational-webhook/endpoint", `{"url":"https://example.com/","filterTypes":["no.such"]}`, "filterTypes"},
		{"POST", "/operational-webhook/endpoint", `{"url":"https://example.com/","filterTypes":[]}`, "filterTypes"},
		{"POST", "/app/" + app + "/msg", `{"eventType":"a.b","data":[]}`, "data"},
		{"POST", "/auth/app/" + app + "/expire-all", `{"expiry":60}`, "expiry"},
		{"POST", "/auth/app/" + app + "/expire-all", `{"sessionIds":[]}`, "sessionIds"},
		{"POST", "/auth/app/" + app + "/expire-all", `{"sessionIds":[""]}`, "sessionIds.0"},
	} {
		if r := s.do(422, tt.method, tt.path, tt.body); r.at() != "body."+tt.field {
			t.Errorf("%s %s %s: %s, want it to name %s", tt.method, tt.path, tt.body, r, tt.field)
		}
	}
	s.do(204, "POST", "/auth/app/"+app+"/expire-all", `{"expiry":0}`)
}

// A filter that is empty, or that nothing can meet, is refused: it never stands for none.
func TestFiltersAreNeverEmpty(t *testing.T) {
	s := open(t)
	app := s.app("")
	door := s.endpoint(app, "")
	msg := s.message(app, `,"channels":["x"],"tags":["red"]`)
	since := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	for body, field := range map[string]string{
		`"eventTypes":[]`: "eventTypes", `"eventTypes":[""]`: "eventTypes.0", `"eventTypes":["a.b","a b"]`: "eventTypes.1",
		`"channel":""`: "channel", `"channel":"a b"`: "channel", `"tag":""`: "tag", `"tag":"a b"`: "tag",
	} {
		if r := s.do(422, "POST", "/app/"+app+"/endpoint/"+door+"/bulk-replay", `{"since":"`+since+`",`+body+`}`); r.at() != "body."+field {
			t.Errorf("%s: %s, want it to name %s", body, r, field)
		}
	}
	s.do(202, "POST", "/app/"+app+"/endpoint/"+door+"/bulk-replay", `{"since":"`+since+`","channel":null,"tag":null,"eventTypes":null}`)
	for _, path := range []string{"/msg", "/attempt/endpoint/" + door, "/attempt/msg/" + msg, "/endpoint/" + door + "/msg", "/msg/" + msg + "/endpoint/" + door + "/attempt"} {
		for query, field := range map[string]string{
			"channel=": "channel", "channel=a+b": "channel", "tag=": "tag", "tag=a+b": "tag",
			"event_types=": "event_types", "event_types=a.b,": "event_types", "event_types=a+b": "event_types", "event_types[]=": "event_types",
		} {
			if r := s.do(422, "GET", "/app/"+app+path+"?"+query, ""); r.at() != "query."+field {
				t.Errorf("%s?%s: %s", path, query, r)
			}
		}
	}
	if r := s.do(422, "GET", "/app/"+app+"/attempt/msg/"+msg+"?endpoint_id=", ""); r.at() != "query.endpoint_id" {
		t.Errorf("endpoint_id: %s", r)
	}
}

// Of a range of time, and in what is renamed, the field is named that was given.
func TestErrorsNameWhatWasGiven(t *testing.T) {
	s := open(t)
	app := s.app("")
	door := s.endpoint(app, "")
	msg := s.message(app, "")
	const later = "2099-01-01T00:00:00Z"
	long := strings.Repeat("x", 1000)
	for _, path := range []string{"/msg", "/attempt/endpoint/" + door, "/attempt/msg/" + msg, "/endpoint/" + door + "/msg"} {
		if r := s.do(422, "GET", "/app/"+app+path+"?after="+later, ""); r.at() != "query.after" {
			t.Errorf("%s: %s", path, r)
		}
		if r := s.do(422, "GET", "/app/"+app+path+"?after="+later+"&before=2098-01-01T00:00:00Z", ""); r.at() != "query.before" {
			t.Errorf("%s: %s", path, r)
		}
	}
	if r := s.do(422, "GET", "/app/"+app+"/endpoint/"+door+"/stats?since="+later, ""); r.at() != "query.since" {
		t.Errorf("stats: %s", r)
	}
	for path, body := range map[string]string{
		"/recover": `{"since":"` + later + `"}`, "/replay-missing": `{"since":"` + later + `"}`, "/bulk-replay": `{"since":"` + later + `","until":null}`,
	} {
		if r := s.do(422, "POST", "/app/"+app+"/endpoint/"+door+path, body); r.at() != "body.since" {
			t.Errorf("%s: %s", path, r)
		}
	}
	for _, tt := range []struct{ path, body, field string }{
		{"/auth/app-portal-access/" + app, `{"sessionId":"` + long + `"}`, "sessionId"},
		{"/auth/app-portal-access/new", `{"application":{"uid":"new","name":"` + long + `"}}`, "application.name"},
		{"/app/new/msg", `{"eventType":"a.b","payload":{},"application":{"uid":"new","name":"` + long + `"}}`, "application.name"},
	} {
		if r := s.do(422, "POST", tt.path, tt.body); r.at() != "body."+tt.field {
			t.Errorf("%s: %s, want it to name %s", tt.path, r, tt.field)
		}
	}
}

// An iterator that no page of a list gave is refused by every list.
func TestIteratorsAreChecked(t *testing.T) {
	s := open(t)
	app := s.app("")
	door := s.endpoint(app, "")
	msg := s.message(app, "")
	s.do(201, "POST", "/event-type", `{"name":"a.b","description":""}`)
	other := s.do(200, "GET", "/app", "").text("iterator")
	for _, path := range []string{
		"/app", "/event-type", "/background-task", "/operational-webhook/endpoint", "/app/" + app + "/endpoint", "/app/" + app + "/msg",
		"/app/" + app + "/attempt/endpoint/" + door, "/app/" + app + "/attempt/msg/" + msg, "/app/" + app + "/endpoint/" + door + "/msg",
		"/app/" + app + "/msg/" + msg + "/endpoint", "/app/" + app + "/msg/" + msg + "/attempt", "/app/" + app + "/msg/" + msg + "/endpoint/" + door + "/attempt",
	} {
		for _, iterator := range []string{"nonono", "a.b", "-", "--", "-nonono", "app_38G04Y6NR0400", other} {
			if path == "/app" && iterator == other {
				continue
			}
			if r := s.do(422, "GET", path+"?iterator="+iterator, ""); r.at() != "query.iterator" {
				t.Errorf("%s?iterator=%s: %s", path, iterator, r)
			}
		}
	}
}

// An app that is named several times is counted once, and a time is shown as it is kept.
func TestOddValues(t *testing.T) {
	s := open(t)
	app := s.app(`,"uid":"twice"`)
	ids := strings.Repeat(`"`+app+`","nobody","twice",`, 600)
	r := s.do(202, "POST", "/stats/usage/app", `{"since":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z","appIds":[`+strings.TrimSuffix(ids, ",")+`]}`)
	if string(mustJSON(r.has("unresolvedAppIds"))) != `["nobody"]` {
		t.Error(r)
	}
	s.eventually("it has counted", func() bool {
		task := s.do(200, "GET", "/background-task/"+r.text("id"), "")
		list, _ := task.has("data.appStats").([]any)
		return task.text("status") == "finished" && len(list) == 1
	})
	for given, want := range map[string]string{"0001-01-01T00:00:00Z": "0001-01-01T00:00:00Z", "2026-01-01T00:00:00.123456789Z": "2026-01-01T00:00:00.123456Z"} {
		made := s.do(202, "POST", "/app/"+app+"/msg", `{"eventType":"a.b","payload":{},"deliverAt":"`+given+`"}`)
		read := s.do(200, "GET", "/app/"+app+"/msg/"+made.text("id"), "")
		if made.text("deliverAt") != want || read.text("deliverAt") != want {
			t.Errorf("%s: made as %s, read as %s", given, made, read)
		}
	}
}
