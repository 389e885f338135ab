package svix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// recorder stands between the clients and Bellhop: it passes everything on as it is, holds
// each answer against the shape that it must have and what its document says, and counts what was called and how that
// ended.
type recorder struct {
	shapes map[string]*jsonschema.Schema
	// required are the fields that each of the shapes must have.
	required map[string][]string
	// document, once it is read, is what the servers say of themselves.
	document atomic.Pointer[document]

	mu       sync.Mutex
	seen     map[string]bool // "js application.get well", "go endpoint.list refused"
	breaches map[string]*breach
}

// breach is something that was not of its shape: how often, and the first of them.
type breach struct {
	times  int
	sample string
}

func newRecorder() (*recorder, error) {
	text, err := os.ReadFile("shapes.json")
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("shapes.json", doc); err != nil {
		return nil, err
	}
	r := &recorder{shapes: map[string]*jsonschema.Schema{}, required: map[string][]string{}, seen: map[string]bool{}, breaches: map[string]*breach{}}
	for name := range doc.(map[string]any)["$defs"].(map[string]any) {
		if r.shapes[name], err = c.Compile("shapes.json#/$defs/" + name); err != nil {
			return nil, err
		}
		r.required[name] = r.shapes[name].Required
		for _, form := range r.shapes[name].OneOf {
			r.required[name] = form.Required
		}
	}
	return r, nil
}

// before gives a server in front of another one's address, whose answers it records.
func (rec *recorder) before(address string) *httptest.Server {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	proxy.ModifyResponse = func(resp *http.Response) error {
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(body))
		rec.record(resp, body)
		return nil
	}
	return httptest.NewServer(proxy)
}

func (rec *recorder) record(resp *http.Response, body []byte) {
	if p := resp.Request.URL.Path; !strings.HasPrefix(p, "/api/v1") && !strings.HasPrefix(p, "/ingest/api/v1") {
		return
	}
	op := operationOf(resp.Request)
	err := rec.check(op, resp, body)
	if d := rec.document.Load(); d != nil && err == nil {
		err = d.check(resp, body)
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if err != nil {
		what := resp.Request.Method + " " + resp.Request.URL.Path
		if op != nil {
			what = op.verb + " " + op.path
		}
		what = fmt.Sprintf("%s, answered %d: %v", what, resp.StatusCode, err)
		if rec.breaches[what] == nil {
			rec.breaches[what] = &breach{sample: fmt.Sprintf("%s %s: %.600s", resp.Request.Method, resp.Request.URL, body)}
		}
		rec.breaches[what].times++
	}
	if op != nil && op.method != "" {
		how := "refused"
		if resp.StatusCode < 300 {
			how = "well"
		}
		rec.seen[clientOf(resp.Request)+" "+op.method+" "+how] = true
	}
}

// clientOf tells which client a request is from.
func clientOf(r *http.Request) string {
	agent := r.Header.Get("User-Agent")
	for _, sdk := range []string{"go", "javascript"} {
		if strings.HasPrefix(agent, "svix-libs/") && strings.Contains(agent, "/"+sdk) {
			return sdk
		}
	}
	return "other"
}

// check holds an answer against its shape.
func (rec *recorder) check(op *operation, resp *http.Response, body []byte) error {
	name := ""
	switch {
	case resp.StatusCode == http.StatusUnprocessableEntity:
		name = "HTTPValidationError"
	case resp.StatusCode >= 400:
		name = "HttpErrorOut"
	case op == nil:
		return nil // an operation beyond those, which its own test looks at
	default:
		var ok bool
		if name, ok = op.answers[resp.StatusCode]; !ok {
			return fmt.Errorf("the status is none of %v", slices.Sorted(maps.Keys(op.answers)))
		}
	}
	if resp.Request.Method == http.MethodHead {
		return nil
	}
	if name == "" {
		if len(body) > 0 {
			return fmt.Errorf("there is a body: %.200s", body)
		}
		return nil
	}
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		return fmt.Errorf("the content type is %q: %.200s", kind, body)
	}
	return rec.hold(name, body)
}

// hold compares JSON with a definition of shapes.json.
func (rec *recorder) hold(name string, text []byte) error {
	schema := rec.shapes[name]
	if schema == nil {
		return fmt.Errorf("shapes.json has no %s", name)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%w: %.200s", err, text)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("no %s: %w", name, err)
	}
	return nil
}

// unseen are the operations that one of the SDKs has not called with both a good end and a
// bad one.
func (rec *recorder) unseen() (missing []string) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for _, op := range clientOperations() {
		for _, sdk := range []string{"go", "javascript"} {
			for _, how := range []string{"well", "refused"} {
				switch {
				case op.method == "health.get" && how == "refused":
					continue // it needs no rights and takes no parameters
				case op.method == "authentication.logout" && how == "well":
					continue // 501, as Svix's server answers it
				}
				if !rec.seen[sdk+" "+op.method+" "+how] {
					missing = append(missing, fmt.Sprintf("%s by the SDK of %s, %s", op.method, sdk, how))
				}
			}
		}
	}
	return missing
}

// report says which answers were not of their shape.
func (rec *recorder) report() (lines []string) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for _, what := range slices.Sorted(maps.Keys(rec.breaches)) {
		b := rec.breaches[what]
		lines = append(lines, fmt.Sprintf("%s (%d times, first %s)", strings.Join(strings.Fields(what), " "), b.times, b.sample))
	}
	return lines
}

// decode is JSON as any parser has it.
func decode(text []byte) (out any) {
	if json.Unmarshal(text, &out) != nil {
		return string(text)
	}
	return out
}
