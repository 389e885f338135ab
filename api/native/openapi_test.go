package native

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// openAPI is as much of a document as the test reads.
type openAPI struct {
	OpenAPI string `json:"openapi"`
	Info    struct{ Title, Version string }
	Paths   map[string]map[string]operation
	Tags    []struct{ Name string }

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
		Content map[string]struct {
			Schema  json.RawMessage
			Example json.RawMessage
		}
	}
	Responses map[string]struct {
		Description string
		Headers     map[string]json.RawMessage
		Content     map[string]struct {
			Schema  json.RawMessage
			Example json.RawMessage
		}
	}
	Security []map[string][]string
}

func TestDocument(t *testing.T) {
	s := open(t)
	r := s.do("", "GET", "/openapi.json", "")
	var doc openAPI
	r.into(t, &doc)
	if doc.OpenAPI != "3.1.0" || doc.Info.Version != "1.2.3" || doc.Components.SecuritySchemes["key"] == nil {
		t.Errorf("%+v", doc.Info)
	}
	var tags []string
	for _, tag := range doc.Tags {
		if slices.Contains(tags, tag.Name) {
			t.Errorf("the tag %s is there twice", tag.Name)
		}
		tags = append(tags, tag.Name)
	}

	// Every reference leads somewhere.
	for _, m := range regexp.MustCompile(`"\$ref":"([^"]*)"`).FindAllSubmatch(r.body, -1) {
		name, ok := strings.CutPrefix(string(m[1]), "#/components/schemas/")
		if !ok || doc.Components.Schemas[name] == nil {
			t.Errorf("%s leads nowhere", m[1])
		}
	}
	// Every property of every schema says what it is.
	for name, raw := range doc.Components.Schemas {
		var schema struct{ Properties map[string]map[string]any }
		if err := json.Unmarshal(raw, &schema); err != nil {
			t.Fatal(err)
		}
		for property, p := range schema.Properties {
			if p["description"] == nil && p["$ref"] == nil && !fromDialect(name) {
				t.Errorf("%s.%s has no description", name, property)
			}
		}
	}

	ids := map[string]bool{}
	listed := map[string]bool{}
	for _, route := range (&native{}).routes() {
		listed[route.Method+" "+route.Path] = true
		op, ok := doc.Paths[route.Path][strings.ToLower(route.Method)]
		if !ok {
			t.Errorf("%s %s is not in the document", route.Method, route.Path)
			continue
		}
		at := op.OperationID
		if at == "" || ids[at] || op.Summary == "" || op.Description == "" || len(op.Tags) != 1 || !slices.Contains(tags, op.Tags[0]) {
			t.Errorf("%s %s is described badly: %+v", route.Method, route.Path, op)
		}
		ids[at] = true
		for _, status := range route.Statuses {
			if _, ok := op.Responses[fmt.Sprint(status)]; !ok {
				t.Errorf("%s: no answer %d", at, status)
			}
		}
		if !route.Public {
			if op.Responses["429"].Headers["Retry-After"] == nil {
				t.Errorf("%s: 429 does not say when to try again", at)
			}
			for _, status := range []string{"401", "403", "422", "429", "500"} {
				if op.Responses[status].Content["application/problem+json"].Schema == nil {
					t.Errorf("%s: no problem %s", at, status)
				}
			}
		}
		inPath := regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(route.Path, -1)
		for _, p := range op.Parameters {
			if p.Description == "" {
				t.Errorf("%s: parameter %s has no description", at, p.Name)
			}
			if p.In == "path" {
				inPath = slices.DeleteFunc(inPath, func(m []string) bool { return m[1] == p.Name })
			}
		}
		if len(inPath) > 0 {
			t.Errorf("%s: path parameters %v are not described", at, inPath)
		}
		if op.RequestBody != nil && len(op.RequestBody.Content[contentType(route.Path)].Example) == 0 {
			t.Errorf("%s: the body has no example", at)
		}
	}
	for path, item := range doc.Paths {
		for method := range item {
			if !listed[strings.ToUpper(method)+" "+path] {
				t.Errorf("%s %s is documented and does not exist", method, path)
			}
		}
	}
}

// fromDialect tells whether a schema is of package dialect or recipe, whose definitions
// are described at length elsewhere.
func fromDialect(name string) bool {
	return strings.HasPrefix(name, "Recipe") || slices.Contains([]string{"Definition", "HeaderTemplate", "Option", "Signature", "Verification"}, name)
}

