package svix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bellhop/bellhop"
)

// openAPI is as much of the document as the tests read.
type openAPI struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Tags       []struct{ Name string }
	Components struct {
		Schemas         map[string]json.RawMessage
		SecuritySchemes map[string]json.RawMessage
	}
}

type operation struct {
	OperationID, Summary, Description string
	Tags                              []string
	Parameters                        []struct{ Name, In, Description string }
	RequestBody                       *struct {
		Content map[string]struct{ Example json.RawMessage }
	}
	Responses map[string]struct {
		Headers map[string]json.RawMessage
		Content map[string]struct {
			Example  json.RawMessage
			Examples map[string]struct{ Value json.RawMessage }
		}
	}
	Security []map[string][]string
}

// document is the document of the API, which every answer of the tests is held against.
type document struct {
	openAPI
	// mux finds operations: its patterns are theirs.
	mux *http.ServeMux

	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

// described reads the document, once.
var described = sync.OnceValue(func() *document {
	text, err := Document(Options{})
	d := &document{mux: http.NewServeMux(), compiler: jsonschema.NewCompiler()}
	if err == nil {
		err = json.Unmarshal(text, &d.openAPI)
	}
	var whole any
	if err == nil {
		whole, err = jsonschema.UnmarshalJSON(bytes.NewReader(text))
	}
	if err != nil {
		panic(err)
	}
	// Answers may grow, and clients are told so; what the tests see has nothing else.
	for _, schema := range whole.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any) {
		s := schema.(map[string]any)
		if _, said := s["additionalProperties"]; !said && s["type"] == "object" {
			s["additionalProperties"] = false
		}
	}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("openapi.json", whole); err != nil {
		panic(err)
	}
	for at, item := range d.Paths {
		for method := range item {
			d.mux.Handle(strings.ToUpper(method)+" "+at, http.NotFoundHandler())
		}
	}
	return d
})

// schema compiles what is at a place in the document.
func (d *document) schema(at ...string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	pointer := "openapi.json#"
	for _, part := range at {
		pointer += "/" + (&url.URL{Path: escape.Replace(part)}).EscapedPath()
	}
	return d.compiler.Compile(pointer)
}

// hold compares JSON with a schema of the document.
func (d *document) hold(text []byte, at ...string) error {
	schema, err := d.schema(at...)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// holds tells whether an answer is one that the document promises.
func (d *document) holds(r *http.Request, status int, header http.Header, body []byte) error {
	plain := plainer(r)
	_, pattern := d.mux.Handler(plain)
	if pattern == "" || path.Clean(plain.URL.Path) != plain.URL.Path || r.Method == http.MethodOptions {
		return nil // there is no such operation
	}
	method, at, _ := strings.Cut(pattern, " ")
	method = strings.ToLower(method)
	response, ok := d.Paths[at][method].Responses[fmt.Sprint(status)]
	switch {
	case !ok:
		return fmt.Errorf("the document has no answer %d to %s", status, pattern)
	case r.Method == http.MethodHead:
		return nil
	case len(response.Content) == 0:
		if len(body) > 0 {
			return fmt.Errorf("the document says that %s has no body with %d", pattern, status)
		}
		return nil
	}
	content := header.Get("Content-Type")
	if _, ok := response.Content[content]; !ok {
		return fmt.Errorf("the document has no %s of %s with %d", content, pattern, status)
	}
	return d.hold(body, "paths", at, method, "responses", fmt.Sprint(status), "content", content, "schema")
}

// TestDocument: the document has every operation that is served and no other, each with all
// that belongs to it.
func TestDocument(t *testing.T) {
	s := open(t)
	r := s.ask("", "GET", "/openapi.json", "")
	if r.status != 200 || r.header.Get("Content-Type") != "application/json" || r.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("%d %v", r.status, r.header)
	}
	d := described()
	var doc openAPI
	if err := json.Unmarshal(r.body, &doc); err != nil || doc.OpenAPI != "3.1.0" || doc.Components.SecuritySchemes["HTTPBearer"] == nil {
		t.Errorf("%v, %s", err, doc.OpenAPI)
	}
	if strings.Contains(string(r.body), "problem+json") || strings.Contains(string(r.body), "urn:bellhop") {
		t.Error("the document has the problems of the native API")
	}
	for _, m := range regexp.MustCompile(`"\$ref":"([^"]*)"`).FindAllSubmatch(r.body, -1) {
		name, ok := strings.CutPrefix(string(m[1]), "#/components/schemas/")
		if !ok || doc.Components.Schemas[name] == nil {
			t.Errorf("%s leads nowhere", m[1])
		}
	}
	for name, raw := range doc.Components.Schemas {
		if _, err := d.schema("components", "schemas", name); err != nil {
			t.Errorf("%s is no schema: %v", name, err)
		}
		var schema struct{ Properties map[string]map[string]any }
		if err := json.Unmarshal(raw, &schema); err != nil {
			t.Fatal(err)
		}
		for property, p := range schema.Properties {
			if p["description"] == nil && p["$ref"] == nil && p["anyOf"] == nil {
				t.Errorf("%s.%s has no description", name, property)
			}
		}
	}
	served := map[string]bool{}
	ids := map[string]bool{}
	for _, route := range s.api.routes() {
		if route.ID == absentOperation {
			continue
		}
		served[route.Method+" "+route.Path] = true
		op, ok := doc.Paths[route.Path][strings.ToLower(route.Method)]
		if !ok {
			t.Errorf("%s %s is not in the document", route.Method, route.Path)
			continue
		}
		if op.OperationID != route.ID || ids[route.ID] || op.Summary == "" || len(op.Tags) != 1 || !slices.ContainsFunc(doc.Tags, func(tag struct{ Name string }) bool { return tag.Name == op.Tags[0] }) {
			t.Errorf("%s is described badly: %+v", route.ID, op)
		}
		ids[route.ID] = true
		for _, status := range route.Statuses {
			if _, ok := op.Responses[fmt.Sprint(status)]; !ok {
				t.Errorf("%s: no answer %d", route.ID, status)
			}
		}
		if route.Public != (len(op.Security) == 1 && len(op.Security[0]) == 0) {
			t.Errorf("%s: security %v", route.ID, op.Security)
		}
		if !route.Public && op.Responses["429"].Headers["Retry-After"] == nil {
			t.Errorf("%s: 429 does not say when to try again", route.ID)
		}
		inPath := regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(route.Path, -1)
		keyed := false
		for _, p := range op.Parameters {
			if p.Description == "" {
				t.Errorf("%s: parameter %s has no description", route.ID, p.Name)
			}
			keyed = keyed || p.In == "header" && p.Name == keyHeader
			if p.In == "path" {
				inPath = slices.DeleteFunc(inPath, func(m []string) bool { return m[1] == p.Name })
			}
		}
		if len(inPath) > 0 || keyed != (route.Method == http.MethodPost) {
			t.Errorf("%s: path parameters %v are not described; Idempotency-Key: %v", route.ID, inPath, keyed)
		}
	}
	for at, item := range doc.Paths {
		for method := range item {
			if !served[strings.ToUpper(method)+" "+at] {
				t.Errorf("%s %s is documented and not served", method, at)
			}
		}
	}
}

