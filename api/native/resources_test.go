package native

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/dialect"
)

// TestConcurrencyThatSomebodySet: an answer tells it from one that adapts, and whoever sends
// back what was answered changes nothing.
func TestConcurrencyThatSomebodySet(t *testing.T) {
	s := open(t)
	e := s.endpoint("acme")
	path := "/v1/endpoints/" + e.ID.String()
	for _, c := range []struct {
		change, answered string
		now              int
		why              bellhop.ConcurrencyReason
	}{
		{`{}`, "", 32, bellhop.ConcurrencyStarts},
		{`{"concurrency":32}`, "32", 32, bellhop.ConcurrencyExact},
		{`{"name":"x"}`, "32", 32, bellhop.ConcurrencyExact},
		{`{"concurrency":32}`, "32", 32, bellhop.ConcurrencyExact},
		{`{"concurrency":null}`, "", 32, bellhop.ConcurrencyStarts},
		{`{"concurrency":8}`, "8", 8, bellhop.ConcurrencyExact},
	} {
		for _, r := range []reply{s.do(s.admin, "PATCH", path, c.change), s.do(s.admin, "GET", path, "")} {
			var got map[string]json.RawMessage
			r.into(t, &got)
			if string(got["concurrency"]) != c.answered {
				t.Errorf("after %s the answer has concurrency %q, want %q", c.change, got["concurrency"], c.answered)
			}
		}
		var stats wire.EndpointStats
		s.do(s.admin, "GET", path+"/stats", "").into(t, &stats)
		if stats.Lane.Concurrency != c.now || stats.Lane.ConcurrencyReason != c.why {
			t.Errorf("after %s the lane has %d at once: %s", c.change, stats.Lane.Concurrency, stats.Lane.ConcurrencyReason)
		}
	}
}

func TestEndpointLife(t *testing.T) {
	s := open(t)
	var made wire.NewEndpoint
	r := s.do(s.admin, "POST", "/v1/endpoints", `{"apps":["acme"],"url":"https://example.com/in","events":["invoice.*"],"retry":["1s","2s"],"rate_limit":{"per_second":5},"timeout":"3s","metadata":{"a":"b"}}`)
	r.into(t, &made)
	if r.status != 201 || made.Secret == "" || made.Timeout != bellhop.Duration(3*time.Second) || len(made.Retry.Schedule()) != 2 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	path := "/v1/endpoints/" + made.ID.String()
	if r := s.do(s.admin, "GET", path, ""); bytes.Contains(r.body, []byte(made.Secret)) || bytes.Contains(r.body, []byte(`"secret"`)) {
		t.Errorf("the endpoint shows its secret: %s", r.body)
	}
	var e bellhop.Endpoint
	s.do(s.admin, "PATCH", path, `{"name":"Bookkeeping","timeout":null,"rate_limit":null,"retry":null}`).into(t, &e)
	if e.Name != "Bookkeeping" || e.Timeout != desk.DefaultTimeout || e.RateLimit != nil || len(e.Retry.Schedule()) == 2 || e.Metadata["a"] != "b" || len(e.Events) != 1 {
		t.Errorf("after the PATCH: %+v", e)
	}
	s.do(s.admin, "POST", path+"/pause", "").into(t, &e)
	if e.Status != bellhop.EndpointPaused {
		t.Errorf("paused: %s", e.Status)
	}
	s.do(s.admin, "POST", path+"/resume", `{}`).into(t, &e)
	if e.Status != bellhop.EndpointActive {
		t.Errorf("resumed: %s", e.Status)
	}
	var secrets wire.Secrets
	s.do(s.admin, "GET", path+"/secret", "").into(t, &secrets)
	if len(secrets.Secrets) != 1 || secrets.Secrets[0].Secret != made.Secret {
		t.Errorf("secrets: %+v", secrets)
	}
	var rotated wire.Rotated
	s.do(s.admin, "POST", path+"/secret/rotate", `{"grace":"1h"}`).into(t, &rotated)
	if len(rotated.Secrets.Secrets) != 2 || rotated.Secrets.Secrets[0].Secret == made.Secret || !rotated.Overlap {
		t.Errorf("rotated: %+v", rotated)
	}
	s.net.answer = []byte("thank you")
	var at wire.Attempt
	r = s.do(s.admin, "POST", path+"/test", "")
	r.into(t, &at)
	if at.Trigger != bellhop.TriggerTest || at.ResponseStatus != 200 || at.ResponseBody != "thank you" || at.StartedAt.IsZero() || bytes.Contains(r.body, []byte(`"duration":`)) {
		t.Errorf("test: %s", r.body)
	}
	s.net.answer = []byte{0xff, 0xfe}
	at = wire.Attempt{}
	s.do(s.admin, "POST", path+"/test", `{"type":"invoice.purchase","data":{"a":1,"a":2}}`).into(t, &at)
	if at.ResponseBody != "" || !bytes.Equal(at.ResponseBodyBase64, []byte{0xff, 0xfe}) || at.Type != "invoice.purchase" {
		t.Errorf("test: %+v", at)
	}
	var stats wire.EndpointStats
	s.do(s.admin, "GET", path+"/stats", "").into(t, &stats)
	if stats.Lane.Circuit != "closed" || stats.Pending != 0 || stats.Bucket == 0 || stats.Until.Sub(stats.Since) != 24*time.Hour {
		t.Errorf("stats: %+v", stats)
	}
	if r := s.do(s.admin, "DELETE", path, ""); r.status != 204 || len(r.body) != 0 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.do(s.admin, "GET", path, ""); r.status != 404 {
		t.Errorf("%d", r.status)
	}
	var audit wire.Page[wire.AuditEntry]
	r = s.do(s.admin, "GET", "/v1/audit?app=acme&object="+made.ID.String(), "")
	r.into(t, &audit)
	if len(audit.Data) < 6 || audit.Data[0].Action != "endpoint.delete" || !strings.HasPrefix(audit.Data[0].Actor, "key_") || audit.Data[0].At.IsZero() {
		t.Errorf("audit: %s", r.body)
	}
	if bytes.Contains(r.body, []byte(made.Secret)) {
		t.Errorf("the audit log holds a secret: %s", r.body)
	}
}

