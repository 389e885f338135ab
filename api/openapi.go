package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

// Description is what a document says besides what it learns from the routes.
type Description struct {
	Title, Text string
	Tags        []*huma.Tag
	// Identities are the ways to say who asks, each of them enough.
	Identities map[string]*huma.SecurityScheme
	// Roles says who may use an operation.
	Roles func(operation string) string
	// Changes are problems of every operation that takes a key and changes
	// something.
	Changes []bellhop.Code
	// Headers, if not nil, are those that requests of a route may have beside
	// Authorization.
	Headers func(r *Route) []*huma.Param
	// Nulls says of members of bodies that may be left out that they may be null, too, and
	// are as if they were left out: but for those tagged nullable:"false".
	Nulls bool

	// Names are those of schemas whose name is not that of their Go type, by that.
	Names map[string]string
	// Texts describe fields by their name, which means the same wherever it
	// occurs; "Object.field" is for those that don't.
	Texts map[string]string
	// Shapes are the types whose schema a field has that is described by its own Go
	// type as something else, by "Object.field".
	Shapes map[string]reflect.Type
	// Enums are the words that a field takes, by "Object.field": for types whose
	// own tags don't say.
	Enums map[string][]any
	// Examples are those of fields that are not tagged, by the name of the field's
	// Go type, such as "EndpointStatus", or by the field's own name.
	Examples map[string]any
}

// Document is an OpenAPI document (3.1): its members, each as JSON.
type Document struct {
	members map[string]json.RawMessage
	schemas map[string]json.RawMessage
}

// Describe makes the document of the routes that a handler with these options has, in the
// manner of its API. It uses huma for its model of OpenAPI and its schemas of Go types, not
// for serving: huma's own handlers decode leniently, and repeat rejected values in their
// errors.
func Describe(m Manner, o Options, d Description, routes []Route) *Document {
	o = o.WithDefaults()
	w := &writer{Description: d, o: o, manner: m, kinds: m.kinds(), aliases: aliases(routes)}
	w.registry = huma.NewMapRegistry(schemaRefs, w.schemaName)
	for t, alias := range w.aliases {
		w.registry.RegisterTypeAlias(t, alias)
	}
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: d.Title, Version: o.Version, Description: d.Text,
			License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
		},
		Tags:       d.Tags,
		Components: &huma.Components{Schemas: w.registry, SecuritySchemes: d.Identities},
	}
	for name := range d.Identities {
		doc.Security = append(doc.Security, map[string][]string{name: {}})
	}
	slices.SortFunc(doc.Security, func(a, b map[string][]string) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	if o.PublicURL != "" {
		doc.Servers = []*huma.Server{{URL: strings.TrimSuffix(o.PublicURL, "/")}}
	}
	for i := range routes {
		doc.AddOperation(w.operation(&routes[i]))
	}
	w.complete()
	w.refine()
	return documentOf(doc)
}

func documentOf(doc *huma.OpenAPI) *Document {
	b, err := doc.MarshalJSON()
	d := &Document{}
	if err == nil {
		err = json.Unmarshal(b, &d.members)
	}
	var components struct {
		Schemas map[string]json.RawMessage `json:"schemas"`
	}
	if err == nil {
		err = json.Unmarshal(d.members["components"], &components)
	}
	if err != nil {
		panic(fmt.Errorf("make the OpenAPI document: %w", err)) // made of constants
	}
	d.schemas = components.Schemas
	return d
}

// MarshalJSON gives the document.
func (d *Document) MarshalJSON() ([]byte, error) { return json.Marshal(d.members) }

// WithWebhooks gives the document with a webhooks section, and the schemas that it
// refers to beside those of the routes. The note is added to the description.
func (d *Document) WithWebhooks(webhooks, schemas map[string]any, note string) ([]byte, error) {
	doc := map[string]any{}
	for name, member := range d.members {
		doc[name] = member
	}
	all := map[string]any{}
	for name, schema := range d.schemas {
		all[name] = schema
	}
	for name, schema := range schemas {
		all[name] = schema
	}
	var components map[string]any
	if err := json.Unmarshal(d.members["components"], &components); err != nil {
		return nil, err
	}
	if note != "" {
		var info map[string]any
		if err := json.Unmarshal(d.members["info"], &info); err != nil {
			return nil, err
		}
		info["description"] = fmt.Sprintf("%v\n\n%s", info["description"], note)
		doc["info"] = info
	}
	components["schemas"] = all
	doc["components"], doc["webhooks"] = components, webhooks
	return json.Marshal(doc)
}

// schemaRefs begins references to schemas.
const schemaRefs = "#/components/schemas/"