// TestExamplesOfTheDocument: every example is of its schema.
func TestExamplesOfTheDocument(t *testing.T) {
	d := described()
	checked := 0
	check := func(example json.RawMessage, at ...string) {
		if len(example) == 0 {
			return
		}
		checked++
		if err := d.hold(example, append(at, "schema")...); err != nil {
			t.Errorf("%v: %s: %v", at, example, err)
		}
	}
	for at, item := range d.Paths {
		for method, op := range item {
			if op.RequestBody != nil {
				for content, body := range op.RequestBody.Content {
					check(body.Example, "paths", at, method, "requestBody", "content", content)
				}
			}
			for status, r := range op.Responses {
				for content, body := range r.Content {
					place := []string{"paths", at, method, "responses", status, "content", content}
					check(body.Example, place...)
					for _, example := range body.Examples {
						check(example.Value, place...)
					}
				}
			}
		}
	}
	if checked < 300 {
		t.Errorf("only %d examples are there", checked)
	}
}

// TestDocumentOfRequests: what the document lets requests have, is taken, and what it forbids
// is refused, where null and what is left out are concerned.
func TestDocumentOfRequests(t *testing.T) {
	s := open(t)
	app := s.app(`,"uid":"acme"`)
	door := s.endpoint(app, "")
	s.do(201, "POST", "/event-type", `{"name":"a.b","description":"x"}`)
	paths := strings.NewReplacer("{app_id}", app, "{endpoint_id}", door, "{event_type_name}", "a.b")
	refusal := regexp.MustCompile(`value_error\.(null|required|type|unknown_field)`)
	d := described()
	for at, item := range d.Paths {
		for method, op := range item {
			if op.RequestBody == nil || strings.Contains(at, "operational-webhook/endpoint/") {
				continue
			}
			schema, err := d.schema("paths", at, method, "requestBody", "content", "application/json", "schema")
			if err != nil {
				t.Fatal(err)
			}
			for schema.Ref != nil {
				schema = schema.Ref
			}
			var body map[string]any
			if err := json.Unmarshal(op.RequestBody.Content["application/json"].Example, &body); err != nil {
				t.Fatal(err)
			}
			for property := range schema.Properties {
				given := map[string]any{}
				for name, value := range body {
					given[name] = value
				}
				if given[property] = nil; property == "payload" {
					given["data"] = map[string]any{} // one of the two is needed
				}
				allowed := schema.Validate(given) == nil
				r := s.ask(s.admin, strings.ToUpper(method), strings.TrimPrefix(paths.Replace(at), prefix), string(mustJSON(given)))
				wrong := r.status == 422 && refusal.Match(r.body)
				if allowed == wrong {
					t.Errorf("%s with %s: the document allows it: %v; %s", op.OperationID, mustJSON(given), allowed, r)
				}
			}
		}
	}
}

// TestRedrive: there is never anything to take up again, which is said to operators alone.
func TestRedrive(t *testing.T) {
	s := open(t)
	app := s.app("")
	s.do(204, "POST", "/admin/redrive-dlq", "")
	s.do(204, "POST", "/admin/redrive-dlq/", "{}", "Idempotency-Key: once")
	for _, role := range []bellhop.Role{bellhop.RolePublisher, bellhop.RoleEditor, bellhop.RoleViewer} {
		for _, token := range []string{s.key(role), s.key(role, app)} {
			if r := s.ask(token, "POST", "/admin/redrive-dlq", ""); r.status != 403 {
				t.Errorf("%s: %s", role, r)
			}
		}
	}
	portal := s.do(200, "POST", "/auth/app-portal-access/"+app, `{}`).text("token")
	for token, want := range map[string]int{"": 401, portal: 403, s.key(bellhop.RoleAdmin, app): 403} {
		if r := s.ask(token, "POST", "/admin/redrive-dlq", ""); r.status != want {
			t.Errorf("%s, want %d", r, want)
		}
	}
}

// TestDocsPage: the page shows the document beside it, by addresses below the prefix.
func TestDocsPage(t *testing.T) {
	s := open(t)
	for at, want := range map[string]string{"/docs": `spec-url="openapi.json"`, "/docs/redoc.standalone.js": "this.sanitize="} {
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", prefix+at, nil))
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %v", at, w.Code, w.Header())
		}
	}
}
