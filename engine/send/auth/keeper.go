package auth

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/safehttp"
)

const (
	// askFor bounds a token request, whoever waits for it.
	askFor = 15 * time.Second
	// storeFor bounds what is asked of the store for one.
	storeFor = 5 * time.Second
	// A token is renewed while it has a fifth of its time left, but no more than
	// aheadAtMost, so that nobody has to wait; and it is not sent with less than
	// margin left, since it must still be good where it arrives.
	aheadAtMost = 5 * time.Minute
	margin      = 10 * time.Second
	// forceEvery bounds how often a receiver's 401 can have a token thrown away.
	forceEvery = 30 * time.Second
	// A failure is remembered for firstRest, and longer each time up to lastRest; one that
	// only people can mend for settledRest at least.
	firstRest   = 2 * time.Second
	settledRest = 20 * time.Second
	lastRest    = time.Minute
	// maxKept bounds the grants in memory; beyond it those without a request are dropped,
	// and found in the store when they are asked for.
	maxKept = 20_000
)

// Options of a Keeper.
type Options struct {
	// Do makes a request, past the guard. Required.
	Do func(context.Context, safehttp.Request) safehttp.Response
	// Store and Sealer keep tokens over a restart; without either they are in memory only.
	Store  bellhop.TokenStore
	Sealer bellhop.Sealer
	// Hide, if not nil, takes secrets out of what a server said; else they are found only as
	// they are, and as in a form.
	Hide func(text string, secrets []string) string
	// Logger defaults to none, Now to time.Now.
	Logger *slog.Logger
	Now    func() time.Time
}

// Failure says why there is no token.
type Failure struct {
	// Detail is a sentence that names the remedy, and no secret.
	Detail string
	// After is when the server will be asked again.
	After time.Duration
	// Patience says that the caller's time was over: the request goes on without him.
	Patience bool
	// Closed says that nothing more is asked for, since the keeper was closed.
	Closed bool
}

// Keeper keeps tokens. It is safe for concurrent use.
type Keeper struct {
	o      Options
	name   string // apart from those of other processes
	ctx    context.Context
	cancel context.CancelFunc
	asking sync.WaitGroup

	mu     sync.Mutex
	closed bool
	states map[bellhop.EndpointID]*state
}

// state is what is known about an endpoint's token. The keeper's lock guards it.
type state struct {
	grant  string // whose token and failure it is
	token  token
	flight *flight
	// forced is when a receiver's 401 had a token thrown away last.
	forced time.Time
	// refused is a token that a receiver does not take: not to be found in the store again.
	refused string

	failure *Failure
	failed  int // in a row
	restsTo time.Time
	saveAt  time.Time // not before then, where the token is in memory alone
}

// flight is a token request under way.
type flight struct {
	grant   string
	done    chan struct{}
	token   token // once done, if failure is nil
	failure *Failure
}

// New gives a Keeper, which starts nothing until it is asked for a token.
func New(o Options) *Keeper {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Hide == nil {
		o.Hide = mask
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	k := &Keeper{o: o, name: rand.Text(), states: map[bellhop.EndpointID]*state{}}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k
}

// Close ends the requests under way and waits for them.
func (k *Keeper) Close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.cancel()
	k.asking.Wait()
}

// Token gives the access token of a grant: the one that is kept, or a new one.
func (k *Keeper) Token(ctx context.Context, g Grant) (string, *Failure) {
	k.mu.Lock()
	st, now := k.of(&g), k.o.Now()
	if st.token.usable(now) {
		access := st.token.Access
		if st.token.stale(now) && st.flight == nil && !now.Before(st.restsTo) {
			k.ask(st, g)
		}
		k.saveLater(st, g)
		k.mu.Unlock()
		return access, nil
	}
	return k.await(ctx, st, g)
}

// Renew gives a token in place of one that a receiver does not take. It gives none, and
// no failure, where the last one was thrown away only just now: then it is not the
// token.
func (k *Keeper) Renew(ctx context.Context, g Grant, refused string) (string, *Failure) {
	k.mu.Lock()
	st, now := k.of(&g), k.o.Now()
	if st.token.usable(now) && st.token.Access != refused {
		access := st.token.Access // somebody has renewed it meanwhile
		k.mu.Unlock()
		return access, nil
	}
	if st.flight == nil {
		if since := now.Sub(st.forced); !st.forced.IsZero() && since >= 0 && since < forceEvery {
			k.mu.Unlock()
			return "", nil
		}
		st.forced, st.refused = now, refused
		st.token.Access = ""
	}
	return k.await(ctx, st, g)
}

// of finds the state of a grant. What belongs to another one is forgotten: its settings
// have changed, and so what was wrong with it.
func (k *Keeper) of(g *Grant) *state {
	name := g.name()
	st := k.states[g.Endpoint]
	if st == nil {
		if len(k.states) >= maxKept {
			for e, old := range k.states {
				if old.flight == nil {
					delete(k.states, e)
				}
			}
		}
		st = &state{}
		k.states[g.Endpoint] = st
	}
	if st.grant != name {
		*st = state{grant: name}
	}
	return st
}

