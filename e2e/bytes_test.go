package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// Whatever JSON is published arrives as it was written: nothing is sorted,
// escaped, shortened or rounded on its way over API, disk and dialect.
func TestDataByteForByte(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	enveloped, bare := newReceiver(t, answers(http.StatusOK)), newReceiver(t, answers(http.StatusOK))
	first := s.endpoint("acme", enveloped.URL, nil)
	second := s.endpoint("acme", bare.URL, func(c *bellhop.EndpointChange) { c.Dialect = bellhop.Of("raw") })
	payloads := []string{
		`null`, `true`, `0`, `""`, `[]`, `{}`,
		`{ "spaces" :  [ 1 ,2 ] }`,
		"{\n\t\"lines\": 1\r\n}",
		`{"b":1,"a":2,"b":3}`, // a repeated key is the publisher's own business
		`{"":0}`,
		`{"numbers":[1.0,1.50,-0,1e400,12345678901234567890,0.1e-7]}`,
		`{"html":"<b>Bitte</b> & läuten</script>"}`,
		`{"escapes":"\u00e9\/\ud83c\udfab\n\u0000\ud800"}`,
		"{\"separators\":\"\u2028\u2029\ufeff\u200f\"}",
		`{"emoji":"🎫👨‍👩‍👧‍👦"}`,
		`"` + strings.Repeat("x", 200<<10) + `"`,
		strings.Repeat("[", 400) + strings.Repeat("]", 400),
	}
	for i, data := range payloads {
		body := fmt.Sprintf("{\"type\":\"t.%d\" , \"data\" :\t%s , \"app\":\"acme\"}\n", i, data)
		if status, p, _ := s.post(t.Context(), s.key, "POST", "/v1/events", []byte(body)); status != http.StatusAccepted {
			t.Errorf("%.60s: %d, %+v", data, status, p)
		}
	}
	byType := map[string]string{}
	for e, err := range s.api.Events(t.Context(), client.EventFilter{App: "acme"}) {
		if err != nil {
			t.Fatal(err)
		}
		byType[e.ID.String()] = e.Type
	}
	for _, q := range enveloped.wait(t, len(payloads)) {
		q.verify(t, "standard", first.Secret)
		checkAsReceiver(t, "standard", first.Secret, q)
	}
	for _, q := range bare.wait(t, len(payloads)) {
		q.verify(t, "raw", second.Secret)
		var i int
		if _, err := fmt.Sscanf(byType[q.header.Get("webhook-id")], "t.%d", &i); err != nil {
			t.Fatal(err)
		}
		if string(q.body) != payloads[i] {
			t.Errorf("%.60q arrived as %.60q", payloads[i], q.body)
		}
	}
	for i, data := range payloads {
		found := false
		for _, q := range enveloped.requests() {
			found = found || byType[q.header.Get("webhook-id")] == fmt.Sprint("t.", i) && strings.HasSuffix(string(q.body), `"data":`+data+"}")
		}
		if !found {
			t.Errorf("%.60q is not in its envelope as it was", data)
		}
	}
}
