package native

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
)

// TestTheDeskKnowsEveryOperation: each route that takes a key is an operation of the
// desk, and the desk has no other.
func TestTheDeskKnowsEveryOperation(t *testing.T) {
	var ids []string
	for _, r := range (&native{}).routes() {
		if !r.Public {
			ids = append(ids, r.ID)
		}
	}
	slices.Sort(ids)
	if diff := cmp.Diff(desk.Operations(), ids); diff != "" {
		t.Errorf("operations of the desk (-) and of the API (+): %s", diff)
	}
}

// roleTable says again, independently of the desk, what each role may do: the
// initials of the roles, and A for admins whose key is not limited to apps.
func roleTable() map[string]string {
	return map[string]string{
		"POST /v1/events":                                              "Aap",
		"POST /v1/events/batch":                                        "Aap",
		"POST /v1/events/stream":                                       "Aap",
		"GET /v1/events":                                               "Aapev",
		"GET /v1/events/{event}":                                       "Aapev",
		"GET /v1/events/{event}/deliveries":                            "Aapev",
		"GET /v1/events/{event}/explain":                               "Aaev",
		"POST /v1/events/{event}/resend":                               "Aae",
		"DELETE /v1/events/{event}":                                    "Aa",
		"POST /v1/events/erase":                                        "Aa",
		"GET /v1/deliveries":                                           "Aapev",
		"GET /v1/deliveries/{delivery}":                                "Aapev",
		"GET /v1/attempts":                                             "Aapev",
		"GET /v1/attempts/{attempt}":                                   "Aapev",
		"GET /v1/apps":                                                 "Aapev",
		"GET /v1/apps/acme":                                            "Aapev",
		"POST /v1/apps":                                                "A",
		"PUT /v1/apps/acme":                                            "Aa",
		"PATCH /v1/apps/acme":                                          "Aa",
		"DELETE /v1/apps/acme":                                         "A",
		"GET /v1/event-types":                                          "Aapev",
		"GET /v1/event-types/a.b":                                      "Aapev",
		"PUT /v1/event-types/a.b":                                      "A",
		"DELETE /v1/event-types/a.b":                                   "A",
		"GET /v1/endpoints":                                            "Aaev",
		"GET /v1/endpoints/{endpoint}":                                 "Aaev",
		"GET /v1/endpoints/{endpoint}/stats":                           "Aaev",
		"POST /v1/endpoints":                                           "Aae",
		"PATCH /v1/endpoints/{endpoint}":                               "Aae",
		"DELETE /v1/endpoints/{endpoint}":                              "Aae",
		"POST /v1/endpoints/{endpoint}/pause":                          "Aae",
		"POST /v1/endpoints/{endpoint}/resume":                         "Aae",
		"POST /v1/endpoints/{endpoint}/test":                           "Aae",
		"POST /v1/endpoints/{endpoint}/check":                          "Aae",
		"POST /v1/requests/check":                                      "Aaev",
		"POST /v1/endpoints/{endpoint}/replay":                         "Aae",
		"POST /v1/endpoints/{endpoint}/try":                            "Aae",
		"POST /v1/deliveries/{delivery}/try":                           "Aae",
		"GET /v1/failures":                                             "Aaev",
		"GET /v1/endpoints/{endpoint}/secret":                          "Aae",
		"POST /v1/endpoints/{endpoint}/secret/rotate":                  "Aae",
		"GET /v1/endpoints/{endpoint}/listen?session=f3a1c0d29be84b6a": "Aae",
		"POST /v1/endpoints/{endpoint}/listen":                         "Aae",
		"POST /v1/endpoints/preview":                                   "Aae",
		"GET /v1/events/export":                                        "Aapev",
		"GET /v1/deliveries/export":                                    "Aapev",
		"GET /v1/attempts/export":                                      "Aapev",
		"POST /v1/endpoints/matches":                                   "Aae",
		"GET /v1/event-types/fields":                                   "Aaev",
		"POST /v1/transformations/test":                                "Aae",
		"POST /v1/inboxes":                                             "Aae",
		"GET /v1/inboxes":                                              "Aaev",
		"GET /v1/inboxes/{inbox}":                                      "Aaev",
		"PATCH /v1/inboxes/{inbox}":                                    "Aae",
		"DELETE /v1/inboxes/{inbox}":                                   "Aae",
		"GET /v1/stats":                                                "Aaev",
		"GET /v1/stats/backlog":                                        "A",
		"GET /v1/stats/endpoints":                                      "Aaev",
		"GET /v1/endpoints/troubled":                                   "Aaev",
		"GET /v1/dialects":                                             "Aapev",
		"GET /v1/dialects/standard":                                    "Aapev",
		"GET /v1/dialects/standard/code":                               "Aapev",
		"GET /v1/recipes":                                              "Aapev",
		"GET /v1/recipes/slack":                                        "Aapev",
		"POST /v1/keys":                                                "Aa",
		"GET /v1/keys":                                                 "Aa",
		"DELETE /v1/keys/{key}":                                        "Aa",
		"POST /v1/portal-links":                                        "Aa",
		"GET /v1/audit":                                                "Aa",
		"GET /v1/session":                                              "Aapev",
		"DELETE /v1/session":                                           "Aapev",
		"GET /v1/settings":                                             "A",
		"GET /v1/nodes":                                                "A",
		"GET /v1/outbox/refused":                                       "A",
		"GET /v1/outbox/refused/1":                                     "A",
		"POST /v1/outbox/refused/1/retry":                              "A",
		"DELETE /v1/outbox/refused/1":                                  "A",
		"DELETE /v1/outbox/refused":                                    "A",
		"GET /v1/hold":                                                 "Aapev",
		"POST /v1/hold":                                                "A",
		"DELETE /v1/hold":                                              "A",
		"GET /v1/notices":                                              "A",
		"PUT /v1/notices":                                              "A",
		"POST /v1/notices/test":                                        "A",
		"GET /v1/apps/acme/notices":                                    "Aae",
		"PUT /v1/apps/acme/notices":                                    "Aae",
		"POST /v1/apps/acme/notices/test":                              "Aae",
	}
}

