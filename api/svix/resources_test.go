package svix

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
)

func TestAppLife(t *testing.T) {
	s := open(t)
	r := s.do(201, "POST", "/app", `{"name":"Acme","uid":"acme-1","throttleRate":7,"metadata":{"plan":"gold"}}`)
	id := r.text("id")
	if !strings.HasPrefix(id, "app_") || r.text("uid") != "acme-1" || r.has("throttleRate") != 7.0 || r.text("metadata.plan") != "gold" || r.text("createdAt") == "" {
		t.Fatalf("made: %s", r)
	}
	for _, name := range []string{id, "acme-1", id + "/"} {
		if got := s.do(200, "GET", "/app/"+name, ""); got.text("id") != id {
			t.Errorf("by %s: %s", name, got)
		}
	}
	s.do(409, "POST", "/app", `{"name":"Other","uid":"acme-1"}`)
	if r := s.do(200, "POST", "/app?get_if_exists=true", `{"name":"Other","uid":"acme-1"}`); r.text("id") != id || r.text("name") != "Acme" {
		t.Errorf("get or create: %s", r)
	}
	if r := s.do(200, "PATCH", "/app/acme-1", `{"name":"Acme Ltd"}`); r.text("name") != "Acme Ltd" || r.text("uid") != "acme-1" || r.has("throttleRate") != 7.0 || r.text("metadata.plan") != "gold" {
		t.Errorf("absent must stay: %s", r)
	}
	for _, null := range []string{`{"name":null}`, `{"metadata":null}`, `{"name":""}`} {
		s.do(422, "PATCH", "/app/acme-1", null)
	}
	if r := s.do(200, "PATCH", "/app/acme-1", `{"throttleRate":null,"uid":null}`); r.has("uid") != nil || r.has("throttleRate") != nil || r.text("name") != "Acme Ltd" {
		t.Errorf("null must clear: %s", r)
	}
	s.do(404, "GET", "/app/acme-1", "")
	if r := s.do(200, "PUT", "/app/"+id, `{"name":"Again","uid":"acme-2"}`); r.text("uid") != "acme-2" || r.has("metadata.plan") != nil {
		t.Errorf("replaced: %s", r)
	}
	if r := s.do(200, "PUT", "/app/acme-2", `{"name":"Kept"}`); r.text("uid") != "acme-2" {
		t.Errorf("replaced by its uid: %s", r)
	}
	if r := s.do(201, "PUT", "/app/acme-3", `{"name":"New"}`); r.text("uid") != "acme-3" {
		t.Errorf("made by PUT: %s", r)
	}
	s.do(204, "DELETE", "/app/acme-2", "")
	s.do(404, "GET", "/app/"+id, "")
	s.do(201, "POST", "/app", `{"name":"Reuse","uid":"acme-2"}`)

	for body, field := range map[string]string{
		`{"name":""}`:                       "name",
		`{}`:                                "name",
		`{"name":"x","uid":"app_x"}`:        "uid",
		`{"name":"x","uid":"a b"}`:          "uid",
		`{"name":"x","uid":""}`:             "uid",
		`{"name":"x","throttleRate":0}`:     "throttleRate",
		`{"name":"x","throttleRate":70000}`: "throttleRate",
		`{"name":"x","metadata":{"a":1}}`:   "metadata",
		`{"name":"x","unknownThing":true}`:  "unknownThing",
	} {
		r := s.do(422, "POST", "/app", body)
		if r.has("detail.0.loc.0") != "body" || r.has("detail.0.loc.1") != field || r.text("detail.0.msg") == "" || r.text("detail.0.type") == "" {
			t.Errorf("%s: %s", body, r)
		}
	}
}

