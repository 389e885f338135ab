package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

// document is the OpenAPI document as far as it does not change while running:
// its members, each as JSON.
type document struct {
	members map[string]json.RawMessage
	schemas map[string]json.RawMessage
}

// describe makes the document from the routes. It uses huma for its model of
// OpenAPI and its schemas of Go types, not for serving: huma's own handlers
// decode leniently, and repeat rejected values in their errors.
func (a *api) describe(routes []route) *document {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	for t, alias := range aliases() {
		registry.RegisterTypeAlias(t, alias)
	}
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Bellhop", Version: a.o.Version, Description: introduction,
			License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
		},
		Tags: tags(),
		Components: &huma.Components{
			Schemas: registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"key":     {Type: "http", Scheme: "bearer", Description: "A key: bh_…"},
				"session": {Type: "apiKey", In: "cookie", Name: secureCookie, Description: "A session of the dashboard. Over http the cookie's name is " + plainCookie + "."},
			},
		},
		Security: []map[string][]string{{"key": {}}, {"session": {}}},
	}
	if a.o.PublicURL != "" {
		doc.Servers = []*huma.Server{{URL: strings.TrimSuffix(a.o.PublicURL, "/")}}
	}
	for i := range routes {
		doc.AddOperation(a.operation(&routes[i], registry))
	}
	refine(registry.Map())

	b, err := doc.MarshalJSON()
	d := &document{}
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

const introduction = `Bellhop carries a platform's events to its customers' endpoints: it signs each event, POSTs it to every endpoint that asked for it, tries again until it is taken, and keeps a log that explains every attempt.

**Authentication.** Send a key in the header ` + "`Authorization: Bearer bh_…`" + `. Keys have a role and may be limited to apps; objects of other apps do not exist for them (404). The dashboard's pages send the cookie of a session instead (` + "`POST /v1/session`" + `), which changes things from Bellhop's own pages only (403 ` + "`cross_origin`" + `).

**Errors** are problem details (RFC 9457) with a stable ` + "`code`" + `; ` + "`errors`" + ` names each field at fault. Unknown fields and unknown query parameters are errors.

**Lists** are newest first unless they say otherwise. Take ` + "`next_cursor`" + ` of an answer as ` + "`?cursor=`" + ` to go on.

**Formats.** Times are RFC 3339, in UTC, to the millisecond. Durations look like ` + "`15s`" + `, ` + "`2m30s`" + `, ` + "`12h`" + ` or ` + "`7d`" + `.`

func tags() []*huma.Tag {
	return []*huma.Tag{
		{Name: "Events", Description: "What happened: publish it, read it, send it again, erase it."},
		{Name: "Endpoints", Description: "Where events go."},
		{Name: "Inboxes", Description: "Temporary receivers inside Bellhop, to see a first event arrive. Where the operator has enabled them."},
		{Name: "Logs", Description: "What became of events."},
		{Name: "Statistics", Description: "Attempts counted over time."},
		{Name: "Apps", Description: "The tenants of the platform."},
		{Name: "Event types", Description: "The catalogue of what can happen."},
		{Name: "Dialects", Description: "How events look on the wire."},
		{Name: "Access", Description: "Keys, sessions, portal links, settings, and the audit log."},
		{Name: "Inboxes", Description: "Temporary receivers inside Bellhop, to see what arrives."},
		{Name: "Probes", Description: "For the one who runs Bellhop. They take no key."},
	}
}