// TestRoles asks for every operation with a key of every role: exactly the
// permitted ones are not answered 403.
func TestRoles(t *testing.T) {
	s := open(t)
	if got, want := len(roleTable())+1, len(desk.Operations()); got != want { // the stream is tested apart
		t.Errorf("the table has %d operations, the desk %d", got, want)
	}
	// The ids are of nothing: 404 is as good as any answer but 403 here.
	ids := strings.NewReplacer("{event}", "evt_0000000000001", "{endpoint}", "ep_0000000000001",
		"{delivery}", "dlv_0000000000001", "{attempt}", "att_0000000000001", "{key}", "key_0000000000001", "{inbox}", "aaaaaaaaaaaaaaaaaaaaaaaaaa")
	keys := map[string]string{
		"A": s.admin, "a": s.key(bellhop.RoleAdmin, "globex"), "p": s.key(bellhop.RolePublisher, "globex"),
		"e": s.key(bellhop.RoleEditor, "globex"), "v": s.key(bellhop.RoleViewer, "globex"),
	}
	for call, permitted := range roleTable() {
		method, path, _ := strings.Cut(ids.Replace(call), " ")
		for role, token := range keys {
			if role == "A" && method == "DELETE" {
				continue // would delete what the others need
			}
			r := s.do(token, method, path, "")
			if forbidden := r.status == http.StatusForbidden; forbidden == strings.Contains(permitted, role) {
				t.Errorf("%s as %s: %d %s", call, role, r.status, r.body)
			}
			if r.status == http.StatusUnauthorized || r.status >= 500 {
				t.Errorf("%s as %s: %d %s", call, role, r.status, r.body)
			}
		}
		if r := s.do("", method, path, ""); r.status != http.StatusUnauthorized {
			t.Errorf("%s without a key: %d", call, r.status)
		}
	}
}