// walkBoth walks a list to its end and back, and compares the pages.
func (s *site) walkBoth(path string, limit int) (ids []string) {
	s.t.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	page := func(iterator string) reply {
		return s.do(200, "GET", fmt.Sprintf("%s%slimit=%d&iterator=%s", path, sep, limit, iterator), "")
	}
	var there []string
	at := ""
	for {
		r := page(at)
		there = append(there, string(mustJSON(r.has("data"))))
		list, _ := r.has("data").([]any)
		for _, x := range list {
			m := x.(map[string]any)
			if id, ok := m["id"].(string); ok {
				ids = append(ids, id)
			} else {
				ids = append(ids, m["name"].(string))
			}
		}
		if r.has("done") == true {
			if at = r.text("prevIterator"); len(list) > 0 && at == "" {
				s.t.Fatalf("%s: no way back: %s", path, r)
			}
			break
		}
		at = r.text("iterator")
	}
	var back []string
	for n := 1; n < len(there); n++ {
		r := page(at)
		back = append(back, string(mustJSON(r.has("data"))))
		if done := r.has("done") == true; done != (n == len(there)-1) {
			s.t.Errorf("%s: page %d on the way back: done is %t", path, n, done)
		}
		at = r.text("prevIterator")
	}
	slices.Reverse(back)
	if len(there) > 1 && !slices.Equal(back, there[:len(there)-1]) {
		s.t.Errorf("%s: the way back is another:\n%s\n%s", path, back, there)
	}
	return ids
}

func TestListsMirror(t *testing.T) {
	s := open(t)
	var apps, doors, msgs []string
	for range 7 {
		apps = append(apps, s.app(""))
	}
	for i := range 7 {
		doors = append(doors, s.endpoint(apps[0], `,"description":"`+fmt.Sprint(i)+`"`))
		msgs = append(msgs, s.message(apps[0], ""))
		s.do(201, "POST", "/event-type", fmt.Sprintf(`{"name":"type.%d","description":"d"}`, i))
	}
	reversed := func(list []string) []string {
		list = slices.Clone(list)
		slices.Reverse(list)
		return list
	}
	types := []string{"type.0", "type.1", "type.2", "type.3", "type.4", "type.5", "type.6"}
	for _, x := range []struct {
		path string
		want []string
	}{
		{"/app", apps},
		{"/app?order=descending", reversed(apps)},
		{"/app/" + apps[0] + "/endpoint", reversed(doors)},
		{"/app/" + apps[0] + "/endpoint?order=ascending", doors},
		{"/app/" + apps[0] + "/msg", reversed(msgs)},
		{"/app/" + apps[0] + "/msg?event_types=other,invoice.paid", reversed(msgs)},
		{"/event-type", types},
		{"/event-type?order=descending", reversed(types)},
		{"/app/" + apps[1] + "/msg", nil},
	} {
		for _, limit := range []int{1, 2, 3, 7, 50} {
			if got := s.walkBoth(x.path, limit); !slices.Equal(got, x.want) {
				t.Errorf("%s by %d: %v, want %v", x.path, limit, got, x.want)
			}
		}
		for _, bad := range []string{"limit=251", "limit=0", "limit=x", "iterator=" + strings.Repeat("%01", 3), "iterator=-", "iterator=-nonsense$", "order=sideways", "nothing=1"} {
			if x.path == "/app/"+apps[0]+"/msg" && strings.HasPrefix(bad, "order") || strings.Contains(x.path, "?") {
				continue
			}
			if r := s.ask(s.admin, "GET", x.path+"?"+bad, ""); r.status != 422 || r.has("detail.0.loc.0") != "query" {
				t.Errorf("%s?%s: %s", x.path, bad, r)
			}
		}
	}
	r := s.do(200, "GET", "/app/"+apps[1]+"/msg", "")
	if !strings.Contains(string(r.body), `"iterator":null`) || strings.Contains(string(r.body), "prevIterator") || r.has("done") != true {
		t.Errorf("an empty list: %s", r)
	}
}

