package native

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/internal/id"
)

// refused makes a call that must be answered 422, naming the field.
func (s *site) refused(t *testing.T, call, body, field, code string) {
	t.Helper()
	method, path, _ := strings.Cut(call, " ")
	p := s.do(s.admin, method, path, body).problem(t)
	for _, f := range p.Errors {
		if p.Status == 422 && f.Field == field && (code == "" || f.Code == code) && f.Detail != "" {
			return
		}
	}
	t.Errorf("%s %s: %+v, want a 422 that names %s (%s)", call, body, p, field, code)
}

// TestTextIsKeptOrRefused: what could not be kept as the text that it is would become
// the same text as others.
func TestTextIsKeptOrRefused(t *testing.T) {
	s := open(t)
	here := "/v1/endpoints/" + s.endpoint("acme").ID.String()
	for _, half := range []string{`\ud800`, `\udfff`, `\ud83dx`, `\ude00\ud83d`, `a\u0000b`} {
		for _, c := range []struct{ call, body, field string }{
			{"POST /v1/events", `{"app":"acme","type":"a.b","data":1,"id":"x%s"}`, "id"},
			{"POST /v1/events", `{"app":"acme","type":"a.b","data":1,"subject":"%s"}`, "subject"},
			{"POST /v1/events", `{"app":"acme","type":"a.%s","data":1}`, "type"},
			{"POST /v1/events", `{"app":"%s","type":"a.b","data":1}`, "app"},
			{"POST /v1/events/batch", `{"events":[{"app":"acme","type":"a.b","data":1},{"app":"acme","type":"a.b","data":1,"id":"%s"}]}`, "events[1].id"},
			{"POST /v1/events/erase", `{"app":"acme","subject":"%s"}`, "subject"},
			{"PATCH " + here, `{"name":"%s"}`, "name"},
			{"PATCH " + here, `{"subjects":["a","%s"]}`, "subjects[1]"},
			{"PATCH " + here, `{"headers":{"X-A":"%s"}}`, "headers.X-A"},
			{"PATCH " + here, `{"metadata":{"a":"%s"}}`, "metadata.a"},
			{"PATCH " + here, `{"metadata":{"%[1]s1":"a","%[1]s2":"b"}}`, ""},
			{"PATCH " + here, `{"filter":{"a":["%s"]}}`, "filter/a/0"},
			{"PATCH " + here, `{"filter":{"a":[{"anything-but":["b","%s"]}]}}`, "filter/a/0/anything-but/1"},
			{"PATCH " + here, `{"filter":{"%s":["a"]}}`, ""},
			{"PUT /v1/apps/acme", `{"name":"%s"}`, "name"},
			{"PUT /v1/apps/acme", `{"metadata":{"a":"%s"}}`, "metadata.a"},
			{"PUT /v1/event-types/a.b", `{"description":"%s"}`, "description"},
			{"PUT /v1/event-types/a.b", `{"schema":{"const":"%s"}}`, "schema/const"},
			{"PUT /v1/event-types/a.b", `{"schema":{"properties":{"a":{"enum":["b","%s"]}}}}`, "schema/properties/a/enum/1"},
			{"PUT /v1/event-types/a.b", `{"schema":{"required":["a"],"properties":{"%s":{}}}}`, "schema/properties"},
			{"POST /v1/keys", `{"role":"viewer","name":"%s"}`, "name"},
		} {
			body := c.body
			if strings.Contains(body, `"schema":`) && strings.Contains(half, `\u0000`) {
				continue // which a schema may speak of
			}
			if strings.Contains(body, "%s") {
				body = fmt.Sprintf(body, half)
			} else {
				body = strings.ReplaceAll(body, "%[1]s", half)
			}
			method, path, _ := strings.Cut(c.call, " ")
			p := s.do(s.admin, method, path, body).problem(t)
			if p.Status != 422 || len(p.Errors) == 0 || c.field != "" && p.Errors[0].Field != c.field || !strings.Contains(p.Errors[0].Detail, "contains") {
				t.Errorf("%s %s: %+v, want a 422 that names %s", c.call, body, p, c.field)
			}
		}
	}
	for _, text := range []string{"\xff", "\xed\xa0\x80", "\x00"} {
		for _, name := range []string{"subject", "external_id", "type", "app"} {
			s.refused(t, "GET /v1/events?"+name+"="+url.QueryEscape("a"+text), "", name, "text")
		}
		if r := s.do(s.admin, "GET", "/v1/apps/"+url.PathEscape("acme"+text), ""); r.status != 404 {
			t.Errorf("an app named %q: %d %s", text, r.status, r.body)
		}
	}

	// Whole pairs are text, and in data everything passes as it is.
	data := `{ "\ud800" : "\udfff\u0000", "\ud801":1e1000001 }`
	var ids []string
	for _, external := range []string{`\ud83d\ude00`, "\U0001F601", `\ufffd`} {
		r := s.do(s.admin, "POST", "/v1/events", `{"app":"acme","type":"a.b","id":"`+external+`","data":`+data+`}`)
		var receipt wire.Receipt
		if err := json.Unmarshal(r.body, &receipt); err != nil || r.status != 202 || receipt.Duplicate {
			t.Fatalf("%s: %d %s", external, r.status, r.body)
		}
		ids = append(ids, receipt.ID.String())
	}
	for _, i := range ids {
		if r := s.do(s.admin, "GET", "/v1/events/"+i, ""); !strings.Contains(string(r.body), `"data":`+data) {
			t.Errorf("data is not what was published: %s", r.body)
		}
	}
	if r := s.do(s.admin, "GET", "/v1/events?external_id=%F0%9F%98%80", ""); !strings.Contains(string(r.body), ids[0]) {
		t.Errorf("not found by its id: %s", r.body)
	}
}