// TestAppIsolation looks at everything of one app with the keys of another: it is
// answered exactly as what does not exist.
func TestAppIsolation(t *testing.T) {
	s := open(t, withInboxes)
	in := s.inbox("acme")
	s.net.status = 500
	e := s.endpoint("acme")
	event := s.publish("acme").Event
	<-s.net.got
	at := s.firstAttempt(event)
	keyOfAcme, _, err := s.desk.CreateKey(t.Context(), bellhop.Owner(), bellhop.KeyRequest{Role: bellhop.RoleViewer, Apps: []string{"acme"}})
	if err != nil {
		t.Fatal(err)
	}
	admin, editor := s.key(bellhop.RoleAdmin, "globex"), s.key(bellhop.RoleEditor, "globex")

	for call, objects := range map[string][2]string{
		"GET /v1/events/ID":                                    {event.String(), "evt_0000000000001"},
		"DELETE /v1/events/ID":                                 {event.String(), "evt_0000000000001"},
		"GET /v1/events/ID/deliveries":                         {event.String(), "evt_0000000000001"},
		"GET /v1/events/ID/explain":                            {event.String(), "evt_0000000000001"},
		"POST /v1/events/ID/resend":                            {event.String(), "evt_0000000000001"},
		"GET /v1/deliveries/ID":                                {at.Delivery.String(), "dlv_0000000000001"},
		"GET /v1/attempts/ID":                                  {at.ID.String(), "att_0000000000001"},
		"GET /v1/apps/ID":                                      {"acme", "nobody"},
		"PUT /v1/apps/ID {}":                                   {"acme", "nobody"},
		"PATCH /v1/apps/ID {}":                                 {"acme", "nobody"},
		"GET /v1/endpoints/ID":                                 {e.ID.String(), "ep_0000000000001"},
		"PATCH /v1/endpoints/ID {}":                            {e.ID.String(), "ep_0000000000001"},
		"DELETE /v1/endpoints/ID":                              {e.ID.String(), "ep_0000000000001"},
		"POST /v1/endpoints/ID/pause":                          {e.ID.String(), "ep_0000000000001"},
		"POST /v1/endpoints/ID/test":                           {e.ID.String(), "ep_0000000000001"},
		"POST /v1/endpoints/ID/check":                          {e.ID.String(), "ep_0000000000001"},
		"GET /v1/endpoints/ID/listen?session=f3a1c0d29be84b6a": {e.ID.String(), "ep_0000000000001"},
		"POST /v1/endpoints/ID/listen {\"session\":\"f3a1c0d29be84b6a\",\"id\":\"x\",\"status\":200}": {e.ID.String(), "ep_0000000000001"},
		"GET /v1/endpoints/ID/secret":                                   {e.ID.String(), "ep_0000000000001"},
		"GET /v1/endpoints/ID/stats":                                    {e.ID.String(), "ep_0000000000001"},
		"DELETE /v1/keys/ID":                                            {keyOfAcme.ID.String(), "key_0000000000001"},
		"GET /v1/inboxes/ID":                                            {in.Token, "aaaaaaaaaaaaaaaaaaaaaaaaaa"},
		"DELETE /v1/inboxes/ID":                                         {in.Token, "aaaaaaaaaaaaaaaaaaaaaaaaaa"},
		"GET /v1/inboxes?app=ID":                                        {"acme", "nobody"},
		"PATCH /v1/inboxes/ID {\"answer_status\":500}":                  {in.Token, "aaaaaaaaaaaaaaaaaaaaaaaaaa"},
		"POST /v1/inboxes {\"app\":\"ID\"}":                             {"acme", "nobody"},
		"POST /v1/endpoints/preview {\"endpoint\":{\"apps\":[\"ID\"]}}": {"acme", "nobody"},
		"POST /v1/transformations/test {\"code\":\"x\",\"app\":\"ID\"}": {"acme", "nobody"},
		"POST /v1/endpoints {\"apps\":[\"globex\"],\"url\":\"http://127.0.0.1:8420/in/ID\"}": {in.Token, "aaaaaaaaaaaaaaaaaaaaaaaaaa"},
		"GET /v1/events?app=ID":   {"acme", "nobody"},
		"GET /v1/attempts?app=ID": {"acme", "nobody"},
		"GET /v1/stream?app=ID":   {"acme", "nobody"},
		"GET /v1/audit?app=ID":    {"acme", "nobody"},
		"POST /v1/endpoints/ID/replay {\"since\":\"2026-01-01T00:00:00Z\",\"status\":\"all\"}": {e.ID.String(), "ep_0000000000001"},
		"POST /v1/events {\"app\":\"ID\",\"type\":\"a.b\",\"data\":1}":                         {"acme", "nobody"},
		"POST /v1/endpoints {\"apps\":[\"ID\"],\"url\":\"https://example.com\"}":               {"acme", "nobody"},
		"POST /v1/keys {\"role\":\"viewer\",\"apps\":[\"ID\"]}":                                {"acme", "nobody"},
		"POST /v1/portal-links {\"role\":\"viewer\",\"app\":\"ID\"}":                           {"acme", "nobody"},
		"POST /v1/events/erase {\"app\":\"ID\",\"subject\":\"x\"}":                             {"acme", "nobody"},
	} {
		parts := strings.SplitN(call, " ", 3)
		body := ""
		if len(parts) == 3 {
			body = parts[2]
		}
		for role, token := range map[string]string{"admin": admin, "editor": editor} {
			var answers [2]reply
			for i, id := range objects {
				answers[i] = s.do(token, parts[0], strings.ReplaceAll(parts[1], "ID", id), strings.ReplaceAll(body, "ID", id))
				answers[i].body = bytes.ReplaceAll(answers[i].body, []byte(id), []byte("ID"))
			}
			if answers[0].status < 400 || answers[0].status != answers[1].status || !bytes.Equal(answers[0].body, answers[1].body) {
				t.Errorf("%s as %s:\nanother app's: %d %s\nnobody's:      %d %s", call, role,
					answers[0].status, answers[0].body, answers[1].status, answers[1].body)
			}
		}
	}
	// Whatever names an unknown app must word it alike an unknown app alike, or the two
	// answers above differ.
	theirs := s.do(s.admin, "POST", "/v1/events", `{"app":"nobody","type":"a.b","data":1}`)
	ours := s.do(editor, "POST", "/v1/endpoints", `{"apps":["nobody"],"url":"https://example.com"}`)
	if x, y := theirs.problem(t).Errors[0].Detail, ours.problem(t).Errors[0].Detail; x != y {
		t.Errorf("unknown apps are worded %q and %q", x, y)
	}

	for _, list := range []string{"events", "deliveries", "attempts", "endpoints", "keys", "apps", "audit"} {
		r := s.do(admin, "GET", "/v1/"+list, "")
		if r.status != 200 || bytes.Contains(r.body, []byte("acme")) {
			t.Errorf("GET /v1/%s shows another app: %d %s", list, r.status, r.body)
		}
	}
}