// await waits for a token, and asks for one if nobody does. It is called with the lock,
// and gives it back.
func (k *Keeper) await(ctx context.Context, st *state, g Grant) (string, *Failure) {
	f := st.flight
	if f == nil {
		if rest := st.restsTo.Sub(k.o.Now()); st.failure != nil && rest > 0 && rest <= longestAfter {
			remembered := *st.failure
			k.mu.Unlock()
			remembered.After = rest
			return "", &remembered
		}
		f = k.ask(st, g)
	}
	k.mu.Unlock()
	select {
	case <-f.done:
	case <-ctx.Done():
		return "", &Failure{
			Detail:   "The token server " + host(g.Auth.TokenURL) + " did not answer in time: the endpoint's timeout was over before there was a token.",
			Patience: true,
		}
	}
	if f.failure != nil {
		return "", f.failure
	}
	return f.token.Access, nil
}

// ask begins a token request, which nobody's cancellation ends. It is called with the
// lock.
func (k *Keeper) ask(st *state, g Grant) *flight {
	f := &flight{grant: st.grant, done: make(chan struct{})}
	if k.closed {
		f.failure = &Failure{Detail: "Bellhop is shutting down.", Closed: true}
		close(f.done)
		return f
	}
	st.flight = f
	refused, known := st.refused, st.token
	k.asking.Go(func() {
		f.token, f.failure = k.fetch(g, known, refused)
		k.landed(g.Endpoint, f)
		close(f.done)
	})
	return f
}

// landed takes over what came of a token request.
func (k *Keeper) landed(e bellhop.EndpointID, f *flight) {
	k.mu.Lock()
	defer k.mu.Unlock()
	st := k.states[e]
	if st == nil || st.flight != f {
		return // its settings have changed meanwhile
	}
	st.flight = nil
	if f.failure == nil {
		st.token, st.failure, st.failed, st.restsTo = f.token, nil, 0, time.Time{}
		return
	}
	st.failure = f.failure
	st.failed++
	st.restsTo = k.o.Now().Add(f.failure.After)
}

// rest is how long a server is left alone after so many failures in a row.
func rest(failed int, r *refusal) time.Duration {
	d := firstRest << min(failed, 5)
	if r.settled {
		d = max(d, settledRest)
	}
	return max(min(d, lastRest), r.after)
}

// fetch gets a token: from the store, where another process may have put a newer one, or
// from the server.
func (k *Keeper) fetch(g Grant, known token, refused string) (token, *Failure) {
	end, other := k.claim(g, known, refused)
	if end == nil {
		return other.token, other.failure
	}
	kept := true
	defer func() { end(kept) }()
	stored, err := k.load(g)
	now := k.o.Now()
	switch {
	case err != nil:
		// A refresh token that was replaced is in there. To use the one before could end
		// them all (RFC 9700 §4.14.2), so the server is not asked unless it is known here.
		if known.Refresh == "" && g.Auth.Type == bellhop.AuthRefreshToken {
			k.o.Logger.Error("a token could not be read from the store", "endpoint", g.Endpoint.String(), "err", err)
			return token{}, &Failure{Detail: "The refresh token could not be read from Bellhop's own database: its operator finds more in the log.", After: firstRest}
		}
		k.o.Logger.Warn("a token could not be read from the store; the server is asked for a new one", "endpoint", g.Endpoint.String(), "err", err)
		stored = known
	case stored.usable(now) && stored.Access != refused && stored.Access != known.Access:
		return stored, nil
	case stored.Obtained.Before(known.Obtained):
		stored = known // it could not be saved
	}
	refresh := g.RefreshToken
	if stored.Lineage == g.lineage() && stored.Refresh != "" {
		refresh = stored.Refresh
	}
	ctx, cancel := context.WithTimeout(k.ctx, askFor)
	defer cancel()
	res := k.o.Do(ctx, g.request(refresh))
	if k.ctx.Err() != nil {
		return token{}, &Failure{Detail: "Bellhop is shutting down.", Closed: true}
	}
	masked := func(s string) string { return k.o.Hide(s, g.secrets(refresh)) }
	got, no := read(res, g.Auth.Type, masked)
	if no != nil {
		k.mu.Lock()
		failed := 0
		if st := k.states[g.Endpoint]; st != nil {
			failed = st.failed
		}
		k.mu.Unlock()
		return token{}, &Failure{
			Detail: masked("The token server " + host(g.Auth.TokenURL) + " " + strings.TrimRight(no.text, ".") + "."),
			After:  rest(failed, no),
		}
	}
	t := token{Grant: g.name(), Lineage: g.lineage(), Access: got.access, Refresh: got.refresh, Obtained: k.o.Now()}
	if t.Refresh == "" && g.Auth.Type == bellhop.AuthRefreshToken {
		t.Refresh = refresh // it stays good (RFC 6749 §6)
	}
	if got.lasts > 0 {
		t.Expires = t.Obtained.Add(got.lasts)
	}
	t.unsaved = !k.save(g, t)
	kept = !t.unsaved
	return t, nil
}

func host(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

// mask takes secrets out of a text.
func mask(text string, secrets []string) string {
	for _, s := range secrets {
		if len(s) >= 4 {
			text = strings.ReplaceAll(text, s, bellhop.Hidden)
			text = strings.ReplaceAll(text, url.QueryEscape(s), bellhop.Hidden)
		}
	}
	return text
}