// writer makes one document.
type writer struct {
	Description
	o        Options
	manner   Manner
	kinds    map[bellhop.Code]Kind
	registry huma.Registry
	aliases  map[reflect.Type]reflect.Type
	// taken are the types of the bodies that are taken.
	taken []reflect.Type
}

func (w *writer) operation(r *Route) *huma.Operation {
	op := &huma.Operation{
		Method: r.Method, Path: r.Path, OperationID: r.ID, Tags: []string{r.Tag},
		Summary: r.Summary, Description: r.Description,
		Responses: map[string]*huma.Response{},
	}
	if r.Public {
		op.Security = []map[string][]string{{}}
	} else {
		op.Description = strings.TrimSpace(op.Description + "\n\nRoles: " + w.Roles(r.ID) + ".")
	}
	if w.Headers != nil {
		op.Parameters = w.Headers(r)
	}
	for _, p := range r.input.path {
		op.Parameters = append(op.Parameters, w.parameter(p, "path"))
	}
	for _, p := range r.input.query {
		op.Parameters = append(op.Parameters, w.parameter(p, "query"))
	}
	if r.input.body != nil && r.input.bodyType.NumField() > 0 {
		op.RequestBody = w.body(r)
	}
	for status, codes := range w.problemsOf(r) {
		op.Responses[strconv.Itoa(status)] = w.failure(r, status, codes)
	}
	for _, status := range r.Statuses {
		op.Responses[strconv.Itoa(status)] = w.success(r, status)
	}
	return op
}

func (w *writer) body(r *Route) *huma.RequestBody {
	limit := r.maxBody
	if limit == 0 {
		limit = w.o.MaxBody
	}
	w.taken = append(w.taken, r.input.bodyType)
	schema := w.registry.Schema(r.input.bodyType, true, r.ID)
	if r.lines {
		return &huma.RequestBody{
			Required: true, Description: "One JSON object a line, each of at most " + ByteSize(limit) + ". The schema is that of a line.",
			Content: map[string]*huma.MediaType{linesTypes[0]: {Schema: schema, Example: w.example(r.input.bodyType)}},
		}
	}
	return &huma.RequestBody{
		Required: !r.input.optional, Description: "At most " + ByteSize(limit) + ".",
		Content: map[string]*huma.MediaType{"application/json": {
			Schema: schema, Example: w.example(r.input.bodyType),
		}},
	}
}

func (w *writer) success(r *Route, status int) *huma.Response {
	response := &huma.Response{Description: http.StatusText(status)}
	switch {
	case r.lines:
		response.Description += ". One JSON object a line, as described; the schema is that of a line."
		response.Content = map[string]*huma.MediaType{linesTypes[0]: {Schema: w.registry.Schema(r.output, true, r.ID)}}
	case r.content != "":
		response.Content = map[string]*huma.MediaType{r.content: {Schema: &huma.Schema{Type: huma.TypeString}}}
		if r.content == "application/json" {
			response.Content[r.content].Schema = &huma.Schema{Type: huma.TypeObject}
		}
	case status != http.StatusNoContent:
		response.Content = map[string]*huma.MediaType{"application/json": {
			Schema: w.registry.Schema(r.output, true, r.ID), Example: w.example(r.output),
		}}
	}
	return response
}

// problemsOf are the codes that a route can answer, by status.
func (w *writer) problemsOf(r *Route) map[int][]bellhop.Code {
	codes := slices.Clone(r.codes)
	if r.content == "" || !r.Public {
		codes = append(codes, CodeInternal)
	}
	if !r.Public {
		codes = append(codes, CodeUnauthorized, bellhop.CodeForbidden, bellhop.CodeTooMany)
		if r.Method != http.MethodGet {
			codes = append(codes, w.Changes...)
		}
		codes = append(codes, CodeQuery, bellhop.CodeInvalid)
	}
	if r.streams {
		codes = append(codes, CodeBusy)
	}
	if len(r.input.path) > 0 {
		codes = append(codes, bellhop.CodeNotFound)
	}
	if r.input.body != nil {
		codes = append(codes, bellhop.CodeTooLarge, CodeMediaType, CodeInvalidJSON, CodeInvalidUTF8, CodeDuplicateKey, CodeTooDeep, CodeTooManyKeys, CodeIncomplete, CodeBusy)
		if !r.input.optional {
			codes = append(codes, CodeEmptyBody)
		}
	}
	if r.Method != http.MethodGet {
		codes = append(codes, bellhop.CodeUnavailable)
	}
	slices.Sort(codes)
	byStatus := map[int][]bellhop.Code{}
	for _, code := range slices.Compact(codes) {
		byStatus[w.kinds[code].Status] = append(byStatus[w.kinds[code].Status], code)
	}
	return byStatus
}

