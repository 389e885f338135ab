package notice_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/send"
	"github.com/bellhop/bellhop/engine/send/smtp"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/mail"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/memstore"
	"github.com/bellhop/bellhop/notice"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// post is a mailer that keeps what it is given, composed by the real one.
type post struct {
	smtp.Mailer
	mu    sync.Mutex
	mails []letter
	// answer, if not nil, is what it answers.
	answer func(to string) safehttp.Response
}

type letter struct {
	at time.Time
	to string
	m  *mail.Message
}

func (p *post) Send(ctx context.Context, _ *safehttp.Client, l send.Letter) safehttp.Response {
	p.mu.Lock()
	answer := p.answer
	p.mu.Unlock()
	if answer != nil {
		if res := answer(l.Message.To[0]); res.Status != 250 {
			return res
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mails = append(p.mails, letter{time.Now(), l.Message.To[0], l.Message})
	return safehttp.Response{Status: 250}
}

// to gives the subjects of the mails to an address, in order.
func (p *post) to(address string) (subjects []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.mails {
		if l.to == address {
			subjects = append(subjects, l.m.Subject)
		}
	}
	return subjects
}

func (p *post) last(address string) *mail.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range slices.Backward(p.mails) {
		if l.to == address {
			return l.m
		}
	}
	return &mail.Message{}
}

// house is an engine with a teller, in a bubble.
type house struct {
	t     *testing.T
	store bellhop.Store
	e     *engine.Engine
	*notice.Teller
	*receivers
	post *post
	stop func()
}

// receivers are everybody's: the nodes of one store send to the same.
type receivers struct {
	mu    sync.Mutex
	state map[string]int      // status by host; 0: 204, hangs: none
	got   map[string][]string // bodies by host
}

func (r *receivers) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	host := req.URL.Hostname()
	r.mu.Lock()
	r.got[host] = append(r.got[host], string(body))
	status := r.state[host]
	r.mu.Unlock()
	if status == hangs {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	if status == 0 {
		status = 204
	}
	return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

const hangs = -1

func (r *receivers) answer(host string, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state[host] = status
}

func (r *receivers) bodies(host string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got[host])
}

// types are those of the events that a host got.
func (h *house) types(host string) (list []string) {
	for _, b := range h.bodies(host) {
		var e struct{ Type string }
		if err := json.Unmarshal([]byte(b), &e); err != nil {
			h.t.Fatal(err)
		}
		list = append(list, e.Type)
	}
	return list
}

func sealer(t *testing.T) bellhop.Sealer {
	s, err := bellhop.NewSealer(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func simulate(t *testing.T, f func(t *testing.T, h *house)) {
	synctest.Test(t, func(t *testing.T) {
		h := &house{t: t, store: memstore.New(), post: &post{}, receivers: &receivers{state: map[string]int{}, got: map[string][]string{}}}
		h.start()
		h.app("acme")
		f(t, h)
		h.stop()
		if err := h.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (h *house) start() {
	h.t.Helper()
	log := slog.New(slog.DiscardHandler)
	e, err := engine.New(h.t.Context(), h.store, engine.Config{
		Sealer: sealer(h.t), Transport: h, Logger: log, Random: func() float64 { return 0.5 },
		Lease: 2 * time.Minute, // heartbeats are most of what there is to compute in days
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.e = e
	h.Teller = notice.New(e, notice.Options{
		Mail:      &notice.Mail{URL: "smtp://mail.example:587", From: "Bellhop <bellhop@ours.example>", Mailer: h.post},
		PublicURL: "https://hooks.ours.example/", Logger: log,
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := e.Run(ctx); err != nil {
			h.t.Errorf("Run: %v", err)
		}
	})
	running.Go(func() { h.Run(ctx) })
	h.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	synctest.Wait()
}

func (h *house) restart() { h.stop(); h.start() }

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) app(name string) {
	h.t.Helper()
	h.must(h.store.SaveApp(h.t.Context(), bellhop.App{ID: name}, nil))
	h.e.RefreshRoutes(h.t.Context())
}

// endpoint saves an endpoint of acme.
func (h *house) endpoint(host string, change ...func(*bellhop.Endpoint)) bellhop.EndpointID {
	h.t.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	e := bellhop.Endpoint{
		ID: id.Next[id.Endpoint](h.e.IDs(), now), Apps: []string{"acme"}, URL: "https://" + host + "/hook", Name: host, Events: []string{}, Subjects: []string{},
		Dialect: "standard", Status: bellhop.EndpointActive, Timeout: bellhop.Duration(15 * time.Second), Concurrency: 8, Ordering: bellhop.OrderingNone,
		CreatedAt: now, UpdatedAt: now,
	}
	e.Secrets = []bellhop.Secret{{Sealed: sealer(h.t).Seal([]byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), e.ID.String()), CreatedAt: now}}
	for _, c := range change {
		c(&e)
	}
	h.must(h.store.SaveEndpoint(h.t.Context(), e, nil, now))
	h.e.RefreshRoutes(h.t.Context())
	return e.ID
}

func notify(addresses ...string) func(*bellhop.Endpoint) {
	return func(e *bellhop.Endpoint) { e.Notify = addresses }
}

func (h *house) change(e bellhop.EndpointID, change func(*bellhop.Endpoint)) {
	h.t.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	stored := h.e.Routes().Routes().Endpoint(e).Endpoint
	change(&stored)
	stored.UpdatedAt = now
	h.must(h.store.SaveEndpoint(h.t.Context(), stored, nil, now))
	h.e.RefreshRoutes(h.t.Context())
}

func (h *house) settings(s bellhop.NoticeSettings) {
	h.t.Helper()
	old, err := h.store.NoticeSettings(h.t.Context(), s.App)
	h.must(err)
	s.Revision = old.Revision
	h.must(h.store.SaveNoticeSettings(h.t.Context(), s, nil))
}

// people has some be told of an app, in the usual way.
func (h *house) people(app string, emails ...string) {
	h.t.Helper()
	s := notice.Defaults(app)
	s.Emails = emails
	h.settings(s)
}

func (h *house) publish(app string) {
	h.t.Helper()
	_, err := h.e.Publish(h.t.Context(), engine.Publication{App: app, Type: "invoice.purchase", Data: bellhop.JSON(`{}`)})
	h.must(err)
}

func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// TestOneNodeOfSeveralTells, and the next one goes on where that ends.
func TestOneNodeOfSeveralTells(t *testing.T) {
	simulate(t, func(t *testing.T, h *house) {
		wait(20 * time.Second)
		second := &house{t: t, store: h.store, post: &post{}, receivers: h.receivers}
		second.start()
		wait(20 * time.Second)
		if !h.e.KeepsHouse() || second.e.KeepsHouse() {
			t.Fatal("the first node does not keep house, or the second does")
		}
		// At different times, so that the nodes look first in turn.
		const apps = 8
		for i := range apps {
			app := fmt.Sprint("app", i)
			h.app(app)
			h.people(app, app+"@acme.example")
			h.endpoint(app+".example", func(e *bellhop.Endpoint) { e.Apps = []string{app} })
			h.answer(app+".example", 503)
			for range 40 {
				h.publish(app)
			}
			wait(7 * time.Second)
		}
		wait(20 * time.Minute)
		told := func(p *post) (n int) {
			for i := range apps {
				n += len(p.to(fmt.Sprint("app", i, "@acme.example")))
			}
			return n
		}
		same(t, "mails by the first node", told(h.post), apps)
		same(t, "mails by the second node", told(second.post), 0)
		h.stop()
		wait(time.Minute)
		if !second.e.KeepsHouse() {
			t.Fatal("the second node does not keep house")
		}
		for i := range apps {
			h.answer(fmt.Sprint("app", i, ".example"), 204)
		}
		wait(13 * time.Hour)
		same(t, "mails by the second node, once it is alone", told(second.post), apps)
		second.stop()
	})
}

func TestToldOnceWhenItBreaksInADigestAndWhenItWorksAgain(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T, h *house) {
		h.people("acme", "ann@acme.example")
		h.people(bellhop.AllApps, "ops@ours.example")
		door := h.endpoint("door.example", notify("Owner@door.example"))
		h.endpoint("hooks.example", func(e *bellhop.Endpoint) { e.Apps = []string{bellhop.AllApps} })
		h.endpoint("watch.example", func(e *bellhop.Endpoint) { e.Events = []string{"bellhop.endpoint.*"} })
		h.publish("acme")
		wait(time.Minute)
		h.answer("door.example", 503)
		for range 40 {
			h.publish("acme")
		}
		wait(4 * time.Minute)
		same(t, "before it has lasted", h.post.to("ann@acme.example"), []string(nil))
		wait(2 * time.Minute)
		everybody := []string{"ann@acme.example", "ops@ours.example", "Owner@door.example"}
		for _, to := range everybody {
			same(t, to, h.post.to(to), []string{"Endpoint door.example fails"})
		}
		m := h.post.last("Owner@door.example")
		for _, part := range []string{"503", "https://hooks.ours.example/endpoints/" + door.String()} {
			if !strings.Contains(m.Text, part) || !strings.Contains(m.HTML, part) {
				t.Errorf("the mail lacks %q:\n%s", part, m.Text)
			}
		}
		// Not again, whatever is published and however often the process starts.
		for range 5 {
			h.publish("acme")
			wait(time.Hour)
			h.restart()
		}
		for _, to := range everybody {
			same(t, to+" later", len(h.post.to(to)), 1)
		}
		wait(20 * time.Hour)
		for _, to := range everybody {
			same(t, to+" a day later", h.post.to(to), []string{"Endpoint door.example fails", "Endpoint door.example still fails"})
		}
		h.answer("door.example", 204)
		wait(13 * time.Hour) // until a retry, or a probe
		for _, to := range everybody {
			same(t, to+" in the end", h.post.to(to)[2:], []string{"Endpoint door.example works again"})
		}
		wait(72 * time.Hour)
		for _, to := range everybody {
			same(t, to+" days later", len(h.post.to(to)), 3)
		}
		want := []string{engine.TypeEndpointFailing, engine.TypeEndpointRecovered}
		same(t, "those who listen to all apps", ofEndpoints(h.types("hooks.example")), want)
		same(t, "those who listen to the app", ofEndpoints(h.types("watch.example")), want)
		told, err := h.store.Told(t.Context())
		h.must(err)
		if slices.ContainsFunc(told, func(x bellhop.Told) bool { return x.About != "" }) {
			t.Errorf("still told of: %+v", told)
		}
	})
}

func TestDisabledIsToldBeforeAndAfter(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T, h *house) {
		s := notice.Defaults("acme")
		s.Emails, s.Digest = []string{"ann@acme.example"}, 0
		h.settings(s)
		door := h.endpoint("door.example", notify("owner@door.example"))
		h.endpoint("hooks.example", func(e *bellhop.Endpoint) { e.Apps = []string{bellhop.AllApps} })
		h.answer("door.example", 500)
		for range 9 {
			h.publish("acme")
			wait(24 * time.Hour)
		}
		want := []string{"Endpoint door.example fails", "Endpoint door.example will be disabled in 24 hours", "Endpoint door.example was disabled"}
		same(t, "people", h.post.to("ann@acme.example"), want)
		same(t, "its owner", h.post.to("owner@door.example")[0], want[0])
		same(t, "events", ofEndpoints(h.types("hooks.example")), []string{engine.TypeEndpointFailing, engine.TypeEndpointDisabling, engine.TypeEndpointDisabled})

		// Somebody makes it active: whether it works is not known, and then it does.
		h.answer("door.example", 204)
		h.change(door, func(e *bellhop.Endpoint) { e.Status, e.DisabledReason = bellhop.EndpointActive, "" })
		wait(time.Second)
		h.publish("acme")
		wait(time.Hour)
		same(t, "people then", h.post.to("ann@acme.example")[3:], []string{"Endpoint door.example works again"})
		// One that is paused or deleted is not said to work.
		h.answer("door.example", 500)
		h.publish("acme")
		wait(time.Hour)
		h.change(door, func(e *bellhop.Endpoint) { e.Status = bellhop.EndpointPaused })
		wait(time.Hour)
		same(t, "after a pause", h.post.to("ann@acme.example")[4:], []string{"Endpoint door.example fails"})
	})
}

func TestManyThatBreakAtOnceAreOneMessage(t *testing.T) {
	const many = 2000
	simulate(t, func(t *testing.T, h *house) {
		h.people("acme", "ann@acme.example")
		h.people(bellhop.AllApps, "ops@ours.example")
		h.app("globex")
		h.endpoint("neighbour.example", func(e *bellhop.Endpoint) { e.Apps = []string{"globex"} })
		h.endpoint("hooks.example", func(e *bellhop.Endpoint) { e.Apps = []string{bellhop.AllApps} })
		for range many {
			h.endpoint("down.example", notify("owner@down.example"), func(e *bellhop.Endpoint) {
				e.Retry = bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(15 * time.Minute)}}
			})
		}
		h.answer("down.example", 500)
		h.publish("acme")
		wait(10 * time.Second)
		h.publish("globex")
		wait(time.Second)
		same(t, "the neighbour", len(h.bodies("neighbour.example")), 1)
		wait(8 * time.Minute)
		for _, to := range []string{"ann@acme.example", "ops@ours.example", "owner@down.example"} {
			same(t, to, h.post.to(to), []string{fmt.Sprintf("%d endpoints need attention", many)})
			if m := h.post.last(to); len(m.Text) > 10_000 || len(m.HTML) > 20_000 || !strings.Contains(m.Text, fmt.Sprintf("and %d more", many-20)) {
				t.Errorf("the mail has %d and %d bytes:\n%s", len(m.Text), len(m.HTML), m.Text)
			}
		}
		n := 0
		for _, typ := range h.types("hooks.example") {
			if typ == engine.TypeEndpointFailing {
				n++
			}
		}
		same(t, "events", n, many)
		h.restart()
		h.answer("down.example", 204)
		wait(20 * time.Minute)
		for _, to := range []string{"ann@acme.example", "ops@ours.example", "owner@down.example"} {
			list := h.post.to(to)
			if len(list) < 2 || len(list) > 4 || !strings.HasSuffix(list[len(list)-1], "work again") {
				t.Errorf("%s then got %q", to, list)
			}
		}
	})
}