func (a *api) operation(r *route, registry huma.Registry) *huma.Operation {
	op := &huma.Operation{
		Method: r.method, Path: r.path, OperationID: r.id, Tags: []string{r.tag},
		Summary: r.summary, Description: r.description,
		Responses: map[string]*huma.Response{},
	}
	if r.public {
		op.Security = []map[string][]string{{}}
	} else {
		op.Description += "\n\nRoles: " + r.access.String() + "."
	}
	for _, p := range r.input.path {
		op.Parameters = append(op.Parameters, parameter(p, "path", registry))
	}
	for _, p := range r.input.query {
		op.Parameters = append(op.Parameters, parameter(p, "query", registry))
	}
	if r.input.body != nil && r.input.bodyType.NumField() > 0 {
		limit := r.maxBody
		if limit == 0 {
			limit = a.o.MaxBody
		}
		schema := registry.Schema(r.input.bodyType, true, r.id)
		if len(r.needs) > 0 {
			schema = &huma.Schema{AllOf: []*huma.Schema{schema}, Required: r.needs}
		}
		op.RequestBody = &huma.RequestBody{
			Required: !r.input.optional, Description: "At most " + byteSize(limit) + ".",
			Content: map[string]*huma.MediaType{"application/json": {
				Schema: schema, Example: exampleOf(r.input.bodyType),
			}},
		}
	}
	for _, status := range r.statuses {
		op.Responses[strconv.Itoa(status)] = r.success(status, registry)
	}
	for status, codes := range a.problemsOf(r) {
		op.Responses[strconv.Itoa(status)] = a.failure(status, codes, registry)
	}
	return op
}

func (r *route) success(status int, registry huma.Registry) *huma.Response {
	response := &huma.Response{Description: http.StatusText(status)}
	switch {
	case r.content != "":
		response.Content = map[string]*huma.MediaType{r.content: {Schema: &huma.Schema{Type: huma.TypeString}}}
		if r.content == "application/json" {
			response.Content[r.content].Schema = &huma.Schema{Type: huma.TypeObject}
		}
	case status != http.StatusNoContent:
		response.Content = map[string]*huma.MediaType{"application/json": {
			Schema: registry.Schema(r.output, true, r.id), Example: exampleOf(r.output),
		}}
	}
	return response
}

// problemsOf are the codes that a route can answer, by status.
func (a *api) problemsOf(r *route) map[int][]bellhop.Code {
	codes := slices.Clone(r.codes)
	if r.content == "" || !r.public {
		codes = append(codes, codeInternal)
	}
	if !r.public {
		codes = append(codes, codeUnauthorized, codeForbidden)
		if r.method != http.MethodGet {
			codes = append(codes, codeCrossOrigin)
		}
		codes = append(codes, codeQuery, bellhop.CodeInvalid)
	}
	if len(r.input.path) > 0 {
		codes = append(codes, bellhop.CodeNotFound)
	}
	if r.input.body != nil {
		codes = append(codes, bellhop.CodeTooLarge, codeMediaType, codeInvalidJSON, codeInvalidUTF8, codeDuplicateKey, codeTooDeep, codeIncomplete)
		if !r.input.optional {
			codes = append(codes, codeEmptyBody)
		}
	}
	if r.method != http.MethodGet {
		codes = append(codes, bellhop.CodeUnavailable)
	}
	slices.Sort(codes)
	byStatus := map[int][]bellhop.Code{}
	for _, code := range slices.Compact(codes) {
		byStatus[a.kinds[code].status] = append(byStatus[a.kinds[code].status], code)
	}
	return byStatus
}

