package native

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
)

// ask makes a request past the network.
func (s *site) ask(ctx context.Context, token, method, path, body string) reply {
	s.t.Helper()
	req := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", contentType(path))
	}
	req.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, req)
	return reply{w.Code, w.Header(), w.Body.Bytes()}
}

// operations are the requests of every operation of the desk's table, for one app that
// shares an endpoint with another. {x} stands for an id.
func operations() map[string][]string {
	get := func(paths ...string) (list []string) {
		for _, p := range paths {
			list = append(list, "GET "+p)
		}
		return list
	}
	return map[string][]string{
		"publishEvent":        {`POST /v1/events {"app":"acme","type":"a.b","data":1}`},
		"publishBatch":        {`POST /v1/events/batch {"events":[{"app":"acme","type":"a.b","data":1}]}`},
		"publishStream":       {`POST /v1/events/stream {"app":"acme","type":"a.b","data":1}`},
		"listEvents":          get("/v1/events", "/v1/events?app=acme", "/v1/events?type=invoice.*", "/v1/events?subject=invoice:1"),
		"getEvent":            get("/v1/events/{event}", "/v1/events/{theirs}"),
		"listEventDeliveries": get("/v1/events/{event}/deliveries", "/v1/events/{theirs}/deliveries"),
		"explainEvent":        get("/v1/events/{event}/explain", "/v1/events/{held}/explain", "/v1/events/{theirs}/explain"),
		"resendEvent":         {`POST /v1/events/{event}/resend {"endpoint":"{endpoint}"}`, "POST /v1/events/{theirs}/resend"},
		"eraseEvent":          {"DELETE /v1/events/{theirs}"},
		"eraseSubject":        {`POST /v1/events/erase {"app":"acme","subject":"nothing"}`},

		"listDeliveries": get("/v1/deliveries", "/v1/deliveries?endpoint={endpoint}", "/v1/deliveries?endpoint={paused}", "/v1/deliveries?event={theirs}", "/v1/deliveries?status=held"),
		"getDelivery":    get("/v1/deliveries/{delivery}"),
		"listAttempts":   get("/v1/attempts", "/v1/attempts?endpoint={endpoint}", "/v1/attempts?event={theirs}"),
		"getAttempt":     get("/v1/attempts/{attempt}"),
		"streamAttempts": get("/v1/stream", "/v1/stream?endpoint={endpoint}"),

		"listApps":  get("/v1/apps"),
		"getApp":    get("/v1/apps/acme"),
		"createApp": {`POST /v1/apps {"id":"acme"}`},
		"putApp":    {`PUT /v1/apps/acme {}`},
		"patchApp":  {`PATCH /v1/apps/acme {}`},
		"deleteApp": {"DELETE /v1/apps/acme"},

		"listEventTypes":   get("/v1/event-types"),
		"exportEvents":     get("/v1/events/export"),
		"exportDeliveries": get("/v1/deliveries/export?format=csv"),
		"exportAttempts":   get("/v1/attempts/export"),
		"listEventFields":  get("/v1/event-types/fields"),
		"getEventType":     get("/v1/event-types/invoice.purchase"),
		"putEventType":     {`PUT /v1/event-types/a.b {}`},
		"deleteEventType":  {"DELETE /v1/event-types/a.b"},

		"listEndpoints":      get("/v1/endpoints", "/v1/endpoints?app=acme"),
		"getEndpoint":        get("/v1/endpoints/{endpoint}", "/v1/endpoints/{paused}"),
		"getEndpointStats":   get("/v1/endpoints/{endpoint}/stats", "/v1/endpoints/{paused}/stats"),
		"createEndpoint":     {`POST /v1/endpoints {"apps":["acme"],"url":"https://x.example"}`},
		"updateEndpoint":     {`PATCH /v1/endpoints/{endpoint} {"name":"mine"}`, `PATCH /v1/endpoints/{endpoint} {"apps":["acme"]}`},
		"deleteEndpoint":     {"DELETE /v1/endpoints/{endpoint}"},
		"pauseEndpoint":      {"POST /v1/endpoints/{endpoint}/pause"},
		"resumeEndpoint":     {"POST /v1/endpoints/{endpoint}/resume"},
		"testEndpoint":       {"POST /v1/endpoints/{endpoint}/test"},
		"checkEndpoint":      {"POST /v1/endpoints/{endpoint}/check"},
		"checkRequest":       {`POST /v1/requests/check {"headers":"webhook-id: x","body":"{}","endpoint":"{endpoint}"}`, `POST /v1/requests/check {"headers":"webhook-id: x","body":"{}","endpoint":"{endpoint}","secret":"x"}`},
		"replayEndpoint":     {`POST /v1/endpoints/{endpoint}/replay {"since":"2000-01-01T00:00:00Z","status":"all"}`},
		"tryEndpoint":        {"POST /v1/endpoints/{endpoint}/try", `POST /v1/endpoints/{endpoint}/try {"response_status":500}`},
		"tryDelivery":        {"POST /v1/deliveries/{delivery}/try"},
		"listFailures":       get("/v1/failures", "/v1/failures?endpoint={endpoint}", "/v1/failures?app=acme"),
		"getSecrets":         get("/v1/endpoints/{endpoint}/secret"),
		"rotateSecret":       {"POST /v1/endpoints/{endpoint}/secret/rotate"},
		"previewEndpoint":    {`POST /v1/endpoints/preview {"endpoint":{"apps":["acme"],"url":"https://x.example"}}`},
		"matchEndpoint":      {`POST /v1/endpoints/matches {"apps":["acme"],"subjects":["none:*"]}`},
		"testTransformation": {`POST /v1/transformations/test {"code":"function transform() { return { skip: true } }","endpoint":{"apps":["acme"]}}`},

		"listenEndpoint": get("/v1/endpoints/{endpoint}/listen?session=f3a1c0d29be84b6a"),
		"answerListened": {`POST /v1/endpoints/{endpoint}/listen {"session":"f3a1c0d29be84b6a","id":"x","status":200}`},

		"getStats":              get("/v1/stats", "/v1/stats?endpoint={endpoint}", "/v1/stats?type=invoice.*"),
		"getBacklog":            get("/v1/stats/backlog"),
		"compareEndpoints":      get("/v1/stats/endpoints?endpoints={endpoint},{paused}"),
		"listTroubledEndpoints": get("/v1/endpoints/troubled"),

		"listDialects": get("/v1/dialects"), "getDialect": get("/v1/dialects/standard"),
		"listRecipes": get("/v1/recipes"), "getRecipe": get("/v1/recipes/slack"),
		"getVerificationCode": get("/v1/dialects/standard/code?language=go"),

		"createKey":        {`POST /v1/keys {"role":"viewer","apps":["acme"]}`},
		"listKeys":         get("/v1/keys"),
		"deleteKey":        {"DELETE /v1/keys/{theirKey}", "DELETE /v1/keys/{sharedKey}"},
		"createPortalLink": {`POST /v1/portal-links {"app":"acme"}`},
		"listAudit":        get("/v1/audit", "/v1/audit?app=acme", "/v1/audit?object={endpoint}"),
		"getSession":       get("/v1/session"),
		"endSession":       {"DELETE /v1/session"},
		"getSettings":      get("/v1/settings"),
		"listRefused":      get("/v1/outbox/refused", "/v1/outbox/refused?app=acme"),
		"getRefused":       get("/v1/outbox/refused/1"),
		"retryRefused":     {"POST /v1/outbox/refused/1/retry"},
		"deleteRefused":    {"DELETE /v1/outbox/refused/1"},
		"clearRefused":     {"DELETE /v1/outbox/refused?app=acme"},
		"listNodes":        get("/v1/nodes"),
		"getHold":          get("/v1/hold"), "holdSending": {"POST /v1/hold"}, "releaseSending": {"DELETE /v1/hold"},

		"getNotices": get("/v1/notices"), "putNotices": {`PUT /v1/notices {}`}, "testNotices": {`POST /v1/notices/test`},
		"getAppNotices": get("/v1/apps/acme/notices"), "putAppNotices": {`PUT /v1/apps/acme/notices {"emails":["a@example.com"]}`}, "testAppNotices": {`POST /v1/apps/acme/notices/test`},

		"createInbox": {`POST /v1/inboxes {"app":"acme"}`},
		"listInboxes": get("/v1/inboxes"),
		"getInbox":    get("/v1/inboxes/nothing"), "updateInbox": {`PATCH /v1/inboxes/nothing {"status":500}`}, "deleteInbox": {"DELETE /v1/inboxes/nothing"},
	}
}