// Those that come and go are told of less and less often.
func TestWhatComesAndGoesIsToldLessAndLess(t *testing.T) {
	simulate(t, func(t *testing.T, h *house) {
		s := notice.Defaults("acme")
		s.Emails, s.After, s.Failures = []string{"ann@acme.example"}, 0, 1
		h.settings(s)
		h.endpoint("door.example", func(e *bellhop.Endpoint) {
			e.Retry = bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Minute)}}
		})
		for range 72 { // twelve hours
			h.answer("door.example", 500)
			h.publish("acme")
			h.publish("acme")
			h.publish("acme")
			wait(5 * time.Minute)
			h.answer("door.example", 204)
			h.publish("acme")
			wait(5 * time.Minute)
		}
		if n := len(h.post.to("ann@acme.example")); n < 4 || n > 16 {
			t.Errorf("%d messages in twelve hours: %q", n, h.post.to("ann@acme.example"))
		}
	})
}

func TestBacklogs(t *testing.T) {
	simulate(t, func(t *testing.T, h *house) {
		s := notice.Defaults("acme")
		s.Emails, s.Backlog = []string{"ann@acme.example"}, 100
		h.settings(s)
		o := notice.Defaults(bellhop.AllApps)
		o.Emails, o.Backlog, o.MaxPending = []string{"ops@ours.example"}, 0, 200
		h.settings(o)
		h.endpoint("hooks.example", func(e *bellhop.Endpoint) { e.Apps = []string{bellhop.AllApps} })
		h.endpoint("slow.example", func(e *bellhop.Endpoint) {
			e.RateLimit, e.Concurrency, e.Ordering = &bellhop.RateLimit{PerSecond: 0.5}, 1, bellhop.OrderingEndpoint
		})
		for range 1000 {
			h.publish("acme")
		}
		wait(10 * time.Minute)
		same(t, "the app", h.post.to("ann@acme.example"), []string{"Endpoint slow.example falls behind"})
		same(t, "the operators", h.post.to("ops@ours.example"), []string{"The backlog of Bellhop is in need"})
		wait(40 * time.Minute)
		same(t, "the app then", h.post.to("ann@acme.example"), []string{"Endpoint slow.example falls behind", "Endpoint slow.example works again"})
		same(t, "the operators then", h.post.to("ops@ours.example"), []string{"The backlog of Bellhop is in need", "The backlog of Bellhop is well again"})
		types := h.types("hooks.example")
		same(t, "events", types, []string{engine.TypeBacklog, engine.TypeBacklogRecovered})
	})
}