func (a *api) failure(status int, codes []bellhop.Code, registry huma.Registry) *huma.Response {
	var lines []string
	examples := map[string]*huma.Example{}
	for _, code := range codes {
		k := a.kinds[code]
		lines = append(lines, fmt.Sprintf("`%s`: %s.", code, k.title))
		p := wire.Problem{Type: "urn:bellhop:problem:" + string(code), Title: k.title, Status: status, Code: code}
		if code == bellhop.CodeInvalid {
			p.Detail = "One or more fields are wrong; errors names each."
			p.Errors = []bellhop.FieldError{{Field: "app", Code: "required", Detail: isMissing}}
		}
		examples[string(code)] = &huma.Example{Summary: k.title, Value: p}
	}
	response := &huma.Response{
		Description: strings.Join(lines, " "),
		Content: map[string]*huma.MediaType{"application/problem+json": {
			Schema: registry.Schema(reflect.TypeFor[wire.Problem](), true, "Problem"), Examples: examples,
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

func parameter(p param, in string, registry huma.Registry) *huma.Param {
	f := p.field
	out := &huma.Param{
		Name: p.name, In: in, Description: f.Tag.Get("doc"), Required: in == "path",
		Schema: huma.SchemaFromField(registry, f, p.name),
	}
	out.Schema.Description = ""
	out.Example = exampleOf(f.Type)
	if example := f.Tag.Get("example"); example != "" {
		out.Example = example
		out.Schema.Examples = nil
	}
	return out
}

// aliases are the types whose JSON is not what their Go type suggests.
func aliases() map[reflect.Type]reflect.Type {
	m := map[reflect.Type]reflect.Type{
		reflect.TypeFor[bellhop.JSON]():        reflect.TypeFor[json.RawMessage](),
		reflect.TypeFor[bellhop.RetryPolicy](): reflect.TypeFor[retryDoc](),
		reflect.TypeFor[bellhop.Duration]():    reflect.TypeFor[durationDoc](),
	}
	for _, t := range []reflect.Type{reflect.TypeFor[wire.EndpointInput](), reflect.TypeFor[wire.AppPatch]()} {
		for i := range t.NumField() {
			f := t.Field(i).Type
			value, _ := f.FieldByName("Value")
			m[f] = value.Type
		}
	}
	return m
}

// retryDoc and durationDoc describe bellhop.RetryPolicy and bellhop.Duration.
type (
	retryDoc    struct{}
	durationDoc struct{}
)

func (durationDoc) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: `A duration: "15s", "2m30s", "12h", "7d".`, Examples: []any{"15s"}}
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

// refine adds to the schemas of the engine's types what Go tags cannot say there.
func refine(schemas map[string]*huma.Schema) {
	enums := map[string][]any{
		"Endpoint.status":   {"active", "paused", "disabled"},
		"Endpoint.ordering": {"none", "subject", "endpoint"},
		"Delivery.status":   {"pending", "succeeded", "failed", "held", "canceled"},
		"Attempt.status":    {"succeeded", "failed", "canceled"},
		"Key.role":          {"admin", "publisher", "editor", "viewer"},
		"LaneState.circuit": {"closed", "open", "half_open"},
	}
	enums["NewEndpoint.status"], enums["NewEndpoint.ordering"] = enums["Endpoint.status"], enums["Endpoint.ordering"]
	enums["NewKey.role"], enums["PortalLink.role"] = enums["Key.role"], []any{"editor", "viewer"}
	enums["Delivery.trigger"] = []any{"publish", "resend", "replay", "test"}
	enums["Attempt.trigger"] = enums["Delivery.trigger"]
	texts := fieldTexts()
	// In these, null resets a field.
	resettable := map[string]bool{"EndpointInput": true, "AppPatch": true}
	inputs := map[string]bool{"Publication": true, "Batch": true, "RateLimit": true}
	for name, schema := range schemas {
		for property, s := range schema.Properties {
			s.Enum = append(s.Enum, enums[name+"."+property]...)
			if s.Description == "" && s.Ref == "" {
				s.Description = texts[property]
			}
			if special := texts[name+"."+property]; special != "" {
				s.Description = special
			}
			if s.Type == huma.TypeArray {
				s.Nullable = false
			}
			if resettable[name] {
				schema.Properties[property] = orNull(s)
			}
		}
		if !strings.HasSuffix(name, "Input") && !strings.HasSuffix(name, "Put") && !strings.HasSuffix(name, "Patch") && !inputs[name] {
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

// fieldTexts describe fields by their name, which means the same wherever it
// occurs; "Object.field" is for those that don't.
func fieldTexts() map[string]string {
	return map[string]string{
		"id":                      "The object's id.",
		"app":                     "The app that it belongs to.",
		"apps":                    "The apps that it concerns.",
		"type":                    "The event type.",
		"event":                   "The event's id.",
		"endpoint":                "The endpoint's id.",
		"delivery":                "The delivery's id.",
		"subject":                 "What in the app it happened to.",
		"data":                    "The payload, byte for byte as published.",
		"external_id":             "The publisher's own id of the event.",
		"deliver_at":              "When deliveries may begin, if that was asked for.",
		"deliveries":              "How many endpoints it was bound for when accepted.",
		"erased":                  "True once its data was erased.",
		"test":                    "True for the event of an endpoint's test.",
		"created_at":              "When it was made.",
		"updated_at":              "When it was last changed.",
		"started_at":              "When the request began.",
		"expires_at":              "When it ends; absent if it does not.",
		"at":                      "When it happened.",
		"name":                    "For people.",
		"metadata":                "Your own notes.",
		"description":             "What happened when this is sent.",
		"schema":                  "JSON Schema (2020-12) of the events' data.",
		"example":                 "Data as a receiver might see it.",
		"validate":                "Whether publishing checks data against the schema.",
		"archived":                "Whether the type is archived.",
		"url":                     "Where requests go.",
		"events":                  "The event types it wants; none means all.",
		"subjects":                "The patterns of subjects it wants; none means all.",
		"filter":                  "A JSON pattern over the event's data.",
		"dialect":                 "How events look on the wire.",
		"headers":                 "Headers sent with each request; values are shown to editors only.",
		"status":                  "Its state.",
		"disabled_reason":         "Why Bellhop itself disabled the endpoint.",
		"timeout":                 "Bounds the whole exchange.",
		"retry":                   "When a failed delivery is tried again.",
		"rate_limit":              "Spreads deliveries over time.",
		"per_second":              "Deliveries a second.",
		"burst":                   "How many may go at once after a quiet time.",
		"concurrency":             "How many requests may be in flight at once.",
		"ordering":                "Which deliveries wait for which.",
		"secret":                  "The signing secret.",
		"token":                   "The bearer token; shown this once.",
		"public_key":              "The public half of an Ed25519 key.",
		"role":                    "What the key may do.",
		"portal":                  "True for a portal link.",
		"session":                 "Of a session of the dashboard, the key that was signed in with: the session ends with it.",
		"trigger":                 "What made the delivery.",
		"attempts":                "How many requests were made so far.",
		"due":                     "When the next attempt may be made; absent once finished, and while it waits for an earlier delivery of its order.",
		"last_attempt":            "The id of the newest attempt.",
		"number":                  "Counts the attempts of the delivery from 1.",
		"final":                   "Whether it ended the delivery.",
		"next_at":                 "When it is tried again.",
		"duration_ms":             "Length of the whole exchange in milliseconds.",
		"reason":                  "A stable word for why; absent for a success.",
		"detail":                  "A sentence that explains.",
		"request_headers":         "As sent. Viewers are shown the values of those that Bellhop and the dialects write; editors see all.",
		"response_status":         "The HTTP status; absent if no answer came.",
		"response_headers":        "As received.",
		"response_body":           "The beginning of the body, if it is UTF-8.",
		"response_body_base64":    "The beginning of the body, if it is not UTF-8.",
		"response_truncated":      "Whether the body went on.",
		"outcome":                 "What became of the event at this endpoint.",
		"changed_since":           "True if it is judged by settings that were changed after the event.",
		"actor":                   "The id of the key that did it, or system.",
		"action":                  "What was done, such as endpoint.update.",
		"object":                  "The id or name of what was changed.",
		"AuditEntry.detail":       "What changed, never a secret.",
		"start":                   "Start of the bucket.",
		"succeeded":               "Attempts that succeeded.",
		"failed":                  "Attempts that failed.",
		"exhausted":               "Deliveries that ended without success.",
		"max_duration_ms":         "The longest attempt in milliseconds.",
		"StatsBucket.duration_ms": "The sum of the attempts' durations in milliseconds.",
		"StatsBucket.duration":    "How long receivers took to answer.",
		"StatsBucket.latency":     "How long deliveries that succeeded took in all, from when they were due to the end of the attempt that succeeded.",
		"p50_ms":                  "Half of all took no longer, in milliseconds; within 5%; 0 if there were none.",
		"p95_ms":                  "95% took no longer.",
		"p99_ms":                  "99% took no longer.",
		"BacklogSample.at":        "When it was counted.",
		"BacklogSample.pending":   "Unfinished deliveries, the held ones included.",
		"oldest_age_ms":           "How old the oldest of them was, in milliseconds; 0 if there were none.",
		"circuit":                 "State of the circuit breaker.",
		"open_since":              "When the circuit opened.",
		"next_probe":              "When the next probe is sent.",
		"consecutive_failures":    "Failures in a row.",
		"last_failure":            "Why the last attempt failed.",
		"queued":                  "Deliveries in memory.",
		"held":                    "Why nothing is sent although the endpoint is active.",
		"in_flight":               "Requests being made.",
		"LaneState.concurrency":   "The limit as it is now: lower than the endpoint's while the receiver is overloaded.",
		"failing_since":           "Start of the first of an unbroken row of failures.",
		"field":                   "The path of the field, such as events[1].type; for data that breaks its schema, data and a JSON pointer.",
		"code":                    "Stable.",
	}
}

// exampleOf makes an example of a Go type from the example tags of its fields.
func exampleOf(t reflect.Type) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if alias, ok := aliases()[t]; ok && strings.HasPrefix(t.Name(), "Field[") {
		return exampleOf(alias)
	}
	switch t {
	case reflect.TypeFor[bellhop.JSON]():
		return nil
	case reflect.TypeFor[bellhop.Duration]():
		return "15s"
	case reflect.TypeFor[bellhop.RetryPolicy]():
		return []string{"5s", "2m", "1h"}
	case reflect.TypeFor[bellhop.EventID](), reflect.TypeFor[bellhop.EndpointID](), reflect.TypeFor[bellhop.DeliveryID](),
		reflect.TypeFor[bellhop.AttemptID](), reflect.TypeFor[bellhop.KeyID](), reflect.TypeFor[bellhop.AuditID]():
		return sampleID(t)
	}
	if t.PkgPath() == "time" {
		return "2027-06-11T02:00:00.000Z"
	}
	switch t.Kind() {
	case reflect.Bool:
		return false
	case reflect.Int, reflect.Int64:
		return 1
	case reflect.Slice:
		if e := exampleOf(t.Elem()); e != nil {
			return []any{e}
		}
		return []any{}
	case reflect.Struct:
		object := map[string]any{}
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" || name == "-" || f.Tag.Get("hidden") != "" || object[name] != nil {
				continue
			}
			if e := exampleOfField(f, name); e != nil {
				object[name] = e
			}
		}
		return object
	}
	return nil
}

func exampleOfField(f reflect.StructField, name string) any {
	if text, ok := f.Tag.Lookup("example"); ok {
		var v any
		if json.Unmarshal([]byte(text), &v) == nil {
			return v
		}
		return text
	}
	if enum := f.Tag.Get("enum"); enum != "" {
		return strings.Split(enum, ",")[0]
	}
	if !required(f) {
		return nil
	}
	if f.Type == reflect.TypeFor[bellhop.EndpointStatus]() {
		return bellhop.EndpointActive
	}
	if f.Type.Kind() == reflect.String {
		return typicalTexts()[name]
	}
	if name == "apps" {
		return []string{"acme"}
	}
	return exampleOf(f.Type)
}

// typicalTexts are the examples of text fields that are not tagged, by name.
func typicalTexts() map[string]any {
	return map[string]any{
		"app": "acme", "id": "acme", "type": "invoice.purchase", "url": "https://example.com/hooks", "dialect": "standard",
		"status": "succeeded", "trigger": "publish", "ordering": "none", "role": "editor", "circuit": "closed",
		"name": "invoice.purchase", "secret": "whsec_…", "token": "bh_…",
		"actor": "system", "action": "endpoint.update", "object": "invoice.purchase",
		"outcome": "failed", "reason": "response", "detail": "The receiver answered 500.",
		"field": "app", "code": "required", "algorithm": "hmac-sha256", "encoding": "base64", "header": "webhook-signature",
	}
}

// Document gives the OpenAPI document (3.1, as JSON, indented) of a handler with
// these options, without the webhooks section, which is made from the event types
// of a running server.
func Document(o Options) ([]byte, error) {
	a := &api{o: o.withDefaults(), kinds: kinds()}
	return json.MarshalIndent(a.describe(a.routes()).members, "", "  ")
}

// serveDocument answers the document with a webhooks section of the event types
// as they are now.
func (a *api) serveDocument(c *call) error {
	body, err := a.openAPI()
	if err != nil {
		return fmt.Errorf("make the OpenAPI document: %w", err)
	}
	c.w.Header().Set("Content-Type", "application/json")
	_, _ = c.w.Write(body)
	return nil
}

func (a *api) openAPI() ([]byte, error) {
	doc := map[string]any{}
	for name, member := range a.document.members {
		doc[name] = member
	}
	types := a.b.EventTypes("", maxDocumentedTypes)
	if len(types) == 0 {
		return json.Marshal(doc)
	}
	schemas := map[string]any{}
	for name, schema := range a.document.schemas {
		schemas[name] = schema
	}
	webhooks := map[string]any{}
	for _, t := range types {
		component := "event." + t.Name
		data := any(map[string]any{})
		if len(t.Schema) > 0 {
			schema, err := relocate(t.Schema, "#/components/schemas/"+component)
			if err != nil {
				return nil, err
			}
			schemas[component] = schema
			data = map[string]any{"$ref": "#/components/schemas/" + component}
		}
		webhooks[t.Name] = map[string]any{"post": webhook(t, data)}
	}
	var components map[string]any
	if err := json.Unmarshal(a.document.members["components"], &components); err != nil {
		return nil, err
	}
	components["schemas"] = schemas
	doc["components"], doc["webhooks"] = components, webhooks
	return json.Marshal(doc)
}

// maxDocumentedTypes bounds the document.
const maxDocumentedTypes = 1000

// webhook describes the request that an endpoint with the standard dialect gets.
func webhook(t bellhop.EventType, data any) map[string]any {
	header := func(name, text string) map[string]any {
		return map[string]any{"name": name, "in": "header", "required": true, "description": text, "schema": map[string]any{"type": "string"}}
	}
	media := map[string]any{"schema": map[string]any{
		"type": "object", "required": []string{"type", "timestamp", "data"},
		"properties": map[string]any{
			"type":      map[string]any{"const": t.Name},
			"timestamp": map[string]any{"type": "string", "format": "date-time", "description": "When it happened."},
			"data":      data,
		},
	}}
	if len(t.Example) > 0 {
		media["example"] = map[string]any{"type": t.Name, "timestamp": "2027-06-11T02:00:00.000Z", "data": json.RawMessage(t.Example)}
	}
	description := "Sent to the endpoints that listen to " + t.Name + ". Shown in the standard dialect; other dialects look different and carry the same data."
	if t.Description != "" {
		description = t.Description + "\n\n" + description
	}
	return map[string]any{
		"operationId": "webhook." + t.Name, "summary": t.Name, "description": description,
		"deprecated": t.Archived, "tags": []string{"Webhooks"}, "security": []any{},
		"parameters": []any{
			header("webhook-id", "The event's id, the same on each attempt: take what you have seen before as done."),
			header("webhook-timestamp", "This attempt, in Unix seconds."),
			header("webhook-signature", "v1, and the base64 HMAC-SHA256 of id.timestamp.body; several during a rotation, separated by spaces."),
		},
		"requestBody": map[string]any{"required": true, "content": map[string]any{"application/json": media}},
		"responses":   map[string]any{"2XX": map[string]any{"description": "Taken. Any other answer is tried again later."}},
	}
}

// relocate rewrites a schema's references to its own parts for its place in the
// document.
func relocate(schema []byte, place string) (any, error) {
	d := json.NewDecoder(bytes.NewReader(schema))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok && (ref == "#" || strings.HasPrefix(ref, "#/")) {
				v["$ref"] = place + ref[1:]
			}
			for _, member := range v {
				walk(member)
			}
		case []any:
			for _, element := range v {
				walk(element)
			}
		}
	}
	walk(v)
	return v, nil
}
