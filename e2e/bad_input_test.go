package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
)

// Every wrong request is answered with a stable code and names the field, and
// nothing of it is done. The server is a strict one: no --dev, a catalogue that is
// enforced.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--enforce-event-types")
	s.start()
	s.app("acme")
	s.app("other")
	for name, put := range map[string]client.EventTypePut{
		"invoice.purchase": {},
		"invoice.archived": {Archived: true},
		"invoice.checked": {Validate: true, Schema: bellhop.JSON(`{"type":"object","required":["total"],"additionalProperties":false,
			"properties":{"total":{"type":"string"},"items":{"type":"array","items":{"type":"object","properties":{"price":{"type":"number"}}}}}}`)},
	} {
		if _, err := s.api.PutEventType(t.Context(), name, put); err != nil {
			t.Fatal(err)
		}
	}
	mine := s.endpoint("acme", "https://example.com/hooks", nil)
	theirs := s.endpoint("other", "https://example.com/hooks", nil)
	theirEvent := s.publish("other", "invoice.purchase", `{}`)
	key := func(role bellhop.Role) string {
		k, err := s.api.CreateKey(t.Context(), wire.KeyInput{Role: role, Apps: []string{"acme"}})
		if err != nil {
			t.Fatal(err)
		}
		return k.Token
	}
	editor, viewer, publisher := key(bellhop.RoleEditor), key(bellhop.RoleViewer), key(bellhop.RolePublisher)
	s.publishAs(client.Publication{App: "acme", Type: "invoice.purchase", ID: "taken", Data: bellhop.JSON(`{"n":1}`)})

	endpointWith := func(member string) string {
		return `{"apps":["acme"],"url":"https://example.com/hooks",` + member + `}`
	}
	withURL := func(url string) string { return fmt.Sprintf(`{"apps":["acme"],"url":%q}`, url) }
	event := func(kind, data string) string {
		return fmt.Sprintf(`{"app":"acme","type":%q,"data":%s}`, kind, data)
	}
	tests := []struct {
		name, key, request, body string
		status                   int
		code                     bellhop.Code
		fields                   string // each at fault as path:code, if any
	}{
		{"unknown app", "", "POST /v1/events", `{"app":"nobody","type":"invoice.purchase","data":{}}`, 422, "unknown_app", "app:unknown_app"},
		{"unknown app of an endpoint", "", "POST /v1/endpoints", `{"apps":["nobody"],"url":"https://example.com"}`, 422, "unknown_app", "apps[0]:unknown_app"},
		{"unknown event type", "", "POST /v1/events", event("invoice.lost", `{}`), 422, "unknown_type", "type:unknown_type"},
		{"archived event type", "", "POST /v1/events", event("invoice.archived", `{}`), 422, "archived_type", "type:archived_type"},
		{"schema violations", "", "POST /v1/events", event("invoice.checked", `{"items":[{"price":1},{"price":"2"}],"total":3}`), 422, "invalid_data", "data/items/1/price:schema data/total:schema"},
		{"missing member", "", "POST /v1/events", event("invoice.checked", `{}`), 422, "invalid_data", "data:schema"},
		{"schema violation in a batch", "", "POST /v1/events/batch", `{"events":[` + event("invoice.purchase", `{}`) + `,` + event("invoice.checked", `{"total":3}`) + `]}`, 422, "invalid_data", "events[1].data/total:schema"},
		{"invalid JSON", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase","data":{]}`, 400, "invalid_json", ""},
		{"data that is no JSON", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase","data":01}`, 400, "invalid_json", ""},
		{"text after the body", "", "POST /v1/events", event("invoice.purchase", `{}`) + `{}`, 400, "invalid_json", ""},
		{"duplicate key in an envelope", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase","type":"invoice.void","data":{}}`, 400, "duplicate_key", "type:duplicate_key"},
		{"duplicate key, escaped", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase","t\u0079pe":"invoice.void","data":{}}`, 400, "duplicate_key", "type:duplicate_key"},
		{"duplicate key in an endpoint", "", "POST /v1/endpoints", endpointWith(`"retry":{"initial":"5s","initial":"6s"}`), 400, "duplicate_key", "initial:duplicate_key"},
		{"empty body", "", "POST /v1/events", "", 400, "empty_body", ""},
		{"not an object", "", "POST /v1/events", `[]`, 422, "invalid", "body:type"},
		{"unknown field", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase","data":{},"typ":"x"}`, 422, "invalid", "typ:unknown_field"},
		{"missing fields", "", "POST /v1/events", `{"subject":"x"}`, 422, "invalid", "app:required type:required data:required"},
		{"wrong types", "", "POST /v1/events", `{"app":1,"type":"invoice.purchase","data":{}}`, 422, "invalid", "app:type"},
		{"bad time", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase","data":{},"deliver_at":"tomorrow"}`, 422, "invalid", "deliver_at:time"},
		{"bad type name", "", "POST /v1/events", event("Invoice purchase!", `{}`), 422, "invalid", "type:type"},
		{"reserved type", "", "POST /v1/events", event("bellhop.endpoint.disabled", `{}`), 422, "invalid", "type:reserved"},
		{"not UTF-8", "", "POST /v1/events", "{\"app\":\"acme\",\"type\":\"invoice.purchase\",\"data\":\"Zo\xeb\"}", 400, "invalid_utf8", ""},
		{"too much data", "", "POST /v1/events", event("invoice.purchase", `"`+strings.Repeat("x", 257<<10)+`"`), 413, "too_large", "data:length"},
		{"oversized body", "", "POST /v1/events", event("invoice.purchase", `"`+strings.Repeat("x", 1<<20)+`"`), 413, "too_large", "*"},
		{"oversized batch", "", "POST /v1/events/batch", `{"events":[` + strings.Repeat(" ", 16<<20) + `]}`, 413, "too_large", "*"},
		{"empty batch", "", "POST /v1/events/batch", `{"events":[]}`, 422, "invalid", "events:length"},
		{"batch of too many", "", "POST /v1/events/batch", `{"events":[` + strings.TrimSuffix(strings.Repeat(event("invoice.purchase", `{}`)+",", 1001), ",") + `]}`, 422, "invalid", "events:length"},
		{"batch with one that is wrong", "", "POST /v1/events/batch", `{"events":[` + event("invoice.purchase", `{}`) + `,{"app":"acme","data":{}}]}`, 422, "invalid", "events[1].type:required"},
		{"same id, other content", "", "POST /v1/events", `{"app":"acme","type":"invoice.purchase","id":"taken","data":{"n":2}}`, 409, "id_conflict", "id:id_conflict"},

		{"URL with credentials", "", "POST /v1/endpoints", withURL("https://user:hunter2@example.com/"), 422, "invalid", "url:url_credentials"},
		{"URL with a fragment", "", "POST /v1/endpoints", withURL("https://example.com/#x"), 422, "invalid", "url:url_fragment"},
		{"URL with a private address", "", "POST /v1/endpoints", withURL("https://10.0.0.1/"), 422, "invalid", "url:url_address"},
		{"URL with a loopback address", "", "POST /v1/endpoints", withURL("https://127.0.0.1/"), 422, "invalid", "url:url_address"},
		{"URL with localhost", "", "POST /v1/endpoints", withURL("https://localhost/"), 422, "invalid", "url:url_address"},
		{"URL with an IPv6 loopback address", "", "POST /v1/endpoints", withURL("https://[::1]/"), 422, "invalid", "url:url_address"},
		{"URL with a mapped metadata address", "", "POST /v1/endpoints", withURL("https://[::ffff:169.254.169.254]/"), 422, "invalid", "url:url_address"},
		{"URL with a hidden address", "", "POST /v1/endpoints", withURL("https://0x7f.1/"), 422, "invalid", "url:url_address"},
		{"plain http", "", "POST /v1/endpoints", withURL("http://example.com/"), 422, "invalid", "url:url_scheme"},
		{"another scheme", "", "POST /v1/endpoints", withURL("ftp://example.com/"), 422, "invalid", "url:url_scheme"},
		{"no URL", "", "POST /v1/endpoints", withURL("example.com"), 422, "invalid", "url:url_invalid"},
		{"changed to a bad URL", "", "PATCH /v1/endpoints/" + mine.ID.String(), `{"url":"https://192.168.1.1/"}`, 422, "invalid", "url:url_address"},
		{"bad filter", "", "POST /v1/endpoints", endpointWith(`"filter":{"total":[{"numeric":[">","a lot"]}]}`), 422, "invalid", "filter/total/0/numeric:filter"},
		{"filter that is no object", "", "POST /v1/endpoints", endpointWith(`"filter":[1]`), 422, "invalid", "filter:filter"},
		{"bad retry schedule", "", "POST /v1/endpoints", endpointWith(`"retry":["5s","soon"]`), 422, "invalid", "retry[1]:duration"},
		{"retry delay too short", "", "POST /v1/endpoints", endpointWith(`"retry":["5s","1ms"]`), 422, "invalid", "retry[1]:retry"},
		{"retry schedule that shrinks", "", "POST /v1/endpoints", endpointWith(`"retry":{"initial":"5s","factor":0.5}`), 422, "invalid", "retry.factor:retry"},
		{"bad pattern", "", "POST /v1/endpoints", endpointWith(`"events":["*.purchase"]`), 422, "invalid", "events[0]:pattern"},
		{"unknown dialect", "", "POST /v1/endpoints", endpointWith(`"dialect":"esperanto"`), 422, "invalid", "dialect:unknown_dialect"},
		{"bad secret", "", "POST /v1/endpoints", endpointWith(`"secret":"hunter2"`), 422, "invalid", "secret:secret"},
		{"bad status", "", "POST /v1/endpoints", endpointWith(`"status":"asleep"`), 422, "invalid", "status:enum"},
		{"bad header", "", "POST /v1/endpoints", endpointWith(`"headers":{"webhook-signature":"v1,forged"}`), 422, "invalid", "headers.webhook-signature:header"},
		{"several wrong fields", "", "POST /v1/endpoints", `{"apps":[],"url":"http://example.com","timeout":"1h"}`, 422, "invalid", "apps:length url:url_scheme timeout:range"},

		{"bad cursor", "", "GET /v1/events?cursor=nonsense", "", 422, "invalid", "cursor:cursor"},
		{"bad limit", "", "GET /v1/events?limit=0", "", 422, "invalid", "limit:range"},
		{"bad time in a query", "", "GET /v1/attempts?since=yesterday", "", 422, "invalid", "since:time"},
		{"bad status in a query", "", "GET /v1/deliveries?status=lost", "", 422, "invalid", "status:enum"},
		{"unknown parameter", "", "GET /v1/events?ap=acme", "", 422, "invalid", "ap:unknown_field"},
		{"unknown app in a query", "", "GET /v1/events?app=nobody", "", 422, "unknown_app", "app:unknown_app"},
		{"bad id", "", "GET /v1/events/evt_!!!", "", 404, "not_found", ""},
		{"id of another kind", "", "GET /v1/events/" + mine.ID.String(), "", 404, "not_found", ""},
		{"replay without a time", "", "POST /v1/endpoints/" + mine.ID.String() + "/replay", `{"status":"all"}`, 422, "invalid", "since:required"},

		{"no key", "none", "GET /v1/events", "", 401, "unauthorized", ""},
		{"wrong key", "bh_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "GET /v1/events", "", 401, "unauthorized", ""},
		{"viewer publishes", viewer, "POST /v1/events", event("invoice.purchase", `{}`), 403, "forbidden", ""},
		{"viewer changes an endpoint", viewer, "PATCH /v1/endpoints/" + mine.ID.String(), `{"name":"x"}`, 403, "forbidden", ""},
		{"viewer reads a secret", viewer, "GET /v1/endpoints/" + mine.ID.String() + "/secret", "", 403, "forbidden", ""},
		{"publisher makes an endpoint", publisher, "POST /v1/endpoints", withURL("https://example.com/"), 403, "forbidden", ""},
		{"editor makes a key", editor, "POST /v1/keys", `{"role":"admin"}`, 403, "forbidden", ""},
		{"editor publishes", editor, "POST /v1/events", event("invoice.purchase", `{}`), 403, "forbidden", ""},
		{"another app's endpoint", editor, "GET /v1/endpoints/" + theirs.ID.String(), "", 404, "not_found", ""},
		{"another app's endpoint, deleted", editor, "DELETE /v1/endpoints/" + theirs.ID.String(), "", 404, "not_found", ""},
		{"another app's event", publisher, "GET /v1/events/" + theirEvent.ID.String(), "", 404, "not_found", ""},
		{"another app's event, resent", editor, "POST /v1/events/" + theirEvent.ID.String() + "/resend", "", 404, "not_found", ""},
		{"another app", editor, "GET /v1/apps/other", "", 404, "not_found", ""},
		{"publishing into another app", publisher, "POST /v1/events", `{"app":"other","type":"invoice.purchase","data":{}}`, 422, "unknown_app", "app:unknown_app"},
		{"an endpoint for another app", editor, "POST /v1/endpoints", `{"apps":["acme","other"],"url":"https://example.com"}`, 422, "unknown_app", "apps[1]:unknown_app"},

		{"no such path", "", "GET /v1/nothing", "", 404, "not_found", ""},
		{"wrong method", "", "PUT /v1/events", `{}`, 405, "method_not_allowed", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			method, path, _ := strings.Cut(tt.request, " ")
			token := tt.key
			switch token {
			case "":
				token = s.key
			case "none":
				token = ""
			}
			status, p, body := s.post(t.Context(), token, method, path, []byte(tt.body))
			var fields []string
			for _, f := range p.Errors {
				if f.Detail == "" {
					t.Errorf("%s is named without a detail", f.Field)
				}
				fields = append(fields, f.Field+":"+f.Code)
			}
			got := strings.Join(fields, " ")
			if tt.fields == "*" {
				got = "*"
			}
			if status != tt.status || p.Code != tt.code || got != tt.fields || p.Status != status || p.Title == "" || p.Detail == "" {
				t.Errorf("status %d, code %q, fields %q; wanted %d, %q, %q\n%s", status, p.Code, got, tt.status, tt.code, tt.fields, body)
			}
			if strings.Contains(string(body), "hunter2") {
				t.Error("the answer repeats a secret")
			}
		})
	}

	// Nothing was half done.
	events, endpoints := 0, 0
	for range s.api.Events(t.Context(), client.EventFilter{}) {
		events++
	}
	for e := range s.api.Endpoints(t.Context(), client.EndpointFilter{}) {
		endpoints++
		if e.URL != "https://example.com/hooks" || e.Name != "" {
			t.Errorf("endpoint %+v", e)
		}
	}
	if events != 2 || endpoints != 2 {
		t.Errorf("%d events and %d endpoints, wanted 2 and 2", events, endpoints)
	}
	if status := s.probe("/readyz"); status != http.StatusOK {
		t.Errorf("/readyz is %d", status)
	}
}