// TestWhileAllSendingIsHeldNobodyIsTold: neither what fails, nor that it is over since nothing
// is sent, nor what waits; nor of what waits for a while after that. What still fails then is
// not told again.
func TestWhileAllSendingIsHeldNobodyIsTold(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T, h *house) {
		hold := func(held bool) {
			t.Helper()
			_, err := h.store.SetHold(t.Context(), held, nil, time.Now())
			h.must(err)
			h.e.RefreshRoutes(t.Context())
		}
		s := notice.Defaults("acme")
		s.Emails, s.Backlog = []string{"ann@acme.example"}, 100
		h.settings(s)
		h.endpoint("down.example")
		h.endpoint("slow.example", func(e *bellhop.Endpoint) {
			e.RateLimit, e.Concurrency, e.Ordering = &bellhop.RateLimit{PerSecond: 0.5}, 1, bellhop.OrderingEndpoint
		})
		h.answer("down.example", 500)
		for range 5 {
			h.publish("acme")
		}
		wait(time.Hour)
		told := []string{"Endpoint down.example fails"}
		same(t, "before", h.post.to("ann@acme.example"), told)
		hold(true)
		for range 1000 {
			h.publish("acme")
		}
		wait(3 * 24 * time.Hour)
		h.restart()
		wait(time.Hour)
		same(t, "while held", h.post.to("ann@acme.example"), told)
		hold(false)
		wait(50 * time.Minute)
		same(t, "after the release", h.post.to("ann@acme.example")[:1], told)
		for _, subject := range h.post.to("ann@acme.example")[1:] {
			if strings.Contains(subject, "behind") || strings.Contains(subject, "works") || subject == told[0] {
				t.Errorf("told after the release: %s", subject)
			}
		}
	})
}