func TestEventTypeLife(t *testing.T) {
	s := open(t)
	r := s.do(201, "POST", "/event-type", `{"name":"invoice.paid","description":"Paid","schemas":{"1":{"type":"object"},"2":{"type":"object","title":"two"}},"featureFlags":["beta"],"groupName":"Invoices"}`)
	if r.text("schemas.2.title") != "two" || r.has("schemas.1.type") != "object" || r.text("groupName") != "Invoices" || r.has("featureFlags.0") != "beta" || r.has("deprecated") != false || r.has("archived") != false {
		t.Errorf("made: %s", r)
	}
	if r := s.do(409, "POST", "/event-type", `{"name":"invoice.paid","description":"Paid"}`); r.text("code") != "event_type_exists" {
		t.Errorf("again: %s", r)
	}
	if r := s.do(200, "GET", "/event-type", ""); r.has("data.0.schemas") != nil {
		t.Errorf("listed with its schemas: %s", r)
	}
	if r := s.do(200, "GET", "/event-type?with_content=true", ""); r.text("data.0.schemas.2.title") != "two" {
		t.Errorf("listed without its schemas: %s", r)
	}
	if r := s.do(200, "PATCH", "/event-type/invoice.paid", `{"deprecated":true}`); r.has("deprecated") != true || r.text("description") != "Paid" || r.text("schemas.2.title") != "two" {
		t.Errorf("absent must stay: %s", r)
	}
	if r := s.do(200, "PATCH", "/event-type/invoice.paid", `{"schemas":null,"featureFlags":null,"groupName":null}`); r.has("schemas") != nil || r.has("featureFlags") != nil || r.has("groupName") != nil {
		t.Errorf("null must clear: %s", r)
	}
	s.do(204, "DELETE", "/event-type/invoice.paid", "")
	if r := s.do(200, "GET", "/event-type/invoice.paid", ""); r.has("archived") != true {
		t.Errorf("deleted: %s", r)
	}
	if r := s.do(200, "GET", "/event-type", ""); len(r.has("data").([]any)) != 0 {
		t.Errorf("archived and listed: %s", r)
	}
	if r := s.do(200, "GET", "/event-type?include_archived=true", ""); r.text("data.0.name") != "invoice.paid" {
		t.Errorf("archived and not listed: %s", r)
	}
	s.do(201, "POST", "/event-type", `{"name":"invoice.paid","description":"Back"}`)
	s.do(200, "PUT", "/event-type/invoice.paid", `{"description":"Put"}`)
	s.do(201, "PUT", "/event-type/invoice.new", `{"description":"Put"}`)
	s.do(204, "DELETE", "/event-type/invoice.paid?expunge=true", "")
	s.do(404, "GET", "/event-type/invoice.paid", "")
	for _, schema := range []string{`{"1":{"type":"nonsense"}}`, `{"o n e":{}}`, `[]`, `{"1":"text"}`} {
		if r := s.do(422, "POST", "/event-type", `{"name":"bad.one","description":"x","schemas":`+schema+`}`); r.has("detail.0.loc.1") != "schemas" {
			t.Errorf("%s: %s", schema, r)
		}
	}
	s.do(422, "POST", "/event-type", `{"name":"bad name","description":"x"}`)
	s.do(422, "POST", "/event-type", `{"name":"bellhop.mine","description":"x"}`)
}