// firstAttempt waits until an event has an attempt in the log.
func (s *site) firstAttempt(event bellhop.EventID) bellhop.Attempt {
	s.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		attempts, err := s.desk.Attempts(s.t.Context(), bellhop.Owner(), "", bellhop.AttemptFilter{Event: event, Limit: 1})
		if err != nil {
			s.t.Fatal(err)
		}
		if len(attempts) > 0 {
			return attempts[0]
		}
		if time.Now().After(deadline) {
			s.t.Fatal("the attempt is not recorded")
		}
	}
}

func TestSharedEndpoint(t *testing.T) {
	s := open(t)
	e := s.endpoint("acme", "globex")
	editor := s.key(bellhop.RoleEditor, "acme")
	path := "/v1/endpoints/" + e.ID.String()
	var seen bellhop.Endpoint
	s.do(editor, "GET", path, "").into(t, &seen)
	if !slices.Equal(seen.Apps, []string{"acme"}) {
		t.Errorf("an editor of acme sees the apps %v", seen.Apps)
	}
	for _, call := range []string{"PATCH " + path, "POST " + path + "/pause", "POST " + path + "/test", "GET " + path + "/secret", "DELETE " + path} {
		method, path, _ := strings.Cut(call, " ")
		if p := s.do(editor, method, path, `{}`).problem(t); p.Status != 403 {
			t.Errorf("%s: %+v", call, p)
		}
	}
	both := s.key(bellhop.RoleEditor, "acme", "globex")
	if r := s.do(both, "PATCH", path, `{"name":"ours"}`); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if p := s.do(editor, "POST", "/v1/endpoints", `{"apps":["acme","globex"],"url":"https://example.com"}`).problem(t); p.Code != bellhop.CodeUnknownApp || p.Errors[0].Field != "apps[1]" {
		t.Errorf("%+v", p)
	}
}