func TestEventLife(t *testing.T) {
	s := open(t)
	e := s.endpoint("acme")
	event := s.publish("acme").Event
	at := s.firstAttempt(event)
	path := "/v1/events/" + event.String()

	var shown wire.Event
	s.do(s.admin, "GET", path, "").into(t, &shown)
	if shown.UUID != bellhop.UUIDOf(event) {
		t.Errorf("shown as %q", shown.UUID)
	}
	var found wire.Page[wire.Event]
	s.do(s.admin, "GET", "/v1/events?uuid="+strings.ToUpper(shown.UUID), "").into(t, &found)
	if len(found.Data) != 1 || found.Data[0].ID != event {
		t.Errorf("found by its UUID: %+v", found)
	}
	if r := s.do(s.admin, "GET", "/v1/events?uuid="+bellhop.UUIDOf(event+1), ""); !strings.Contains(string(r.body), `"data":[]`) {
		t.Errorf("found by another UUID: %s", r.body)
	}

	var deliveries wire.Page[wire.Delivery]
	s.do(s.admin, "GET", path+"/deliveries", "").into(t, &deliveries)
	if len(deliveries.Data) != 1 || deliveries.Data[0].Endpoint != e.ID || deliveries.Data[0].Status != bellhop.DeliverySucceeded {
		t.Errorf("deliveries: %+v", deliveries)
	}
	var one wire.Delivery
	s.do(s.admin, "GET", "/v1/deliveries/"+at.Delivery.String(), "").into(t, &one)
	if diff := cmp.Diff(deliveries.Data[0], one); diff != "" {
		t.Error(diff)
	}
	var explained wire.List[bellhop.Explanation]
	s.do(s.admin, "GET", path+"/explain", "").into(t, &explained)
	if len(explained.Data) != 1 || explained.Data[0].Outcome != "succeeded" {
		t.Errorf("explained: %+v", explained)
	}
	var resent wire.List[wire.Delivery]
	r := s.do(s.admin, "POST", path+"/resend", `{"endpoint":"`+e.ID.String()+`"}`)
	r.into(t, &resent)
	if r.status != 202 || len(resent.Data) != 1 || resent.Data[0].Trigger != bellhop.TriggerResend {
		t.Errorf("resent: %d %s", r.status, r.body)
	}
	if r := s.do(s.admin, "DELETE", path, ""); r.status != 204 {
		t.Errorf("erase: %d %s", r.status, r.body)
	}
	if r := s.do(s.admin, "DELETE", path, ""); r.status != 204 {
		t.Errorf("erase again: %d %s", r.status, r.body)
	}
	var got wire.Event
	s.do(s.admin, "GET", path, "").into(t, &got)
	if !got.Erased || got.Data != nil {
		t.Errorf("erased: %+v", got)
	}
	if p := s.do(s.admin, "POST", path+"/resend", "").problem(t); p.Status != 410 || p.Code != bellhop.CodeErased {
		t.Errorf("resend of an erased event: %+v", p)
	}
	s.publish("acme")
	s.publish("acme")
	var erased wire.Erased
	s.do(s.admin, "POST", "/v1/events/erase", `{"app":"acme","subject":"invoice:1"}`).into(t, &erased)
	if erased.Erased != 2 {
		t.Errorf("erased %d, want 2", erased.Erased)
	}
}