// TestSharedEndpointTellsNothingOfOthers: whoever reaches one of two apps that share an endpoint finds,
// whatever he asks for, neither the other's name nor anything that changes when the
// other publishes.
func TestSharedEndpointTellsNothingOfOthers(t *testing.T) {
	for _, status := range []int{200, 500} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { sharedEndpoint(t, status) })
		})
	}
}

func sharedEndpoint(t *testing.T, status int) {
	s := unserved(t)
	s.net.status = status
	defer close(s.stop)
	const other = "globex"
	endpoint, paused := s.endpoint("acme", other), s.endpoint("acme", other)
	ctx, owner := t.Context(), bellhop.Owner()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.desk.PauseEndpoint(ctx, owner, paused.ID)
	must(err)
	_, err = s.desk.UpdateEndpoint(ctx, owner, endpoint.ID, bellhop.EndpointChange{
		Name: bellhop.Of("shared"), Subjects: bellhop.Of([]string{"invoice:*", "urn:allthings:app:globex:invoice:*", "urn:allthings:app:acme:invoice:*"}),
	})
	must(err)
	publish := func(app string, n int) (last bellhop.EventID) {
		for range n {
			last = s.publish(app).Event
		}
		synctest.Wait()
		return last
	}
	theirs := publish(other, 1)
	publish("acme", 4) // where it fails, it is in trouble already
	event := publish("acme", 1)
	_, err = s.desk.Replay(ctx, owner, paused.ID, desk.Replay{Since: event.Time().Add(-1e9), Until: event.Time().Add(1e9), Status: bellhop.ReplayAll})
	must(err)
	_, err = s.desk.Replay(ctx, owner, endpoint.ID, desk.Replay{Since: event.Time().Add(-1e9), Until: event.Time().Add(1e9), Status: bellhop.ReplayMissing})
	must(err)
	_, err = s.desk.Secrets(ctx, owner, endpoint.ID)
	must(err)
	synctest.Wait()
	attempts, err := s.desk.Attempts(ctx, owner, "acme", bellhop.AttemptFilter{Event: event, Limit: 1})
	must(err)
	theirKey, _, err := s.desk.CreateKey(ctx, owner, bellhop.KeyRequest{Role: bellhop.RoleViewer, Apps: []string{other}})
	must(err)
	sharedKey, _, err := s.desk.CreateKey(ctx, owner, bellhop.KeyRequest{Role: bellhop.RoleViewer, Apps: []string{"acme", other}})
	must(err)
	_, portal, err := s.desk.CreateKey(ctx, owner, bellhop.KeyRequest{Role: bellhop.RoleEditor, Apps: []string{"acme"}, Portal: true})
	must(err)
	who := map[string]string{"portal": portal}
	for _, role := range []bellhop.Role{bellhop.RoleAdmin, bellhop.RoleEditor, bellhop.RoleViewer, bellhop.RolePublisher} {
		who[string(role)] = s.key(role, "acme")
	}
	fill := strings.NewReplacer("{endpoint}", endpoint.ID.String(), "{paused}", paused.ID.String(), "{event}", event.String(), "{held}", event.String(),
		"{theirs}", theirs.String(), "{delivery}", attempts[0].Delivery.String(), "{attempt}", attempts[0].ID.String(),
		"{theirKey}", theirKey.ID.String(), "{sharedKey}", sharedKey.ID.String())

	table := operations()
	for _, op := range desk.Operations() {
		if table[op] == nil {
			t.Errorf("%s is not in the test's table", op)
		}
	}
	// answers asks all of what only reads or, at the end, of what writes, too.
	answers := func(writes bool, during func()) map[string]string {
		all := map[string]string{}
		for op, requests := range table {
			for _, request := range requests {
				method, rest, _ := strings.Cut(fill.Replace(request), " ")
				path, body, _ := strings.Cut(rest, " ")
				if (method != "GET") != writes || op == "streamAttempts" {
					continue
				}
				for name, token := range who {
					r := s.ask(ctx, token, method, path, body)
					all[name+": "+request] = fmt.Sprintf("%d %s", r.status, r.body)
					if r.status >= 500 {
						t.Errorf("%s: %s: %d %s", name, request, r.status, r.body)
					}
				}
			}
		}
		during()
		return all
	}
	before := answers(false, func() {})
	var streams []*httptest.ResponseRecorder
	following, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	open := 0
	for _, request := range table["streamAttempts"] {
		for _, token := range who {
			req := httptest.NewRequestWithContext(following, "GET", strings.TrimPrefix(fill.Replace(request), "GET "), nil)
			req.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			streams = append(streams, w)
			open++
			go func() { s.handler.ServeHTTP(w, req); ended <- struct{}{} }()
		}
	}
	synctest.Wait()
	publish(other, 3)
	stop()
	for range open {
		<-ended
	}
	for _, w := range streams {
		if b := w.Body.Bytes(); w.Code != 200 || bytes.Contains(b, []byte("event: ")) || bytes.Contains(b, []byte(other)) {
			t.Errorf("a stream tells of the other app: %d %s", w.Code, b)
		}
	}
	after := answers(false, func() {})
	for request, answer := range before {
		if after[request] != answer {
			t.Errorf("%s changes when the other app publishes:\n%s\n%s", request, answer, after[request])
		}
	}
	for request, answer := range answers(true, synctest.Wait) {
		after["writes: "+request] = answer
	}
	for request, answer := range after {
		if strings.Contains(answer, other) && !strings.Contains(request, other) {
			t.Errorf("%s names the other app:\n%s", request, answer)
		}
	}
	// That the answers are not merely empty:
	var stats wire.EndpointStats
	if err := json.Unmarshal([]byte(strings.TrimPrefix(before["viewer: GET /v1/endpoints/{paused}/stats"], "200 ")), &stats); err != nil || stats.Pending != 5 {
		t.Errorf("pending of the app alone: %+v, %v", stats, err)
	}
}
