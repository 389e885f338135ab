package send

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/internal/script"
)

// scripts is shared: to make an engine takes a while.
var scripts = script.New(script.Options{MaxBody: 100_000})

func withScripts(o *Options) { o.Scripts = scripts }

func transform(code string) func(*bellhop.Endpoint) {
	return func(e *bellhop.Endpoint) { e.Transform = &bellhop.Transform{Code: code} }
}

// returning gives a transformation that returns this.
func returning(result string) func(*bellhop.Endpoint) {
	return transform("function transform(event) { return " + result + " }")
}

// TestTransformation checks that what a script makes is what is sent and signed.
func TestTransformation(t *testing.T) {
	var got *http.Request
	var body []byte
	h := open(t, func(r *http.Request) (*http.Response, error) {
		got = r
		body, _ = io.ReadAll(r.Body)
		return answering(200, nil, "")(r)
	}, withScripts)
	r := h.endpoint("https://example.com/hooks", returning(`{
	  method: "PUT", url: "https://api.example.com/v1/" + event.data.n,
	  headers: { "X-Order": event.subject, "X-TOKEN": "t", "content-type": "text/plain" }, body: event.type + " " + event.app }`))
	w := work(`{"n": 1}`)
	for range 2 { // a retry sends the same
		o, sent := h.Send(t.Context(), r, w)
		if !sent || o.Class != bellhop.ClassTaken {
			t.Fatalf("%+v", o)
		}
		if x := o.Exchange; x.Method != "PUT" || x.URL != "https://api.example.com/v1/1" || string(x.RequestBody) != "invoice.paid acme" || x.RequestTruncated {
			t.Errorf("the log says %+v", x)
		}
		if got.Method != "PUT" || got.URL.String() != "https://api.example.com/v1/1" || string(body) != "invoice.paid acme" {
			t.Errorf("%s %s: %s", got.Method, got.URL, body)
		}
		for name, want := range map[string]string{"X-Order": "invoice:1", "X-TOKEN": "t", "content-type": "text/plain", "webhook-id": w.Event.ID.String()} {
			if v := got.Header[name]; len(v) != 1 || v[0] != want {
				t.Errorf("%s: %q, want %q", name, v, want)
			}
		}
		for _, name := range []string{"x-token", "Content-Type"} {
			if _, twice := got.Header[name]; twice {
				t.Errorf("%s is sent beside the script's own", name)
			}
		}
		header := http.Header{}
		for name, v := range got.Header {
			header[http.CanonicalHeaderKey(name)] = v
		}
		if err := r.Speaks().Verify(dialect.Received{Header: header, Body: body}, []string{secret}, time.Now(), 0); err != nil {
			t.Error(err)
		}
	}
}

