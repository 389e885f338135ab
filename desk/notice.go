package desk

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/notice"
)

// Bounds of notice settings.
const (
	maxNoticeEmails = 20
	maxNoticeChats  = 5
	maxNoticeAfter  = bellhop.Duration(7 * 24 * time.Hour)
	minDigest       = bellhop.Duration(time.Hour)
	maxDigest       = bellhop.Duration(31 * 24 * time.Hour)
	maxPage         = 1000
)

// ChatChange is a chat as it is asked for: with its URL or, if it has an id, without, to
// keep the one that is there.
type ChatChange struct {
	ID   string
	Kind bellhop.ChatKind // "": by the URL
	URL  string
}

// NoticeChange is what notice settings are to be. What is not set has its default.
type NoticeChange struct {
	Emails     []string
	Chats      []ChatChange
	After      bellhop.Field[bellhop.Duration]
	Failures   int
	Digest     bellhop.Field[bellhop.Duration]
	Backlog    bellhop.Field[int64]
	MaxPending bellhop.Field[int64]
	Page       string
}

// NoticeView is what there is to say of notice settings.
type NoticeView struct {
	bellhop.NoticeSettings
	// Unsubscribed are those of the addresses, and OwnersUnsubscribed owners of endpoints,
	// that want to be told no more.
	Unsubscribed, OwnersUnsubscribed []string
	// MailOn tells whether anybody can be told by mail. Status is for operators.
	MailOn bool
	Status *notice.Status
}

var noticeOps = map[bool][3]string{
	true: {"getNotices", "putNotices", "testNotices"}, false: {"getAppNotices", "putAppNotices", "testAppNotices"},
}

// mayTell decides on an operation (0: get, 1: put, 2: test) on the notices of an app, or of
// AllApps those of the operators.
func (d *Desk) mayTell(p bellhop.Principal, app string, op int) error {
	if err := Permits(p, noticeOps[app == bellhop.AllApps][op]); err != nil {
		return err
	}
	if app != bellhop.AllApps {
		if _, err := d.app(p, app); err != nil {
			return err
		}
	}
	if d.notices == nil {
		return &bellhop.Error{Code: bellhop.CodeUnavailable, Detail: "This program tells nobody: it runs Bellhop without notices"}
	}
	return nil
}

// Notices gives whom to tell of what is broken in an app, or of AllApps in any.
func (d *Desk) Notices(ctx context.Context, p bellhop.Principal, app string) (NoticeView, error) {
	if err := d.mayTell(p, app, 0); err != nil {
		return NoticeView{}, err
	}
	s, err := d.noticeSettings(ctx, app)
	if err != nil {
		return NoticeView{}, err
	}
	return d.noticeView(ctx, s)
}

func (d *Desk) noticeSettings(ctx context.Context, app string) (bellhop.NoticeSettings, error) {
	s, err := d.store.NoticeSettings(ctx, app)
	if err == nil && s.App == "" {
		s = notice.Defaults(app)
	}
	return s, err
}

func (d *Desk) noticeView(ctx context.Context, s bellhop.NoticeSettings) (v NoticeView, err error) {
	v = NoticeView{NoticeSettings: s, MailOn: d.notices.MailOn()}
	if v.Unsubscribed, err = d.notices.Off(ctx, s.App, false); err != nil {
		return v, err
	}
	v.Unsubscribed = slices.DeleteFunc(v.Unsubscribed, func(a string) bool {
		return !slices.ContainsFunc(s.Emails, func(e string) bool { return strings.EqualFold(a, e) })
	})
	if s.App != bellhop.AllApps {
		v.OwnersUnsubscribed, err = d.notices.Off(ctx, s.App, true)
		return v, err
	}
	status, err := d.notices.Status(ctx)
	v.Status = &status
	return v, err
}

// PutNotices replaces whom to tell, and when. Who has unsubscribed stays so.
func (d *Desk) PutNotices(ctx context.Context, p bellhop.Principal, app string, c NoticeChange) (NoticeView, error) {
	if err := d.mayTell(p, app, 1); err != nil {
		return NoticeView{}, err
	}
	var saved bellhop.NoticeSettings
	err := d.persist(ctx, "notice settings", func(context.Context) error { return nil }, func() error {
		old, err := d.noticeSettings(ctx, app)
		if err != nil {
			return err
		}
		s, err := d.newNoticeSettings(p, &old, c)
		if err != nil {
			return err
		}
		var apps []string
		if app != bellhop.AllApps {
			apps = []string{app}
		}
		entry := d.e.AuditEntry(p.Actor, "notices.update", app, apps, noticeAudit(s))
		_, err = d.answered(ctx, func() error { return d.store.SaveNoticeSettings(ctx, s, entry) })
		s.Revision++
		saved = s
		return err
	})
	if err := d.e.Wrote("save the notice settings", err); err != nil {
		return NoticeView{}, err
	}
	return d.noticeView(ctx, saved)
}