func TestUnsubscribing(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T, h *house) {
		h.people("acme", "ann@acme.example", "ben@acme.example")
		h.endpoint("door.example", notify("ann@acme.example"))
		h.answer("door.example", 500)
		h.publish("acme")
		wait(10 * time.Minute)
		same(t, "told", len(h.post.to("ann@acme.example")), 2)
		same(t, "told", len(h.post.to("ben@acme.example")), 1)
		m := h.post.last("ben@acme.example")
		token, ok := strings.CutPrefix(m.Unsubscribe, "https://hooks.ours.example/unsubscribe/")
		if !ok || strings.Contains(token, "ben") {
			t.Fatalf("the link is %q", m.Unsubscribe)
		}
		s, err := h.Subscription(t.Context(), token)
		if err != nil || s.Off || s.Address != "ben@acme.example" || s.App != "acme" || s.Owner {
			t.Errorf("%+v, %v", s, err)
		}
		for range 2 {
			if s, err = h.Unsubscribe(t.Context(), token, false); err != nil || !s.Off {
				t.Errorf("%+v, %v", s, err)
			}
		}
		owner := h.Token(notice.Recipient("owner", "acme", "Ann@acme.example"))
		if s, err = h.Unsubscribe(t.Context(), owner, false); err != nil || !s.Off || !s.Owner {
			t.Errorf("%+v, %v", s, err)
		}
		h.restart()
		wait(24 * time.Hour)
		same(t, "ann, of the app alone", len(h.post.to("ann@acme.example")), 3)
		same(t, "ben", len(h.post.to("ben@acme.example")), 1)
		if s, err = h.Unsubscribe(t.Context(), token, true); err != nil || s.Off {
			t.Errorf("%+v, %v", s, err)
		}
		wait(24 * time.Hour)
		same(t, "ben again", len(h.post.to("ben@acme.example")), 2)
		for _, bad := range []string{"", "x", token[:len(token)-2], token + "AA", h.Token("events:acme")} {
			if _, err := h.Unsubscribe(t.Context(), bad, false); !bellhop.IsNotFound(err) {
				t.Errorf("token %q: %v", bad, err)
			}
		}
	})
}