// TestUntransformed checks that an event that cannot be transformed is never sent, and
// what becomes of it.
func TestUntransformed(t *testing.T) {
	h := open(t, func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s %s was sent", r.Method, r.URL)
		return answering(200, nil, "")(r)
	}, withScripts)
	inboxURL := "https://hooks.example.com/in/"
	for _, c := range []struct {
		name, code, reason, detail string
	}{
		{"error", "function transform(e) {\n  return e.data.buyer.name }", "transform", "The transformation failed: 2:22: TypeError: cannot read property 'name' of undefined. Correct it, and what is held goes out."},
		{"syntax", "function transform(", "transform", "failed: 1:"},
		{"timeout", "function transform() { for (;;); }", "transform_timeout", "The transformation was stopped: the script did not end within 100ms. Correct it"},
		{"memory", `function transform() { return { body: "x".repeat(1e8) } }`, "transform_memory", "8 MB"},
		{"nonsense", "function transform() { return 5 }", "transform_result", "The transformation gave what cannot be sent: transform must return an object"},
		{"too large", `function transform() { return { body: "x".repeat(100001) } }`, "transform_result", "the body has 100001 bytes; at most 100000"},
		{"method", `function transform() { return { method: "CONNECT", body: 1 } }`, "transform_result", `the method is "CONNECT"; it may be POST, PUT, PATCH, DELETE, GET`},
		{"method of another case", `function transform() { return { method: "post", body: 1 } }`, "transform_result", `"post"`},
		{"GET with a body", `function transform() { return { method: "GET", body: 1 } }`, "transform_result", "a GET has no body"},
		{"url", `function transform() { return { url: "ftp://example.com/", body: 1 } }`, "transform_result", "the url"},
		{"url of a file", `function transform() { return { url: "file:///etc/passwd", body: 1 } }`, "transform_result", "the url"},
		{"url with a password", `function transform() { return { url: "https://a:b@example.com/", body: 1 } }`, "transform_result", "the url contains a user name or password"},
		{"url of a mail server", `function transform() { return { url: "smtp://mail.example.com:587", body: 1 } }`, "transform_result", "The transformation gave what cannot be sent: the url's scheme is not supported; use https. Correct it"},
		{"url of a listener", `function transform() { return { url: "listen+http://localhost:1/", body: 1 } }`, "transform_result", "the url"},
		{"no url at all", `function transform() { return { url: "", method: "POST", body: 1, url: "//" } }`, "transform_result", "the url"},
		{"own header of the dialect", `function transform() { return { headers: { "Webhook-Signature": "v1,x" }, body: 1 } }`, "transform_result", "the header Webhook-Signature is set by Bellhop or a dialect and cannot be chosen"},
		{"host", `function transform() { return { headers: { host: "example.org" }, body: 1 } }`, "transform_result", "the header host is set by Bellhop"},
		{"length", `function transform() { return { headers: { "Content-Length": "1" }, body: 1 } }`, "transform_result", "the header Content-Length"},
		{"lines", `function transform() { return { headers: { a: "b\r\nc: d" }, body: 1 } }`, "transform_result", "no line breaks"},
		{"name of a header", `function transform() { return { headers: { "a b": "" }, body: 1 } }`, "transform_result", "is not a header name"},
		{"header twice", `function transform() { return { headers: { a: "1", A: "2" }, body: 1 } }`, "transform_result", "is there twice"},
		{"header beyond ASCII", `function transform() { return { headers: { a: "é" }, body: 1 } }`, "transform_result", "beyond ASCII"},
		{"many headers", `function transform() { const h = {}; for (let i = 0; i < 31; i++) h["x" + i] = ""; return { headers: h, body: 1 } }`, "transform_result", "31 headers; at most 30"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := h.endpoint(inboxURL, transform(c.code))
			o, sent := h.Send(t.Context(), r, work(`{"n": 1}`))
			if !sent || o.Class != bellhop.ClassHeld || o.Reason != c.reason || !strings.Contains(o.Detail, c.detail) || o.Exchange.URL != r.URL {
				t.Errorf("%v %+v", sent, o)
			}
			failing := h.endpoint(inboxURL, transform(c.code), func(e *bellhop.Endpoint) { e.Transform.OnError = bellhop.OnErrorFail })
			if o, _ = h.Send(t.Context(), failing, work(`{"n": 1}`)); o.Class != bellhop.ClassUnfit || o.Reason != c.reason || !strings.Contains(o.Detail, "resend what has failed") {
				t.Errorf("where it is to fail: %+v", o)
			}
		})
	}
	r := h.endpoint(inboxURL, returning(`{ skip: "no concert" }`))
	if o, _ := h.Send(t.Context(), r, work(`{}`)); o.Class != bellhop.ClassSkipped || o.Reason != bellhop.ReasonSkipped || o.Detail != "The endpoint's transformation skips this event: no concert." {
		t.Errorf("%+v", o)
	}
	if o, _ := h.Send(t.Context(), h.endpoint("smtp://mail.example.com:587", returning(`{ body: 1 }`)), work(`{}`)); o.Reason != bellhop.ReasonTransformResult || !strings.Contains(o.Detail, "mail takes a recipe") {
		t.Errorf("to a mail server: %+v", o)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if o, sent := h.Send(ctx, h.endpoint(inboxURL, returning(`{ body: 1 }`)), work(`{}`)); sent {
		t.Errorf("of a request that was cut off, something is known: %+v", o)
	}
}

// TestTransformationPassesTheGuard checks that a script reaches no address that an
// endpoint could not.
func TestTransformationPassesTheGuard(t *testing.T) {
	h := open(t, nil, withScripts, func(o *Options) { o.HTTP = safehttp.New(safehttp.Options{}) })
	for _, url := range []string{"http://example.com/", "https://localhost/", "https://127.0.0.1/", "https://10.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest", "https://2130706433/"} {
		r := h.endpoint("https://example.com/", returning(fmt.Sprintf("{ url: %q, body: 1 }", url)))
		o, _ := h.Send(t.Context(), r, work(`{}`))
		if o.Class == bellhop.ClassTaken || o.Reason != bellhop.ReasonTransformResult && o.Reason != string(safehttp.ReasonAddress) && o.Reason != string(safehttp.ReasonDNS) {
			t.Errorf("%s: %+v", url, o)
		}
	}
}