// noticeAudit is what the audit log shows of settings: where chats are, but not how to
// write there.
func noticeAudit(s bellhop.NoticeSettings) any {
	chats := make([]string, len(s.Chats))
	for i, c := range s.Chats {
		chats[i] = string(c.Kind) + " " + c.Shown
	}
	return map[string]any{
		"emails": s.Emails, "chats": chats, "after": s.After, "failures": s.Failures, "digest": s.Digest, "backlog": s.Backlog, "max_pending": s.MaxPending, "page": s.Page,
	}
}

func (d *Desk) newNoticeSettings(p bellhop.Principal, old *bellhop.NoticeSettings, c NoticeChange) (bellhop.NoticeSettings, error) {
	s := notice.Defaults(old.App)
	s.Emails, s.Failures, s.Page, s.UpdatedAt, s.Revision = c.Emails, c.Failures, c.Page, d.now(), old.Revision
	set(c.After, &s.After)
	set(c.Digest, &s.Digest)
	set(c.Backlog, &s.Backlog)
	set(c.MaxPending, &s.MaxPending)
	fields := checkAddresses("emails", s.Emails, maxNoticeEmails)
	wrong := func(field, code, format string, a ...any) {
		fields = append(fields, bellhop.FieldError{Field: field, Code: code, Detail: fmt.Sprintf(format, a...)})
	}
	if s.After < 0 || s.After > maxNoticeAfter {
		wrong("after", "range", "must be between 0s and %s", maxNoticeAfter)
	}
	if s.Failures < 0 || s.Failures > 100_000 {
		wrong("failures", "range", "must be between 1 and 100000, or 0 for any number")
	}
	if s.Digest != 0 && (s.Digest < minDigest || s.Digest > maxDigest) {
		wrong("digest", "range", "must be between %s and %s, or 0s for none", minDigest, maxDigest)
	}
	if s.Backlog < 0 {
		wrong("backlog", "range", "must be at least 1, or 0 for any number")
	}
	switch {
	case s.MaxPending < 0:
		wrong("max_pending", "range", "must be at least 1, or 0 for any number")
	case s.MaxPending > 0 && old.App != bellhop.AllApps:
		wrong("max_pending", "operators", "is for the notices of the operators: leave it out")
	}
	switch {
	case s.Page == old.Page: // as it was
	case p.Role != bellhop.RoleAdmin:
		wrong("page", "forbidden", "is for admins to set: leave it as it is")
	case s.Page != "" && old.App == bellhop.AllApps:
		wrong("page", "operators", "is for the notices of an app: operators are led to the dashboard")
	case s.Page != "":
		if why := d.checkPage(s.Page); why != "" {
			wrong("page", "url", "%s", why)
		}
	}
	if len(c.Chats) > maxNoticeChats {
		wrong("chats", "length", "has %d chats; at most %d are allowed", len(c.Chats), maxNoticeChats)
	}
	for i, x := range c.Chats[:min(len(c.Chats), maxNoticeChats)] {
		chat, f := d.chat(old, x)
		if f != nil {
			wrong(fmt.Sprintf("chats[%d].%s", i, f.Field), f.Code, "%s", f.Detail)
		}
		if slices.ContainsFunc(s.Chats, func(c bellhop.Chat) bool { return c.ID == chat.ID }) {
			wrong(fmt.Sprintf("chats[%d].id", i), "twice", "is there already")
		}
		s.Chats = append(s.Chats, chat)
	}
	if len(fields) > 0 {
		return s, bellhop.Invalid("The notice settings are not valid", fields...)
	}
	return s, nil
}

// checkPage says what is wrong with where a button leads.
func (d *Desk) checkPage(page string) string {
	u, err := url.Parse(strings.ReplaceAll(page, "{endpoint}", "ep_0"))
	switch {
	case len(page) > maxPage:
		return fmt.Sprintf("must be at most %d bytes", maxPage)
	case err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(page, " <>\"\\"):
		return "is not a URL: write it as https://app.example.com/webhooks/{endpoint}"
	case u.Scheme != "https" && (u.Scheme != "http" || !d.e.Config().Dev):
		return "must begin with https://"
	case strings.ContainsAny(strings.ReplaceAll(page, "{endpoint}", ""), "{}"):
		return "has braces: {endpoint} is all that is filled in"
	case strings.Contains(u.Host, "ep_0"):
		return "must name a host: {endpoint} stands in the path or the query"
	}
	return ""
}

