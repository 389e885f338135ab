package dialect

import (
	"strings"
	"testing"
	"time"
)

// TestOperational: what Bellhop tells of itself in Svix's words, and what Svix has no word
// for in its own.
func TestOperational(t *testing.T) {
	d, err := Lookup("svix-operational")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, about, data, want string }{
		{
			"an endpoint", "bellhop.endpoint.created",
			`{"endpoint":"ep_1","url":"https://a.example/","name":"\"A\"","app":"app_1","app_uid":"acme","apps":["app_1"],"uid":"mine","at":"2026-11-30T12:00:00Z"}`,
			`{"type":"endpoint.created","data":{"appId":"app_1","appUid":"acme","endpointId":"ep_1","endpointUid":"mine"}}`,
		},
		{
			"without uids, by the id that it had", "bellhop.endpoint.deleted", `{"endpoint":"ep_1","former_id":"ep_old","app":"app_1","at":"2026-11-30T12:00:00Z"}`,
			`{"type":"endpoint.deleted","data":{"appId":"app_1","endpointId":"ep_old"}}`,
		},
		{
			"disabled", "bellhop.endpoint.disabled", `{"endpoint":"ep_1","app":"app_1","uid":"mine","disabled_at":"2026-11-30T12:00:00Z","failing_since":"2026-11-22T12:00:00Z"}`,
			`{"type":"endpoint.disabled","data":{"appId":"app_1","endpointId":"ep_1","endpointUid":"mine","failSince":"2026-11-22T12:00:00Z","trigger":"automatic"}}`,
		},
		{
			"disabled at once", "bellhop.endpoint.disabled", `{"endpoint":"ep_1","app":"app_1","disabled_at":"2026-11-30T12:00:00Z"}`,
			`{"type":"endpoint.disabled","data":{"appId":"app_1","endpointId":"ep_1","failSince":"2026-11-30T12:00:00Z","trigger":"automatic"}}`,
		},
		{
			"a delivery", "bellhop.delivery.exhausted",
			`{"event":"evt_1","event_external_id":"order-1","app":"app_1","app_uid":"acme","endpoint":"ep_1","endpoint_uid":"mine","attempt":"att_9","attempts":4,"response_status":500,"failed_at":"2026-11-30T12:00:00Z"}`,
			`{"type":"message.attempt.exhausted","data":{"appId":"app_1","appUid":"acme","endpointId":"ep_1","msgId":"evt_1","msgEventId":"order-1","lastAttempt":{"id":"att_9","responseStatusCode":500,"timestamp":"2026-11-30T12:00:00Z"}}}`,
		},
		{
			"without an answer", "bellhop.delivery.failing", `{"event":"evt_1","app":"app_1","endpoint":"ep_1","endpoint_former_id":"ep_old","attempt":"att_9","attempts":4,"failed_at":"2026-11-30T12:00:00Z"}`,
			`{"type":"message.attempt.failing","data":{"appId":"app_1","endpointId":"ep_old","msgId":"evt_1","lastAttempt":{"id":"att_9","responseStatusCode":0,"timestamp":"2026-11-30T12:00:00Z"}}}`,
		},
		{
			"that recovers", "bellhop.delivery.recovered", `{"event":"evt_1","app":"app_1","endpoint":"ep_1","attempt":"att_9","attempts":5,"response_status":204,"succeeded_at":"2026-11-30T12:00:00Z"}`,
			`{"type":"message.attempt.recovered","data":{"appId":"app_1","endpointId":"ep_1","msgId":"evt_1","lastAttempt":{"id":"att_9","responseStatusCode":204,"timestamp":"2026-11-30T12:00:00Z"}}}`,
		},
		{
			"what Svix has no word for", "bellhop.endpoint.on_hold", `{"endpoint":"ep_1","apps":["app_1"],"since":"2026-11-30T12:00:00Z"}`,
			`{"type":"bellhop.endpoint.on_hold","data":{"endpoint":"ep_1","apps":["app_1"],"since":"2026-11-30T12:00:00Z"}}`,
		},
		{"of no endpoint", "bellhop.storage", `{"since":1}`, `{"type":"bellhop.storage","data":{"since":1}}`},
	} {
		signer, err := d.NewSigner(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := signer.Render(Message{ID: "evt_2", Type: tt.about, Data: []byte(tt.data), Timestamp: time.Unix(1700000000, 0)})
		if err != nil || string(got.Body) != tt.want {
			t.Errorf("%s: %v, got\n%s\nwant\n%s", tt.name, err, got.Body, tt.want)
		}
	}
}

// TestTypesAndNumbers: a dialect's own names of types, and numbers that cannot break JSON.
func TestTypesAndNumbers(t *testing.T) {
	def := Definition{
		Name: "own", Types: map[string]string{"a.b": `x"y`}, Body: `{"t":${type|json},"n":${data.n|number}${!subject},"none":true${/}}`,
		Headers: standardHeaders("x-"), Signature: standardSignature("x-"),
	}
	d, err := Compile(def)
	if err != nil {
		t.Fatal(err)
	}
	def.Types["a.b"] = "changed"
	signer, err := d.NewSigner(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ about, subject, n, want string }{
		{"a.b", "", "12.50", `{"t":"x\"y","n":12.50,"none":true}`},
		{"a.c", "s", `"1,\"x\":2"`, `{"t":"a.c","n":0}`},
		{"a.c", "s", `"7"`, `{"t":"a.c","n":7}`},
		{"a.c", "s", `"7 "`, `{"t":"a.c","n":0}`},
		{"a.c", "s", `true`, `{"t":"a.c","n":0}`},
		{"a.c", "s", `"0x10"`, `{"t":"a.c","n":0}`},
		{"a.c", "s", `-1e9`, `{"t":"a.c","n":-1e9}`},
	} {
		got, err := signer.Render(Message{ID: "evt_2", Type: tt.about, Subject: tt.subject, Data: []byte(`{"n":` + tt.n + `}`), Timestamp: time.Unix(1700000000, 0)})
		if err != nil || string(got.Body) != tt.want {
			t.Errorf("%s: %v, got %s, want %s", tt.n, err, got.Body, tt.want)
		}
	}
	def.Types["a.b"] = strings.Repeat("x", 257)
	if _, err := Compile(def); err == nil || !strings.Contains(err.Error(), `types["a.b"]`) {
		t.Errorf("a long name is taken: %v", err)
	}
}
