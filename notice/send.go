package notice

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/send"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/safehttp"
)

const (
	// atOnce is how many mails are sent at a time.
	atOnce = 4
	// chatsAtOnce is how many messages to chats are sent at a time, and chatsOfApp how many
	// of one app: where they go is its own choice, and may hang.
	chatsAtOnce = 32
	chatsOfApp  = 2
	// batch is how many notices are claimed at a time. No more are while mostMails wait
	// here, and of an app no more than mostChats are kept here.
	batch     = 20
	mostMails = 40
	mostChats = 20
	// patience is how long one may take.
	patience = 20 * time.Second
	// claimFor is how long a claimed one is this process's: then it is claimed anew.
	claimFor = 5 * time.Minute
	// rest is how long no mail is tried after the mail server could not be reached.
	rest = time.Minute
)

// backoff is when a notice is tried again that could not be sent; after the last of them
// it is given up.
var backoff = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour}

func (t *Teller) wake() {
	select {
	case t.poke <- struct{}{}:
	default:
	}
}

// line has the notices that are claimed and not sent yet; Due is when the claim ends. One
// whose claim ends before its turn comes is left to who claims it then.
type line struct {
	mails   []bellhop.Notice
	mailing int
	// chats and chatting are by app.
	chats       map[string][]bellhop.Notice
	chatting    map[string]int
	allChatting int
}

func isMail(n *bellhop.Notice) bool { return strings.Contains(n.To, "@") }

func appOf(n *bellhop.Notice) string {
	_, app, _ := splitAudience(n.Audience)
	return app
}

func (l *line) add(list []bellhop.Notice) {
	for _, n := range list {
		if isMail(&n) {
			l.mails = append(l.mails, n)
		} else if app := appOf(&n); len(l.chats[app]) < mostChats {
			l.chats[app] = append(l.chats[app], n)
		}
	}
}

// next takes those out whose turn it is.
func (l *line) next(now time.Time) (list []bellhop.Notice) {
	start := func(n bellhop.Notice) bool {
		if now.Add(patience).After(n.Due) {
			return false
		}
		list = append(list, n)
		return true
	}
	for len(l.mails) > 0 && l.mailing < atOnce {
		if start(l.mails[0]) {
			l.mailing++
		}
		l.mails = l.mails[1:]
	}
	for app, waiting := range l.chats { // in no order: each has its turn
		for len(waiting) > 0 && l.chatting[app] < chatsOfApp && l.allChatting < chatsAtOnce {
			if start(waiting[0]) {
				l.chatting[app]++
				l.allChatting++
			}
			waiting = waiting[1:]
		}
		if l.chats[app] = waiting; len(waiting) == 0 {
			delete(l.chats, app)
		}
	}
	return list
}

// ended says that one that next has given is over.
func (l *line) ended(n *bellhop.Notice) {
	if isMail(n) {
		l.mailing--
		return
	}
	app := appOf(n)
	l.allChatting--
	if l.chatting[app]--; l.chatting[app] == 0 {
		delete(l.chatting, app)
	}
}

