package check_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/dialect/check"
)

func known(t *testing.T) (all []*dialect.Dialect) {
	t.Helper()
	for _, def := range dialect.Builtin() {
		d, err := dialect.Compile(def)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

func signed(t *testing.T, name, secret string, at time.Time) dialect.Received {
	t.Helper()
	d, err := dialect.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.NewSigner([]string{secret})
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.Render(dialect.Message{ID: "evt_1", App: "acme", Type: "invoice.paid", Time: at, Timestamp: at, Data: []byte(`{"total": "118.00", "note": "für <b>"}`)})
	if err != nil {
		t.Fatal(err)
	}
	r := dialect.Received{Header: http.Header{}, Body: made.Body}
	for _, h := range made.Headers {
		r.Header.Set(h.Name, h.Value)
	}
	return r
}

// TestVerify: the accidents that befall requests, and what is said of each.
func TestVerify(t *testing.T) {
	all := known(t)
	standard := all[0]
	mine, err := standard.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	other, _ := standard.NewSecret()
	third, _ := standard.NewSecret()
	at := now.Add(-time.Second)
	sent := signed(t, "standard", mine, at)
	with := func(change func(*check.Request)) check.Request {
		r := check.Request{
			Received: dialect.Received{Header: sent.Header.Clone(), Body: bytes.Clone(sent.Body)}, Known: all, At: now,
			Secrets: []check.Secret{{Text: mine, Of: "of the endpoint mine", ID: 1}},
			Others:  []check.Secret{{Text: other, Of: "of the endpoint other", ID: 2}, {Text: third, Of: "of the endpoint third", ID: 3}},
		}
		change(&r)
		return r
	}
	rename := func(r *check.Request, from, to string) {
		r.Received.Header[to] = r.Received.Header.Values(from)
		r.Received.Header.Del(from)
	}
	for _, tc := range []struct {
		name       string
		request    check.Request
		ok         bool
		signedBy   int
		code       string
		confidence string
		says       string
	}{
		{"as it should be", with(func(*check.Request) {}), true, 1, "", "", "the time is right"},
		{"parsed and written again", with(func(r *check.Request) {
			var v any
			_ = json.Unmarshal(r.Received.Body, &v)
			r.Received.Body = bytes.ReplaceAll(r.Received.Body, []byte(`": "`), []byte(`":"`))
			r.Received.Body = bytes.ReplaceAll(r.Received.Body, []byte(`, "`), []byte(`,"`))
		}), false, 0, dialect.CodeChangedBody, "", "body"},
		{"of another endpoint", with(func(r *check.Request) { r.Received = signed(t, "standard", other, at) }), false, 2, dialect.CodeWrongSecret, check.Certain, "of the endpoint other"},
		{"of nobody that is known", with(func(r *check.Request) {
			unknown, _ := standard.NewSecret()
			r.Received = signed(t, "standard", unknown, at)
		}), false, 0, dialect.CodeChangedBody, check.Possible, "may be"},
		{"an hour old", with(func(r *check.Request) { r.At = now.Add(time.Hour) }), false, 1, dialect.CodeStaleTime, check.Certain, "1h0m"},
		{"an hour early", with(func(r *check.Request) { r.At = now.Add(-time.Hour) }), false, 1, dialect.CodeFutureTime, check.Certain, "in the future"},
		{"an hour old, which does not matter", with(func(r *check.Request) { r.At, r.Tolerance = now.Add(time.Hour), -1 }), true, 1, "", "", "not checked"},
		{"milliseconds for seconds", with(func(r *check.Request) {
			r.Received.Header.Set("webhook-timestamp", r.Received.Header.Get("webhook-timestamp")+"000")
		}), false, 0, dialect.CodeChangedHeader, check.Certain, "between seconds and milliseconds"},
		{"a header as CGI has it", with(func(r *check.Request) {
			for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
				rename(r, name, "HTTP_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_")))
			}
		}), false, 1, check.CodeRenamedHeader, check.Certain, "HTTP_WEBHOOK_ID"},
		{"a header with a prefix, the dialect being known", with(func(r *check.Request) {
			r.Dialect = standard
			rename(r, "webhook-signature", "X-Webhook-Signature")
		}), false, 1, check.CodeRenamedHeader, check.Certain, "X-Webhook-Signature"},
		{"no header at all", with(func(r *check.Request) { r.Received.Header = http.Header{"Accept": {"*/*"}} }), false, 0, dialect.CodeMissingHeader, check.Certain, "none of the signature headers"},
		{"of another dialect", with(func(r *check.Request) {
			r.Dialect = all[9] // svix
			if r.Dialect.Name() != "svix" {
				t.Fatal(r.Dialect.Name())
			}
		}), false, 1, check.CodeOtherDialect, check.Certain, "speaks the dialect"},
		{"nobody said whose it is", with(func(r *check.Request) {
			r.Secrets, r.Received = nil, signed(t, "standard", third, at)
		}), true, 3, "", "", "the time is right"},
		{"nobody said whose it is, and it is late", with(func(r *check.Request) {
			r.Secrets, r.Received, r.At = nil, signed(t, "standard", third, at), now.Add(time.Hour)
		}), false, 3, dialect.CodeStaleTime, check.Certain, "1h0m"},
		{"nobody said whose it is, and a line break was added", with(func(r *check.Request) {
			r.Secrets, r.Received = nil, signed(t, "standard", third, at)
			r.Received.Body = append(r.Received.Body, '\n')
		}), false, 0, dialect.CodeChangedBody, check.Certain, "line break"},
		{"nobody said whose it is, and it is nobody's", with(func(r *check.Request) {
			r.Secrets = nil
			unknown, _ := standard.NewSecret()
			r.Received = signed(t, "standard", unknown, at)
		}), false, 0, dialect.CodeChangedBody, check.Possible, "may be"},
		{"compared with what was sent", with(func(r *check.Request) {
			r.Sent = &sent
			r.Received.Body = bytes.Replace(r.Received.Body, []byte("118.00"), []byte("181.00"), 1)
		}), false, 0, dialect.CodeChangedBody, check.Certain, "“18.00"},
	} {
		v := check.Verify(tc.request)
		id := 0
		if v.SignedBy != nil {
			id = v.SignedBy.ID
		}
		all := fmt.Sprintf("%+v", v)
		if v.OK != tc.ok || v.Code() != tc.code || id != tc.signedBy || !strings.Contains(v.Detail+all, tc.says) {
			t.Errorf("%s: %s", tc.name, all)
		}
		if tc.confidence != "" && v.Findings[0].Confidence != tc.confidence {
			t.Errorf("%s: %s", tc.name, all)
		}
		for _, f := range v.Findings {
			for _, s := range []string{mine, other, third} {
				if strings.Contains(fmt.Sprint(f, v.Detail), strings.TrimPrefix(s, "whsec_")) {
					t.Errorf("%s: a secret is told: %+v", tc.name, f)
				}
			}
		}
	}
}

func TestReadHeaders(t *testing.T) {
	for text, want := range map[string]string{
		"A: 1\nB:2\r\n":                      "map[A:[1] B:[2]]",
		"POST /x HTTP/1.1\nA: 1\n\nB: 2":     "map[A:[1]]",
		"> POST /x HTTP/1.1\n> A: 1\n>\n> B": "map[A:[1]]",
		`{"a":"1","b":["2","3"],"c":4}`:      "map[A:[1] B:[2 3] C:[4]]",
		`{"a":{"b":1}}`:                      "neither a text",
		"{":                                  "begin as a JSON object",
		"no colon":                           "line 1 of the headers",
	} {
		h, err := check.ReadHeaders([]byte(text))
		got := fmt.Sprint(map[string][]string(h))
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q gives %s, want %s", text, got, want)
		}
	}
}