// TestExamplesUseRealWords: where a field takes some words only, its examples are
// among them.
func TestExamplesUseRealWords(t *testing.T) {
	raw, err := Document(Options{})
	if err != nil {
		t.Fatal(err)
	}
	var doc openAPI
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	checked := 0
	var check func(at string, raw json.RawMessage, example any)
	check = func(at string, raw json.RawMessage, example any) {
		var schema struct {
			Ref        string `json:"$ref"`
			Enum       []any
			Properties map[string]json.RawMessage
			Items      json.RawMessage
			AllOf      []json.RawMessage
		}
		if len(raw) == 0 {
			return
		}
		if err := json.Unmarshal(raw, &schema); err != nil {
			t.Fatal(err)
		}
		if name, ok := strings.CutPrefix(schema.Ref, "#/components/schemas/"); ok {
			check(at, doc.Components.Schemas[name], example)
		}
		for _, all := range schema.AllOf {
			check(at, all, example)
		}
		if len(schema.Enum) > 0 {
			checked++
			if !slices.Contains(schema.Enum, example) {
				t.Errorf("%s is %v in the example, which is none of %v", at, example, schema.Enum)
			}
		}
		switch example := example.(type) {
		case map[string]any:
			for name, value := range example {
				check(at+"."+name, schema.Properties[name], value)
			}
		case []any:
			for _, value := range example {
				check(at+"[]", schema.Items, value)
			}
		}
	}
	of := func(at string, schema, raw json.RawMessage) {
		var example any
		if len(raw) > 0 && json.Unmarshal(raw, &example) == nil {
			check(at, schema, example)
		}
	}
	for path, item := range doc.Paths {
		for _, op := range item {
			if op.RequestBody != nil {
				body := op.RequestBody.Content[contentType(path)]
				of(op.OperationID+" takes", body.Schema, body.Example)
			}
			for status, r := range op.Responses {
				answer := r.Content[contentType(path)]
				of(op.OperationID+" answers "+status, answer.Schema, answer.Example)
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d words were checked", checked)
	}
}

// TestExamplesAreAccepted sends each request body's example of the document.
func TestExamplesAreAccepted(t *testing.T) {
	s := open(t, withInboxes)
	in := s.inbox("acme")
	e := s.endpoint("acme")
	event := s.publish("acme").Event
	var doc openAPI
	s.do("", "GET", "/openapi.json", "").into(t, &doc)
	for path, item := range doc.Paths {
		for method, op := range item {
			if op.RequestBody == nil {
				continue
			}
			id := map[string]string{"Endpoints": e.ID.String(), "Events": event.String(), "Apps": "acme"}[op.Tags[0]]
			path := strings.NewReplacer("{id}", id, "{name}", "a.b", "{token}", in.Token).Replace(path)
			example := op.RequestBody.Content[contentType(path)].Example
			example = regexp.MustCompile(`ep_[0-9A-Z]{13}`).ReplaceAll(example, []byte(e.ID.String()))
			example = bytes.ReplaceAll(example, []byte("bh_…"), []byte(s.admin))
			r := s.do(s.admin, strings.ToUpper(method), path, string(example))
			// createApp: the example's app exists already. answerListened: nobody asked.
			if r.status/100 != 2 && op.OperationID != "createApp" && (op.OperationID != "answerListened" || r.status != 404) {
				t.Errorf("%s with %s: %d %s", op.OperationID, example, r.status, r.body)
			}
			if r.status/100 == 2 {
				if _, ok := op.Responses[fmt.Sprint(r.status)]; !ok {
					t.Errorf("%s answers %d, which is not documented", op.OperationID, r.status)
				}
			}
		}
	}
}

// TestEveryRouteAnswers asks for every route: none is answered as a path that
// does not exist, or fails.
func TestEveryRouteAnswers(t *testing.T) {
	s := open(t)
	for _, route := range (&native{}).routes() {
		if route.ID == "streamAttempts" || route.Method == http.MethodDelete {
			continue
		}
		path := strings.NewReplacer("{id}", "acme", "{name}", "standard").Replace(route.Path)
		r := s.do(s.admin, route.Method, path, "")
		if r.status >= 500 || r.status == 405 || bytes.Contains(r.body, []byte("nothing at this path")) {
			t.Errorf("%s: %d %s", route.ID, r.status, r.body)
		}
		for _, h := range []string{"X-Content-Type-Options", "Content-Security-Policy", "Cache-Control"} {
			if r.header.Get(h) == "" {
				t.Errorf("%s: no %s", route.ID, h)
			}
		}
	}
}

// TestWrongMethods: whatever a path does not take is answered with what it does, also where
// another route would take its last word for an id, as events/stream for an event's.
func TestWrongMethods(t *testing.T) {
	s := open(t)
	takes := map[string][]string{}
	methods := []string{"GET", "POST", "PUT", "PATCH", "DELETE"}
	for _, method := range methods {
		for _, route := range (&native{}).routes() {
			if route.Method == method {
				takes[route.Path] = append(takes[route.Path], method)
			}
		}
	}
	// An event type may be called "fields"; it can be listed, and published to.
	takes["/v1/event-types/fields"] = []string{"GET", "PUT", "DELETE"}
	for path, taken := range takes {
		if !strings.HasPrefix(path, "/v1/") {
			continue // pages are read at any path
		}
		for _, method := range append(methods, "HEAD") {
			if slices.Contains(taken, method) || method == "HEAD" && taken[0] == "GET" {
				continue
			}
			r := s.do(s.admin, method, strings.NewReplacer("{", "", "}", "").Replace(path), "")
			if allow := strings.Join(taken, ", "); r.status != 405 || r.header.Get("Allow") != allow {
				t.Errorf("%s %s: %d, Allow %q, want %q: %s", method, path, r.status, r.header.Get("Allow"), allow, r.body)
			}
		}
	}
}

// TestCatalogueOfTheDocument: the API's own paths are for everybody to read, the event
// types for those with a key, unless the operator says otherwise.
func TestCatalogueOfTheDocument(t *testing.T) {
	open, closed := open(t, setup{options: func(o *Options) { o.PublicDocs = true }}), open(t)
	for _, s := range []*site{open, closed} {
		if r := s.do(s.admin, "PUT", "/v1/event-types/secret.plan", `{"description":"What we plan."}`); r.status != 201 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	portal, _, err := closed.desk.CreateKey(t.Context(), bellhop.Owner(), bellhop.KeyRequest{Role: bellhop.RoleViewer, Apps: []string{"acme"}, ExpiresIn: bellhop.Duration(time.Hour), Portal: true})
	if err != nil || !portal.Portal {
		t.Fatal(err)
	}
	session := closed.signIn(closed.admin)
	for name, c := range map[string]struct {
		s      *site
		token  string
		header []string
		status int
		shown  bool
	}{
		"nobody":               {closed, "", nil, 200, false},
		"nobody, opened":       {open, "", nil, 200, true},
		"publisher":            {closed, closed.key(bellhop.RolePublisher, "acme"), nil, 200, true},
		"viewer":               {closed, closed.key(bellhop.RoleViewer, "acme"), nil, 200, true},
		"wrong key":            {closed, "bh_wrong", nil, 401, false},
		"session":              {closed, "", []string{"Cookie", session}, 200, true},
		"session that ended":   {closed, "", []string{"Cookie", plainCookie + "=bh_gone"}, 200, false},
		"key that's no bearer": {closed, "", []string{"Authorization", "Basic eDp5"}, 401, false},
	} {
		r := c.s.do(c.token, "GET", "/openapi.json", "", c.header...)
		if shown := bytes.Contains(r.body, []byte("secret.plan")); r.status != c.status || shown != c.shown {
			t.Errorf("%s: %d, the event types are shown: %v", name, r.status, shown)
		}
		if c.status == 200 && !bytes.Contains(r.body, []byte(`"publishEvent"`)) {
			t.Errorf("%s: the API's own paths are missing", name)
		}
	}
}

// TestDocsAreSanitised: Redoc is told to sanitise, by a name that this bundle of it
// knows, and the policy lets no script run but Redoc's own.
func TestDocsAreSanitised(t *testing.T) {
	s := open(t)
	r := s.do("", "GET", "/docs", "")
	if slash := s.do("", "GET", "/docs/", ""); slash.status != 200 || !bytes.Equal(slash.body, r.body) { // redirected
		t.Errorf("/docs/ answers %d %s", slash.status, slash.body)
	}
	if !bytes.Contains(r.body, []byte(`sanitize="true"`)) {
		t.Errorf("Redoc is not told to sanitise: %s", r.body)
	}
	const schema = `{"type":"object","externalDocs":{"url":"https://example.com/good"},"properties":{"a":{"type":"string","externalDocs":{"url":" javascript:alert(1)"}},"externalDocs":{"type":"string","description":"a property"}}}`
	if r := s.do(s.admin, "PUT", "/v1/event-types/a.b", `{"schema":`+schema+`}`); r.status != 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if doc := s.do(s.admin, "GET", "/openapi.json", "").body; bytes.Contains(doc, []byte("javascript:")) || !bytes.Contains(doc, []byte("example.com/good")) || !bytes.Contains(doc, []byte("a property")) {
		t.Error("of the links in a schema, the document has the wrong ones")
	}
	script := s.do("", "GET", "/docs/redoc.standalone.js", "")
	if !bytes.Contains(script.body, []byte("this.sanitize=")) || !bytes.Contains(script.body, []byte("DOMPurify")) {
		t.Error("this Redoc does not know sanitize")
	}
	for part := range strings.SplitSeq(r.header.Get("Content-Security-Policy"), "; ") {
		if strings.HasPrefix(part, "script-src ") && part != "script-src 'self'" || part == "default-src" && part != "default-src 'none'" {
			t.Errorf("the policy has %q", part)
		}
	}
}

func TestDocsNameNoOtherHost(t *testing.T) {
	s := open(t)
	r := s.do("", "GET", "/docs", "")
	if r.status != 200 || strings.Contains(string(r.body), "://") || !strings.Contains(r.header.Get("Content-Security-Policy"), "script-src 'self'") {
		t.Errorf("%d %s %s", r.status, r.header, r.body)
	}
	r = s.do("", "GET", "/docs/redoc.standalone.js", "")
	if r.status != 200 || len(r.body) < 1e6 || !strings.HasPrefix(r.header.Get("Content-Type"), "text/javascript") {
		t.Errorf("%d, %d bytes, %s", r.status, len(r.body), r.header)
	}
}
