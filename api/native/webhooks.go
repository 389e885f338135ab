package native

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
)

// serveDocument answers the OpenAPI document, and whoever may see the event types gets
// a webhooks section of them as they are now.
func (n *native) serveDocument(c *api.Call) error {
	reader, seesTypes, err := n.seesTypes(c)
	if err != nil {
		return err
	}
	body, err := json.Marshal(n.document())
	if err == nil && seesTypes {
		body, err = n.documentNow(c, reader)
	}
	if err != nil {
		return fmt.Errorf("make the OpenAPI document: %w", err)
	}
	c.Writer().Header().Set("Content-Type", "application/json")
	_, _ = c.Writer().Write(body) // the caller hung up: nobody is left to tell
	return nil
}

// anybody sees what public documents show: no event types that have feature flags.
var anybody = bellhop.Principal{Role: bellhop.RoleViewer, Portal: true}

// seesTypes tells whether the request may see the event types, and as whom. A wrong key is
// an error; a session that has ended is nobody's, since its browser sends it unasked.
func (n *native) seesTypes(c *api.Call) (bellhop.Principal, bool, error) {
	err := c.Admit("listEventTypes")
	switch {
	case err == nil:
		return c.Principal(), true, nil
	case n.o.PublicDocs:
		return anybody, true, nil
	case c.Request().Header.Get("Authorization") == "" && bellhop.CodeOf(err) == api.CodeUnauthorized:
		return bellhop.Principal{}, false, nil
	}
	return bellhop.Principal{}, false, err
}

func (n *native) documentNow(c *api.Call, reader bellhop.Principal) ([]byte, error) {
	types, err := n.desk.EventTypes(c.Context(), reader, "", maxDocumentedTypes+1)
	if err != nil {
		return nil, err
	}
	note := ""
	if len(types) > maxDocumentedTypes {
		types = types[:maxDocumentedTypes]
		note = fmt.Sprintf("There are more event types than the %d, by name, that this document shows: GET /v1/event-types lists all.", maxDocumentedTypes)
	}
	if len(types) == 0 {
		return json.Marshal(n.document())
	}
	webhooks, schemas := map[string]any{}, map[string]any{}
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
	return n.document().WithWebhooks(webhooks, schemas, note)
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
		"deprecated": t.Archived || t.Deprecated, "tags": []string{"Webhooks"}, "security": []any{},
		"parameters": []any{
			header("webhook-id", "The event's id, the same on each attempt: take what you have seen before as done."),
			header("webhook-timestamp", "This attempt, in Unix seconds."),
			header("webhook-signature", "v1, and the base64 HMAC-SHA256 of id.timestamp.body; several during a rotation, separated by spaces."),
		},
		"requestBody": map[string]any{"required": true, "content": map[string]any{"application/json": media}},
		"responses":   map[string]any{"2XX": map[string]any{"description": "Taken. Any other answer is tried again later."}},
	}
}

// leadsToPage tells whether a link of a schema is one that a page may have as it is:
// Redoc sanitises Markdown, and not these.
func leadsToPage(link any) bool {
	text, ok := link.(string)
	return !ok || strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")
}

// relocate rewrites a schema's references to its own parts for its place in the
// document, and takes out links that are none to a page.
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
			if docs, ok := v["externalDocs"].(map[string]any); ok && !leadsToPage(docs["url"]) {
				delete(v, "externalDocs")
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
