package native

import (
	"errors"
	"html/template"
	"net/http"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/notice"
)

func (n *native) getNotices(c *api.Call, _ api.NoInput) (wire.Notices, error) {
	return noticesOf(n.desk.Notices(c.Context(), c.Principal(), bellhop.AllApps))
}

func (n *native) getAppNotices(c *api.Call, in appID) (wire.Notices, error) {
	return noticesOf(n.desk.Notices(c.Context(), c.Principal(), in.ID))
}

type putNoticesInput struct {
	Body wire.NoticesPut
}

func (n *native) putNotices(c *api.Call, in putNoticesInput) (wire.Notices, error) {
	return noticesOf(n.desk.PutNotices(c.Context(), c.Principal(), bellhop.AllApps, noticeChange(in.Body)))
}

type putAppNoticesInput struct {
	appID
	Body wire.AppNoticesPut
}

func (n *native) putAppNotices(c *api.Call, in putAppNoticesInput) (wire.Notices, error) {
	return noticesOf(n.desk.PutNotices(c.Context(), c.Principal(), in.ID, appNoticeChange(in.Body)))
}

type testNoticesInput struct {
	Body *wire.NoticesTest
}

func (n *native) testNotices(c *api.Call, in testNoticesInput) (wire.List[wire.NoticeTested], error) {
	address := ""
	if in.Body != nil {
		address = in.Body.Email
	}
	tested, err := n.desk.TestNotices(c.Context(), c.Principal(), bellhop.AllApps, address)
	return whole(tested, func(t notice.Tested) wire.NoticeTested { return wire.NoticeTested(t) }), err
}

type testAppNoticesInput struct {
	appID
	api.Nothing
}

func (n *native) testAppNotices(c *api.Call, in testAppNoticesInput) (wire.List[wire.NoticeTested], error) {
	tested, err := n.desk.TestNotices(c.Context(), c.Principal(), in.ID, "")
	return whole(tested, func(t notice.Tested) wire.NoticeTested { return wire.NoticeTested(t) }), err
}

func noticeChange(p wire.NoticesPut) desk.NoticeChange {
	return desk.NoticeChange{
		Emails: p.Emails, Chats: chatChanges(p.Chats), After: given(p.After), Failures: p.Failures, Digest: given(p.Digest), Backlog: count(p.Backlog), MaxPending: count(p.MaxPending),
	}
}

func appNoticeChange(p wire.AppNoticesPut) desk.NoticeChange {
	return desk.NoticeChange{
		Emails: p.Emails, Chats: chatChanges(p.Chats), After: given(p.After), Failures: p.Failures, Digest: given(p.Digest), Backlog: count(p.Backlog), Page: p.Page,
	}
}

// given is what is given, if anything is.
func given[T any](p *T) (f bellhop.Field[T]) {
	if p != nil {
		f = bellhop.Of(*p)
	}
	return f
}

func count(p *int) (f bellhop.Field[int64]) {
	if p != nil {
		f = bellhop.Of(int64(*p))
	}
	return f
}

func chatChanges(list []wire.ChatInput) (changes []desk.ChatChange) {
	for _, x := range list {
		changes = append(changes, desk.ChatChange(x))
	}
	return changes
}

func noticesOf(v desk.NoticeView, err error) (wire.Notices, error) {
	w := wire.Notices{
		Emails: append([]string{}, v.Emails...), Chats: []wire.Chat{}, After: v.After, Failures: v.Failures, Digest: v.Digest, Backlog: v.Backlog,
		MaxPending: v.MaxPending, Page: v.Page, Unsubscribed: append([]string{}, v.Unsubscribed...), OwnersUnsubscribed: v.OwnersUnsubscribed,
		MailOn: v.MailOn, UpdatedAt: v.UpdatedAt,
	}
	for _, c := range v.Chats {
		w.Chats = append(w.Chats, wire.Chat{ID: c.ID, Kind: c.Kind, URL: c.Shown})
	}
	if s := v.Status; s != nil {
		w.Status = &wire.NoticeStatus{Waiting: s.Waiting, Since: s.Since}
		if s.Mail != nil {
			w.Status.MailServer, w.Status.MailFrom, w.Status.MailSentAt = s.Mail.Server, s.Mail.From, s.Mail.SentAt
		}
		if !s.Failed.At.IsZero() {
			failed := wire.NoticeFailure(s.Failed)
			w.Status.Failed = &failed
		}
	}
	return w, err
}

