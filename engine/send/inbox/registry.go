package inbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// Options of a Registry.
type Options struct {
	// Store keeps the inboxes and what they received. Required where there is a base.
	Store bellhop.InboxStore
	// Sealer encrypts tokens, and opens the secrets that signatures are checked by.
	// Required where there is a base.
	Sealer bellhop.Sealer
	// Routes gives the endpoints by which a request from outside, to an inbox of the
	// app, may be signed. Those that have another URL are left out, so all the
	// app's endpoints will do. Nil means that none is.
	Routes func(token, app string) []*routes.Route
	// Logger defaults to none, and Now to time.Now.
	Logger *slog.Logger
	Now    func() time.Time
}

// Registry has the inboxes of the store. It is safe for concurrent use.
type Registry struct {
	base string // what their URLs begin with; without one there are none
	o    Options

	mu sync.Mutex
	// outside is what came to this process from outside lately, by inbox.
	outside map[bellhop.InboxName]*visitors
	// waiting counts the requests whose answer takes its time, by the inbox's app.
	waiting      map[string]crowd
	waitingInAll crowd
	guests       guests
}

// visitors are the requests from outside to one inbox.
type visitors struct {
	limit    *rate.Limiter
	underWay int
}

// New gives a Registry whose inboxes have URLs that begin with base, which must end
// in a slash. Without a base there can be none.
func New(base string, o Options) (*Registry, error) {
	if err := checkBase(base); err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Registry{base: base, o: o, outside: map[bellhop.InboxName]*visitors{}, waiting: map[string]crowd{}}, nil
}

// Enabled tells whether there can be inboxes.
func (s *Registry) Enabled() bool { return s.base != "" }

// off is the error of whoever asks for inboxes where there can be none.
func (s *Registry) off() error {
	if s.Enabled() {
		return nil
	}
	return &bellhop.Error{Code: bellhop.CodeInboxesOff, Detail: "Inboxes are turned off on this server: its operator can enable them with the setting --inbox"}
}

// Add makes an inbox of an app, which must exist; expiresIn 0 means DefaultExpiry.
// It fails with a CodeConflict error where there are as many as there may be.
func (s *Registry) Add(ctx context.Context, app string, expiresIn bellhop.Duration) (Inbox, error) {
	if err := s.off(); err != nil {
		return Inbox{}, err
	}
	expiresIn = cmp.Or(expiresIn, DefaultExpiry)
	if expiresIn < minExpiry || expiresIn > maxExpiry {
		return Inbox{}, bellhop.Wrong("expires_in", "range", fmt.Sprintf("must be between %s and %s", minExpiry, maxExpiry))
	}
	now, token := s.o.Now(), newToken()
	name := bellhop.NameOfInbox(token)
	stored := bellhop.StoredInbox{
		Name: name, Sealed: s.o.Sealer.Seal([]byte(token), sealedAs(name)), App: app, Answer: encode(usualAnswer()),
		CreatedAt: now.UTC().Truncate(time.Millisecond),
	}
	stored.ExpiresAt = stored.CreatedAt.Add(time.Duration(expiresIn))
	if err := s.o.Store.AddInbox(ctx, stored, bounds, now); err != nil {
		return Inbox{}, fmt.Errorf("add an inbox: %w", err)
	}
	s.guests.found(name, stored.ExpiresAt, now)
	return s.open(token, stored)
}

func newToken() string { return strings.ToLower(rand.Text()) }

// sealedAs is what a token is encrypted for.
func sealedAs(name bellhop.InboxName) string { return "inbox " + hex.EncodeToString(name[:]) }

// encode is for what can always be.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("inbox: " + err.Error())
	}
	return b
}

// open gives an inbox as it was stored.
func (s *Registry) open(token string, stored bellhop.StoredInbox) (Inbox, error) {
	in := Inbox{
		Token: token, URL: s.base + token, App: stored.App, Answer: usualAnswer(),
		CreatedAt: stored.CreatedAt, ExpiresAt: stored.ExpiresAt, Capacity: maxRequests, Received: stored.Received,
	}
	if err := json.Unmarshal(stored.Answer, &in.Answer); err != nil {
		return Inbox{}, fmt.Errorf("read how an inbox of %s answers: %w", stored.App, err)
	}
	in.Answer.FailLeft = stored.FailLeft
	return in, nil
}