func TestHeaderValuesAreForEditors(t *testing.T) {
	s := open(t)
	e := s.endpoint("acme")
	at := s.firstAttempt(s.publish("acme").Event)
	for role, want := range map[bellhop.Role]bool{bellhop.RoleAdmin: true, bellhop.RoleEditor: true, bellhop.RoleViewer: false} {
		token := s.key(role)
		for _, path := range []string{"/v1/endpoints/" + e.ID.String(), "/v1/endpoints", "/v1/attempts/" + at.ID.String()} {
			r := s.do(token, "GET", path, "")
			if got := bytes.Contains(r.body, []byte("door-code")); got != want || r.status != 200 {
				t.Errorf("%s as %s: shows the value: %v, want %v: %s", path, role, got, want, r.body)
			}
		}
	}
}

func TestKeysReachNoMoreThanTheirMaker(t *testing.T) {
	s := open(t)
	limited := s.key(bellhop.RoleAdmin, "acme")
	if p := s.do(limited, "POST", "/v1/keys", `{"role":"viewer"}`).problem(t); p.Status != 422 || p.Errors[0].Field != "apps" {
		t.Errorf("a key for all apps: %+v", p)
	}
	var made wire.NewKey
	r := s.do(limited, "POST", "/v1/keys", `{"role":"editor","apps":["acme"],"name":"shop"}`)
	r.into(t, &made)
	if made.Token == "" || made.Role != bellhop.RoleEditor || r.status != 201 {
		t.Errorf("%s", r.body)
	}
	if r := s.do(made.Token, "GET", "/v1/apps/acme", ""); r.status != 200 {
		t.Errorf("the new key does not work: %s", r.body)
	}
	r = s.do(limited, "GET", "/v1/keys", "")
	if bytes.Contains(r.body, []byte("hash")) || bytes.Contains(r.body, []byte(made.Token)) {
		t.Errorf("keys show too much: %s", r.body)
	}
	if r := s.do(limited, "DELETE", "/v1/keys/"+made.ID.String(), ""); r.status != 204 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.do(made.Token, "GET", "/v1/apps/acme", ""); r.status != 401 {
		t.Errorf("a deleted key still works: %d", r.status)
	}
}

func TestPortalLink(t *testing.T) {
	s := open(t)
	var link wire.PortalLink
	s.do(s.admin, "POST", "/v1/portal-links", `{"app":"acme","role":"editor","expires_in":"10m"}`).into(t, &link)
	if link.Token == "" || link.App != "acme" || link.ExpiresAt.IsZero() {
		t.Errorf("%+v", link)
	}
	if r := s.do(link.Token, "POST", "/v1/endpoints", `{"apps":["acme"],"url":"https://example.com"}`); r.status != 201 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.do(link.Token, "GET", "/v1/apps/globex", ""); r.status != 404 {
		t.Errorf("%d", r.status)
	}
	if r := s.do(s.admin, "DELETE", "/v1/keys/"+link.ID.String(), ""); r.status != 204 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.do(link.Token, "GET", "/v1/apps/acme", ""); r.status != 401 {
		t.Errorf("a revoked link still works: %d", r.status)
	}
}