func (w *writer) failure(r *Route, status int, codes []bellhop.Code) *huma.Response {
	var lines []string
	examples := map[string]*huma.Example{}
	asked := &http.Request{Method: r.Method, URL: &url.URL{Path: r.Path}}
	contentType, of := "", reflect.Type(nil)
	for _, code := range codes {
		k := w.kinds[code]
		p := wire.Problem{Type: problemType + string(code), Title: k.Title, Status: status, Code: code}
		line := sentence(k.Title)
		if w.manner.Problem == nil { // the body has the title and the code
			line = fmt.Sprintf("`%s`: %s", code, line)
		} else {
			p.Detail = line
		}
		lines = append(lines, line)
		if code == bellhop.CodeInvalid {
			p.Detail = "One or more fields are wrong; errors names each."
			p.Errors = []bellhop.FieldError{{Field: "app", Code: "required", Detail: isMissing}}
		}
		types, body := w.manner.answer(asked, p)
		contentType, of = types[0], reflect.TypeOf(body)
		examples[string(code)] = &huma.Example{Summary: k.Title, Value: body}
	}
	response := &huma.Response{
		Description: strings.Join(lines, " "),
		Content: map[string]*huma.MediaType{contentType: {
			Schema: w.registry.Schema(of, true, "Problem"), Examples: examples,
		}},
	}
	switch status {
	case http.StatusUnauthorized:
		response.Headers = map[string]*huma.Header{"WWW-Authenticate": {Description: "Bearer.", Schema: &huma.Schema{Type: huma.TypeString}}}
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		response.Headers = map[string]*huma.Header{"Retry-After": {Description: "Seconds after which to try again.", Schema: &huma.Schema{Type: huma.TypeInteger}}}
	}
	return response
}

func (w *writer) parameter(p param, in string) *huma.Param {
	f := p.field
	out := &huma.Param{
		Name: p.name, In: in, Description: f.Tag.Get("doc"), Required: in == "path",
		Schema: huma.SchemaFromField(w.registry, f, p.name),
	}
	out.Schema.Description = ""
	out.Example = w.example(f.Type)
	if example := f.Tag.Get("example"); example != "" {
		out.Example = example
		if p.repeats() {
			out.Example = []any{example}
		}
		out.Schema.Examples = nil
	}
	return out
}

// schemaName names the schema of a type.
func (w *writer) schemaName(t reflect.Type, hint string) string {
	name := schemaName(t, hint)
	return cmp.Or(w.Names[name], name)
}

// schemaName is the name that a type's schema has by itself. Those of package recipe have
// names that others have as well.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	switch {
	case strings.HasSuffix(t.PkgPath(), "/recipe"):
		return "Recipe" + strings.TrimPrefix(name, "Definition")
	case strings.Contains(t.Name(), "/recipe."):
		return strings.TrimSuffix(name, "Definition") + "Recipe"
	}
	return name
}

// complete adds to the schemas the fields of embedded structs that are not exported, which
// huma leaves out.
func (w *writer) complete() {
	all := w.registry.Map()
	for done := map[string]bool{}; len(done) < len(all); {
		for name, schema := range all { // they may become more
			if done[name] {
				continue
			}
			done[name] = true
			fields, names := fieldsOf(w.registry.TypeFromRef(schemaRefs + name))
			for i, f := range fields {
				if len(f.Index) == 1 || schema.Properties[names[i]] != nil {
					continue
				}
				s := huma.SchemaFromField(w.registry, f, names[i])
				if required(f) {
					schema.Required = append(schema.Required, names[i])
				} else if f.Type.Kind() == reflect.Pointer {
					s.Nullable = false // what is nil is left out
				}
				schema.Properties[names[i]] = s
			}
		}
	}
}

// refine adds to the schemas what Go tags cannot say, or not where the type is of
// another package.
func (w *writer) refine() {
	taken := map[reflect.Type]bool{}
	for _, t := range w.taken {
		for _, of := range structsIn(t) {
			taken[of] = true
		}
	}
	for name, schema := range w.registry.Map() {
		t := w.registry.TypeFromRef(schemaRefs + name)
		fields, names := fieldsOf(t)
		tags, nulls := map[string]reflect.StructTag{}, w.Nulls
		for i, f := range fields {
			tags[names[i]] = f.Tag
			nulls = nulls || isField(f.Type) // where null resets a field
		}
		for property, s := range schema.Properties {
			if shape := w.Shapes[name+"."+property]; shape != nil {
				s = w.registry.Schema(shape, true, property)
				schema.Properties[property] = s
			}
			s.Enum = append(s.Enum, w.Enums[name+"."+property]...)
			if s.Description == "" && s.Ref == "" {
				s.Description = w.Texts[property]
			}
			if special := w.Texts[name+"."+property]; special != "" {
				s.Description = special
			}
			nullable := tags[property].Get("nullable")
			if s.Type == huma.TypeArray {
				s.Nullable = nullable == "true"
			}
			if taken[t] && nulls && nullable != "false" && !slices.Contains(schema.Required, property) {
				schema.Properties[property] = orNull(s)
			}
		}
		if !taken[t] {
			schema.AdditionalProperties = nil // answers may grow
		}
	}
}

