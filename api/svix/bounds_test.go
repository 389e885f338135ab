package svix

import (
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