// unsubscribing is the page that mails lead to: it shows what would be done, and a POST
// does it, also the one by which mail programs unsubscribe with a click (RFC 8058). Who has
// its link may; links are read by machines, so that reading it changes nothing.
func (n *native) unsubscribing() *api.Route {
	route := api.Foreign("unsubscribe", func(c *api.Call) error {
		w, r := c.Writer(), c.Request()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("X-Robots-Tag", "noindex")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		token := r.PathValue("token")
		var s notice.Subscription
		var err error
		done := false
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			s, err = n.desk.Subscription(c.Context(), token)
		case http.MethodPost:
			// A mail program posts List-Unsubscribe=One-Click, and the page again=1 to go on.
			r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
			on := r.ParseForm() == nil && r.PostForm.Get("again") != ""
			s, err = n.desk.Unsubscribe(c.Context(), token, on)
			done = true
		default:
			w.Header().Set("Allow", "GET, HEAD, POST")
			w.WriteHeader(http.StatusMethodNotAllowed)
			return unsubscribePage.Execute(w, unsubscribeView{Wrong: "Open the link of the mail in a browser."})
		}
		switch {
		case bellhop.IsNotFound(err):
			w.WriteHeader(http.StatusNotFound)
			return unsubscribePage.Execute(w, unsubscribeView{Wrong: "This link is not valid any more, or is not complete. Use the link of the newest mail."})
		case err != nil:
			status := http.StatusInternalServerError
			if errors.Is(err, bellhop.ErrUnavailable) {
				status = http.StatusServiceUnavailable
			}
			w.WriteHeader(status)
			_ = unsubscribePage.Execute(w, unsubscribeView{Wrong: "This cannot be done now. Try again in a moment."})
			return nil
		}
		return unsubscribePage.Execute(w, unsubscribeView{Subscription: s, Done: done})
	}).Hides("token")
	return &route
}

type unsubscribeView struct {
	notice.Subscription
	Done  bool
	Wrong string
}

var unsubscribePage = template.Must(template.New("unsubscribe").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><title>Notices</title>
<style>
:root { color-scheme: light dark }
body { font: 17px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; margin: 0; padding: 10vh 20px; background: Canvas; color: CanvasText }
main { max-width: 32rem; margin: 0 auto }
h1 { font-size: 1.4rem }
p { overflow-wrap: anywhere }
button { font: inherit; padding: .6em 1.2em; border-radius: 6px; border: 1px solid #1864ab; background: #1864ab; color: #fff; cursor: pointer }
button.quiet { background: transparent; color: inherit }
</style></head><body><main>
{{if .Wrong}}<h1>That did not work</h1><p>{{.Wrong}}</p>
{{else if .Off}}<h1>{{if .Done}}Unsubscribed{{else}}You are unsubscribed{{end}}</h1>
<p><strong>{{.Address}}</strong> is told no more of {{template "what" .}}.</p>
<form method="post"><input type="hidden" name="again" value="1"><button class="quiet">Tell me again</button></form>
{{else if .Done}}<h1>You are told again</h1><p><strong>{{.Address}}</strong> is told when {{template "breaks" .}}.</p>
<form method="post"><button class="quiet">Unsubscribe</button></form>
{{else}}<h1>Unsubscribe?</h1><p><strong>{{.Address}}</strong> is told when {{template "breaks" .}}, and when that works again.</p>
<form method="post"><button>Unsubscribe</button></form>
{{end}}</main></body></html>
{{define "what"}}{{if .Owner}}the endpoints that it looks after{{else}}endpoints{{end}}{{if .App}} of <strong>{{.App}}</strong>{{end}}{{end}}
{{define "breaks"}}{{if .Owner}}an endpoint that it looks after{{else}}an endpoint{{end}}{{if .App}} of <strong>{{.App}}</strong>{{end}} breaks{{end}}`))
