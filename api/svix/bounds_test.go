package svix

import (
	"fmt"
	"strings"
	"testing"
)

// TestLargePayload: what docs/svix.md says of the largest one.
func TestLargePayload(t *testing.T) {
	s := open(t)
	app := s.app("")
	payload := func(n int) string {
		return `{"eventType":"a.b","payload":{"x":"` + strings.Repeat("x", n-len(`{"x":""}`)) + `"}}`
	}
	s.do(202, "POST", "/app/"+app+"/msg", payload(256<<10))
	if r := s.do(413, "POST", "/app/"+app+"/msg", payload(256<<10+1)); r.text("code") != "payload_too_large" || !strings.Contains(r.text("detail"), "262144") {
		t.Errorf("a larger one: %s", r)
	}
}

// TestBounds: what the table of docs/svix.md says is taken, and one more is not.
func TestBounds(t *testing.T) {
	s := open(t)
	app := s.app("")
	text := func(n int) string { return strings.Repeat("x", n) }
	entries := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`"X-%d":"1"`, i))
		}
		return strings.Join(all, ",")
	}
	for _, x := range []struct {
		path, body string
		most       int
		fill       func(int) string
	}{
		{"/event-type", `{"description":"","name":"%s"}`, 128, text},
		{"/event-type", `{"name":"a.b","description":"","schemas":{%s}}`, 51, func(n int) string { return strings.ReplaceAll(strings.ReplaceAll(entries(n), `"1"`, "{}"), "X-", "") }},
		{"/app", `{"name":"%s"}`, 256, text},
		{"/app", `{"name":"x","metadata":{%s}}`, 50, entries},
		{"/app", `{"name":"x","metadata":{"a":"%s"}}`, 1024, text},
		{"/app/" + app + "/endpoint", `{"url":"https://example.com/in","description":"%s"}`, 4096, text},
		{"/app/" + app + "/endpoint", `{"url":"https://example.com/%s"}`, 2048 - len("https://example.com/"), text},
		{"/app/" + app + "/endpoint", `{"url":"https://example.com/in","headers":{%s}}`, 30, entries},
	} {
		s.do(422, "POST", x.path, fmt.Sprintf(x.body, x.fill(x.most+1)))
		s.do(201, "POST", x.path, fmt.Sprintf(x.body, x.fill(x.most)))
	}
}

// TestLineWithoutRequest: a delivery that ends without an attempt has a last line with the
// code 0 and no URL, which says why.
func TestLineWithoutRequest(t *testing.T) {
	s := open(t)
	s.net.status = func(delivered) int { return 500 }
	app := s.app("")
	door := s.endpoint(app, "")
	path := "/app/" + app + "/attempt/msg/" + s.message(app, "")
	s.eventually("an attempt", func() bool { return len(ids(s.do(200, "GET", path, ""))) == 1 })
	s.do(204, "DELETE", "/app/"+app+"/endpoint/"+door, "")
	var r reply
	s.eventually("its end", func() bool {
		r = s.do(200, "GET", path, "")
		return len(ids(r)) == 2
	})
	if r.has("data.0.responseStatusCode") != 0.0 || r.has("data.0.url") != "" || r.text("data.0.response") == "" {
		t.Errorf("its last line: %s", r)
	}
}