func TestEndpointLife(t *testing.T) {
	s := open(t)
	app := s.app(`,"uid":"acme"`)
	s.do(201, "POST", "/event-type", `{"name":"invoice.paid","description":"d"}`)
	made := s.do(201, "POST", "/app/acme/endpoint", `{"url":"https://example.com/in","uid":"door","description":"The door","filterTypes":["invoice.paid"],"channels":["b","a"],"throttleRate":5,"metadata":{"a":"b"},"headers":{"X-Mine":"1","Authorization":"secret"},"secret":"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}`)
	id := made.text("id")
	if !strings.HasPrefix(id, "ep_") || made.text("uid") != "door" || made.has("eventTypes.0") != "invoice.paid" || made.has("filterTypes.0") != "invoice.paid" || made.has("channels.0") != "a" ||
		made.has("throttleRate") != 5.0 || made.has("disabled") != false || made.has("version") != 1.0 || made.text("metadata.a") != "b" || made.text("createdAt") == "" {
		t.Fatalf("made: %s", made)
	}
	door := "/app/acme/endpoint/door"
	for _, path := range []string{door, "/app/" + app + "/endpoint/" + id} {
		if r := s.do(200, "GET", path, ""); r.text("id") != id {
			t.Errorf("%s: %s", path, r)
		}
	}
	if r := s.do(200, "GET", door+"/secret", ""); r.text("key") != "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" {
		t.Errorf("secret: %s", r)
	}
	if r := s.do(200, "GET", door+"/headers", ""); r.text("headers.X-Mine") != "1" || r.has("headers.Authorization") != nil || r.has("sensitive.0") != "Authorization" {
		t.Errorf("headers: %s", r)
	}
	s.do(204, "PATCH", door+"/headers", `{"headers":{"X-Other":"2"},"deleteHeaders":["x-mine"]}`)
	s.do(204, "PATCH", door+"/headers", `{"headers":{"Authorization":null}}`)
	if r := s.do(200, "GET", door+"/headers", ""); r.text("headers.X-Other") != "2" || r.has("headers.X-Mine") != nil || r.has("sensitive.0") != nil {
		t.Errorf("headers: %s", r)
	}
	s.do(204, "PUT", door+"/headers", `{"headers":{"X-Only":"3"}}`)
	for _, bad := range []string{`{"headers":{"user-agent":"x"}}`, `{"headers":{"svix-id":"x"}}`, `{"headers":{"Bad Name":"x"}}`, `{"headers":{"content-length":"1"}}`, `{"headers":{"x-svix-foo":"1"}}`, `{"headers":{"x-amzn-foo":"1"}}`} {
		if r := s.ask(s.admin, "PUT", door+"/headers", bad); r.status != 422 {
			t.Errorf("%s: %s", bad, r)
		}
	}
	if r := s.do(200, "PATCH", door, `{"description":"Changed"}`); r.text("description") != "Changed" || r.text("uid") != "door" || r.has("channels.1") != "b" || r.has("throttleRate") != 5.0 || r.has("eventTypes.0") != "invoice.paid" {
		t.Errorf("absent must stay: %s", r)
	}
	for _, null := range []string{`{"url":null}`, `{"description":null}`, `{"disabled":null}`, `{"metadata":null}`} {
		s.do(422, "PATCH", door, null)
	}
	if r := s.do(200, "PATCH", door, `{"channels":null,"throttleRate":null,"filterTypes":null}`); r.has("channels") != nil || r.has("throttleRate") != nil || r.has("eventTypes") != nil {
		t.Errorf("null must clear: %s", r)
	}
	if r := s.do(200, "PATCH", door, `{"disabled":true}`); r.has("disabled") != true {
		t.Errorf("disabled: %s", r)
	}
	if r := s.do(200, "PUT", door, `{"url":"https://example.com/new"}`); r.has("disabled") != false || r.text("uid") != "door" || r.text("url") != "https://example.com/new" {
		t.Errorf("replaced: %s", r)
	}
	s.do(409, "POST", "/app/acme/endpoint", `{"url":"https://example.com/in","uid":"door"}`)
	other := s.app("")
	s.do(201, "POST", "/app/"+other+"/endpoint", `{"url":"https://example.com/in","uid":"door"}`)
	s.do(404, "GET", "/app/"+other+"/endpoint/"+id, "")
	if r := s.do(201, "PUT", "/app/acme/endpoint/second", `{"url":"https://example.com/in"}`); r.text("uid") != "second" {
		t.Errorf("made by PUT: %s", r)
	}
	old := s.do(200, "GET", door+"/secret", "").text("key")
	s.do(204, "POST", door+"/secret/rotate", `{}`)
	if now := s.do(200, "GET", door+"/secret", "").text("key"); now == old || !strings.HasPrefix(now, "whsec_") {
		t.Errorf("rotated to %q", now)
	}
	// Back to the one that it was, which is still valid.
	s.do(204, "POST", door+"/secret/rotate", `{"key":"`+old+`"}`)
	if now := s.do(200, "GET", door+"/secret", "").text("key"); now != old {
		t.Errorf("rotated back to %q", now)
	}
	for _, bad := range []string{old, "whsec_short", "whsec_?"} {
		if r := s.do(422, "POST", door+"/secret/rotate", `{"key":"`+bad+`"}`); string(mustJSON(r.has("detail.0.loc"))) != `["body","key"]` {
			t.Errorf("rotated to %s: %s", bad, r)
		}
	}
	s.do(204, "POST", door+"/secret/rotate", `{"key":"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","gracePeriodSeconds":0}`)
	for _, bad := range []string{`{"key":"nonsense"}`, `{"gracePeriodSeconds":604801}`, `{"gracePeriodSeconds":-1}`} {
		s.do(422, "POST", door+"/secret/rotate", bad)
	}
	for body, field := range map[string]string{
		`{}`:                 "url",
		`{"url":"nonsense"}`: "url",
		`{"url":"https://example.com","uid":"ep_x"}`:                                             "uid",
		`{"url":"https://example.com","filterTypes":[]}`:                                         "filterTypes",
		`{"url":"https://example.com","filterTypes":["none"]}`:                                   "filterTypes",
		`{"url":"https://example.com","channels":[]}`:                                            "channels",
		`{"url":"https://example.com","secret":"short"}`:                                         "secret",
		`{"url":"https://example.com","secret":""}`:                                              "secret",
		`{"url":"https://example.com","channels":["a b"]}`:                                       "channels",
		`{"url":"https://example.com","channels":["1","2","3","4","5","6","7","8","9","a","b"]}`: "channels",
	} {
		if r := s.do(422, "POST", "/app/acme/endpoint", body); r.has("detail.0.loc.1") != field {
			t.Errorf("%s: %s", body, r)
		}
	}
	s.do(204, "DELETE", door, "")
	s.do(404, "GET", door, "")
	s.do(201, "POST", "/app/acme/endpoint", `{"url":"https://example.com/in","uid":"door","secret":"C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}`)
	if r := s.do(200, "GET", door+"/secret", ""); r.text("key") != "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" {
		t.Errorf("a secret without its prefix: %s", r)
	}
}