// A mail server that is away, or slow, holds up nothing, and gets the mails once it is back.
func TestAMailServerThatIsAway(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T, h *house) {
		h.people("acme", "ann@acme.example")
		var tries atomic.Int32
		h.post.mu.Lock()
		h.post.answer = func(string) safehttp.Response {
			tries.Add(1)
			time.Sleep(20 * time.Second)
			return safehttp.Response{Reason: safehttp.ReasonTimeout, Detail: "the mail server did not answer in time"}
		}
		h.post.mu.Unlock()
		for i := range 300 {
			h.endpoint("down.example", notify(fmt.Sprintf("owner%d@down.example", i)))
		}
		h.endpoint("up.example")
		h.answer("down.example", 500)
		h.publish("acme")
		wait(10 * time.Minute)
		h.publish("acme")
		wait(time.Second)
		same(t, "deliveries go on", len(h.bodies("up.example")), 2)
		status, err := h.Status(t.Context())
		h.must(err)
		if status.Waiting != 301 || status.Failed.Channel != "email" || !strings.Contains(status.Failed.Detail, "did not answer in time") {
			t.Errorf("status: %+v", status)
		}
		if n := tries.Load(); n == 0 || n > 60 { // in four minutes, a server that was away a moment ago is left alone
			t.Errorf("%d tries", n)
		}
		h.restart()
		h.post.mu.Lock()
		h.post.answer = nil
		h.post.mu.Unlock()
		wait(2 * time.Hour)
		same(t, "ann", len(h.post.to("ann@acme.example")), 1)
		for i := range 300 {
			if to := fmt.Sprintf("owner%d@down.example", i); len(h.post.to(to)) != 1 {
				t.Errorf("%s got %q", to, h.post.to(to))
			}
		}
		if status, err = h.Status(t.Context()); err != nil || status.Waiting != 0 || !status.Failed.At.IsZero() {
			t.Errorf("status then: %+v, %v", status, err)
		}
	})
}

