package native

import (
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/notice"
)

func TestNoticesOverTheAPI(t *testing.T) {
	s := open(t)
	s.endpoint("acme")
	var saved, again wire.Notices
	s.do(s.admin, "PUT", "/v1/apps/acme/notices", `{"emails":["ann@example.com"],"chats":[{"url":"https://hooks.slack.com/services/T/B/s3cr3t"}],"page":"https://app.example.com/{endpoint}"}`).into(t, &saved)
	if len(saved.Chats) != 1 || saved.Chats[0].Kind != bellhop.ChatSlack || saved.Chats[0].URL != "https://hooks.slack.com/…" {
		t.Errorf("%+v", saved)
	}
	// A chat is kept by its id; who may not set the page leaves it as it is.
	editor := s.key(bellhop.RoleEditor, "acme")
	r := s.do(editor, "PUT", "/v1/apps/acme/notices", `{"emails":[],"chats":[{"id":"`+saved.Chats[0].ID+`"}],"page":"https://app.example.com/{endpoint}"}`)
	r.into(t, &again)
	if len(again.Chats) != 1 || again.Chats[0] != saved.Chats[0] || strings.Contains(string(r.body), "s3cr3t") {
		t.Errorf("%s", r.body)
	}
	if r := s.do(s.admin, "GET", "/v1/audit?action=notices.update", ""); strings.Contains(string(r.body), "s3cr3t") {
		t.Errorf("the audit log has the chat's URL: %s", r.body)
	}
	for body, field := range map[string]string{
		`{"emails":["ann"]}`:                        "emails[0]",
		`{"emails":["a@x.example\r\nBcc: b@x"]}`:    "emails[0]",
		`{"emails":["a@x.example","A@x.example"]}`:  "emails[1]",
		`{"chats":[{"url":"https://127.0.0.1/x"}]}`: "chats[0].url",
		`{"chats":[{"url":"https://x.example/h"}]}`: "chats[0].kind",
		`{"chats":[{"id":"nosuch"}]}`:               "chats[0].id",
		`{"digest":"1m"}`:                           "digest",
		`{"page":"javascript:alert(1)"}`:            "page",
		`{"page":"https://{endpoint}.example.com"}`: "page",
		`{"page":"https://x.example/{nosuch}"}`:     "page",
	} {
		if r := s.do(s.admin, "PUT", "/v1/apps/acme/notices", body); r.status != 422 || !strings.Contains(string(r.body), `"`+field+`"`) {
			t.Errorf("%s: %d %s, want one that names %s", body, r.status, r.body, field)
		}
	}
	if r := s.do(editor, "PUT", "/v1/apps/acme/notices", `{"page":"https://elsewhere.example"}`); r.status != 422 || !strings.Contains(string(r.body), `"page"`) {
		t.Errorf("an editor sets the page: %d %s", r.status, r.body)
	}
	if r := s.do(editor, "PUT", "/v1/apps/globex/notices", `{}`); r.status != 404 {
		t.Errorf("of another app: %d", r.status)
	}
	if r := s.do(s.admin, "PATCH", "/v1/endpoints/"+s.endpoint("acme").ID.String(), `{"notify":["ann@example.com","x"]}`); r.status != 422 || !strings.Contains(string(r.body), `"notify[1]"`) {
		t.Errorf("an owner without an address: %d %s", r.status, r.body)
	}
}

func TestUnsubscribePage(t *testing.T) {
	s := open(t)
	token := s.notices.Token(notice.Recipient("people", "acme", `ann+<b>@example.com`))
	path := "/unsubscribe/" + token
	off := func() bool {
		t.Helper()
		sub, err := s.notices.Subscription(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return sub.Off
	}
	r := s.do("", "GET", path, "")
	if r.status != 200 || off() || strings.Contains(string(r.body), "<b>") || !strings.Contains(string(r.body), "ann&#43;&lt;b&gt;@example.com") || !strings.Contains(r.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("to read it changes nothing: %d %s", r.status, r.body)
	}
	if r := s.do("", "HEAD", path, ""); r.status != 200 || off() {
		t.Errorf("HEAD: %d", r.status)
	}
	if r := s.do("", "POST", path, "List-Unsubscribe=One-Click"); r.status != 200 || !off() || !strings.Contains(string(r.body), "Unsubscribed") {
		t.Errorf("POST: %d %s", r.status, r.body)
	}
	if r := s.do("", "GET", path, ""); r.status != 200 || !strings.Contains(string(r.body), "Tell me again") {
		t.Errorf("then: %d %s", r.status, r.body)
	}
	// It stays so whatever is saved, in whatever case.
	mails := []string{`"ann+b@example.com"`, ``, `"Ann+B@Example.com"`}
	quiet := s.notices.Token(notice.Recipient("people", "acme", "ann+b@example.com"))
	s.do("", "POST", "/unsubscribe/"+quiet, "")
	for _, list := range append(mails, mails[0]) {
		var saved wire.Notices
		s.do(s.admin, "PUT", "/v1/apps/acme/notices", `{"emails":[`+list+`]}`).into(t, &saved)
		if sub, err := s.notices.Subscription(t.Context(), quiet); err != nil || !sub.Off || len(saved.Unsubscribed) != len(saved.Emails) {
			t.Errorf("once %s is saved: %+v, %v; %+v", list, sub, err, saved)
		}
	}
	for _, bad := range []string{"x", token[1:], token + "A"} {
		if r := s.do("", "POST", "/unsubscribe/"+bad, ""); r.status != 404 {
			t.Errorf("%q: %d", bad, r.status)
		}
	}
	if r := s.do("", "DELETE", path, ""); r.status != 405 {
		t.Errorf("DELETE: %d", r.status)
	}
}
