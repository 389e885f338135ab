package svix

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// documentPath is where the server has its document.
const documentPath = "/api/v1/openapi.json"

// document is what the server says of itself, which its answers are held against.
type document struct {
	paths   map[string]map[string]documented
	schemas map[string]documentedSchema
	// mux finds operations: its patterns are theirs.
	mux *http.ServeMux

	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

type documented struct {
	Responses map[string]struct {
		Content map[string]struct {
			Schema struct {
				Ref string `json:"$ref"`
			} `json:"schema"`
		} `json:"content"`
	} `json:"responses"`
}

type documentedSchema struct {
	Required []string `json:"required"`
}

// readDocument asks a server for its document, as anybody may.
func readDocument(server string) (*document, error) {
	resp, err := http.Get(server + documentPath)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if kind := resp.Header.Get("Content-Type"); err != nil || resp.StatusCode != http.StatusOK || kind != "application/json" {
		return nil, fmt.Errorf("%s: %s, %s, %w", documentPath, resp.Status, kind, err)
	}
	var read struct {
		Paths      map[string]map[string]documented
		Components struct{ Schemas map[string]documentedSchema }
	}
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err = errors.Join(err, json.Unmarshal(text, &read)); err != nil {
		return nil, err
	}
	d := &document{paths: read.Paths, schemas: read.Components.Schemas, mux: http.NewServeMux(), compiler: jsonschema.NewCompiler()}
	d.compiler.AssertFormat()
	for at, item := range d.paths {
		for method := range item {
			d.mux.Handle(strings.ToUpper(method)+" "+at, http.NotFoundHandler())
		}
	}
	return d, d.compiler.AddResource("openapi.json", whole)
}

// check holds an answer against what the document promises.
func (d *document) check(resp *http.Response, body []byte) error {
	asked := resp.Request.Clone(resp.Request.Context())
	asked.URL.Path, asked.URL.RawPath = strings.TrimSuffix(asked.URL.Path, "/"), strings.TrimSuffix(asked.URL.RawPath, "/")
	_, pattern := d.mux.Handler(asked)
	if pattern == "" || path.Clean(asked.URL.Path) != asked.URL.Path {
		return nil // there is no such operation
	}
	method, at, _ := strings.Cut(pattern, " ")
	method = strings.ToLower(method)
	status := strconv.Itoa(resp.StatusCode)
	response, ok := d.paths[at][method].Responses[status]
	kind := resp.Header.Get("Content-Type")
	_, is := response.Content[kind]
	switch {
	case !ok:
		return errors.New("the document does not have the status")
	case asked.Method == http.MethodHead || len(response.Content) == 0 && len(body) == 0:
		return nil
	case !is:
		return fmt.Errorf("the document does not have the content type %q", kind)
	}
	d.mu.Lock()
	pointer := "openapi.json#"
	for _, part := range []string{"paths", at, method, "responses", status, "content", kind, "schema"} {
		pointer += "/" + (&url.URL{Path: strings.ReplaceAll(part, "/", "~1")}).EscapedPath()
	}
	schema, err := d.compiler.Compile(pointer)
	d.mu.Unlock()
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("not as it is documented: %w", err)
	}
	return nil
}

// The server describes what it does, with a token or without, and promises no less than
// what Svix's clients need.
func TestDocument(t *testing.T) {
	t.Parallel()
	d, err := readDocument(shared.url)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]documented{}
	for at, item := range d.paths {
		for verb, op := range item {
			there[shapeOf(strings.ToUpper(verb), at)] = op
		}
	}
	compared := 0
	for _, op := range operations() {
		if op.verb == http.MethodHead || op.method == "authentication.logout" {
			continue
		}
		described, ok := there[shapeOf(op.verb, "/api/v1"+op.path)]
		if !ok {
			t.Errorf("the document does not have %s %s", op.verb, op.path)
		}
		answered := false
		for status, name := range op.answers {
			response, ok := described.Responses[strconv.Itoa(status)]
			if answered = answered || ok; !ok || name == "" {
				continue
			}
			schema := strings.TrimPrefix(response.Content["application/json"].Schema.Ref, "#/components/schemas/")
			for _, field := range record.required[name] {
				compared++
				if !slices.Contains(d.schemas[schema].Required, field) {
					t.Errorf("%s %s: %s does not promise %s", op.verb, op.path, schema, field)
				}
			}
		}
		if !answered {
			t.Errorf("%s %s: of the answers %v the document has none", op.verb, op.path, op.answers)
		}
	}
	if compared < 150 {
		t.Errorf("only %d fields are compared", compared)
	}
	if _, absent := there["POST /api/v1/auth/logout"]; absent {
		t.Error("the document has what is answered 501")
	}
}

// An operator may have taken up again what was put aside: nothing ever is.
func TestRedrive(t *testing.T) {
	t.Parallel()
	c := admin(t)
	c.raw(http.StatusNoContent, "POST", "/admin/redrive-dlq", nil)
	c.portal(c.app()).raw(http.StatusForbidden, "POST", "/admin/redrive-dlq", nil)
	c.as("wrong").raw(http.StatusUnauthorized, "POST", "/admin/redrive-dlq", nil)
}
