package native

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/engine"
)

// TestBadInput goes through the ways of asking wrongly: each is answered with a
// stable code that names the field.
func TestBadInput(t *testing.T) {
	s := open(t, setup{config: func(c *engine.Config) { c.EnforceEventTypes = true }})
	for _, et := range []bellhop.EventType{
		{Name: "invoice.purchase"},
		{Name: "invoice.old", Archived: true},
		{Name: "invoice.strict", Validate: true, Schema: bellhop.JSON(`{"type":"object","required":["total"],"properties":{"items":{"type":"array","items":{"properties":{"price":{"type":"number"}}}}}}`)},
	} {
		if _, _, err := s.desk.PutEventType(t.Context(), bellhop.Owner(), et); err != nil {
			t.Fatal(err)
		}
	}
	e := s.endpoint("acme")
	event := s.publish("acme").Event
	publisher := s.key(bellhop.RolePublisher)
	stranger := s.key(bellhop.RoleEditor, "globex")
	if r := s.do(s.admin, "POST", "/v1/events", `{"app":"acme","type":"invoice.purchase","id":"one","data":{}}`); r.status != 202 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	endpoint := func(fields string) string { return `{"apps":["acme"],"url":"https://example.com",` + fields + `}` }
	publish := func(fields string) string { return `{"app":"acme","type":"invoice.purchase","data":1,` + fields + `}` }
	url := func(u string) string { return `{"apps":["acme"],"url":"` + u + `"}` }
	here := "/v1/endpoints/" + e.ID.String()

	for _, c := range []struct {
		name, token, call, body string
		status                  int
		code                    bellhop.Code
		field                   string
	}{
		{"unknown app", "", "POST /v1/events", `{"app":"nobody","type":"invoice.purchase","data":1}`, 422, "unknown_app", "app"},
		{"unknown type", "", "POST /v1/events", `{"app":"acme","type":"invoice.new","data":1}`, 422, "unknown_type", "type"},
		{"archived type", "", "POST /v1/events", `{"app":"acme","type":"invoice.old","data":1}`, 422, "archived_type", "type"},
		{"data that breaks its schema", "", "POST /v1/events", `{"app":"acme","type":"invoice.strict","data":{"total":1,"items":[{"price":"x"}]}}`, 422, "invalid_data", "data/items/0/price"},
		{"data without what its schema requires", "", "POST /v1/events", `{"app":"acme","type":"invoice.strict","data":{}}`, 422, "invalid_data", "data"},
		{"conflicting reuse of an id", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase","id":"one","data":{"other":1}}`, 409, "id_conflict", ""},
		{"invalid JSON", "", "POST /v1/events", `{"app":"acme",}`, 400, "invalid_json", ""},
		{"invalid JSON in data", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase","data":{"a":01}}`, 400, "invalid_json", ""},
		{"bytes after the body", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase","data":{}} x`, 400, "invalid_json", ""},
		{"duplicate key", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase","data":1,"app":"globex"}`, 400, "duplicate_key", "app"},
		{"duplicate key, escaped", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase","data":1,"\u0061pp":"globex"}`, 400, "duplicate_key", "app"},
		{"duplicate key in an endpoint", "", "POST /v1/endpoints", `{"apps":["acme"],"url":"https://a.example","url":"https://b.example"}`, 400, "duplicate_key", "url"},
		{"not UTF-8", "", "POST /v1/events", "{\"app\":\"acme\",\"type\":\"invoice.purchase\",\"data\":\"\xff\"}", 400, "invalid_utf8", ""},
		{"not UTF-8 in an endpoint", "", "POST /v1/endpoints", endpoint("\"name\":\"\xc3\x28\""), 400, "invalid_utf8", ""},
		{"nested too deep", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase","data":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`, 400, "too_deep", ""},
		{"oversized data", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase","data":"` + strings.Repeat("x", 300<<10) + `"}`, 413, "too_large", "data"},
		{"oversized body", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase","data":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "too_large", ""},
		{"oversized endpoint", "", "POST /v1/endpoints", endpoint(`"name":"` + strings.Repeat("x", 1<<20) + `"`), 413, "too_large", ""},
		{"empty body", "", "POST /v1/events", "", 400, "empty_body", ""},
		{"a list as body", "", "POST /v1/events", `[]`, 422, "invalid", "body"},
		{"a list as endpoint", "", "POST /v1/endpoints", `[]`, 422, "invalid", "body"},
		{"missing app", "", "POST /v1/events", `{"type":"invoice.purchase","data":1}`, 422, "invalid", "app"},
		{"missing data", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase"}`, 422, "invalid", "data"},
		{"number as app", "", "POST /v1/events", `{"app":1,"type":"invoice.purchase","data":1}`, 422, "invalid", "app"},
		{"time without zone", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase","data":1,"deliver_at":"2027-01-01 00:00"}`, 422, "invalid", "deliver_at"},
		{"a channel with a space", "", "POST /v1/events", publish(`"channels":["a","b c"]`), 422, "invalid", "channels[1]"},
		{"a short retention", "", "POST /v1/events", publish(`"retain":"59m"`), 422, "invalid", "retain"},
		{"a long retention", "", "POST /v1/events", publish(`"retain":"4000d"`), 422, "invalid", "retain"},
		{"no retention", "", "POST /v1/events", publish(`"retain":"0s"`), 422, "invalid", "retain"},
		{"a retention that is none", "", "POST /v1/events", publish(`"retain":"soon"`), 422, "invalid", "retain"},
		{"a number as retention", "", "POST /v1/events", publish(`"retain":3600`), 422, "invalid", "retain"},
		{"delivered when it is gone", "", "POST /v1/events", publish(`"retain":"1h","deliver_at":"` + time.Now().Add(2*time.Hour).UTC().Format(time.RFC3339) + `"`), 422, "invalid", "deliver_at"},
		{"an empty channel", "", "POST /v1/events", publish(`"channels":[""]`), 422, "invalid", "channels[0]"},
		{"a number as channel", "", "POST /v1/events", publish(`"channels":["a",7]`), 422, "invalid", "channels[1]"},
		{"channels as text", "", "POST /v1/events", publish(`"channels":"a"`), 422, "invalid", "channels"},
		{"too many channels", "", "POST /v1/events", publish(`"channels":["1","2","3","4","5","6","7","8","9","10","11"]`), 422, "invalid", "channels"},
		{"a long tag", "", "POST /v1/events", publish(`"tags":["` + strings.Repeat("x", 129) + `"]`), 422, "invalid", "tags[0]"},
		{"a tag in a batch", "", "POST /v1/events/batch", `{"events":[` + publish(`"tags":[]`) + `,` + publish(`"tags":["é"]`) + `]}`, 422, "invalid", "events[1].tags[0]"},
		{"a channel of an endpoint with a slash", "", "POST /v1/endpoints", endpoint(`"channels":["b","a/b"]`), 422, "invalid", "channels[1]"},
		{"too many channels of an endpoint", "", "POST /v1/endpoints", endpoint(`"channels":["` + strings.Repeat(`x","`, 100) + `x"]`), 422, "invalid", "channels"},
		{"a uid with a colon", "", "POST /v1/endpoints", endpoint(`"uid":"a:b"`), 422, "invalid", "uid"},
		{"a long uid", "", "PATCH " + here, `{"uid":"` + strings.Repeat("x", 257) + `"}`, 422, "invalid", "uid"},
		{"a former id later", "", "PATCH " + here, `{"former_id":"ep_1"}`, 422, "invalid", "former_id"},
		{"unknown field", "", "POST /v1/events", `{"app":"acme","typ":"invoice.purchase","data":1}`, 422, "invalid", "typ"},
		{"unknown field of an endpoint", "", "POST /v1/endpoints", endpoint(`"event":["a"]`), 422, "invalid", "event"},
		{"unknown field of a rate limit", "", "POST /v1/endpoints", endpoint(`"rate_limit":{"per_secnd":1}`), 422, "invalid", "rate_limit.per_secnd"},
		{"unknown parameter", "", "GET /v1/events?ap=acme", "", 422, "invalid", "ap"},
		{"repeated parameter", "", "GET /v1/events?app=acme&app=globex", "", 422, "invalid", "app"},
		{"unreadable query", "", "GET /v1/events?app=%zz", "", 400, "invalid_query", ""},
		{"unknown app in a filter", "", "GET /v1/events?app=nobody", "", 422, "unknown_app", "app"},
		{"unknown status", "", "GET /v1/deliveries?status=lost", "", 422, "invalid", "status"},
		{"a delivery's status for attempts", "", "GET /v1/attempts?status=pending", "", 422, "invalid", "status"},
		{"unknown reason", "", "GET /v1/attempts?reason=nonsense", "", 422, "invalid", "reason"},
		{"unknown reason of an export", "", "GET /v1/attempts/export?format=csv&reason=nonsense", "", 422, "invalid", "reason"},
		{"unknown reason of the stream", "", "GET /v1/stream?reason=nonsense", "", 422, "invalid", "reason"},
		{"unknown reason of what is tried", "", "POST " + here + "/try", `{"reason":"nonsense"}`, 422, "invalid", "reason"},
		{"unknown reason of a replay", "", "POST " + here + "/replay", `{"since":"2026-01-01T00:00:00Z","status":"failed","reason":"nonsense"}`, 422, "invalid", "reason"},
		{"limit too high", "", "GET /v1/events?limit=251", "", 422, "invalid", "limit"},
		{"limit zero", "", "GET /v1/events?limit=0", "", 422, "invalid", "limit"},
		{"bad time", "", "GET /v1/events?since=yesterday", "", 422, "invalid", "since"},
		{"until before since", "", "GET /v1/events?since=2027-01-02T00:00:00Z&until=2027-01-01T00:00:00Z", "", 422, "invalid", "until"},
		{"id of another kind", "", "GET /v1/attempts?event=" + e.ID.String(), "", 422, "invalid", "event"},
		{"bad cursor", "", "GET /v1/events?cursor=abc", "", 422, "invalid", "cursor"},
		{"cursor of another list", "", "GET /v1/attempts?cursor=" + cursorEvents.AtNumber(7), "", 422, "invalid", "cursor"},
		{"bad cursor of apps", "", "GET /v1/apps?cursor=!", "", 422, "invalid", "cursor"},
		{"URL with credentials", "", "POST /v1/endpoints", url("https://user:hunter2@example.com/"), 422, "invalid", "url"},
		{"URL with a fragment", "", "POST /v1/endpoints", url("https://example.com/#top"), 422, "invalid", "url"},
		{"URL with a private address", "", "POST /v1/endpoints", url("https://10.0.0.1/"), 422, "invalid", "url"},
		{"URL with a loopback address", "", "POST /v1/endpoints", url("https://127.0.0.1/"), 422, "invalid", "url"},
		{"URL with a hidden loopback address", "", "POST /v1/endpoints", url("https://0x7f.1/"), 422, "invalid", "url"},
		{"URL of the metadata service", "", "POST /v1/endpoints", url("https://[::ffff:169.254.169.254]/"), 422, "invalid", "url"},
		{"plain http", "", "POST /v1/endpoints", url("http://example.com/"), 422, "invalid", "url"},
		{"no URL", "", "POST /v1/endpoints", `{"apps":["acme"]}`, 422, "invalid", "url"},
		{"no app", "", "POST /v1/endpoints", `{"url":"https://example.com"}`, 422, "invalid", "apps"},
		{"unknown app of an endpoint", "", "POST /v1/endpoints", `{"apps":["acme","nobody"],"url":"https://example.com"}`, 422, "unknown_app", "apps[1]"},
		{"bad filter", "", "POST /v1/endpoints", endpoint(`"filter":{"total":[{"numerical":[">",1]}]}`), 422, "invalid", "filter"},
		{"bad retry schedule", "", "POST /v1/endpoints", endpoint(`"retry":["5s","soon"]`), 422, "invalid", "retry[1]"},
		{"retry schedule too long", "", "POST /v1/endpoints", endpoint(`"retry":["5s","90d"]`), 422, "invalid", "retry[1]"},
		{"exponential schedule without start", "", "POST /v1/endpoints", endpoint(`"retry":{"factor":2}`), 422, "invalid", "retry.initial"},
		{"retry as text", "", "POST /v1/endpoints", endpoint(`"retry":"often"`), 422, "invalid", "retry"},
		{"bad timeout", "", "POST /v1/endpoints", endpoint(`"timeout":15`), 422, "invalid", "timeout"},
		{"bad ordering", "", "POST /v1/endpoints", endpoint(`"ordering":"strict"`), 422, "invalid", "ordering"},
		{"bad concurrency", "", "POST /v1/endpoints", endpoint(`"concurrency":1.5`), 422, "invalid", "concurrency"},
		{"unknown dialect", "", "POST /v1/endpoints", endpoint(`"dialect":"pigeon"`), 422, "invalid", "dialect"},
		{"bad secret", "", "POST /v1/endpoints", endpoint(`"secret":"hunter2"`), 422, "invalid", "secret"},
		{"null in a list", "", "POST /v1/endpoints", `{"apps":[null],"url":"https://example.com"}`, 422, "invalid", "apps[0]"},
		{"number in headers", "", "POST /v1/endpoints", endpoint(`"headers":{"X-A":1}`), 422, "invalid", "headers.X-A"},
		{"secret in a PATCH", "", "PATCH " + here, `{"secret":"hunter2"}`, 422, "invalid", "secret"},
		{"bad grace", "", "POST " + here + "/secret/rotate", `{"grace":"a while"}`, 422, "invalid", "grace"},
		{"bad secret in a rotation", "", "POST " + here + "/secret/rotate", `{"secret":"hunter2"}`, 422, "invalid", "secret"},
		{"replay without start", "", "POST " + here + "/replay", `{"status":"failed"}`, 422, "invalid", "since"},
		{"replay of what?", "", "POST " + here + "/replay", `{"since":"2026-01-01T00:00:00Z","status":"most"}`, 422, "invalid", "status"},
		{"replay limit", "", "POST " + here + "/replay", `{"since":"2026-01-01T00:00:00Z","status":"all","limit":10001}`, 422, "invalid", "limit"},
		{"replay cursor", "", "POST " + here + "/replay", `{"since":"2026-01-01T00:00:00Z","status":"all","cursor":"x"}`, 422, "invalid", "cursor"},
		{"field in a bodyless call", "", "POST " + here + "/pause", `{"until":"tomorrow"}`, 422, "invalid", "until"},
		{"too many buckets", "", "GET /v1/stats?bucket=1s", "", 422, "invalid", "bucket"},
		{"bucket too small", "", "GET /v1/stats?bucket=1ms", "", 422, "invalid", "bucket"},
		{"unknown role", "", "POST /v1/keys", `{"role":"root"}`, 422, "invalid", "role"},
		{"key for an unknown app", "", "POST /v1/keys", `{"role":"viewer","apps":["nobody"]}`, 422, "unknown_app", "apps[0]"},
		{"portal link for admins", "", "POST /v1/portal-links", `{"app":"acme","role":"admin"}`, 422, "invalid", "role"},
		{"portal link for an unknown app", "", "POST /v1/portal-links", `{"app":"nobody","role":"viewer"}`, 422, "unknown_app", "app"},
		{"portal link for years", "", "POST /v1/portal-links", `{"app":"acme","role":"viewer","expires_in":"800d"}`, 422, "invalid", "expires_in"},
		{"app id with a space", "", "PUT /v1/apps/a%20b", `{}`, 422, "invalid", "id"},
		{"app that exists", "", "POST /v1/apps", `{"id":"acme"}`, 409, "conflict", ""},
		{"bad event type name", "", "PUT /v1/event-types/a%20b", `{}`, 422, "invalid", "name"},
		{"bad schema", "", "PUT /v1/event-types/a.b", `{"schema":{"type":"thing"}}`, 422, "invalid", "schema"},
		{"erase no subject", "", "POST /v1/events/erase", `{"app":"acme","subject":""}`, 422, "invalid", "subject"},
		{"no such event", "", "GET /v1/events/evt_0000000000001", "", 404, "not_found", ""},
		{"not an id", "", "GET /v1/events/42", "", 404, "not_found", ""},
		{"no such path", "", "GET /v1/nothing", "", 404, "not_found", ""},
		{"no such page", "", "GET /nothing", "", 404, "not_found", ""},
		{"wrong method", "", "PUT /v1/events", `{}`, 405, "method_not_allowed", ""},
		{"wrong role", publisher, "POST /v1/endpoints", url("https://example.com"), 403, "forbidden", ""},
		{"another app's event", stranger, "GET /v1/events/" + event.String(), "", 404, "not_found", ""},
		{"another app's endpoint", stranger, "PATCH " + here, `{"name":"mine"}`, 404, "not_found", ""},
		{"unknown key", "bh_nokey", "GET /v1/events", "", 401, "unauthorized", ""},
		{"no key", "none", "GET /v1/events", "", 401, "unauthorized", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			token := c.token
			switch token {
			case "":
				token = s.admin
			case "none":
				token = ""
			}
			method, path, _ := strings.Cut(c.call, " ")
			r := s.do(token, method, path, c.body)
			p := r.problem(t)
			if p.Status != c.status || p.Code != c.code {
				t.Fatalf("got %d %s, want %d %s: %s", p.Status, p.Code, c.status, c.code, r.body)
			}
			if c.field != "" && (len(p.Errors) == 0 || !strings.HasPrefix(p.Errors[0].Field, c.field) || p.Errors[0].Code == "" || p.Errors[0].Detail == "") {
				t.Errorf("the problem does not name the field %s: %s", c.field, r.body)
			}
			if strings.Contains(string(r.body), "hunter2") {
				t.Errorf("the problem repeats a secret: %s", r.body)
			}
			if c.status == 401 && r.header.Get("WWW-Authenticate") == "" {
				t.Error("no WWW-Authenticate")
			}
			if c.status == 405 && r.header.Get("Allow") != "GET, POST" {
				t.Errorf("Allow: %q", r.header.Get("Allow"))
			}
		})
	}

	media := map[string][]string{
		"form":     {"Content-Type", "application/x-www-form-urlencoded"},
		"latin-1":  {"Content-Type", "application/json; charset=iso-8859-1"},
		"none":     {"Content-Type", ""},
		"deflated": {"Content-Encoding", "gzip"},
	}
	for name, header := range media {
		p := s.do(s.admin, "POST", "/v1/events", `{"app":"acme","type":"invoice.purchase","data":1}`, header...).problem(t)
		if p.Status != 415 || p.Code != api.CodeMediaType || strings.Contains(p.Title, "json") {
			t.Errorf("%s: %+v", name, p)
		}
	}
	for _, charset := range []string{"UTF-8", "utf8", `"utf-8"`, `"UTF8"`} {
		if r := s.do(s.admin, "POST", "/v1/events", `{"app":"acme","type":"invoice.purchase","data":1}`, "Content-Type", "Application/JSON; charset="+charset); r.status != 202 {
			t.Errorf("charset=%s: %d %s", charset, r.status, r.body)
		}
	}
}

func TestNearMissesAreSuggested(t *testing.T) {
	s := open(t)
	for call, want := range map[string]string{
		"GET /v1/events?sine=2027-01-01T00:00:00Z": "since",
		"GET /v1/attempts?endpont=x":               "endpoint",
		"GET /v1/attempts?reason=timout":           "timeout",
	} {
		method, path, _ := strings.Cut(call, " ")
		if r := s.do(s.admin, method, path, ""); !strings.Contains(string(r.body), `did you mean \"`+want+`\"`) {
			t.Errorf("%s: %s", call, r.body)
		}
	}
}

// TestMissingFieldsNameTheRemedy as every other error of a field does.
func TestMissingFieldsNameTheRemedy(t *testing.T) {
	s := open(t)
	p := s.do(s.admin, "POST", "/v1/inboxes", `{}`).problem(t)
	if len(p.Errors) != 1 || p.Errors[0] != (bellhop.FieldError{Field: "app", Code: "required", Detail: "is missing: give it"}) {
		t.Errorf("%+v", p)
	}
}

// TestSecretsAreNotEchoed sends secrets where they do not belong.
func TestSecretsAreNotEchoed(t *testing.T) {
	s := open(t)
	e := s.endpoint("acme")
	const secret = "whsec_aHVudGVyMg=="
	fields := []string{"apps", "name", "events", "subjects", "dialect", "headers", "status", "timeout", "retry", "rate_limit", "concurrency", "ordering", "metadata", "secret", "verify", "filter", "nothing"}
	for _, field := range fields {
		for _, value := range []string{`"` + secret + `"`, `["` + secret + `"]`, `{"x":"` + secret + `"}`, `{"x":{"y":"` + secret + `"}}`} {
			for _, call := range []string{"POST /v1/endpoints", "PATCH /v1/endpoints/" + e.ID.String()} {
				if field == "dialect" || field == "events" || field == "apps" || field == "name" || field == "metadata" || field == "subjects" || field == "headers" || field == "filter" {
					continue // public by nature: names, patterns and texts
				}
				method, path, _ := strings.Cut(call, " ")
				r := s.do(s.admin, method, path, `{"url":"https://example.com","apps":["acme"],"`+field+`":`+value+`}`)
				if r.status >= 400 && strings.Contains(string(r.body), "aHVudGVyMg") {
					t.Errorf("%s with %s: %s", call, field, r.body)
				}
			}
		}
	}
}

// TestOversizedBodyIsNotRead declares a body that is too large and never sends
// it: the answer comes all the same.
func TestOversizedBodyIsNotRead(t *testing.T) {
	s := open(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // a test
	fmt.Fprintf(conn, "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n{", s.admin)
	answer := make([]byte, 12)
	if _, err := conn.Read(answer); err != nil || string(answer) != "HTTP/1.1 413" {
		t.Errorf("%q %v", answer, err)
	}
}

// TestChunkedBodyIsBounded sends a body of undeclared length.
func TestChunkedBodyIsBounded(t *testing.T) {
	s := open(t)
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/v1/events", struct{ *strings.Reader }{strings.NewReader(strings.Repeat(" ", 2<<20))})
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = -1
	req.Header.Set("Authorization", "Bearer "+s.admin)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close() //nolint:errcheck,gosec // a test
	if resp.StatusCode != 413 {
		t.Errorf("status %d", resp.StatusCode)
	}
}
