package script

import (
	"strings"
	"testing"
)

// handle runs a handler on the data.
func handle(t *testing.T, s *Sandbox, code, data string) (Result, error) {
	t.Helper()
	e := concert
	e.Type, e.URL, e.Data = "invoice.paid", "https://example.com/hook", []byte(data)
	r, _, err := s.Run(t.Context(), "acme", Script{Code: code, Handler: true}, e, false)
	return r, err
}

// TestHandler: scripts as they are written for Svix.
func TestHandler(t *testing.T) {
	s := New(Options{})
	defer s.Close()
	const data = `{ "amount": 1.0, "big": 12345678901234567890, "to": "https://other.example/" }`
	for _, tt := range []struct{ name, code, method, url, header, body string }{
		{"changes nothing", `function handler(webhook) { return webhook }`, "", "", "", data},
		{"changes the payload", `function handler(webhook) { webhook.payload = { text: webhook.eventType + " " + webhook.payload.amount }; return webhook }`, "", "", "", `{"text":"invoice.paid 1"}`},
		{"changes the payload in place", `function handler(webhook) { delete webhook.payload.big; return webhook }`, "", "", "", `{"amount":1,"to":"https://other.example/"}`},
		{"sends text", `function handler(webhook) { webhook.payload = "a=b"; return webhook }`, "", "", "", `a=b`},
		{"sends elsewhere", `function handler(w) { if (w.payload.to) { w.url = w.payload.to } w.method = "PUT"; return w }`, "PUT", "https://other.example/", "", data},
		{"says what is the case", `function handler(w) { w.url = "https://example.com/hook"; w.method = "POST"; w.headers = w.headers || null; w.cancel = false; w.note = 1; return w }`, "", "", "", data},
		{"sets headers", `function handler(w) { w.headers["X-A"] = w.method + w.url; return w }`, "", "", "X-A: POSThttps://example.com/hook", data},
		{"a new object", `const handler = ({ payload }) => ({ payload, headers: null, url: null, method: undefined })`, "", "", "", data},
		{"async", `async function handler(w) { w.payload = await [1]; return w }`, "", "", "", `[1]`},
		{"has a function transform of its own", `function transform(p) { return [p.amount] } function handler(w) { w.payload = transform(w.payload); return w }`, "", "", "", `[1]`},
	} {
		r, err := handle(t, s, tt.code, data)
		header := ""
		for _, h := range r.Header {
			header += h.Name + ": " + h.Value
		}
		if err != nil || r.Skip || r.Method != tt.method || r.URL != tt.url || header != tt.header || string(r.Body) != tt.body {
			t.Errorf("%s: %+v, %s, %v", tt.name, r, r.Body, err)
		}
	}
	if r, err := handle(t, s, `function handler(w) { w.payload = "none"; w.cancel = true; return w }`, data); err != nil || !r.Skip || r.Body != nil {
		t.Errorf("canceled: %+v, %v", r, err)
	}
	if r, err := handle(t, s, `function handler(w) { return w }`, `"text"`); err != nil || string(r.Body) != `"text"` {
		t.Errorf("text that is left as it is: %s, %v", r.Body, err)
	}
}

// TestHandlerFaults: what is no webhook is not sent, and it is said why.
func TestHandlerFaults(t *testing.T) {
	s := New(Options{})
	defer s.Close()
	for code, want := range map[string]string{
		`function handler(w) {}`:                                    "handler must return the webhook",
		`function handler(w) { return null }`:                       "it returned null",
		`function handler(w) { w.cancel = 1; return w }`:            "cancel must be true or false; it is a number",
		`function handler(w) { w.method = "GET"; return w }`:        `method must be POST, PUT or PATCH; it is "GET"`,
		`function handler(w) { w.url = 1; return w }`:               "url must be a string",
		`function handler(w) { w.headers = { a: 1 }; return w }`:    `the header "a" must be a string; it is a number`,
		`function handler(w) { w.headers = "a"; return w }`:         "headers must be an object",
		`function handler(w) { delete w.payload; return w }`:        "the payload cannot be written as JSON: it is nothing",
		`function handler(w) { w.payload.self = w; return w }`:      "the payload cannot be written as JSON",
		"function handler(w) {\n  return w.payload.a.b\n}":          "2:21: TypeError",
		`function handler(w) { return new Promise(() => {}) }`:      "the promise that handler returned never settles",
		`function transform(e) { return { body: 1 } }`:              "the script defines no function handler",
		"// a\nfunction handler(w) { return w":                      "2:",
		`export function handler(w) { return w }`:                   "which defines a function handler",
		`function handler(w) { for (;;); }`:                         "did not end within",
		strings.Repeat("/", MaxCode) + `function handler(w) { 1; }`: "at most 65536 are allowed",
	} {
		if _, err := handle(t, s, code, `{}`); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %s", code, err, want)
		}
	}
	// The same code is another script where it must define another function.
	if err := s.Check(t.Context(), "acme", Script{Code: reshape}); err != nil {
		t.Error(err)
	}
	if err := s.Check(t.Context(), "acme", Script{Code: reshape, Handler: true}); err == nil || !strings.Contains(err.Error(), "no function handler") {
		t.Errorf("it defines no handler: %v", err)
	}
}