// TestTransformationKeepsCredentials checks that what an endpoint authenticates with goes
// to its own address alone, whatever a script wants, and that connections are shared with
// nobody who has other credentials.
func TestTransformationKeepsCredentials(t *testing.T) {
	h := open(t, func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s was sent, with %q", r.URL, r.Header)
		return answering(200, nil, "")(r)
	}, withScripts)
	auth := func(e *bellhop.Endpoint) {
		e.Auth = &bellhop.Auth{Type: bellhop.AuthBearer}
		e.Sealed = bellhop.SealedValues{bellhop.SealedToken: h.sealer.Seal([]byte("topsecret"), bellhop.SealedContext(e.ID, bellhop.SealedToken))}
	}
	r := h.endpoint("https://example.com/", auth, returning(`{ url: "https://thief.example/", body: 1 }`))
	if o, _ := h.Send(t.Context(), r, work(`{}`)); o.Class != bellhop.ClassHeld || o.Reason != bellhop.ReasonAuth {
		t.Errorf("%+v", o)
	}
	names := map[string]string{}
	for _, result := range []string{
		`{ body: 1 }`, `{ body: 2 }`, `{ headers: { Authorization: event.data.a }, body: 1 }`, `{ headers: { "X-Api-Key": event.data.a }, body: 1 }`,
	} {
		for _, data := range []string{`{"a":"1"}`, `{"a":"2"}`} {
			r := h.endpoint("https://example.com/", returning(result))
			signer, _ := r.Signer(time.Now())
			made, unmade := h.Make(t.Context(), r, signer, dialect.Message{ID: "evt_1", App: "acme", Type: "t", Data: []byte(data), Timestamp: time.Now()})
			if unmade != nil {
				t.Fatal(unmade.Detail)
			}
			key := result
			if strings.Contains(result, "headers") {
				key += data
			}
			if was, ok := names[made.Request.Credentials]; ok && was != key {
				t.Errorf("%s shares connections with %s", key, was)
			}
			names[made.Request.Credentials] = key
		}
	}
	if len(names) != 6 {
		t.Errorf("there are %d sets of credentials, want 6", len(names))
	}
}

// TestTransformationInEachDialect has every dialect sign what scripts make.
func TestTransformationInEachDialect(t *testing.T) {
	h := open(t, nil, withScripts)
	var all []*dialect.Dialect
	for _, d := range dialect.Builtin() {
		x, err := dialect.Lookup(d.Name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	h.table = routes.New(routes.Options{Sealer: h.sealer, Dialects: all})
	for _, x := range all {
		t.Run(x.Name(), func(t *testing.T) {
			secret, err := x.NewSecret()
			if err != nil {
				t.Fatal(err)
			}
			in := func(e *bellhop.Endpoint) {
				e.Dialect = x.Name()
				e.Secrets = []bellhop.Secret{{Sealed: h.sealer.Seal([]byte(secret), e.ID.String())}}
			}
			now := time.Now()
			message := dialect.Message{ID: "evt_1", App: "acme", Type: "a.b", Time: now, Data: []byte(`{"n":1}`), Timestamp: now}
			for _, result := range []string{`{ body: { id: "7", n: 1 } }`, `{ body: "id=7" }`, `{ method: "DELETE" }`} {
				r := h.endpoint("https://example.com/", in, returning(result))
				signer, err := r.Signer(now)
				if err != nil {
					t.Fatal(err)
				}
				made, unmade := h.Make(t.Context(), r, signer, message)
				if x.Name() == "showpass" && !strings.Contains(result, "7\",") { // it signs the body's id alone
					if unmade == nil || unmade.Class != bellhop.ClassHeld || unmade.Reason != bellhop.ReasonTransformResult || !strings.Contains(unmade.Detail, "the dialect showpass cannot sign it") {
						t.Errorf("%s: %+v", result, unmade)
					}
					continue
				}
				if unmade != nil {
					t.Errorf("%s: %s", result, unmade.Detail)
					continue
				}
				header := http.Header{}
				for name, v := range made.Request.Header {
					header[http.CanonicalHeaderKey(name)] = v
				}
				body := made.Request.Body
				if x.Name() == "allthings" { // its receivers compare the header with the body's timestamp, which is the script's to write
					continue
				}
				if err := x.Verify(dialect.Received{Header: header, Body: body}, []string{secret}, now, 0); err != nil {
					t.Errorf("%s: %v", result, err)
				}
				if strings.Contains(result, "DELETE") && (len(body) != 0 || header.Get("Content-Type") != "") {
					t.Errorf("%s: %q %q", result, header, body)
				}
			}
		})
	}
}

func BenchmarkMake(b *testing.B) {
	h := open(b, nil, withScripts)
	for name, r := range map[string]*routes.Route{
		"plain":       h.endpoint("https://example.com/"),
		"transformed": h.endpoint("https://example.com/", returning(`{ body: { text: "Invoice " + event.data.n + " of " + event.app } }`)),
	} {
		signer, err := r.Signer(time.Now())
		if err != nil {
			b.Fatal(err)
		}
		data := []byte(`{"n":1,"fill":"` + strings.Repeat("x", 1000) + `"}`)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, unmade := h.Make(b.Context(), r, signer, dialect.Message{ID: "evt_1", App: "acme", Type: "t", Data: data, Timestamp: time.Now()}); unmade != nil {
					b.Fatal(unmade.Detail)
				}
			}
		})
	}
}
