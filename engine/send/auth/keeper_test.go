package auth_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/send/auth"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/memstore"
)

const (
	secret  = "client-secret+/&x"
	refresh = "refresh-token-0"
)

// server is a token server that checks what it is asked, replaces refresh tokens, and
// does whatever a test wants instead.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	asked   int
	refresh string // the one that is good
	instead http.HandlerFunc
	forms   []url.Values
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{refresh: refresh}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.token))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *server) token(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	s.mu.Lock()
	s.asked++
	n, instead := s.asked, s.instead
	s.forms = append(s.forms, form)
	s.mu.Unlock()
	if instead != nil {
		instead(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fail := func(code int, word string) {
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"error":%q,"error_description":"about it"}`, word)
	}
	id, pass, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(id)
		pass, _ = url.QueryUnescape(pass)
	} else {
		id, pass = form.Get("client_id"), form.Get("client_secret")
	}
	if id != "client" || pass != secret {
		fail(401, "invalid_client")
		return
	}
	answer := map[string]any{"access_token": fmt.Sprintf("access-%d", n), "token_type": "Bearer", "expires_in": 3600}
	if form.Get("grant_type") == "refresh_token" {
		s.mu.Lock()
		defer s.mu.Unlock()
		if form.Get("refresh_token") != s.refresh {
			fail(400, "invalid_grant")
			return
		}
		s.refresh = fmt.Sprintf("refresh-token-%d", n)
		answer["refresh_token"] = s.refresh
	}
	json.NewEncoder(w).Encode(answer)
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *server) do(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instead = h
}

// fixture is a keeper over a store, with a clock that tests move.
type fixture struct {
	t      *testing.T
	http   *safehttp.Client
	store  *memstore.Store
	sealer bellhop.Sealer
	log    bytes.Buffer
	mu     sync.Mutex
	now    time.Time
	e      bellhop.EndpointID
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, http: safehttp.New(safehttp.Options{Policy: safehttp.Policy{Dev: true}}), store: memstore.New(), now: time.Now(), e: 4711}
	t.Cleanup(f.http.Close)
	key := make([]byte, 32)
	rand.Read(key)
	var err error
	if f.sealer, err = bellhop.NewSealer(key); err != nil {
		t.Fatal(err)
	}
	return f
}

// saved has the store know the endpoint.
func (f *fixture) saved() *fixture {
	f.t.Helper()
	ctx := context.Background()
	if err := f.store.SaveApp(ctx, bellhop.App{ID: "acme"}, nil); err != nil {
		f.t.Fatal(err)
	}
	if err := f.store.SaveEndpoint(ctx, bellhop.Endpoint{ID: f.e, Apps: []string{"acme"}}, nil, f.now); err != nil {
		f.t.Fatal(err)
	}
	return f
}

func (f *fixture) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// keeper is what a process has.
func (f *fixture) keeper() *auth.Keeper {
	k := auth.New(auth.Options{
		Do: f.http.Do, Store: f.store, Sealer: f.sealer, Logger: slog.New(slog.NewTextHandler(&f.log, nil)),
		Now: func() time.Time {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.now
		},
	})
	f.t.Cleanup(k.Close)
	return k
}

func (f *fixture) grant(s *server, kind bellhop.AuthType) auth.Grant {
	g := auth.Grant{Endpoint: f.e, ClientSecret: secret, Auth: &bellhop.Auth{
		Type: kind, TokenURL: s.URL + "/token", ClientID: "client", Scopes: []string{"a", "b"}, Params: map[string]string{"audience": "books"},
	}}
	if kind == bellhop.AuthRefreshToken {
		g.RefreshToken = refresh
	}
	return g
}

func token(t *testing.T, k *auth.Keeper, g auth.Grant, want string) {
	t.Helper()
	got, failure := k.Token(context.Background(), g)
	if failure != nil {
		t.Fatalf("no token: %s", failure.Detail)
	}
	if got != want {
		t.Fatalf("the token is %q, want %q", got, want)
	}
}

func TestTokenIsKept(t *testing.T) {
	for _, way := range []string{"basic", "body"} {
		s, f := newServer(t), newFixture(t).saved()
		k, g := f.keeper(), f.grant(s, bellhop.AuthClientCredentials)
		g.Auth.ClientAuth = way
		token(t, k, g, "access-1")
		token(t, k, g, "access-1")
		if form := s.forms[0]; form.Get("grant_type") != "client_credentials" || form.Get("scope") != "a b" || form.Get("audience") != "books" {
			t.Errorf("%s: it was asked %v", way, form)
		}
		token(t, f.keeper(), g, "access-1") // another process
		if s.count() != 1 {
			t.Errorf("%s: the server was asked %d times", way, s.count())
		}
		g.Auth.Scopes = []string{"other"}
		token(t, k, g, "access-2") // other settings, another token
	}
}

func TestTokenIsRenewedAhead(t *testing.T) {
	s, f := newServer(t), newFixture(t).saved()
	k, g := f.keeper(), f.grant(s, bellhop.AuthClientCredentials)
	token(t, k, g, "access-1")
	f.pass(time.Hour - 4*time.Minute)
	hold := make(chan struct{})
	arrived := make(chan struct{})
	s.do(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-hold
		fmt.Fprint(w, `{"access_token":"next","expires_in":"3600"}`)
	})
	token(t, k, g, "access-1") // and the next one is on its way
	<-arrived
	token(t, k, g, "access-1")
	f.pass(5 * time.Minute)
	close(hold)
	token(t, k, g, "next")
	if s.count() != 2 {
		t.Errorf("the server was asked %d times", s.count())
	}
	// Where it cannot be renewed, the old one does as long as it is good.
	f.pass(time.Hour - 4*time.Minute)
	failed := make(chan struct{}, 9)
	s.do(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(500)
		failed <- struct{}{}
	})
	token(t, k, g, "next")
	<-failed
	token(t, k, g, "next")
	f.pass(4 * time.Minute)
	if _, failure := k.Token(context.Background(), g); failure == nil {
		t.Error("a token was given that is over")
	}
}

// TestRotation: the newest refresh token is used, by the next process as well.
func TestRotation(t *testing.T) {
	s, f := newServer(t), newFixture(t).saved()
	g := f.grant(s, bellhop.AuthRefreshToken)
	k := f.keeper()
	token(t, k, g, "access-1")
	f.pass(2 * time.Hour)
	token(t, k, g, "access-2")
	k.Close()
	f.pass(2 * time.Hour)
	k = f.keeper()
	token(t, k, g, "access-3")
	// A new client secret does not end what the server has given, another client does.
	g.Auth.Scopes = nil
	token(t, k, g, "access-4")
	// Revoked: the remedy is a new one, and with it all is well.
	s.mu.Lock()
	s.refresh = "entered-anew"
	s.mu.Unlock()
	f.pass(2 * time.Hour)
	_, failure := k.Token(context.Background(), g)
	if failure == nil || !strings.Contains(failure.Detail, "invalid_grant (about it)") || !strings.Contains(failure.Detail, "enter the new one as auth.refresh_token") {
		t.Fatalf("revoked: %+v", failure)
	}
	g.RefreshToken = "entered-anew"
	token(t, k, g, "access-6")
	if strings.Contains(f.log.String(), "refresh-token") || strings.Contains(f.log.String(), secret) {
		t.Errorf("the log holds a secret: %s", f.log.String())
	}
}

// TestARefreshTokenIsUsedOnceByAllProcesses that need a token at the same time.
func TestARefreshTokenIsUsedOnceByAllProcesses(t *testing.T) {
	s, f := newServer(t), newFixture(t).saved()
	slow := func(ctx context.Context, r safehttp.Request) safehttp.Response {
		time.Sleep(50 * time.Millisecond) // of the other's request, too
		return f.http.Do(ctx, r)
	}
	g := f.grant(s, bellhop.AuthRefreshToken)
	var keepers []*auth.Keeper
	for range 4 {
		k := auth.New(auth.Options{Do: slow, Store: f.store, Sealer: f.sealer, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.now
		}})
		defer k.Close()
		keepers = append(keepers, k)
	}
	for round := 1; round <= 3; round++ {
		var all sync.WaitGroup
		for _, k := range keepers {
			all.Go(func() {
				if got, failure := k.Token(context.Background(), g); failure != nil || got != fmt.Sprint("access-", round) {
					t.Errorf("round %d: %q, %+v", round, got, failure)
				}
			})
		}
		all.Wait()
		if n := s.count(); n != round {
			t.Fatalf("%d requests in round %d", n, round)
		}
		f.pass(2 * time.Hour)
	}
}

// TestUnsavedToken: an endpoint that is verified before it is stored has its token kept
// once it is.
func TestUnsavedToken(t *testing.T) {
	s, f := newServer(t), newFixture(t)
	g := f.grant(s, bellhop.AuthRefreshToken)
	k := f.keeper()
	token(t, k, g, "access-1")
	f.saved()
	token(t, k, g, "access-1")
	k.Close()
	token(t, f.keeper(), g, "access-1")
	if s.count() != 1 {
		t.Errorf("the server was asked %d times", s.count())
	}
}

func TestRenew(t *testing.T) {
	s, f := newServer(t), newFixture(t).saved()
	k, g := f.keeper(), f.grant(s, bellhop.AuthClientCredentials)
	token(t, k, g, "access-1")
	renew := func(old, want string) {
		t.Helper()
		if got, failure := k.Renew(context.Background(), g, old); failure != nil || got != want {
			t.Fatalf("in place of %s: %q, %+v", old, got, failure)
		}
	}
	renew("access-1", "access-2")
	renew("access-1", "access-2") // somebody who was slower
	renew("access-2", "")         // thrown away only just now: it is not the token
	f.pass(time.Minute)
	renew("access-2", "access-3")
	token(t, f.keeper(), g, "access-3")
}

func TestConcurrentDeliveriesShareARequest(t *testing.T) {
	s, f := newServer(t), newFixture(t).saved()
	k, g := f.keeper(), f.grant(s, bellhop.AuthClientCredentials)
	arrived, hold := make(chan struct{}), make(chan struct{})
	s.do(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-hold
		fmt.Fprint(w, `{"access_token":"shared","token_type":"bearer"}`)
	})
	// The first one does not wait for long, and takes nothing from the others.
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan *auth.Failure)
	go func() {
		_, failure := k.Token(ctx, g)
		first <- failure
	}()
	<-arrived
	cancel()
	if failure := <-first; failure == nil || !failure.Patience {
		t.Errorf("who is canceled gets %+v", failure)
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if got, failure := k.Token(context.Background(), g); failure != nil || got != "shared" {
				t.Errorf("%q, %+v", got, failure)
			}
		})
	}
	close(hold)
	all.Wait()
	if s.count() != 1 {
		t.Errorf("the server was asked %d times", s.count())
	}
}

// TestFailuresAreRemembered: many deliveries are not as many token requests.
func TestFailuresAreRemembered(t *testing.T) {
	s, f := newServer(t), newFixture(t).saved()
	k, g := f.keeper(), f.grant(s, bellhop.AuthClientCredentials)
	g.ClientSecret = "wrong-secret"
	for range 20 {
		_, failure := k.Token(context.Background(), g)
		if failure == nil || !strings.Contains(failure.Detail, "invalid_client (about it); check auth.client_id, auth.client_secret") || failure.After <= 0 {
			t.Fatalf("%+v", failure)
		}
	}
	if s.count() != 1 {
		t.Errorf("the server was asked %d times", s.count())
	}
	g.ClientSecret = secret // corrected: nobody has to wait
	token(t, k, g, "access-2")

	s.do(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Retry-After", "120"); w.WriteHeader(429) })
	f.pass(2 * time.Hour)
	if _, failure := k.Token(context.Background(), g); failure == nil || failure.After != 2*time.Minute {
		t.Errorf("%+v", failure)
	}
	s.do(nil)
	f.pass(2 * time.Minute)
	token(t, k, g, "access-4")
}

// TestServersThatLie: whatever a token server does has a name and a remedy, and nothing of
// what it says can bring a secret into the log.
func TestServersThatLie(t *testing.T) {
	say := func(code int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	j := "application/json"
	for name, c := range map[string]struct {
		h    http.HandlerFunc
		want string
	}{
		"login page":       {say(200, "text/html", "<!doctype html><form>"), "answered 200 OK, but sent HTML instead of JSON"},
		"error page":       {say(404, "text/html", "<h1>No</h1>"), "answered 404 Not Found and sent HTML instead of JSON"},
		"nothing":          {say(200, j, ""), "said nothing"},
		"no object":        {say(200, j, `"token"`), "something else than a JSON object"},
		"no token":         {say(200, j, `{"token_type":"bearer"}`), "without an access_token"},
		"mac token":        {say(200, j, `{"access_token":"x","token_type":"mac"}`), `of the type "mac"`},
		"expired":          {say(200, j, `{"access_token":"x","expires_in":0}`), "already expired (expires_in 0)"},
		"expired long ago": {say(200, j, `{"access_token":"x","expires_in":-9e99}`), "already expired"},
		"no number":        {say(200, j, `{"access_token":"x","expires_in":"soon"}`), "no number of seconds"},
		"injection":        {say(200, j, `{"access_token":"x\r\nX-Evil: 1"}`), "cannot be sent in a header"},
		"endless":          {say(200, j, `{"access_token":"`+strings.Repeat("x", 70<<10)+`"}`), "more than 64 KiB"},
		"error with 200":   {say(200, j, `{"error":"invalid_scope"}`), "invalid_scope; check auth.scopes"},
		"error object":     {say(400, j, `{"error":{"code":7}}`), `{"code":7}`},
		"too many":         {say(429, j, `{"error":"slow_down"}`), "less often"},
		"no grant":         {say(400, j, `{"error":"invalid_grant"}`), "check auth.client_id, auth.params and auth.scopes"},
		"unknown word":     {say(400, j, `{"error":"e17"}`), "e17; look the error up"},
		"plain 403":        {say(403, j, `{}`), "check auth.client_id"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://login.example.com/new?key=1", http.StatusTemporaryRedirect)
		}, "redirects are not followed: if https://login.example.com/new is the right address, make it auth.token_url"},
		"unwell":  {say(503, "text/plain", "later"), "answered 503 Service Unavailable; it is asked again by itself"},
		"dropped": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "could not be asked"},
		"stalls":  {func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "did not answer in time"},
		"echo": {func(w http.ResponseWriter, r *http.Request) {
			pad := strings.Repeat("x", 170) // so that a cut would leave a part of it
			w.WriteHeader(400)
			json.NewEncoder(w).Encode(map[string]string{"error": "bad", "error_description": pad + secret + r.Header.Get("Authorization")})
		}, bellhop.Hidden},
	} {
		s, f := newServer(t), newFixture(t).saved()
		s.do(c.h)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		if name == "stalls" {
			cancel()
			ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
		}
		k := f.keeper()
		got, failure := k.Token(ctx, f.grant(s, bellhop.AuthClientCredentials))
		cancel()
		if failure == nil {
			t.Errorf("%s: it gave %q", name, got)
			continue
		}
		if !strings.Contains(failure.Detail, c.want) || !strings.HasPrefix(failure.Detail, "The token server 127.0.0.1:") {
			t.Errorf("%s: the detail is %q, want one with %q", name, failure.Detail, c.want)
		}
		if strings.Contains(failure.Detail, secret[:8]) || strings.ContainsAny(failure.Detail, "\r\n") || len(failure.Detail) > 600 {
			t.Errorf("%s: the detail is %q", name, failure.Detail)
		}
		k.Close() // ends the request that stalls
	}
}

// TestGuard: a token server inside is no token server.
func TestGuard(t *testing.T) {
	s, f := newServer(t), newFixture(t).saved()
	guarded := safehttp.New(safehttp.Options{})
	defer guarded.Close()
	k := auth.New(auth.Options{Do: guarded.Do})
	defer k.Close()
	_, failure := k.Token(context.Background(), f.grant(s, bellhop.AuthClientCredentials))
	if failure == nil || s.count() != 0 {
		t.Errorf("%+v after %d requests", failure, s.count())
	}
}

// broken is a store that does not answer.
type broken struct{ bellhop.TokenStore }

var errBroken = errors.New("disk full")

func (broken) ClaimToken(context.Context, bellhop.EndpointID, string, time.Duration, time.Time) (bool, error) {
	return true, nil
}

func (broken) FreeToken(context.Context, bellhop.EndpointID, string) error { return nil }

func (broken) Token(context.Context, bellhop.EndpointID) (bellhop.Token, error) {
	return bellhop.Token{}, errBroken
}

// TestStoreFails: a refresh token that was replaced may be in the store, and to use the one
// before might end them all; an access token can be had anew.
func TestStoreFails(t *testing.T) {
	s, f := newServer(t), newFixture(t)
	k := auth.New(auth.Options{Do: f.http.Do, Store: broken{}, Sealer: f.sealer, Logger: slog.New(slog.NewTextHandler(&f.log, nil))})
	defer k.Close()
	if _, failure := k.Token(context.Background(), f.grant(s, bellhop.AuthRefreshToken)); failure == nil || s.count() != 0 || !strings.Contains(f.log.String(), "disk full") {
		t.Errorf("%+v after %d requests; the log: %s", failure, s.count(), f.log.String())
	}
	token(t, k, f.grant(s, bellhop.AuthClientCredentials), "access-1")
}
