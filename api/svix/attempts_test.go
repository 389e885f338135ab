package svix

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
)

// ids are those of a page.
func ids(r reply) (list []string) {
	rows, _ := r.has("data").([]any)
	for _, x := range rows {
		list = append(list, x.(map[string]any)["id"].(string))
	}
	return list
}

// quick retries once, at once.
func quick() setup {
	return setup{config: func(c *engine.Config) {}}
}

func TestAttempts(t *testing.T) {
	s := open(t, quick())
	s.net.answer = "thank you"
	s.net.status = func(d delivered) int {
		switch {
		case strings.Contains(d.url, "refuses"):
			return 500
		case strings.Contains(d.url, "away"):
			return 0
		}
		return 200
	}
	app := s.app("")
	takes := s.endpoint(app, "")
	refuses := s.do(201, "POST", "/app/"+app+"/endpoint", `{"url":"https://refuses.example.com/","uid":"refuses"}`).text("id")
	away := s.do(201, "POST", "/app/"+app+"/endpoint", `{"url":"https://away.example.com/"}`).text("id")
	msg := s.message(app, `,"tags":["red"],"channels":["x"]`)
	of := func(endpoint, query string) reply {
		return s.do(200, "GET", "/app/"+app+"/attempt/endpoint/"+endpoint+"?"+query, "")
	}
	for _, e := range []string{takes, refuses, away} {
		s.eventually("an attempt at "+e, func() bool { return len(ids(of(e, ""))) == 1 })
	}
	r := of(takes, "expanded_statuses=true")
	if r.has("data.0.status") != 0.0 || r.text("data.0.statusText") != "success" || r.text("data.0.response") != "thank you" || r.has("data.0.responseStatusCode") != 200.0 ||
		r.has("data.0.responseDurationMs") == nil || r.has("data.0.triggerType") != 0.0 || r.text("data.0.msgId") != msg || r.text("data.0.endpointId") != takes || r.text("data.0.url") != "https://example.com/in" {
		t.Errorf("taken: %s", r)
	}
	attempt := r.text("data.0.id")
	if r := of(refuses, "expanded_statuses=true"); r.has("data.0.status") != 2.0 || r.text("data.0.statusText") != "fail" || r.has("data.0.responseStatusCode") != 500.0 {
		t.Errorf("refused: %s", r)
	}
	if r := s.do(200, "GET", "/app/"+app+"/endpoint/refuses/msg", ""); r.has("data.0.status") != 3.0 || r.text("data.0.statusText") != "sending" {
		t.Errorf("refused, without expanded_statuses: %s", r)
	}
	if r := of(away, "expanded_statuses=true"); r.has("data.0.responseStatusCode") != 0.0 || r.text("data.0.response") == "" {
		t.Errorf("away: %s", r)
	}
	if r := of(takes, "with_content=false"); r.has("data.0.response") != "" {
		t.Errorf("without content: %s", r)
	}
	if r := of(takes, "with_msg=true"); r.text("data.0.msg.id") != msg || r.has("data.0.msg.payload.total") != 1.0 {
		t.Errorf("with its message: %s", r)
	}
	for query, want := range map[string]int{
		"status=0": 0, "status=3&expanded_statuses=true": 0, "status=1": 0, "status=2": 1, "status=2&expanded_statuses=true": 1, "status_code_class=500": 1, "status_code_class=200": 0,
		"event_types=invoice.paid": 1, "event_types=other": 0, "channel=x": 1, "channel=y": 0, "tag=red": 1, "tag=blue": 0,
		"after=2000-01-01T00:00:00Z": 1, "before=2000-01-01T00:00:00Z": 0,
	} {
		if got := ids(of(refuses, query)); len(got) != want {
			t.Errorf("%s: %v, want %d", query, got, want)
		}
	}
	if r := of(away, "status_code_class=0"); len(ids(r)) != 1 {
		t.Errorf("no answer: %s", r)
	}
	if r := s.do(422, "GET", "/app/"+app+"/attempt/endpoint/"+takes+"?status=9", ""); r.has("detail.0.loc.1") != "status" {
		t.Errorf("status 9: %s", r)
	}
	byMsg := s.do(200, "GET", "/app/"+app+"/attempt/msg/"+msg, "")
	if len(ids(byMsg)) != 3 {
		t.Errorf("by message: %s", byMsg)
	}
	if r := s.do(200, "GET", "/app/"+app+"/attempt/msg/"+msg+"?endpoint_id=refuses", ""); len(ids(r)) != 1 || r.text("data.0.endpointId") != refuses {
		t.Errorf("by message and endpoint: %s", r)
	}
	if r := s.do(200, "GET", "/app/"+app+"/msg/"+msg+"/endpoint/"+takes+"/attempt", ""); len(ids(r)) != 1 || r.text("data.0.id") != attempt {
		t.Errorf("by its own path: %s", r)
	}
	if got := s.walkBoth("/app/"+app+"/attempt/msg/"+msg, 1); len(got) != 3 {
		t.Errorf("walked: %v", got)
	}

	if r := s.do(200, "GET", "/app/"+app+"/msg/"+msg+"/attempt/"+attempt, ""); r.text("response") != "thank you" {
		t.Errorf("one: %s", r)
	}
	other := s.message(app, "")
	s.do(404, "GET", "/app/"+app+"/msg/"+other+"/attempt/"+attempt, "")
	s.do(404, "GET", "/app/"+app+"/msg/"+msg+"/attempt/nonsense", "")
	s.do(204, "DELETE", "/app/"+app+"/msg/"+msg+"/attempt/"+attempt+"/content", "")
	if r := s.do(200, "GET", "/app/"+app+"/msg/"+msg+"/attempt/"+attempt, ""); r.text("response") != "EXPUNGED" || r.has("responseStatusCode") != 200.0 {
		t.Errorf("expunged: %s", r)
	}

	unanswered := ids(s.do(200, "GET", "/app/"+app+"/msg/"+msg+"/endpoint/"+away+"/attempt", ""))[0]
	s.do(204, "DELETE", "/app/"+app+"/msg/"+msg+"/attempt/"+unanswered+"/content", "")
	if r := s.do(200, "GET", "/app/"+app+"/msg/"+msg+"/attempt/"+unanswered, ""); r.text("response") != "EXPUNGED" || r.has("responseStatusCode") != 0.0 {
		t.Errorf("expunged without an answer: %s", r)
	}

	// The messages of an endpoint, and the endpoints of a message.
	attempted := func(endpoint, query string) reply {
		return s.do(200, "GET", "/app/"+app+"/endpoint/"+endpoint+"/msg?expanded_statuses=true&"+query, "")
	}
	s.eventually("the other message is tried", func() bool { return len(ids(attempted(refuses, "status=3"))) == 2 })
	if r := attempted(refuses, ""); !slices.Equal(ids(r), []string{other, msg}) || r.has("data.1.status") != 3.0 || r.text("data.1.nextAttempt") == "" || r.has("data.1.payload.total") != 1.0 || r.has("data.1.tags.0") != "red" {
		t.Errorf("attempted: %s", r)
	}
	s.do(202, "POST", "/app/"+app+"/msg/"+msg+"/endpoint/"+takes+"/resend", "")
	s.eventually("it is sent again", func() bool { return len(ids(of(takes, "tag=red"))) == 2 })
	if r := of(takes, "tag=red"); r.has("data.0.triggerType") != 1.0 {
		t.Errorf("sent again: %s", r)
	}
	if r := attempted(takes, ""); !slices.Equal(ids(r), []string{other, msg}) || r.has("data.1.status") != 0.0 {
		t.Errorf("each message once: %s", r)
	}
	for query, want := range map[string][]string{"status=0": {other, msg}, "status=3": nil, "channel=x": {msg}, "tag=red": {msg}, "tag=none": nil, "event_types=invoice.paid": {other, msg}, "event_types=none": nil} {
		if got := ids(attempted(takes, query)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	if got := s.walkBoth("/app/"+app+"/endpoint/"+takes+"/msg", 1); !slices.Equal(got, []string{other, msg}) {
		t.Errorf("walked: %v", got)
	}
	s.do(204, "DELETE", "/app/"+app+"/endpoint/"+away, "")
	doors := s.do(200, "GET", "/app/"+app+"/msg/"+msg+"/endpoint", "")
	if !slices.Equal(ids(doors), []string{takes, refuses, away}) || doors.has("data.0.status") != 0.0 || doors.has("data.1.uid") != "refuses" || doors.has("data.1.status") != 3.0 || doors.text("data.2.url") != "https://away.example.com/" {
		t.Errorf("destinations: %s", doors)
	}
	if got := s.walkBoth("/app/"+app+"/msg/"+msg+"/endpoint", 1); !slices.Equal(got, []string{takes, refuses, away}) {
		t.Errorf("walked: %v", got)
	}

	if r := s.do(200, "GET", "/app/"+app+"/endpoint/"+takes+"/stats", ""); r.has("success") != 3.0 || r.has("fail") != 0.0 || r.has("pending") != 0.0 || r.has("sending") != 0.0 || r.has("canceled") != 0.0 {
		t.Errorf("stats: %s", r)
	}
	if r := s.do(200, "GET", "/app/"+app+"/endpoint/"+takes+"/stats?since="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+"&until="+time.Now().Add(2*time.Hour).UTC().Format(time.RFC3339), ""); r.has("success") != 0.0 {
		t.Errorf("stats of later: %s", r)
	}
	s.do(400, "GET", "/app/"+app+"/endpoint/"+takes+"/stats?since=2026-01-01T00:00:00Z&until=2026-03-01T00:00:00Z", "")

	s.do(204, "DELETE", "/app/"+app+"/msg/"+msg+"/content", "")
	if r := s.do(400, "POST", "/app/"+app+"/msg/"+msg+"/endpoint/"+takes+"/resend", ""); r.text("code") != "missing_payload" {
		t.Errorf("nothing to send: %s", r)
	}
}

func TestTasks(t *testing.T) {
	s := open(t)
	down := true
	s.net.status = func(delivered) int {
		if down {
			return 410 // which disables it, and gives nothing another try
		}
		return 200
	}
	app := s.app("")
	door := s.endpoint(app, "")
	msg := s.message(app, `,"channels":["x"],"tags":["red"]`)
	path := "/app/" + app + "/endpoint/" + door
	s.eventually("it is disabled", func() bool { return s.do(200, "GET", path, "").has("disabled") == true })
	s.net.mu.Lock()
	down = false
	s.net.mu.Unlock()
	s.do(200, "PATCH", path, `{"disabled":false}`)
	hour := func(n int) string { return time.Now().Add(time.Duration(n) * time.Hour).UTC().Format(time.RFC3339) }
	ended := func(r reply) reply {
		t.Helper()
		id := r.text("id")
		if !strings.HasPrefix(id, "qtask_") || r.text("status") != "running" || r.text("updatedAt") == "" {
			t.Fatalf("begun: %s", r)
		}
		var done reply
		s.eventually("the task ends", func() bool {
			done = s.do(200, "GET", "/background-task/"+id, "")
			return done.text("status") != "running"
		})
		return done
	}
	s.eventually("it was sent after it was enabled", func() bool { return len(s.net.requests()) == 2 })
	_ = msg
	missed := s.do(201, "POST", "/app/"+app+"/endpoint", `{"url":"https://late.example.com/"}`).text("id")
	r := ended(s.do(202, "POST", "/app/"+app+"/endpoint/"+missed+"/replay-missing", `{"since":"`+hour(-1)+`"}`))
	if r.text("status") != "finished" || r.has("data.messagesSent") != 1.0 || r.text("task") != "endpoint.replay" {
		t.Errorf("missing: %s", r)
	}
	r = ended(s.do(202, "POST", path+"/bulk-replay", `{"since":"`+hour(-1)+`","eventTypes":["invoice.paid"]}`))
	if r.text("status") != "finished" || r.has("data.messagesSent") != 1.0 || r.text("task") != "endpoint.bulk-replay" {
		t.Errorf("bulk: %s", r)
	}
	r = ended(s.do(202, "POST", path+"/recover", `{"since":"`+hour(-1)+`","until":null}`))
	if r.text("status") != "finished" || r.has("data.messagesSent") != 0.0 || r.text("task") != "endpoint.recover" {
		t.Errorf("recover: %s", r)
	}
	for _, bad := range []string{`{}`, `{"since":"` + hour(-15*24) + `"}`, `{"since":"` + hour(-1) + `","until":"` + hour(-2) + `"}`, `{"since":"yesterday"}`} {
		s.do(422, "POST", path+"/recover", bad)
	}
	for body, want := range map[string]float64{
		`"status":0`: 1, `"status":1`: 0, `"status":2`: 0, `"status":3`: 0, `"status":4`: 0, `"status":0,"statusCodeClass":200`: 1, `"status":0,"statusCodeClass":500`: 0,
		`"statusCodeClass":0`: 0, `"channel":"x","tag":"red","eventTypes":["invoice.paid"]`: 1, `"channel":"y"`: 0, `"status":0,"tag":"blue"`: 0,
	} {
		if r := ended(s.do(202, "POST", path+"/bulk-replay", `{"since":"`+hour(-1)+`",`+body+`}`)); r.text("status") != "finished" || r.has("data.messagesSent") != want {
			t.Errorf("bulk of %s: %s", body, r)
		}
		s.eventually("nothing waits", func() bool { return s.do(200, "GET", path+"/stats", "").has("pending") == 0.0 })
	}
	for _, bad := range []string{`"status":5`, `"statusCodeClass":250`, `"statusCodeClass":600`, `"status":1,"statusCodeClass":500`} {
		s.do(422, "POST", path+"/bulk-replay", `{"since":"`+hour(-1)+`",`+bad+`}`)
	}
	types := ended(s.do(202, "PUT", "/stats/usage/event-types", ""))
	if types.has("data.event_types.0.hasCatchAllEndpoint") != true || types.text("data.event_types.0.appId") != app {
		t.Errorf("types: %s", types)
	}
	counts := ended(s.do(202, "POST", "/stats/usage/app", `{"since":"`+hour(-1)+`","until":"`+hour(1)+`","appIds":["`+app+`","nobody"]}`))
	if counts.text("data.appStats.0.appId") != app || counts.has("data.appStats.0.messageDestinations") == 0.0 {
		t.Errorf("counts: %s", counts)
	}
	if got := s.walkBoth("/background-task", 2); len(got) != 16 {
		t.Errorf("listed: %v", got)
	}
	if got := ids(s.do(200, "GET", "/background-task?task=endpoint.recover&status=finished", "")); len(got) != 1 {
		t.Errorf("listed: %v", got)
	}
	s.do(404, "GET", "/background-task/qtask_nobody", "")

	// They are there after a restart, and what had not ended has failed.
	left, err := s.desk.BeginTask(t.Context(), bellhop.Owner(), taskRecover, []string{app}, nil)
	if err != nil {
		t.Fatal(err)
	}
	left.Data = bellhop.JSON(`{"messagesSent":7,"sentUntil":"2026-11-30T10:00:00Z"}`)
	if err := s.desk.NoteTask(t.Context(), bellhop.Owner(), left); err != nil {
		t.Fatal(err)
	}
	s.end()
	s.start()
	if again := s.do(200, "GET", "/background-task/"+types.text("id"), ""); fmt.Sprint(again.has("data")) != fmt.Sprint(types.has("data")) {
		t.Errorf("after a restart: %s", again)
	}
	if r := s.do(200, "GET", "/background-task/"+left.ID, ""); r.text("status") != "failed" || r.text("data.error") == "" || r.has("data.messagesSent") != 7.0 || r.text("data.sentUntil") != "2026-11-30T10:00:00Z" {
		t.Errorf("cut short: %s", r)
	}
}

func TestSendExample(t *testing.T) {
	s := open(t)
	app := s.app("")
	door := s.endpoint(app, "")
	path := "/app/" + app + "/endpoint/" + door + "/send-example"
	if r := s.do(200, "POST", path, `{"eventType":"svix.ping"}`); r.has("payload.success") != true || r.text("id") == "" {
		t.Errorf("ping: %s", r)
	}
	if got := s.net.requests(); len(got) != 1 || string(got[0].body) != `{"success":true}` {
		t.Errorf("sent: %v", got)
	}
	s.do(404, "POST", path, `{"eventType":"a.b"}`)
	s.do(201, "POST", "/event-type", `{"name":"a.b","description":"x"}`)
	if r := s.do(400, "POST", path, `{"eventType":"a.b"}`); r.text("code") != "invalid_scheme" {
		t.Errorf("no schema: %s", r)
	}
	s.do(200, "PATCH", "/event-type/a.b", `{"schemas":{"1":{"type":"object","properties":{"total":{"type":"integer"}}}}}`)
	if r := s.do(200, "POST", path, `{"eventType":"a.b"}`); r.has("payload.total") == nil {
		t.Errorf("by its schema: %s", r)
	}
}

// What the parameter expanded_statuses says: without it, canceled is success.
func TestStatesOfOldClients(t *testing.T) {
	for s, old := range map[state]state{succeeded: succeeded, pending: pending, failed: failed, sending: sending, canceled: succeeded} {
		if got := s.known(false); got != old {
			t.Errorf("%s: %s for old clients, want %s", s.StatusText, got.StatusText, old.StatusText)
		}
		if got := s.known(true); got != s {
			t.Errorf("%s: %s for those of today", s.StatusText, got.StatusText)
		}
	}
}