func TestReplay(t *testing.T) {
	s := open(t)
	for range 5 {
		s.publish("acme")
	}
	e := s.endpoint("acme")
	path := "/v1/endpoints/" + e.ID.String() + "/replay"
	since := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	var dry wire.ReplayResult
	s.do(s.admin, "POST", path, `{"since":"`+since+`","status":"missing","dry_run":true}`).into(t, &dry)
	if dry != (wire.ReplayResult{Matched: 5, Done: true}) {
		t.Errorf("dry run: %+v", dry)
	}
	var sum wire.ReplayResult
	cursor := ""
	for calls := 0; !sum.Done; calls++ {
		var step wire.ReplayResult
		s.do(s.admin, "POST", path, `{"since":"`+since+`","status":"missing","limit":2,"cursor":"`+cursor+`"}`).into(t, &step)
		sum.Matched, sum.Enqueued, sum.Done = sum.Matched+step.Matched, sum.Enqueued+step.Enqueued, step.Done
		if step.Done != (step.NextCursor == "") {
			t.Errorf("step: %+v", step)
		}
		cursor = step.NextCursor
		if calls > 5 {
			t.Fatal("does not end")
		}
	}
	if sum.Matched != 5 || sum.Enqueued != 5 {
		t.Errorf("replayed: %+v", sum)
	}
	s.do(s.admin, "PATCH", "/v1/endpoints/"+e.ID.String(), `{"status":"disabled"}`)
	if p := s.do(s.admin, "POST", path, `{"since":"`+since+`","status":"all"}`).problem(t); p.Status != 409 || p.Code != bellhop.CodeEndpointStatus {
		t.Errorf("replay to a disabled endpoint: %+v", p)
	}
}