// Find gives an inbox. It fails with a CodeNotFound error if there is none.
func (s *Registry) Find(ctx context.Context, token string) (Inbox, error) {
	if err := s.off(); err != nil {
		return Inbox{}, err
	}
	if !isToken(token) {
		return Inbox{}, bellhop.NotFound("inbox", token)
	}
	name := bellhop.NameOfInbox(token)
	stored, err := s.o.Store.Inbox(ctx, name, s.o.Now())
	if err != nil {
		return Inbox{}, named(token, err)
	}
	s.guests.found(name, stored.ExpiresAt, s.o.Now())
	return s.open(token, stored)
}

// named says which inbox there is not: a store does not know its token.
func named(token string, err error) error {
	if bellhop.IsNotFound(err) {
		return bellhop.NotFound("inbox", token)
	}
	return fmt.Errorf("look for an inbox: %w", err)
}

// Look gives an inbox and, newest first, the requests in it whose ID is above after.
func (s *Registry) Look(ctx context.Context, token string, after int64) (Inbox, []*Request, error) {
	in, err := s.Find(ctx, token)
	if err != nil {
		return Inbox{}, nil, err
	}
	stored, err := s.o.Store.InboxRequests(ctx, bellhop.NameOfInbox(token), after)
	if err != nil {
		return Inbox{}, nil, fmt.Errorf("read an inbox: %w", err)
	}
	requests := make([]*Request, 0, len(stored))
	for _, kept := range stored {
		r := &Request{}
		if err := json.Unmarshal(kept.Content, r); err != nil {
			return Inbox{}, nil, fmt.Errorf("read request %d of an inbox: %w", kept.ID, err)
		}
		r.ID, r.App, r.At, r.Answered = kept.ID, kept.App, kept.At, kept.Answered
		requests = append(requests, r)
	}
	return in, requests, nil
}

// List gives the inboxes of the apps in scope, newest first. One whose token cannot be
// read is left out.
func (s *Registry) List(ctx context.Context, scope bellhop.Scope) ([]Inbox, error) {
	if err := s.off(); err != nil {
		return nil, err
	}
	stored, err := s.o.Store.Inboxes(ctx, scope, s.o.Now())
	if err != nil {
		return nil, fmt.Errorf("list the inboxes: %w", err)
	}
	list := make([]Inbox, 0, len(stored))
	for _, x := range stored {
		token, err := s.o.Sealer.Open(x.Sealed, sealedAs(x.Name))
		var in Inbox
		if err == nil {
			in, err = s.open(string(token), x)
		}
		if err != nil {
			s.o.Logger.Error("an inbox is not listed, because it cannot be read", "app", x.App, "err", err)
			continue
		}
		list = append(list, in)
	}
	return list, nil
}

// Answer changes how an inbox answers.
func (s *Registry) Answer(ctx context.Context, token string, c AnswerChange) (Inbox, error) {
	in, err := s.Find(ctx, token)
	if err != nil {
		return Inbox{}, err
	}
	if in.Answer, err = in.Answer.With(c); err != nil {
		return Inbox{}, err
	}
	if err := s.o.Store.SetAnswer(ctx, bellhop.NameOfInbox(token), encode(in.Answer), in.Answer.FailLeft, s.o.Now()); err != nil {
		return Inbox{}, named(token, err)
	}
	return in, nil
}

// Delete ends an inbox. Endpoints that have it as their URL will be answered 410,
// which disables them.
func (s *Registry) Delete(ctx context.Context, token string) error {
	return s.o.Store.DeleteInbox(ctx, bellhop.NameOfInbox(token))
}

// sweepAtOnce bounds how many inboxes one Sweep removes.
const sweepAtOnce = 100

// Sweep removes inboxes that have expired, with what they keep.
func (s *Registry) Sweep(ctx context.Context, now time.Time) error {
	if !s.Enabled() {
		return nil
	}
	s.mu.Lock()
	for name, v := range s.outside {
		if v.underWay == 0 && v.limit.TokensAt(now) >= burst {
			delete(s.outside, name)
		}
	}
	s.mu.Unlock()
	_, err := s.o.Store.ExpireInboxes(ctx, now, sweepAtOnce)
	return err
}