// TestEmptyIsNotNone: a value that is given and empty, as by a variable that was not
// set, is not taken for none where that means something else.
func TestEmptyIsNotNone(t *testing.T) {
	s := open(t)
	here := "/v1/endpoints/" + s.endpoint("acme").ID.String()
	event := s.publish("acme").Event.String()
	for _, c := range [][3]string{
		{"POST /v1/events", `{"app":"acme","type":"a.b","data":1,"id":""}`, "id"},
		{"POST /v1/events", `{"app":"acme","type":"a.b","data":1,"subject":""}`, "subject"},
		{"POST /v1/events", `{"app":"acme","type":"a.b","data":1,"deliver_at":""}`, "deliver_at"},
		{"POST /v1/events", `{"app":"acme","type":"","data":1}`, "type"},
		{"POST /v1/events", `{"app":"","type":"a.b","data":1}`, "app"},
		{"POST /v1/events/batch", `{"events":[{"app":"acme","type":"a.b","data":1,"id":""}]}`, "events[0].id"},
		{"POST /v1/events/" + event + "/resend", `{"endpoint":""}`, "endpoint"},
		{"POST /v1/endpoints", `{"apps":["acme"],"url":"https://example.com","secret":""}`, "secret"},
		{"POST /v1/endpoints", `{"apps":["acme"],"url":"https://example.com","timeout":""}`, "timeout"},
		{"POST /v1/endpoints", `{"apps":[],"url":"https://example.com"}`, "apps"},
		{"POST " + here + "/secret/rotate", `{"secret":""}`, "secret"},
		{"POST " + here + "/secret/rotate", `{"grace":""}`, "grace"},
		{"POST " + here + "/test", `{"type":""}`, "type"},
		{"POST " + here + "/replay", `{"status":"all","since":"2026-01-01T00:00:00Z","until":""}`, "until"},
		{"POST /v1/apps", `{"id":""}`, "id"},
		{"POST /v1/keys", `{"role":"viewer","apps":[]}`, "apps"},
		{"POST /v1/keys", `{"role":"viewer","expires_in":""}`, "expires_in"},
	} {
		s.refused(t, c[0], c[1], c[2], "")
	}
	for _, body := range []string{
		`{"app":"acme","type":"a.b","data":1,"id":null,"subject":null,"deliver_at":null}`,
		`{"app":"acme","type":"a.b","data":null}`,
	} {
		if r := s.do(s.admin, "POST", "/v1/events", body); r.status != 202 {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
}

// TestTimesSaturate: a range that ends beyond all that Bellhop can have ends there.
func TestTimesSaturate(t *testing.T) {
	s := open(t)
	e := s.endpoint("acme")
	s.publish("acme")
	<-s.net.got
	found := func(path string) int {
		t.Helper()
		r := s.do(s.admin, "GET", path, "")
		var page wire.Page[json.RawMessage]
		if err := json.Unmarshal(r.body, &page); err != nil || r.status != 200 {
			t.Fatalf("%s: %d %s", path, r.status, r.body)
		}
		return len(page.Data)
	}
	const first, last = "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
	for _, list := range []string{"/v1/events", "/v1/deliveries", "/v1/audit"} {
		for query, want := range map[string]bool{
			"until=" + last: true, "until=9999-12-31T23:59:59-12:00": true, "until=2110-01-01t00:00:00z": true, "until=2109-05-15T07:35:11.104Z": true,
			"since=" + last: false, "since=9999-12-31T23:59:60Z": false, "since=2110-01-01t00:00:00z": false,
			"since=" + first: true, "since=0000-01-01T00:00:00%2B14:00": true, "since=0001-01-01T00:00:00Z": true,
			"until=" + first: false, "until=0001-01-01T00:00:00Z": false, "until=1969-12-31T23:59:60Z": false,
			"since=" + first + "&until=" + last: true,
		} {
			if got := found(list+"?"+query) > 0; got != want {
				t.Errorf("%s?%s: found is %v, want %v", list, query, got, want)
			}
		}
	}
	for query, want := range map[string]int{
		"since=2020-01-01T00:00:00Z&until=" + last: 200, "since=" + first + "&until=" + last: 200,
		"until=" + first: 422, "until=0000-01-01T01:00:00Z": 200, "since=" + last: 422,
	} {
		for _, path := range []string{"/v1/stats", "/v1/stats/backlog", "/v1/stats/endpoints?endpoints=" + e.ID.String(), "/v1/endpoints/" + e.ID.String() + "/stats"} {
			glue := "?"
			if strings.Contains(path, "?") {
				glue = "&"
			}
			if r := s.do(s.admin, "GET", path+glue+query, ""); r.status != want {
				t.Errorf("%s?%s: %d %s, want %d", path, query, r.status, r.body, want)
			}
		}
	}
	for _, until := range []string{last, "2110-01-01t00:00:00z", "9999-12-31T23:59:59-12:00"} {
		r := s.do(s.admin, "POST", "/v1/endpoints/"+e.ID.String()+"/replay", `{"status":"all","since":"`+first+`","until":"`+until+`","dry_run":true}`)
		var res wire.ReplayResult
		if err := json.Unmarshal(r.body, &res); err != nil || res.Matched != 1 {
			t.Errorf("until %s: %d %s", until, r.status, r.body)
		}
	}
	for at, want := range map[string]int{
		"2020-01-01t00:00:00z": 202, first: 422, "0000-01-01T00:00:00+14:00": 422, "0001-01-01T00:00:00Z": 202, "2016-12-31T23:59:60Z": 202,
		last: 422, "9999-12-31T23:59:59-12:00": 422, "2110-01-01T00:00:00Z": 422, "2020-01-01 00:00:00Z": 422, "2020-01-01T00:00:60Z": 422,
	} {
		r := s.do(s.admin, "POST", "/v1/events", `{"app":"acme","type":"a.b","data":1,"deliver_at":"`+at+`"}`)
		if r.status != want {
			t.Errorf("deliver_at %s: %d %s, want %d", at, r.status, r.body, want)
			continue
		}
		var receipt wire.Receipt
		if want == 202 && json.Unmarshal(r.body, &receipt) == nil {
			if r := s.do(s.admin, "GET", "/v1/events/"+receipt.ID.String(), ""); r.status != 200 {
				t.Errorf("deliver_at %s cannot be shown: %d %s", at, r.status, r.body)
			}
		}
	}
	if r := s.do(s.admin, "GET", "/v1/events?cursor="+cursorEvents.AtNumber(int64(id.First[id.Event](time.Unix(1<<40, 0)))), ""); r.status != 200 {
		t.Errorf("a cursor at the end of ids: %d %s", r.status, r.body)
	}
	if bellhop.EventID(1<<63-1).Time().Year() != 2109 {
		t.Error("the last id is not of 2109")
	}
}

// TestNumbersOfStrangers: what nobody could compute with is refused before anybody
// does, whoever asks and however, and the answer names the field.
func TestNumbersOfStrangers(t *testing.T) {
	s := open(t)
	for name, schema := range map[string]string{
		"n.max": `{"properties":{"n":{"maximum":100}}}`, "n.list": `{"items":{"type":"integer","minimum":0}}`, "n.wide": `{"allOf":[{"items":{"minimum":0}},{"items":{"maximum":1e400}}]}`,
	} {
		if r := s.do(s.admin, "PUT", "/v1/event-types/"+name, `{"validate":true,"schema":`+schema+`}`); r.status != 201 {
			t.Fatalf("%s: %d %s", name, r.status, r.body)
		}
	}
	here := "/v1/endpoints/" + s.endpoint("acme").ID.String()
	editor := s.key(bellhop.RoleEditor, "acme")
	many := "[" + strings.Repeat("1e999,", 40_000) + "1]"
	for _, c := range []struct{ token, call, body, field, code string }{
		{s.admin, "POST /v1/events", `{"app":"acme","type":"n.max","data":{"n":1e1000001}}`, "data/n", "number"},
		{s.admin, "POST /v1/events/batch", `{"events":[{"app":"acme","type":"n.max","data":{"n":1}},{"app":"acme","type":"n.max","data":{"n":[1E-1000001]}}]}`, "events[1].data/n/0", "number"},
		{s.admin, "POST /v1/events", `{"app":"acme","type":"n.list","data":` + many + `}`, "data", "cost"},
		{s.admin, "POST /v1/events/batch", `{"events":[{"app":"acme","type":"n.list","data":[1]},{"app":"acme","type":"n.list","data":` + many + `}]}`, "events[1].data", "cost"},
		{editor, "POST /v1/endpoints/preview", `{"endpoint":{"apps":["acme"]},"type":"n.max","data":{"n":1e1000001}}`, "data/n", "number"},
		{editor, "POST /v1/endpoints/preview", `{"endpoint":{"apps":["acme"]},"type":"n.list","data":` + many + `}`, "data", "cost"},
		{editor, "POST " + here + "/test", `{"type":"n.max","data":{"n":1e1000001}}`, "data/n", "number"},
		{s.admin, "PUT /v1/event-types/n.max", `{"schema":{"maximum":1},"example":1e1000001}`, "example", "number"},
		{s.admin, "PUT /v1/event-types/n.max", `{"schema":{"maximum":1e1000001}}`, "schema/maximum", "schema"},
		{s.admin, "PUT /v1/event-types/n.max", `{"schema":{"multipleOf":1e-1000001}}`, "schema/multipleOf", "schema"},
		{s.admin, "PUT /v1/event-types/n.max", `{"schema":{"minLength":1e300}}`, "schema/minLength", "schema"},
		{s.admin, "PATCH " + here, `{"filter":{"n":[1e1000000001]}}`, "filter/n/0", "filter"},
		{s.admin, "PATCH " + here, `{"concurrency":1e400}`, "concurrency", "range"},
		{s.admin, "PATCH " + here, `{"concurrency":99999999999999999999}`, "concurrency", "range"},
		{s.admin, "PATCH " + here, `{"concurrency":1.5}`, "concurrency", "range"},
		{s.admin, "PATCH " + here, `{"rate_limit":{"per_second":1e400}}`, "rate_limit.per_second", "range"},
		{s.admin, "PATCH " + here, `{"rate_limit":{"per_second":1e-400}}`, "rate_limit.per_second", "range"},
		{s.admin, "PATCH " + here, `{"rate_limit":{"per_second":1,"burst":1e9}}`, "rate_limit.burst", "range"},
		{s.admin, "PATCH " + here, `{"retry":{"initial":"1s","factor":1e400}}`, "retry.factor", ""},
		{s.admin, "PATCH " + here, `{"retry":["1e1000001s"]}`, "retry[0]", "duration"},
		{s.admin, "PATCH " + here, `{"timeout":"1e9d"}`, "timeout", "duration"},
		{s.admin, "PATCH " + here, `{"timeout":"36500d2562047h"}`, "timeout", "duration"},
		{s.admin, "PUT /v1/apps/acme", `{"max_endpoints":1e30}`, "max_endpoints", "range"},
		{s.admin, "GET /v1/events?limit=1e1", "", "limit", "range"},
		{s.admin, "GET /v1/events?limit=99999999999999999999", "", "limit", "range"},
	} {
		method, path, _ := strings.Cut(c.call, " ")
		p := s.do(c.token, method, path, c.body).problem(t)
		if p.Status != 422 || len(p.Errors) == 0 || p.Errors[0].Field != c.field || c.code != "" && p.Errors[0].Code != c.code || p.Errors[0].Detail == "" {
			t.Errorf("%s %.80s: %+v, want a 422 that names %s (%s)", c.call, c.body, p, c.field, c.code)
		}
	}
	for _, body := range []string{
		`{"app":"acme","type":"n.max","data":{"n":-1e999}}`, `{"app":"acme","type":"n.wide","data":[1e400,99999999999999.99]}`,
		`{"app":"acme","type":"not.validated","data":{"n":1e1000001,"m":[` + strings.Repeat("9", 5000) + `]}}`,
	} {
		if r := s.do(s.admin, "POST", "/v1/events", body); r.status != 202 {
			t.Errorf("%.60s: %d %s", body, r.status, r.body)
		}
	}
}

// TestTheDocumentSaysWhatItLeavesOut: of more event types than it shows, it says so.
func TestTheDocumentSaysWhatItLeavesOut(t *testing.T) {
	s := open(t)
	const left = "There are more event types than the 1000"
	for i := range maxDocumentedTypes + 1 {
		if i == maxDocumentedTypes {
			if r := s.do(s.admin, "GET", "/openapi.json", ""); r.status != 200 || strings.Contains(string(r.body), left) {
				t.Errorf("%d types: %d", i, r.status)
			}
		}
		if _, _, err := s.desk.PutEventType(t.Context(), bellhop.Owner(), bellhop.EventType{Name: fmt.Sprintf("t%04d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	r := s.do(s.admin, "GET", "/openapi.json", "")
	if body := string(r.body); r.status != 200 || !strings.Contains(body, left) || !strings.Contains(body, `"t0999"`) || strings.Contains(body, `"t1000"`) {
		t.Errorf("%d: not what it leaves out", r.status)
	}
}