func TestMessages(t *testing.T) {
	s := open(t)
	app := s.app(`,"uid":"acme"`)
	s.endpoint(app, `,"secret":"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"`)
	payload := `{"b":1,"a":  [1.50, "ü"]}`
	r := s.do(202, "POST", "/app/acme/msg?with_content=true", `{"eventType":"invoice.paid","eventId":"order-1","payload":`+payload+`}`)
	id := r.text("id")
	if !strings.HasPrefix(id, "evt_") || r.text("eventId") != "order-1" || r.has("payload.b") != 1.0 || r.text("timestamp") == "" || r.text("eventType") != "invoice.paid" {
		t.Fatalf("made: %s", r)
	}
	s.eventually("the message is delivered", func() bool { return len(s.net.requests()) == 1 })
	got := s.net.requests()[0]
	if string(got.body) != payload || got.says("svix-id") != id || got.says("svix-signature") == "" {
		t.Errorf("delivered: %s %v", got.body, got.header)
	}
	for _, name := range []string{id, "order-1"} {
		if r := s.do(200, "GET", "/app/"+app+"/msg/"+name, ""); r.text("id") != id || r.has("payload.b") != 1.0 {
			t.Errorf("by %s: %s", name, r)
		}
	}
	if r := s.do(200, "GET", "/app/acme/msg/"+id+"?with_content=false", ""); string(mustJSON(r.has("payload"))) != "{}" {
		t.Errorf("without content: %s", r)
	}
	s.do(409, "POST", "/app/acme/msg", `{"eventType":"invoice.paid","eventId":"order-1","payload":`+payload+`}`)
	s.do(409, "POST", "/app/acme/msg", `{"eventType":"invoice.paid","eventId":"order-1","payload":{}}`)
	other := s.app("")
	s.do(404, "GET", "/app/"+other+"/msg/"+id, "")
	s.do(404, "GET", "/app/"+other+"/msg/order-1", "")
	s.do(202, "POST", "/app/"+other+"/msg", `{"eventType":"invoice.paid","eventId":"order-1","payload":{}}`)

	// As clients in Java do it.
	raw := s.do(202, "POST", "/app/acme/msg", `{"eventType":"invoice.paid","payload":{},"transformationsParams":{"rawPayload":"{ \"x\" : 1 }"}}`).text("id")
	s.eventually("the raw payload is delivered", func() bool { return len(s.net.requests()) == 2 })
	if got := s.net.requests()[1]; string(got.body) != `{ "x" : 1 }` || got.says("svix-id") != raw {
		t.Errorf("delivered: %s", got.body)
	}
	for body, field := range map[string]string{
		`{"eventType":"a.b","payload":[1]}`:                                                "payload",
		`{"eventType":"a.b"}`:                                                              "payload",
		`{"payload":{}}`:                                                                   "eventType",
		`{"eventType":"a b","payload":{}}`:                                                 "eventType",
		`{"eventType":"a.b","payload":{},"eventId":"evt_1"}`:                               "eventId",
		`{"eventType":"a.b","payload":{},"eventId":"idempotency:x"}`:                       "eventId",
		`{"eventType":"a.b","payload":{},"channels":[]}`:                                   "channels",
		`{"eventType":"a.b","payload":{},"transformationsParams":{"rawPayload":"<xml/>"}}`: "transformationsParams",
		`{"eventType":"a.b","payload":{},"payloadRetentionPeriod":4}`:                      "payloadRetentionPeriod",
		`{"eventType":"a.b","payload":{},"application":{"name":"x","uid":"another"}}`:      "application",
	} {
		if r := s.do(422, "POST", "/app/acme/msg", body); r.has("detail.0.loc.1") != field {
			t.Errorf("%s: %s", body, r)
		}
	}
	s.do(404, "POST", "/app/nobody/msg", `{"eventType":"a.b","payload":{}}`)
	s.do(202, "POST", "/app/fresh/msg", `{"eventType":"a.b","payload":{},"application":{"name":"Fresh","uid":"fresh"}}`)
	if r := s.do(200, "GET", "/app/fresh", ""); r.text("name") != "Fresh" {
		t.Errorf("made along: %s", r)
	}
	if r := s.do(413, "POST", "/app/acme/msg", `{"eventType":"a.b","payload":{"x":"`+strings.Repeat("x", 8<<20)+`"}}`); r.text("code") != "payload_too_large" {
		t.Errorf("too large: %s", r)
	}
	s.do(400, "POST", "/app/acme/msg", `{"eventType":`)

	s.do(204, "DELETE", "/app/acme/msg/order-1/content", "")
	if r := s.do(200, "GET", "/app/acme/msg/"+id, ""); string(mustJSON(r.has("payload"))) != `{"expired":true}` {
		t.Errorf("expunged: %s", r)
	}
}