// chat makes a chat of what is asked for.
func (d *Desk) chat(old *bellhop.NoticeSettings, x ChatChange) (c bellhop.Chat, wrong *bellhop.FieldError) {
	if x.ID != "" {
		i := slices.IndexFunc(old.Chats, func(c bellhop.Chat) bool { return c.ID == x.ID })
		if i < 0 {
			return c, &bellhop.FieldError{Field: "id", Code: "unknown", Detail: "is that of no chat: leave it out, and give the url"}
		}
		c = old.Chats[i]
		c.Kind = cmp.Or(x.Kind, c.Kind)
	}
	if x.URL != "" && x.URL != c.Shown {
		if err := d.e.Client().CheckURL(x.URL); err != nil {
			return c, &bellhop.FieldError{Field: "url", Code: "url", Detail: err.Error()}
		}
		u, err := url.Parse(x.URL)
		if err != nil {
			return c, &bellhop.FieldError{Field: "url", Code: "url", Detail: "is not a URL"}
		}
		c.Kind = cmp.Or(x.Kind, kindOfChat(u.Hostname()))
		c.ID, c.Sealed = strings.ToLower(rand.Text()[:10]), d.notices.SealChat(x.URL)
		c.Shown = u.Scheme + "://" + u.Host + "/…"
	}
	switch {
	case c.Sealed == nil:
		return c, &bellhop.FieldError{Field: "url", Code: "required", Detail: "is missing: give the URL of the channel's incoming webhook"}
	case c.Kind == "":
		return c, &bellhop.FieldError{Field: "kind", Code: "required", Detail: "cannot be told by the url: give slack (also for those that take its format, such as Mattermost) or teams"}
	case c.Kind != bellhop.ChatSlack && c.Kind != bellhop.ChatTeams:
		return c, &bellhop.FieldError{Field: "kind", Code: "enum", Detail: "must be slack or teams"}
	}
	return c, nil
}

// kindOfChat tells by its host what a webhook's messages look like; "" if that says nothing.
func kindOfChat(host string) bellhop.ChatKind {
	host = strings.ToLower(host)
	if host == "hooks.slack.com" || host == "hooks.slack-gov.com" {
		return bellhop.ChatSlack
	}
	for _, end := range []string{".webhook.office.com", ".logic.azure.com", ".api.powerplatform.com"} {
		if strings.HasSuffix(host, end) {
			return bellhop.ChatTeams
		}
	}
	return ""
}

// TestNotices sends a message to all who are told, or (operators alone) to one address.
func (d *Desk) TestNotices(ctx context.Context, p bellhop.Principal, app, address string) ([]notice.Tested, error) {
	if err := d.mayTell(p, app, 2); err != nil {
		return nil, err
	}
	if address != "" {
		if app != bellhop.AllApps {
			return nil, bellhop.Wrong("email", "operators", "is for operators to give: save the address first, and test then")
		}
		if fields := checkAddresses("email", []string{address}, 1); len(fields) > 0 {
			return nil, bellhop.Wrong("email", fields[0].Code, fields[0].Detail)
		}
	}
	s, err := d.noticeSettings(ctx, app)
	if err != nil {
		return nil, err
	}
	if address == "" && len(s.Emails)+len(s.Chats) == 0 {
		return nil, bellhop.Wrong("emails", "required", "are empty, and so are chats: save whom to tell first")
	}
	return d.notices.Test(ctx, s, address)
}

// Subscription looks up what a token of a notice unsubscribes from. Whoever has it may.
func (d *Desk) Subscription(ctx context.Context, token string) (notice.Subscription, error) {
	if d.notices == nil {
		return notice.Subscription{}, bellhop.NotFound("subscription", "")
	}
	return d.notices.Subscription(ctx, token)
}

// Unsubscribe has the holder of a token be told no more or, with on, again.
func (d *Desk) Unsubscribe(ctx context.Context, token string, on bool) (notice.Subscription, error) {
	if d.notices == nil {
		return notice.Subscription{}, bellhop.NotFound("subscription", "")
	}
	return d.notices.Unsubscribe(ctx, token, on)
}