func TestApps(t *testing.T) {
	s := open(t)
	var app bellhop.App
	r := s.do(s.admin, "PUT", "/v1/apps/initech", `{"name":"Initech","metadata":{"plan":"gold"}}`)
	r.into(t, &app)
	if r.status != 201 || app.ID != "initech" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r = s.do(s.admin, "PUT", "/v1/apps/initech", `{"name":"Initech 2","metadata":{"plan":"gold"}}`); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	s.do(s.admin, "PATCH", "/v1/apps/initech", `{"name":null}`).into(t, &app)
	app = bellhop.App{}
	s.do(s.admin, "GET", "/v1/apps/initech", "").into(t, &app)
	if app.Name != "" || app.Metadata["plan"] != "gold" {
		t.Errorf("%+v", app)
	}
	r = s.do(s.admin, "POST", "/v1/apps", "")
	r.into(t, &app)
	if r.status != 201 || len(app.ID) < 10 {
		t.Errorf("generated: %d %s", r.status, r.body)
	}
	if r := s.do(s.admin, "DELETE", "/v1/apps/initech", ""); r.status != 204 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.do(s.admin, "GET", "/v1/apps/initech", ""); r.status != 404 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// TestAppsWithTermsComeBackAsTheyWereSent sends what was answered back, and gets it again.
func TestAppsWithTermsComeBackAsTheyWereSent(t *testing.T) {
	s := open(t)
	s.do(s.admin, "POST", "/v1/apps", `{"id":"initech"}`)
	const apps = `["acme",{"app":"globex","events":[],"subjects":["<guest>:*"],"filter":{ "b": [1e400, 99999999999999.99],  "a": ["<x>"] }},{"app":"initech","filter":{}}]`
	const filter = `{ "z": [1.10], "a": [ "&" ] }`
	r := s.do(s.admin, "POST", "/v1/endpoints", `{"url":"https://example.com/in","description":"For <you>","apps":`+apps+`,"filter":`+filter+`}`)
	var made wire.NewEndpoint
	r.into(t, &made)
	path := "/v1/endpoints/" + made.ID.String()
	holds := func(what string, r reply) {
		t.Helper()
		if r.status > 201 || !bytes.Contains(r.body, []byte(`"apps":`+apps)) || !bytes.Contains(r.body, []byte(`"filter":`+filter)) {
			t.Errorf("%s: %d %s", what, r.status, r.body)
		}
	}
	holds("POST", r)
	holds("GET", s.do(s.admin, "GET", path, ""))
	holds("PATCH of something else", s.do(s.admin, "PATCH", path, `{"name":"x"}`))
	holds("PATCH of the same", s.do(s.admin, "PATCH", path, `{"apps":`+apps+`,"filter":`+filter+`}`))
	// What the Go types make of it is the same again, but for spaces.
	in, err := json.Marshal(wire.EndpointInputOf(bellhop.EndpointChange{Apps: bellhop.Of(made.Apps), Terms: bellhop.Of(made.Terms)}))
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(`{"apps":`+apps+`}`)); err != nil {
		t.Fatal(err)
	}
	if got := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(in)); got != compact.String() {
		t.Errorf("through Go: %s\nwant %s", got, &compact)
	}
	if r := s.do(s.admin, "PATCH", path, `{"apps":["acme","globex"]}`); !bytes.Contains(r.body, []byte(`"apps":["acme","globex"],`)) {
		t.Errorf("in the short form: %s", r.body)
	}
	for body, field := range map[string]string{
		`{"apps":[{"subjects":["a"]}]}`:                   "apps[0].app",
		`{"apps":["acme",{"app":"globex","subject":[]}]}`: "apps[1].subject",
		`{"apps":["acme",3]}`:                             "apps[1]",
		`{"apps":[{"app":"acme","events":["a",1]}]}`:      "apps[0].events[1]",
	} {
		if r := s.do(s.admin, "PATCH", path, body); r.status != 422 || !bytes.Contains(r.body, []byte(`"field":"`+field+`"`)) {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
}

// TestSavingSaysHowManyOfTheNewestEventsMatch in the answers of POST and PATCH, and
// before saving in a preview.
func TestSavingSaysHowManyOfTheNewestEventsMatch(t *testing.T) {
	s := open(t)
	for i := range 3 {
		s.do(s.admin, "POST", "/v1/events", fmt.Sprintf(`{"app":"acme","type":"a.b","subject":"x:%d","data":{"n":%d}}`, i, i))
	}
	var made wire.NewEndpoint
	s.do(s.admin, "POST", "/v1/endpoints", `{"apps":["acme"],"url":"https://example.com/in"}`).into(t, &made)
	if made.Recent == nil || *made.Recent != (wire.Recent{Events: 3, Matched: 3}) || made.Secret == "" || made.URL == "" {
		t.Errorf("made: %+v", made)
	}
	var saved wire.SavedEndpoint
	s.do(s.admin, "PATCH", "/v1/endpoints/"+made.ID.String(), `{"subjects":["x:1"]}`).into(t, &saved)
	if saved.Recent == nil || *saved.Recent != (wire.Recent{Events: 3, Matched: 1}) {
		t.Errorf("saved: %+v", saved.Recent)
	}
	var v wire.Preview
	s.do(s.admin, "POST", "/v1/endpoints/preview", `{"endpoint":{"apps":["acme"],"filter":{"n":[5]}}}`).into(t, &v)
	if v.Recent == nil || *v.Recent != (wire.Recent{Events: 3}) {
		t.Errorf("previewed: %+v", v.Recent)
	}
}

// TestEventTypesKeepTheirBytes: spaces, order, and numbers that no float holds.
func TestEventTypesKeepTheirBytes(t *testing.T) {
	s := open(t)
	const schema, example = `{ "type": "object",  "maximum": 99999999999999.99 }`, `{ "b": 1e400, "a": "<&>" }`
	r := s.do(s.admin, "PUT", "/v1/event-types/a.b", `{"schema":`+schema+`,"example":`+example+`}`)
	for what, r := range map[string]reply{"PUT": r, "GET": s.do(s.admin, "GET", "/v1/event-types/a.b", "")} {
		if !bytes.Contains(r.body, []byte(`"schema":`+schema)) || !bytes.Contains(r.body, []byte(`"example":`+example)) {
			t.Errorf("%s: %s", what, r.body)
		}
	}
}

func TestEventTypes(t *testing.T) {
	s := open(t)
	put := `{"description":"An invoice was paid.","schema":{"type":"object","properties":{"total":{"$ref":"#/$defs/money"}},"$defs":{"money":{"type":"string"}}},"example":{"total":"1.10"},"validate":true}`
	if r := s.do(s.admin, "PUT", "/v1/event-types/invoice.purchase", put); r.status != 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := s.do(s.admin, "PUT", "/v1/event-types/invoice.purchase", put); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	var et bellhop.EventType
	s.do(s.key(bellhop.RolePublisher, "acme"), "GET", "/v1/event-types/invoice.purchase", "").into(t, &et)
	if et.Description != "An invoice was paid." || string(et.Example) != `{"total":"1.10"}` || !et.Validate {
		t.Errorf("%+v", et)
	}
	var doc struct {
		Webhooks map[string]struct {
			Post struct {
				Description string
				RequestBody struct{ Content map[string]json.RawMessage }
			}
		}
		Components struct{ Schemas map[string]json.RawMessage }
	}
	r := s.do(s.key(bellhop.RoleViewer, "acme"), "GET", "/openapi.json", "")
	r.into(t, &doc)
	if !strings.HasPrefix(doc.Webhooks["invoice.purchase"].Post.Description, "An invoice was paid.") ||
		!bytes.Contains(doc.Webhooks["invoice.purchase"].Post.RequestBody.Content["application/json"], []byte(`"1.10"`)) ||
		!bytes.Contains(doc.Components.Schemas["event.invoice.purchase"], []byte(`"#/components/schemas/event.invoice.purchase/$defs/money"`)) {
		t.Errorf("webhooks: %+v", doc)
	}
	if r := s.do(s.admin, "DELETE", "/v1/event-types/invoice.purchase", ""); r.status != 204 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.do(s.admin, "GET", "/v1/event-types/invoice.purchase", ""); r.status != 404 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestDialects(t *testing.T) {
	s := open(t)
	var all wire.List[dialect.Definition]
	s.do(s.admin, "GET", "/v1/dialects", "").into(t, &all)
	if len(all.Data) != len(dialect.Builtin()) {
		t.Errorf("%d dialects", len(all.Data))
	}
	for _, want := range all.Data {
		var got dialect.Definition
		s.do(s.admin, "GET", "/v1/dialects/"+want.Name, "").into(t, &got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if r := s.do(s.admin, "GET", "/v1/dialects/pigeon", ""); r.status != 404 {
		t.Errorf("%d", r.status)
	}
}

func TestVerificationCode(t *testing.T) {
	s := open(t)
	for _, def := range dialect.Builtin() {
		var codes wire.List[wire.VerificationCode]
		s.do(s.admin, "GET", "/v1/dialects/"+def.Name+"/code", "").into(t, &codes)
		if len(codes.Data) != 7 {
			t.Errorf("%s: %d languages", def.Name, len(codes.Data))
		}
		for _, c := range codes.Data {
			if c.Language == "" || c.Title == "" || c.Filename == "" || !strings.Contains(strings.ToLower(c.Code), strings.ToLower(def.Signature.Header)) {
				t.Errorf("%s: %+v", def.Name, c)
			}
		}
	}
	if r := s.do(s.admin, "GET", "/v1/dialects/pigeon/code", ""); r.status != 404 {
		t.Errorf("%d", r.status)
	}
}

func TestStats(t *testing.T) {
	s := open(t)
	e := s.endpoint("acme")
	s.firstAttempt(s.publish("acme").Event)
	var stats wire.Stats
	s.do(s.admin, "GET", "/v1/stats?app=acme&type=invoice.*&bucket=1h&endpoint="+e.ID.String(), "").into(t, &stats)
	if len(stats.Buckets) != 1 || stats.Buckets[0].Succeeded != 1 || stats.Bucket != bellhop.Duration(time.Hour) ||
		stats.Total.Succeeded != 1 || !stats.Total.Start.Equal(stats.Since) || stats.Total.Latency != stats.Buckets[0].Latency {
		t.Errorf("%+v", stats)
	}
	for _, length := range []time.Duration{time.Second, time.Hour, 24 * time.Hour, 30 * 24 * time.Hour, 3650 * 24 * time.Hour} {
		until := time.Now().UTC().Truncate(time.Second)
		s.do(s.admin, "GET", "/v1/stats?since="+until.Add(-length).Format(time.RFC3339)+"&until="+until.Format(time.RFC3339), "").into(t, &stats)
		if width := time.Duration(stats.Bucket); width < time.Second || length/width > 100 {
			t.Errorf("%s is cut into buckets of %s", length, width)
		}
	}
}

func TestCompareEndpoints(t *testing.T) {
	s := open(t)
	one, other, foreign := s.endpoint("acme"), s.endpoint("acme"), s.endpoint("globex")
	s.firstAttempt(s.publish("acme").Event)
	ids := other.ID.String() + "," + one.ID.String()
	var all wire.EndpointsStats
	s.do(s.admin, "GET", "/v1/stats/endpoints?endpoints="+ids+","+one.ID.String(), "").into(t, &all)
	if len(all.Data) != 2 || all.Data[0].Endpoint != other.ID || all.Data[1].Endpoint != one.ID || all.Bucket == 0 || all.Data[0].Buckets == nil {
		t.Errorf("%+v", all)
	}
	viewer := s.key(bellhop.RoleViewer, "acme")
	if r := s.do(viewer, "GET", "/v1/stats/endpoints?endpoints="+ids, ""); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	for list, code := range map[string]string{
		"":                              "required",
		one.ID.String() + ",":           "id",
		"evt_0000000000001":             "id",
		"ep_0000000000001":              "unknown_endpoint",
		ids + "," + foreign.ID.String(): "unknown_endpoint",
		strings.Repeat(ids+",", 50) + one.ID.String(): "range",
	} {
		p := s.do(viewer, "GET", "/v1/stats/endpoints?endpoints="+list, "").problem(t)
		if p.Status != 422 || len(p.Errors) != 1 || p.Errors[0].Field != "endpoints" || p.Errors[0].Code != code {
			t.Errorf("%q: %+v", list, p)
		}
	}
	if p := s.do(viewer, "GET", "/v1/stats/endpoints?bucket=1s&endpoints="+ids, "").problem(t); p.Errors[0].Field != "bucket" {
		t.Errorf("%+v", p)
	}
}

func TestBacklog(t *testing.T) {
	s := open(t)
	e := s.endpoint("acme")
	s.do(s.admin, "POST", "/v1/endpoints/"+e.ID.String()+"/pause", "")
	var backlog wire.Backlog
	s.do(s.admin, "GET", "/v1/stats/backlog", "").into(t, &backlog)
	if backlog.Pending != 0 || backlog.Oldest != 0 || !backlog.OldestPendingAt.IsZero() || backlog.Samples == nil || backlog.Until.Sub(backlog.Since) != 24*time.Hour {
		t.Errorf("%+v", backlog)
	}
	s.publish("acme")
	s.do(s.admin, "GET", "/v1/stats/backlog", "").into(t, &backlog)
	if backlog.Pending != 1 || backlog.Oldest == 0 || !backlog.OldestPendingAt.Equal(backlog.Oldest.Time()) {
		t.Errorf("%+v", backlog)
	}
	if p := s.do(s.admin, "GET", "/v1/stats/backlog?since=2027-01-02T00:00:00Z&until=2027-01-01T00:00:00Z", "").problem(t); p.Status != 422 {
		t.Errorf("%+v", p)
	}
}

func TestTroubledEndpoints(t *testing.T) {
	s := open(t)
	s.net.status = 410 // Bellhop disables what is gone
	e := s.endpoint("acme", "globex")
	s.firstAttempt(s.publish("acme").Event)
	var list wire.List[wire.Troubled]
	for deadline := time.Now().Add(10 * time.Second); len(list.Data) == 0 && time.Now().Before(deadline); {
		s.do(s.admin, "GET", "/v1/endpoints/troubled", "").into(t, &list)
	}
	if len(list.Data) != 1 || list.Data[0].Endpoint.ID != e.ID || list.Data[0].Reason != desk.TroubleDisabled || list.Data[0].Detail == "" {
		t.Fatalf("%+v", list)
	}
	list.Data = nil
	r := s.do(s.key(bellhop.RoleViewer, "acme"), "GET", "/v1/endpoints/troubled", "")
	r.into(t, &list)
	if len(list.Data) != 1 || bytes.Contains(r.body, []byte("globex")) || bytes.Contains(r.body, []byte("door-code")) {
		t.Errorf("a viewer of acme sees %s", r.body)
	}
	if r := s.do(s.admin, "GET", "/v1/endpoints/troubled?app=globex", ""); !bytes.Contains(r.body, []byte(e.ID.String())) {
		t.Errorf("%s", r.body)
	}
	if p := s.do(s.key(bellhop.RoleViewer, "acme"), "GET", "/v1/endpoints/troubled?app=globex", "").problem(t); p.Code != bellhop.CodeUnknownApp {
		t.Errorf("%+v", p)
	}
}