// orNull allows null, too.
func orNull(s *huma.Schema) *huma.Schema {
	switch {
	case s.Ref != "" || len(s.OneOf) > 0:
		return &huma.Schema{Description: s.Description, Examples: s.Examples, AnyOf: []*huma.Schema{{Ref: s.Ref, OneOf: s.OneOf}, {Type: "null"}}}
	case s.Type != "":
		s.Nullable = true
		if len(s.Enum) > 0 {
			s.Enum = append(s.Enum, nil)
		}
	}
	return s
}

// aliases are the types whose JSON is not what their Go type suggests.
func aliases(routes []Route) map[reflect.Type]reflect.Type {
	m := map[reflect.Type]reflect.Type{
		reflect.TypeFor[bellhop.JSON]():        reflect.TypeFor[json.RawMessage](),
		reflect.TypeFor[bellhop.RetryPolicy](): reflect.TypeFor[retryDoc](),
		reflect.TypeFor[bellhop.Duration]():    reflect.TypeFor[durationDoc](),
		reflect.TypeFor[bellhop.AppTerms]():    reflect.TypeFor[termsDoc](),
		reflect.TypeFor[bellhop.StatusRange](): reflect.TypeFor[statusRangeDoc](),
	}
	for i := range routes {
		if routes[i].input.body == nil {
			continue
		}
		for _, t := range structsIn(routes[i].input.bodyType) {
			for _, f := range reflect.VisibleFields(t) {
				if isField(f.Type) {
					m[f.Type] = valueOf(f.Type)
				}
			}
		}
	}
	return m
}

// structsIn are the structs that a body holds, itself first.
func structsIn(t reflect.Type) (found []reflect.Type) {
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if isField(t) {
			walk(valueOf(t))
			return
		}
		if t.Kind() != reflect.Struct || t.PkgPath() == "time" || slices.Contains(found, t) {
			return
		}
		found = append(found, t)
		for _, f := range reflect.VisibleFields(t) {
			walk(f.Type)
		}
	}
	walk(t)
	return found
}

// retryDoc and its like describe bellhop.RetryPolicy, bellhop.Duration, bellhop.AppTerms
// and bellhop.StatusRange.
type (
	retryDoc       struct{}
	durationDoc    struct{}
	statusRangeDoc struct{}
	termsDoc       struct{}
)

func (termsDoc) Schema(r huma.Registry) *huma.Schema {
	patterns := func(text string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}, Description: text}
	}
	app := &huma.Schema{Type: huma.TypeString, Description: "The app.", Examples: []any{"acme"}}
	return &huma.Schema{
		OneOf: []*huma.Schema{
			{Type: huma.TypeString, Title: "App", Description: "An app of which the endpoint's own events, subjects and filter hold."},
			{
				Type: huma.TypeObject, Title: "App with terms", Required: []string{"app"}, AdditionalProperties: false,
				Description: "An app of which something else holds; what is left out is the endpoint's own.",
				Properties: map[string]*huma.Schema{
					"app": app, "events": patterns("In place of the endpoint's; [] means all."),
					"subjects": patterns("In place of the endpoint's; [] means all."),
					"filter":   {Description: "In place of the endpoint's; {} matches all."},
				},
			},
		},
	}
}

func (durationDoc) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: `A duration: "15s", "2m30s", "12h", "7d".`, Examples: []any{"15s"}}
}

func (statusRangeDoc) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: "^([1-9][0-9][0-9]|[1-9]xx|none)$", Examples: []any{"5xx"}}
}

func (retryDoc) Schema(r huma.Registry) *huma.Schema {
	d := durationDoc{}.Schema(r)
	most := 200
	return &huma.Schema{
		Description: "When a failed delivery is tried again: a list of delays, one per retry, or an exponential schedule.",
		OneOf: []*huma.Schema{
			{Type: huma.TypeArray, Items: d, MaxItems: &most, Title: "Delays"},
			{Type: huma.TypeObject, Title: "Exponential", Required: []string{"initial"}, AdditionalProperties: false, Properties: map[string]*huma.Schema{
				"initial": d, "factor": {Type: huma.TypeNumber, Default: 2}, "max": d, "until": d,
			}},
		},
		Examples: []any{[]string{"5s", "2m", "1h"}},
	}
}
