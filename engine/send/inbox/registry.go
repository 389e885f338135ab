package inbox

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// Options of a Registry.
type Options struct {
	// Sealer opens the secrets that signatures are checked by.
	Sealer bellhop.Sealer
	// Routes gives the endpoints by which a request from outside, to an inbox of the
	// app, may be signed. Those that have another URL are left out, so all the
	// app's endpoints will do. Nil means that none is.
	Routes func(token, app string) []*routes.Route
	// Logger defaults to none, and Now to time.Now.
	Logger *slog.Logger
	Now    func() time.Time
}

// Registry has the inboxes of this process. It is safe for concurrent use.
type Registry struct {
	base string // what their URLs begin with; without one there are none
	o    Options

	mu sync.Mutex
	// live holds them by the hash of their token, so that the time which a search
	// takes says nothing about tokens.
	live  map[[32]byte]*box
	made  int64
	bytes int
	// events and apps are what was erased and deleted lately: a request that
	// carries such an event may still be on its way.
	events tombstones[bellhop.EventID]
	apps   tombstones[string]
	// waiting counts the requests whose answer takes its time, by the inbox's app.
	waiting      map[string]crowd
	waitingInAll crowd
}

// box is an Inbox with what it keeps.
type box struct {
	Inbox
	order    int64
	ends     time.Time  // ExpiresAt, by a clock that nobody sets
	requests []*Request // oldest first; none is ever changed
	bytes    int
	outside  *rate.Limiter
	underWay int // requests from outside
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
	return &Registry{base: base, o: o, live: map[[32]byte]*box{}, waiting: map[string]crowd{}}, nil
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
func (s *Registry) Add(app string, expiresIn bellhop.Duration) (Inbox, error) {
	if err := s.off(); err != nil {
		return Inbox{}, err
	}
	expiresIn = cmp.Or(expiresIn, DefaultExpiry)
	if expiresIn < minExpiry || expiresIn > maxExpiry {
		return Inbox{}, bellhop.Wrong("expires_in", "range", fmt.Sprintf("must be between %s and %s", minExpiry, maxExpiry))
	}
	ticking := s.o.Now()
	now := ticking.UTC().Truncate(time.Millisecond)
	token := newToken()
	in := &box{
		ends: ticking.Add(time.Duration(expiresIn)),
		Inbox: Inbox{
			Token: token, URL: s.base + token, App: app, Answer: usualAnswer(),
			CreatedAt: now, ExpiresAt: now.Add(time.Duration(expiresIn)), Capacity: maxRequests,
		},
		outside: rate.NewLimiter(perSecond, burst),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeExpired(ticking)
	ofApp := 0
	for _, other := range s.live {
		if other.App == app {
			ofApp++
		}
	}
	if ofApp >= maxPerApp {
		return Inbox{}, &bellhop.Error{Code: bellhop.CodeConflict, Detail: fmt.Sprintf("The app has %d inboxes, which is the most: delete one first", ofApp)}
	}
	if len(s.live) >= maxInboxes {
		return Inbox{}, &bellhop.Error{Code: bellhop.CodeConflict, Detail: fmt.Sprintf("There are %d inboxes, which is the most: try again when some have expired", len(s.live))}
	}
	s.made++
	in.order = s.made
	s.live[sha256.Sum256([]byte(token))] = in
	return in.Inbox, nil
}

func newToken() string { return strings.ToLower(rand.Text()) }

// find gives a live inbox, or nil. Call it with mu held.
func (s *Registry) find(token string, now time.Time) *box {
	in := s.live[sha256.Sum256([]byte(token))]
	if in == nil || !now.Before(in.ends) {
		return nil
	}
	return in
}

// Find gives an inbox. It fails with a CodeNotFound error if there is none.
func (s *Registry) Find(token string) (Inbox, error) {
	if err := s.off(); err != nil {
		return Inbox{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.find(token, s.o.Now())
	if in == nil {
		return Inbox{}, bellhop.NotFound("inbox", token)
	}
	return in.Inbox, nil
}

// Look gives an inbox and, newest first, the requests in it whose ID is above after.
// The requests are shared: do not change them.
func (s *Registry) Look(token string, after int64) (Inbox, []*Request, error) {
	if err := s.off(); err != nil {
		return Inbox{}, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.find(token, s.o.Now())
	if in == nil {
		return Inbox{}, nil, bellhop.NotFound("inbox", token)
	}
	var requests []*Request
	for _, r := range slices.Backward(in.requests) {
		if r.ID <= after {
			break
		}
		requests = append(requests, r)
	}
	return in.Inbox, requests, nil
}

// List gives the inboxes of the apps in scope, newest first.
func (s *Registry) List(scope bellhop.Scope) ([]Inbox, error) {
	if err := s.off(); err != nil {
		return nil, err
	}
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*box
	for _, in := range s.live {
		if now.Before(in.ends) && scope.Sees(in.App) {
			found = append(found, in)
		}
	}
	slices.SortFunc(found, func(x, y *box) int { return cmp.Compare(y.order, x.order) })
	list := make([]Inbox, len(found))
	for i, in := range found {
		list[i] = in.Inbox
	}
	return list, nil
}

// Answer changes how an inbox answers.
func (s *Registry) Answer(token string, c AnswerChange) (Inbox, error) {
	if err := s.off(); err != nil {
		return Inbox{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.find(token, s.o.Now())
	if in == nil {
		return Inbox{}, bellhop.NotFound("inbox", token)
	}
	changed, err := in.Answer.With(c)
	if err != nil {
		return Inbox{}, err
	}
	in.Answer = changed
	return in.Inbox, nil
}

// Take ends an inbox, and tells whether there was one. Endpoints that have it as
// their URL will be answered 410, which disables them.
func (s *Registry) Take(token string) (Inbox, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.find(token, s.o.Now())
	if in == nil {
		return Inbox{}, false
	}
	s.remove(func(x *box) bool { return x == in })
	return in.Inbox, true
}

// Sweep forgets the inboxes that have expired, with what they keep.
func (s *Registry) Sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeExpired(now)
	s.events.expire(now)
	s.apps.expire(now)
}

// Forget drops the requests that carried one of these events: what is erased must
// not live on here. Those that are still on their way are not kept.
func (s *Registry) Forget(gone map[bellhop.EventID]bool) {
	if !s.Enabled() {
		return
	}
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropRequests(func(r *Request) bool { return gone[r.event] })
	for event, is := range gone {
		if is {
			s.events.add(event, s.made, now)
		}
	}
	s.events.expire(now)
}

// ForgetApp drops the inboxes of an app, and its events from those of other apps:
// an endpoint of several apps brings events of each. Those that are still on their
// way are not kept.
func (s *Registry) ForgetApp(app string) {
	if !s.Enabled() {
		return
	}
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(func(in *box) bool { return in.App == app })
	s.dropRequests(func(r *Request) bool { return r.App == app })
	s.apps.add(app, s.made, now)
	s.apps.expire(now)
}

func (s *Registry) removeExpired(now time.Time) {
	s.remove(func(in *box) bool { return !now.Before(in.ends) })
}

func (s *Registry) remove(gone func(*box) bool) {
	for hash, in := range s.live {
		if gone(in) {
			s.bytes -= in.bytes
			delete(s.live, hash)
		}
	}
}

func (s *Registry) dropRequests(gone func(*Request) bool) {
	for _, in := range s.live {
		for i := len(in.requests) - 1; i >= 0; i-- {
			if gone(in.requests[i]) {
				s.drop(in, i)
			}
		}
	}
}

// drop takes a request out of an inbox.
func (s *Registry) drop(in *box, i int) {
	n := in.requests[i].size()
	in.bytes -= n
	s.bytes -= n
	in.requests = slices.Delete(in.requests, i, i+1)
}

// keep puts a request into an inbox, which gives it its number.
func (s *Registry) keep(in *box, r *Request) {
	in.Received++
	r.ID = in.Received
	in.requests = append(in.requests, r)
	n := r.size()
	in.bytes += n
	s.bytes += n
	for len(in.requests) > 1 && (len(in.requests) > maxRequests || in.bytes > maxBytes) {
		s.drop(in, 0)
	}
	for s.bytes > maxAllBytes {
		var oldest *box
		for _, x := range s.live {
			if len(x.requests) > 0 && (oldest == nil || x.requests[0].At.Before(oldest.requests[0].At)) {
				oldest = x
			}
		}
		s.drop(oldest, 0)
	}
}