// What a mail server refuses for good is given up, and others get theirs.
func TestRefusedAddresses(t *testing.T) {
	simulate(t, func(t *testing.T, h *house) {
		h.people("acme", "gone@acme.example", "ann@acme.example")
		h.post.answer = func(to string) safehttp.Response {
			if strings.HasPrefix(to, "gone@") {
				return safehttp.Response{Status: 550, Detail: "no such mailbox"}
			}
			return safehttp.Response{Status: 250}
		}
		h.endpoint("down.example")
		h.answer("down.example", 500)
		h.publish("acme")
		wait(10 * time.Minute)
		same(t, "ann", len(h.post.to("ann@acme.example")), 1)
		if status, err := h.Status(t.Context()); err != nil || status.Waiting != 0 {
			t.Errorf("status: %+v, %v", status, err)
		}
	})
}

const evil = "A\r\nBcc: evil@example.com <!channel> <https://evil.example|click> *b* & [x](https://evil.example) <script>\u202e\u200b"

func TestStrangersNamesAreText(t *testing.T) {
	simulate(t, func(t *testing.T, h *house) {
		s := notice.Defaults("acme")
		s.Emails = []string{"ann@acme.example"}
		s.Chats = []bellhop.Chat{
			{ID: "c1", Kind: bellhop.ChatSlack, Shown: "https://slack.example/…", Sealed: h.SealChat("https://slack.example/services/T/B/secret")},
			{ID: "c2", Kind: bellhop.ChatTeams, Shown: "https://teams.example/…", Sealed: h.SealChat("https://teams.example/secret")},
		}
		s.Page = "https://app.acme.example/hooks?e={endpoint}"
		h.settings(s)
		door := h.endpoint("door.example", func(e *bellhop.Endpoint) { e.Name = evil })
		h.answer("door.example", 500)
		h.publish("acme")
		wait(10 * time.Minute)

		m := h.post.last("ann@acme.example")
		raw, err := h.post.Compose(m, "ntc_1", time.Now())
		h.must(err)
		head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
		if bytes.Contains(head, []byte("\nBcc")) || strings.ContainsAny(m.Subject, "\r\n\u202e") || strings.Contains(m.HTML, "<script") {
			t.Errorf("the mail:\n%s\n%s", head, m.HTML)
		}
		page := "https://app.acme.example/hooks?e=" + door.String()
		if !strings.Contains(m.Text, page) {
			t.Errorf("no link to the app's own page: %s", m.Text)
		}
		var slack struct {
			Text   string
			Blocks []struct {
				Type     string
				Text     struct{ Type, Text string }
				Elements []struct {
					URL  string
					Text struct{ Type string }
				}
			}
		}
		got := h.bodies("slack.example")
		if len(got) != 1 || json.Unmarshal([]byte(got[0]), &slack) != nil {
			t.Fatalf("slack got %q", got)
		}
		if strings.ContainsAny(slack.Text, "<>") || !strings.Contains(slack.Text, "&lt;!channel&gt;") {
			t.Errorf("slack's line: %s", slack.Text)
		}
		for _, b := range slack.Blocks {
			if b.Text.Text != "" && b.Text.Type != "plain_text" {
				t.Errorf("slack reads markup in %+v", b)
			}
		}
		if last := slack.Blocks[len(slack.Blocks)-1]; len(last.Elements) != 1 || last.Elements[0].URL != page {
			t.Errorf("slack's button: %+v", last)
		}
		if len(slack.Blocks[0].Text.Text) > 300 {
			t.Errorf("slack's header is %d bytes long", len(slack.Blocks[0].Text.Text))
		}
		teams := h.bodies("teams.example")
		if len(teams) != 1 || strings.Contains(teams[0], `"TextBlock"`) || !strings.Contains(teams[0], `"TextRun"`) || !strings.Contains(teams[0], page) || !json.Valid([]byte(teams[0])) {
			t.Errorf("teams got %q", teams)
		}
	})
}