// send sends what waits, until ctx ends. None waits for another, but for those of its own
// kind that take their turn before it.
func (t *Teller) send(ctx context.Context) {
	tick := time.NewTicker(t.every())
	defer tick.Stop()
	l := line{chats: map[string][]bellhop.Notice{}, chatting: map[string]int{}}
	var running sync.WaitGroup
	defer running.Wait()
	ended := make(chan bellhop.Notice, atOnce+chatsAtOnce)
	more := true
	for {
		for more && t.tells() && len(l.mails) < mostMails {
			var list []bellhop.Notice
			list, more = t.claim(ctx)
			l.add(list)
		}
		for _, n := range t.next(&l) {
			running.Go(func() {
				t.sendOne(ctx, n)
				ended <- n
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-t.poke:
			more = true
		case <-tick.C:
			more = true
		case n := <-ended:
			l.ended(&n)
		}
	}
}

// next takes those out of a line whose turn it is: none while nobody is to be told anything.
func (t *Teller) next(l *line) []bellhop.Notice {
	if !t.tells() {
		return nil // another node claims them, or this one, later
	}
	return l.next(t.e.Now())
}

// claim claims some that are due; it tells whether there may be more.
func (t *Teller) claim(ctx context.Context) (list []bellhop.Notice, more bool) {
	now := t.e.Now()
	until := now.Add(claimFor)
	list, err := t.store.ClaimNotices(ctx, now, until, batch)
	if err == nil {
		var count int
		if count, _, err = t.store.WaitingNotices(ctx); err == nil {
			t.waiting.Set(float64(count))
		}
	}
	if err != nil && ctx.Err() == nil {
		t.e.Failed("looking for notices to send", err)
	}
	for i := range list {
		list[i].Due = until
	}
	return list, err == nil && len(list) == batch
}

// sendOne sends a notice, and notes what came of it.
func (t *Teller) sendOne(ctx context.Context, n bellhop.Notice) {
	now := t.e.Now()
	channel, o := t.attempt(ctx, &n)
	if ctx.Err() != nil {
		return // it is tried again once the claim is over
	}
	var err error
	switch {
	case o.gone:
		err = t.store.EndNotices(ctx, []bellhop.NoticeID{n.ID})
	case o.ok:
		t.sent.WithLabelValues(channel, "sent").Inc()
		t.succeeded(channel)
		err = t.store.EndNotices(ctx, []bellhop.NoticeID{n.ID})
	case o.resting:
		err = t.store.PutOffNotice(ctx, n.ID, n.Tries, now.Add(rest))
	case o.refused || n.Tries >= len(backoff):
		t.sent.WithLabelValues(channel, "given_up").Inc()
		t.failed(channel, o.detail)
		t.log.Error("a notice could not be sent and is given up", "channel", channel, "audience", n.Audience, "why", o.detail)
		err = t.store.EndNotices(ctx, []bellhop.NoticeID{n.ID})
	default:
		t.sent.WithLabelValues(channel, "failed").Inc()
		t.failed(channel, o.detail)
		t.log.Warn("a notice could not be sent; trying again", "channel", channel, "audience", n.Audience, "why", o.detail, "in", backoff[n.Tries])
		err = t.store.PutOffNotice(ctx, n.ID, n.Tries+1, now.Add(backoff[n.Tries]))
	}
	if err != nil && ctx.Err() == nil {
		t.e.Failed("noting what came of a notice, which may be sent once more,", err)
	}
}

// outcome is what came of sending a notice once.
type outcome struct {
	ok bool
	// gone: whom it is for wants it no more, or is not there any more.
	gone bool
	// refused: to try again would not help.
	refused bool
	// resting: it was not tried, since the mail server could not be reached a moment ago.
	resting bool
	detail  string
}

// attempt sends a notice to whom it is for, if they are still to be told.
func (t *Teller) attempt(ctx context.Context, n *bellhop.Notice) (channel string, o outcome) {
	channel = "email"
	var m message
	if err := json.Unmarshal(n.Content, &m); err != nil {
		return channel, outcome{refused: true, detail: "it cannot be read: " + err.Error()}
	}
	kind, app, _ := splitAudience(n.Audience)
	settings, err := t.store.NoticeSettings(ctx, app)
	if err != nil {
		return channel, outcome{detail: err.Error()}
	}
	if !isMail(n) {
		for _, c := range settings.Chats {
			if c.ID == n.To {
				return string(c.Kind), t.toChat(ctx, c, &m)
			}
		}
		return "chat", outcome{gone: true}
	}
	off, err := t.silent(ctx)
	if err != nil {
		return channel, outcome{detail: err.Error()}
	}
	if off[n.Audience] || kind == byPeople && !hasFold(settings.Emails, n.To) || kind == byOwner && !t.looksAfter(app, n.To) {
		return channel, outcome{gone: true}
	}
	t.mu.Lock()
	resting := t.e.Now().Before(t.mailRest)
	t.mu.Unlock()
	if resting {
		return channel, outcome{resting: true}
	}
	return channel, t.toAddress(ctx, n.To, n.Audience, n.ID, &m)
}

func hasFold(list []string, x string) bool {
	for _, s := range list {
		if strings.EqualFold(s, x) {
			return true
		}
	}
	return false
}

// looksAfter tells whether an address is that of an owner of an endpoint of an app still.
func (t *Teller) looksAfter(app, address string) bool {
	for _, r := range t.e.Routes().Routes().Of(app) {
		if hasFold(r.Notify, address) {
			return true
		}
	}
	return false
}

// splitAudience takes the name of an audience, or of a recipient, apart.
func splitAudience(name string) (kind, app, address string) {
	kind, rest, _ := strings.Cut(name, ":")
	app, address, _ = strings.Cut(rest, ":") // no app's id has a colon
	return kind, app, address
}

// toAddress sends a mail.
func (t *Teller) toAddress(ctx context.Context, to, recipient string, i bellhop.NoticeID, m *message) outcome {
	o := t.o.Mail
	if o == nil {
		return outcome{detail: "no mail server is set (--smtp-url)"}
	}
	unsubscribe := ""
	if recipient != "" {
		unsubscribe = t.o.PublicURL + "/unsubscribe/" + t.Token(recipient)
	}
	letter := mailOf(m, o.From, to, unsubscribe)
	data, err := o.Mailer.Compose(letter, i.String(), m.At)
	if err != nil {
		return outcome{refused: true, detail: err.Error()}
	}
	res := o.Mailer.Send(ctx, o.Client, send.Letter{
		URL: o.URL, Message: letter, Data: data, Timeout: patience, MaxBody: 1000, Username: o.Username, Password: o.Password,
		Hide: func(s string) string {
			for _, secret := range o.Mailer.Secrets(o.Username, o.Password) {
				if o.Password != "" && secret != "" {
					s = strings.ReplaceAll(s, secret, bellhop.Hidden)
				}
			}
			return s
		},
	})
	if res.Status >= 200 && res.Status <= 299 && res.Reason == "" {
		return outcome{ok: true}
	}
	out := outcome{detail: strings.TrimRight(describe(res), ".")}
	switch {
	case res.Status == 530, res.Status == 534, res.Status == 535, res.Status == 538:
	case res.Status >= 500:
		out.refused = true
	case res.Status == 0 && ctx.Err() == nil:
		t.mu.Lock()
		t.mailRest = t.e.Now().Add(rest)
		t.mu.Unlock()
	}
	return out
}

// toChat posts a message in a channel.
func (t *Teller) toChat(ctx context.Context, c bellhop.Chat, m *message) outcome {
	target, err := t.e.Config().Sealer.Open(c.Sealed, chatContext)
	if err != nil {
		return outcome{refused: true, detail: "its URL cannot be opened: give it anew"}
	}
	body := slackOf(m)
	if c.Kind == bellhop.ChatTeams {
		body = teamsOf(m)
	}
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	res := t.e.Client().Do(ctx, safehttp.Request{URL: string(target), Method: http.MethodPost, Header: header, Body: body, Timeout: patience, MaxBody: 500, App: "notices " + c.ID})
	if res.Reason == "" && res.Status >= 200 && res.Status <= 299 {
		return outcome{ok: true}
	}
	out := outcome{detail: strings.ReplaceAll(describe(res), string(target), c.Shown)}
	out.refused = res.Status >= 400 && res.Status <= 499 && res.Status != http.StatusRequestTimeout && res.Status != http.StatusTooManyRequests
	return out
}

// describe says why something was not sent.
func describe(res safehttp.Response) string {
	switch {
	case res.Detail != "":
		return res.Detail
	case res.Status != 0 && len(res.Body) > 0:
		return fmt.Sprintf("it answered %d: %s", res.Status, plain(string(res.Body)))
	case res.Status != 0:
		return fmt.Sprintf("it answered %d", res.Status)
	}
	return "the reason was " + string(res.Reason)
}

func (t *Teller) succeeded(channel string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.status.Failed.Channel == channel {
		t.status.Failed = Failure{}
	}
	if channel == "email" && t.status.Mail != nil {
		t.status.Mail.SentAt = t.e.Now().UTC().Truncate(time.Millisecond)
	}
}

func (t *Teller) failed(channel, detail string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status.Failed = Failure{At: t.e.Now().UTC().Truncate(time.Millisecond), Channel: channel, Detail: detail}
}

// chatContext binds a sealed URL to its purpose.
const chatContext = "notice chat"

// SealChat encrypts the URL of a chat.
func (t *Teller) SealChat(target string) []byte {
	return t.e.Config().Sealer.Seal([]byte(target), chatContext)
}

// Tested is what came of a test.
type Tested struct {
	Channel string
	To      string // an address, or a chat's URL as it may be seen
	OK      bool
	Detail  string
}

// Test sends a message at once to all who are told by some settings, or to the given
// address alone. It fails with a CodeTooMany error where it is asked for too often.
func (t *Teller) Test(ctx context.Context, s bellhop.NoticeSettings, address string) ([]Tested, error) {
	// Whoever asks may go away: it is sent all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*patience)
	defer cancel()
	emails, chats := s.Emails, s.Chats
	if address != "" {
		emails, chats = []string{address}, nil
	}
	off, err := t.silent(ctx)
	if err != nil {
		return nil, err
	}
	now := t.e.Now()
	if wait := t.mayTest(s.App, len(emails)+len(chats), now); wait > 0 {
		return nil, &bellhop.Error{Code: bellhop.CodeTooMany, Detail: "As many tests were sent as may be for now; try again later", RetryAfter: wait}
	}
	a := &audience{kind: byPeople, app: s.App, settings: &s}
	m := message{Kind: kindTest, App: s.App, At: now.UTC(), Subject: "A test of Bellhop's notices", Button: "Open the dashboard", Link: t.linkOf(a, nil)}
	list := make([]Tested, 0, len(emails)+len(chats))
	var all sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	add := func(tested Tested, try func() outcome) {
		list = append(list, tested)
		at := &list[len(list)-1] // there is room for all: it stays where it is
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			o := try()
			at.OK, at.Detail = o.ok, o.detail
			if o.ok {
				t.succeeded(tested.Channel)
			}
		})
	}
	for _, to := range emails {
		recipient := ""
		if address == "" {
			recipient = Recipient(byPeople, s.App, to)
		}
		if off[recipient] {
			list = append(list, Tested{Channel: "email", To: to, Detail: "nothing was sent: this address has unsubscribed"})
			continue
		}
		i := id.Next[id.Notice](t.e.IDs(), now)
		add(Tested{Channel: "email", To: to}, func() outcome { return t.toAddress(ctx, to, recipient, i, &m) })
	}
	for _, c := range chats {
		add(Tested{Channel: string(c.Kind), To: c.Shown}, func() outcome { return t.toChat(ctx, c, &m) })
	}
	all.Wait()
	return list, nil
}

// Editors choose the addresses that tests go to: so many may be sent at a time, and one
// more after each testEvery.
const (
	testBurst = 40
	testEvery = time.Minute
)

// mayTest takes n tests from what an app may send, or says how long to wait.
func (t *Teller) mayTest(app string, n int, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for a, l := range t.tests {
		if l.TokensAt(now) >= testBurst {
			delete(t.tests, a)
		}
	}
	l := t.tests[app]
	if l == nil {
		l = rate.NewLimiter(rate.Every(testEvery), testBurst)
		t.tests[app] = l
	}
	if l.AllowN(now, n) {
		return 0
	}
	return max(time.Duration(float64(testEvery)*(float64(n)-l.TokensAt(now))), time.Second)
}
