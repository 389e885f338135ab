// Package notice tells of what is broken: apps and operators by events of Bellhop's own,
// and people by mail and in chats.
//
// It looks at intervals at what is broken now (look.go), compares that with what each
// audience was told, which is stored (audience.go), and tells the difference: one message
// when something breaks, however much breaks with it, now and then a digest while it stays
// so, and one when it works again. Messages wait in the store until they are sent
// (send.go). So a restart tells nobody twice, and delivering waits for none of it.
package notice

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/send"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// The defaults of what settings leave open.
const (
	DefaultAfter      = bellhop.Duration(5 * time.Minute)
	DefaultDigest     = bellhop.Duration(24 * time.Hour)
	DefaultBacklog    = 10_000
	DefaultMaxPending = 1_000_000
)

// Defaults are the settings of an app, or of AllApps those of the operators, that has
// saved none: nobody is told but the owners of endpoints, and who listens to events.
func Defaults(app string) bellhop.NoticeSettings {
	s := bellhop.NoticeSettings{App: app, After: DefaultAfter, Digest: DefaultDigest, Backlog: DefaultBacklog}
	if app == bellhop.AllApps {
		s.MaxPending = DefaultMaxPending
	}
	return s
}

// Options adjusts a Teller. Zero values are good.
type Options struct {
	// Mail is how mail leaves. Default: there is none, and nobody is told by mail.
	Mail *Mail
	// PublicURL is where the dashboard is, for links.
	PublicURL string
	// Disk tells how much is free where the database is, and of how much, in bytes.
	// Default: nobody is told when it fills up.
	Disk func() (free, size uint64, err error)
	// Gather is how long something must be broken before it is told with what else
	// breaks meanwhile. Default: 30 seconds.
	Gather time.Duration
	// Gap is the least time between two messages to one audience; it grows where there
	// is much to tell. Default: 5 minutes.
	Gap time.Duration
	// Logger gets the log. Default: slog.Default().
	Logger *slog.Logger
	// Metrics, if not nil, gets the collectors.
	Metrics prometheus.Registerer
}

// Mail is how mail leaves.
type Mail struct {
	// URL is that of the mail server: smtp, smtps or smtp+plain. From is an address, with a
	// name if wanted.
	URL, From          string
	Username, Password string
	Mailer             send.Mailer
	// Client makes the connections. The server is the operator's own choice: its address
	// need not be public.
	Client *safehttp.Client
}

// Teller tells. Its methods are safe for concurrent use.
type Teller struct {
	o     Options
	e     *engine.Engine
	store bellhop.Store
	log   *slog.Logger
	poke  chan struct{}

	sent    *prometheus.CounterVec
	waiting prometheus.Gauge

	// What follows belongs to Run's goroutine.

	// told is what is stored, by audience and by what it is about; nil: to be read.
	told map[string]map[string]bellhop.Told
	// freshSince is since when an audience is to be told something.
	freshSince map[string]time.Time
	// heldSince is since when an endpoint is seen to be on hold.
	heldSince map[bellhop.EndpointID]time.Time
	// waits is the last count of what waits, and countNext when the next one may be.
	waits     map[bellhop.EndpointID]*bellhop.Waiting
	countNext time.Time
	// storeDown says that the operators were told that nothing can be written.
	storeDown bool
	operators bellhop.NoticeSettings
	// direct are messages that go out without the store.
	direct sync.WaitGroup

	mu       sync.Mutex
	status   Status
	mailRest time.Time // no mail is tried before
	// tests says how many tests an app may still send.
	tests map[string]*rate.Limiter
}

// New makes a Teller of an engine. Run runs it.
func New(e *engine.Engine, o Options) *Teller {
	if o.Gather == 0 {
		o.Gather = 30 * time.Second
	}
	if o.Gap == 0 {
		o.Gap = 5 * time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")
	t := &Teller{
		o: o, e: e, store: e.Store(), log: o.Logger, poke: make(chan struct{}, 1),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bellhop_notices_total", Help: "Notices to people, by channel and by what came of trying to send them.",
		}, []string{"channel", "outcome"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bellhop_notices_waiting", Help: "Notices to people that are still to be sent.",
		}),
		freshSince: map[string]time.Time{}, heldSince: map[bellhop.EndpointID]time.Time{}, tests: map[string]*rate.Limiter{},
	}
	if o.Mail != nil {
		t.status.Mail = &MailStatus{Server: o.Mail.URL, From: o.Mail.From}
	}
	return t
}

// every is how often it looks.
func (t *Teller) every() time.Duration { return max(min(t.o.Gather/2, 15*time.Second), time.Second) }

// Run tells until ctx ends, while this node keeps house and sending is not held.
func (t *Teller) Run(ctx context.Context) {
	if t.o.Metrics != nil {
		for _, c := range []prometheus.Collector{t.sent, t.waiting} {
			if t.o.Metrics.Register(c) == nil {
				defer t.o.Metrics.Unregister(c)
			}
		}
	}
	var sending sync.WaitGroup
	sending.Go(func() { t.send(ctx) })
	defer sending.Wait()
	defer t.direct.Wait()
	tick := time.NewTicker(t.every())
	defer tick.Stop()
	for {
		t.round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tells tells whether this node is to tell people anything: the one that keeps house alone,
// or each would tell the same. While all sending is held nobody is told: a database that is
// restored for a rehearsal must not say to anybody that nothing is delivered, or that what
// failed works again.
func (t *Teller) tells() bool { return t.e.KeepsHouse() && !t.e.Routes().Routes().Hold().On() }

// round looks once, and tells what is to be told.
func (t *Teller) round(ctx context.Context) {
	if !t.tells() {
		// What another node tells meanwhile is in the store.
		t.told, t.waits, t.countNext, t.storeDown = nil, nil, time.Time{}, false
		clear(t.freshSince)
		clear(t.heldSince)
		return
	}
	err := t.tell(ctx)
	t.storeWrites(ctx)
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, bellhop.ErrUnavailable):
		t.e.Failed("telling of what is broken", err)
	case errors.Is(err, bellhop.ErrRevision), errors.Is(err, bellhop.ErrUnknown):
		t.told = nil // read it anew
	default:
		t.told = nil
		t.e.Failed("telling of what is broken", err)
	}
}

// Status is how telling people goes.
type Status struct {
	// Mail is nil where no mail server is set.
	Mail *MailStatus
	// Waiting are still to be sent, the oldest since Since.
	Waiting int
	Since   time.Time
	// Failed is the last that could not be sent, to whom; zero if none was since the start,
	// or a later one by the same channel was sent.
	Failed Failure
}

// MailStatus is how mail goes.
type MailStatus struct {
	Server, From string
	// SentAt is when a mail was last taken by the server; zero: none since the start.
	SentAt time.Time
}

// Failure is a notice that could not be sent.
type Failure struct {
	At      time.Time
	Channel string // "email", "slack" or "teams"
	Detail  string
}

// Status tells how telling people goes.
func (t *Teller) Status(ctx context.Context) (Status, error) {
	count, oldest, err := t.store.WaitingNotices(ctx)
	if err != nil {
		return Status{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.status
	if s.Mail != nil {
		mail := *s.Mail
		s.Mail = &mail
	}
	if s.Waiting = count; count > 0 {
		s.Since = oldest.Time()
	}
	return s, nil
}

// MailOn tells whether there is mail.
func (t *Teller) MailOn() bool { return t.o.Mail != nil }