func TestATestTellsWhatCameOfIt(t *testing.T) {
	simulate(t, func(t *testing.T, h *house) {
		s := notice.Defaults("acme")
		s.Emails = []string{"ann@acme.example"}
		s.Chats = []bellhop.Chat{{ID: "c1", Kind: bellhop.ChatSlack, Shown: "https://slack.example/…", Sealed: h.SealChat("https://slack.example/services/T/B/secret")}}
		h.answer("slack.example", 404)
		list, err := h.Test(t.Context(), s, "")
		h.must(err)
		if len(list) != 2 || !list[0].OK || list[1].OK || list[1].Detail == "" || strings.Contains(list[1].Detail, "secret") {
			t.Errorf("%+v", list)
		}
		list, err = h.Test(t.Context(), s, "me@ours.example")
		if err != nil || len(list) != 1 || !list[0].OK || len(h.post.to("me@ours.example")) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// Who asks for tests chooses whom they go to: there are not many of them, none goes to
// somebody who has unsubscribed, and to go away does not make the mail server look dead.
func TestTestsHarmNobody(t *testing.T) {
	simulate(t, func(t *testing.T, h *house) {
		s := notice.Defaults("acme")
		s.Emails = []string{"ann@acme.example", "bob@acme.example"}
		_, err := h.Unsubscribe(t.Context(), h.Token(notice.Recipient("people", "acme", "bob@acme.example")), false)
		h.must(err)

		gone, goAway := context.WithCancel(t.Context())
		goAway()
		list, err := h.Test(gone, s, "")
		if err != nil || len(list) != 2 || !list[0].OK || list[1].OK || !strings.Contains(list[1].Detail, "unsubscribed") {
			t.Errorf("%+v, %v", list, err)
		}
		sent := 1
		for ; err == nil && sent < 1000; sent++ {
			_, err = h.Test(t.Context(), s, "")
		}
		if bellhop.CodeOf(err) != bellhop.CodeTooMany || sent > 40 || len(h.post.to("bob@acme.example")) != 0 {
			t.Errorf("%d tests were sent: %v", sent, err)
		}
		other := notice.Defaults("beta")
		other.Emails = s.Emails[:1]
		if list, err := h.Test(t.Context(), other, ""); err != nil || !list[0].OK {
			t.Errorf("another app's test: %+v, %v", list, err)
		}
		wait(3 * time.Minute)
		if _, err := h.Test(t.Context(), s, ""); err != nil {
			t.Errorf("later: %v", err)
		}
	})
}

// Who takes an address off and puts it on again, in whatever case, gets round no gap.
func TestAnAddressThatIsTakenOffAndPutOnAgain(t *testing.T) {
	simulate(t, func(t *testing.T, h *house) {
		s := notice.Defaults("acme")
		s.After = 0
		h.settings(s)
		door := h.endpoint("door.example")
		h.answer("door.example", 500)
		h.publish("acme")
		toggle := func(n int, on, off time.Duration) {
			for i := range n {
				h.change(door, notify([]string{"poor@door.example", "Poor@Door.example"}[i%2]))
				wait(on)
				h.change(door, notify())
				wait(off)
			}
		}
		sent := func() int { return len(h.post.to("poor@door.example")) + len(h.post.to("Poor@Door.example")) }
		toggle(8, 50*time.Second, 20*time.Second) // nine minutes
		if n := sent(); n < 1 || n > 2 {
			t.Errorf("%d mails in nine minutes", n)
		}
		h.restart()
		toggle(15, time.Minute, 11*time.Minute) // three hours, each time off for longer than the gap
		if n := sent(); n < 3 || n > 10 {
			t.Errorf("%d mails in three hours", n)
		}
		wait(25 * time.Hour)
		told, err := h.store.Told(t.Context())
		h.must(err)
		if len(told) != 0 {
			t.Errorf("kept for longer than it matters: %+v", told)
		}
	})
}

// What is kept of those who are there no more is bounded, for each app by itself.
func TestOfThoseThatAreGoneLittleIsKept(t *testing.T) {
	const many, most = 1100, 1000
	simulate(t, func(t *testing.T, h *house) {
		h.app("globex")
		of := func(app string) func(*bellhop.Endpoint) {
			return func(e *bellhop.Endpoint) { e.Apps = []string{app} }
		}
		other := h.endpoint("down.example", of("globex"), notify("poor@globex.example"))
		var addresses []string
		for i := range many {
			addresses = append(addresses, fmt.Sprintf("owner%d@down.example", i))
		}
		door := h.endpoint("down.example", notify(addresses...))
		h.answer("down.example", 500)
		h.publish("acme")
		h.publish("globex")
		wait(10 * time.Minute)
		same(t, "told", len(h.post.to(addresses[many-1])), 1)
		h.change(door, notify())
		h.change(other, notify())
		wait(time.Minute)
		told, err := h.store.Told(t.Context())
		h.must(err)
		if len(told) != most+1 || !slices.ContainsFunc(told, func(x bellhop.Told) bool { return x.Audience == "owner:globex:poor@globex.example" }) {
			t.Errorf("%d rows are kept, want %d of one app and 1 of the other", len(told), most)
		}
	})
}

// Chats that hang hold up nobody's mails, and no chat of others.
func TestChatsThatHang(t *testing.T) {
	const many = 30
	simulate(t, func(t *testing.T, h *house) {
		h.app("zeta") // told after acme
		chat := func(i int, url string) bellhop.Chat {
			return bellhop.Chat{ID: fmt.Sprint("c", i), Kind: bellhop.ChatSlack, Shown: "https://…", Sealed: h.SealChat(url)}
		}
		bad, good := notice.Defaults("acme"), notice.Defaults("zeta")
		bad.After, good.After = 0, 0
		for i := range many {
			bad.Chats = append(bad.Chats, chat(i, fmt.Sprintf("https://hang.example/%d", i)))
		}
		good.Emails, good.Chats = []string{"ann@zeta.example"}, []bellhop.Chat{chat(0, "https://slack.example/x")}
		h.settings(bad)
		h.settings(good)
		h.endpoint("down.example")
		h.endpoint("down.example", func(e *bellhop.Endpoint) { e.Apps = []string{"zeta"} })
		h.answer("down.example", 500)
		h.answer("hang.example", hangs)
		h.publish("acme")
		h.publish("zeta")
		for range 120 {
			if len(h.bodies("hang.example")) > 0 {
				break
			}
			wait(time.Second)
		}
		wait(2 * time.Second)
		same(t, "to those that hang", len(h.bodies("hang.example")), 2)
		same(t, "the neighbour's mail", len(h.post.to("ann@zeta.example")), 1)
		same(t, "the neighbour's chat", len(h.bodies("slack.example")), 1)
		// All have their turn, and their retries.
		h.answer("hang.example", 0)
		wait(30 * time.Minute)
		if status, err := h.Status(t.Context()); err != nil || status.Waiting != 0 {
			t.Errorf("status: %+v, %v", status, err)
		}
		same(t, "to those that hung, with the retries of two", len(h.bodies("hang.example")), many+2)
	})
}

// ofEndpoints leaves out what is told of single deliveries.
func ofEndpoints(types []string) []string {
	return slices.DeleteFunc(types, func(t string) bool { return strings.HasPrefix(t, "bellhop.delivery.") })
}