func TestFilteredMessages(t *testing.T) {
	s := open(t)
	app := s.app("")
	first := s.do(202, "POST", "/app/"+app+"/msg", `{"eventType":"a.one","payload":{}}`)
	second := s.do(202, "POST", "/app/"+app+"/msg", `{"eventType":"b.two","payload":{},"tags":["red"],"channels":["x"]}`)
	third := s.do(202, "POST", "/app/"+app+"/msg", `{"eventType":"c.three","payload":{},"tags":["blue"]}`)
	ids := func(r reply) (list []string) {
		for _, x := range r.has("data").([]any) {
			list = append(list, x.(map[string]any)["id"].(string))
		}
		return list
	}
	for query, want := range map[string][]reply{
		"event_types=a.one,c.three":               {third, first},
		"event_types[]=a.one&event_types[]=b.two": {second, first},
		"event_types[0]=a.one":                    {first},
		"event_types%5B0%5D=c.three":              {third},
		"event_types=a.one&event_types=c.three":   {third, first},
		"tag=red":                                 {second},
		"channel=x":                               {second},
		"before=" + second.text("timestamp"):      {first},
		"after=" + third.text("timestamp"):        {third},
	} {
		var wanted []string
		for _, r := range want {
			wanted = append(wanted, r.text("id"))
		}
		if got := ids(s.do(200, "GET", "/app/"+app+"/msg?"+query, "")); !slices.Equal(got, wanted) && !strings.HasPrefix(query, "before") && !strings.HasPrefix(query, "after") {
			t.Errorf("%s: %v, want %v", query, got, wanted)
		}
	}
}

// What one name says is one app, and one endpoint of it.
func TestNamesAreOfOne(t *testing.T) {
	s := open(t)
	if _, err := s.desk.CreateApp(t.Context(), bellhop.Owner(), "globex", desk.AppChange{}); err != nil {
		t.Fatal(err)
	}
	acme := s.app(`,"uid":"acme"`)
	door := s.endpoint(acme, "")
	for _, x := range []struct {
		status             int
		method, path, body string
	}{
		{409, "POST", "/app", `{"name":"x","uid":"globex"}`},
		{409, "PUT", "/app/acme", `{"name":"x","uid":"globex"}`},
		{409, "PATCH", "/app/acme", `{"uid":"globex"}`},
		{422, "PATCH", "/app/acme", `{"uid":".."}`},
		{422, "POST", "/app", `{"name":"x","uid":"."}`},
		{422, "POST", "/app/acme/endpoint", `{"url":"https://example.com/2","uid":".."}`},
		{422, "POST", "/app/acme/endpoint", `{"url":"https://example.com/2","uid":"` + door + `"}`},
	} {
		s.do(x.status, x.method, x.path, x.body)
	}
	if _, err := s.desk.CreateApp(t.Context(), bellhop.Owner(), "acme", desk.AppChange{}); bellhop.CodeOf(err) != bellhop.CodeConflict {
		t.Errorf("an app whose id is another's uid: %v", err)
	}
	if r := s.do(200, "GET", "/app/acme", ""); r.text("id") != acme {
		t.Errorf("acme is %s", r)
	}
}
