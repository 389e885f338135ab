package send

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/send/inbox"
	"github.com/bellhop/bellhop/internal/mail"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// with gives an endpoint an auth and its secrets.
func (h *house) with(a bellhop.Auth, secrets map[string]string) func(*bellhop.Endpoint) {
	return func(e *bellhop.Endpoint) {
		e.Auth = &a
		h.sealed(e, secrets)
	}
}

func (h *house) sealed(e *bellhop.Endpoint, secrets map[string]string) {
	if e.Sealed == nil {
		e.Sealed = bellhop.SealedValues{}
	}
	for name, plain := range secrets {
		e.Sealed[name] = h.sealer.Seal([]byte(plain), bellhop.SealedContext(e.ID, name))
	}
}

// receiver answers with status, and with what it was sent in its headers and body.
func receiver(t *testing.T, got *http.Request) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*got = *r.Clone(t.Context())
		w.Header().Set("X-Echo", r.Header.Get("Authorization")+r.Header.Get("X-Key"))
		fmt.Fprint(w, r.Header, r.URL)
	}))
	t.Cleanup(s.Close)
	return s
}

// TestCredentials: each type arrives, and nothing of it is in what is logged, even where
// the receiver sends it back.
func TestCredentials(t *testing.T) {
	const hush = "pässword-9f3c/+"
	for name, c := range map[string]struct {
		auth   bellhop.Auth
		sealed string
		plain  string
		check  func(*http.Request) bool
		header string // as shown
	}{
		"basic": {bellhop.Auth{Type: bellhop.AuthBasic, Username: "anna"}, bellhop.SealedPassword, hush, func(r *http.Request) bool {
			u, p, _ := r.BasicAuth()
			return u == "anna" && p == hush
		}, "Authorization"},
		"bearer": {bellhop.Auth{Type: bellhop.AuthBearer}, bellhop.SealedToken, "token-9f3c", func(r *http.Request) bool {
			return r.Header.Get("Authorization") == "Bearer token-9f3c"
		}, "Authorization"},
		"header": {bellhop.Auth{Type: bellhop.AuthHeader, Name: "X-Key", Prefix: "KEY "}, bellhop.SealedValue, "value-9f3c", func(r *http.Request) bool {
			return r.Header.Get("X-Key") == "KEY value-9f3c"
		}, "X-Key"},
		"query": {bellhop.Auth{Type: bellhop.AuthQuery, Name: "api key"}, bellhop.SealedValue, hush, func(r *http.Request) bool {
			return r.URL.Query().Get("api key") == hush && r.URL.Query().Get("a") == "b"
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, nil)
			var got http.Request
			s := receiver(t, &got)
			r := h.endpoint(s.URL+"/hook?a=b", h.with(c.auth, map[string]string{c.sealed: c.plain}))
			o, sent := h.Send(t.Context(), r, work(`{}`))
			if !sent || o.Class != bellhop.ClassTaken || !c.check(&got) {
				t.Fatalf("%+v; it got %v %v", o, got.Header, got.URL)
			}
			if c.header != "" && o.Exchange.RequestHeader.Get(c.header) != bellhop.Hidden {
				t.Errorf("shown: %v", o.Exchange.RequestHeader)
			}
			if c.header == "" && o.Exchange.URL != r.URL+"&api+key="+bellhop.Hidden {
				t.Errorf("shown: %s", o.Exchange.URL)
			}
			all, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			text := string(all) + string(o.Exchange.ResponseBody) + h.log.String()
			for _, s := range []string{"9f3c", strings.TrimPrefix(got.Header.Get("Authorization"), "Basic ")} {
				if s != "" && strings.Contains(text, s) {
					t.Errorf("%q is in what is logged: %s", s, text)
				}
			}
			if !strings.Contains(string(o.Exchange.ResponseBody), bellhop.Hidden) {
				t.Errorf("the receiver's answer: %s", o.Exchange.ResponseBody)
			}
			// Another set of credentials has another connection.
			if r.Credentials() == h.endpoint(r.URL, h.with(c.auth, map[string]string{c.sealed: "other-value"})).Credentials() {
				t.Error("connections are shared between credentials")
			}
		})
	}
}

// TestCredentialsStayHome: a request that is made for another host carries none.
func TestCredentialsStayHome(t *testing.T) {
	h := open(t, nil)
	r := h.endpoint("https://api.example.com/v1", h.with(bellhop.Auth{Type: bellhop.AuthBearer}, map[string]string{bellhop.SealedToken: "token"}))
	c, err := h.credentials(r)
	if err != nil {
		t.Fatal(err)
	}
	for url, home := range map[string]bool{
		"https://api.example.com:443/v2?x": true, "https://API.example.com./": true,
		"http://api.example.com/v1": false, "https://api.example.com:8443/v1": false, "https://example.com/v1": false,
		"https://api.example.com@evil.example/": false, "https://api.example.com.evil.example/": false,
	} {
		p := Parcel{Route: r}
		p.Request.URL = url
		unmade := c.put(&p.Request)
		if home != (unmade == nil) || home != (p.Request.Header.Get("Authorization") != "") {
			t.Errorf("%s: %+v, %v", url, unmade, p.Request.Header)
		}
		if unmade != nil && (unmade.Class != bellhop.ClassHeld || unmade.Reason != bellhop.ReasonAuth || strings.Contains(unmade.Detail, "/v1")) {
			t.Errorf("%s: %+v", url, unmade)
		}
	}
}

// oauth is a token server and a receiver that wants its newest token.
type oauth struct {
	*httptest.Server
	given, called atomic.Int64
	good          atomic.Int64 // the number of the token that the receiver takes
	down          atomic.Bool
}

func newOAuth(t *testing.T) *oauth {
	s := &oauth{}
	mux := http.NewServeMux()
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if s.down.Load() {
			w.WriteHeader(500)
			return
		}
		fmt.Fprintf(w, `{"access_token":"access-%d","expires_in":3600}`, s.given.Add(1))
	})
	mux.HandleFunc("/hook", func(w http.ResponseWriter, r *http.Request) {
		s.called.Add(1)
		if r.Header.Get("Authorization") != fmt.Sprintf("Bearer access-%d", s.good.Load()) {
			w.WriteHeader(401)
		}
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *oauth) endpoint(h *house) func(*bellhop.Endpoint) {
	return h.with(bellhop.Auth{Type: bellhop.AuthClientCredentials, TokenURL: s.URL + "/token", ClientID: "c"},
		map[string]string{bellhop.SealedClientSecret: "client-secret"})
}

func TestTokenThatIsRevoked(t *testing.T) {
	h, s := open(t, nil), newOAuth(t)
	r := h.endpoint(s.URL+"/hook", s.endpoint(h))
	send := func() bellhop.Outcome {
		t.Helper()
		o, sent := h.Send(t.Context(), r, work(`{}`))
		if !sent {
			t.Fatal("not sent")
		}
		return o
	}
	s.good.Store(1)
	if o := send(); o.Class != bellhop.ClassTaken || o.Exchange.RequestHeader.Get("Authorization") != bellhop.Hidden {
		t.Fatalf("%+v", o)
	}
	// A 401 has one other token asked for, and one more try made, in the same attempt.
	s.good.Store(2)
	if o := send(); o.Class != bellhop.ClassTaken || s.called.Load() != 3 || s.given.Load() != 2 {
		t.Fatalf("%+v after %d calls and %d tokens", o, s.called.Load(), s.given.Load())
	}
	// Where it is not the token, deliveries do not become token requests.
	s.good.Store(-1)
	for range 5 {
		if o := send(); o.Class != bellhop.ClassAgain || o.Reason != bellhop.ReasonStatus || o.Exchange.ResponseStatus != 401 {
			t.Fatalf("%+v", o)
		}
	}
	if s.given.Load() > 3 {
		t.Errorf("%d tokens were asked for", s.given.Load())
	}
}

func TestNoOtherToken(t *testing.T) {
	h, s := open(t, nil), newOAuth(t)
	r := h.endpoint(s.URL+"/hook", s.endpoint(h))
	s.good.Store(1)
	h.Send(t.Context(), r, work(`{}`))
	s.good.Store(2)
	s.down.Store(true)
	o, _ := h.Send(t.Context(), r, work(`{}`))
	if o.Class != bellhop.ClassAgain || o.Reason != bellhop.ReasonAuth || o.Exchange.ResponseStatus != 401 || o.After <= 0 ||
		!strings.Contains(o.Detail, "answered 401, and there is no other token: The token server 127.0.0.1:") {
		t.Errorf("%+v", o)
	}
	// And from the start: nothing is sent without one.
	called := s.called.Load()
	o, _ = h.Send(t.Context(), r, work(`{}`))
	if o.Reason != bellhop.ReasonAuth || s.called.Load() != called || o.Exchange.URL != r.URL {
		t.Errorf("%+v after %d more calls", o, s.called.Load()-called)
	}
}

// post is a mail server that wants the newest token.
type post struct {
	good   *atomic.Int64
	tokens []string
}

func (p *post) Compose(*mail.Message, string, time.Time) ([]byte, error) { return []byte("mail"), nil }

func (p *post) Secrets(_, password string) []string { return []string{password} }

func (p *post) Send(_ context.Context, _ *safehttp.Client, l Letter) safehttp.Response {
	p.tokens = append(p.tokens, l.Username+" "+l.Token)
	if l.Token != fmt.Sprintf("access-%d", p.good.Load()) {
		return safehttp.Response{Status: 535, Detail: "no " + xoauth2(l.Username, l.Token)}
	}
	return safehttp.Response{Status: 250}
}

// TestMailByToken: a mail server that does not take a token is as a 401.
func TestMailByToken(t *testing.T) {
	s := newOAuth(t)
	p := &post{good: &s.good}
	h := open(t, nil, func(o *Options) { o.Mailer = p })
	r := h.endpoint("smtp://mail.example.com", func(e *bellhop.Endpoint) { e.Headers = nil },
		h.with(bellhop.Auth{Type: bellhop.AuthClientCredentials, Username: "anna", TokenURL: s.URL + "/token", ClientID: "c"}, map[string]string{bellhop.SealedClientSecret: "client-secret"}))
	s.good.Store(2)
	parcel := Parcel{App: "acme", Route: r, Mail: &mail.Message{}}
	parcel.Request.URL, parcel.Request.Timeout = r.URL, 15*time.Second
	send := func() safehttp.Response {
		res, unmade, ended := h.authenticated(t.Context(), parcel, func(p Parcel) safehttp.Response { return h.exchange(t.Context(), p) })
		if unmade != nil || ended {
			t.Fatalf("%+v, %t", unmade, ended)
		}
		return res
	}
	if res := send(); res.Status != 250 || strings.Join(p.tokens, ", ") != "anna access-1, anna access-2" {
		t.Errorf("%+v with %q", res, p.tokens)
	}
	s.good.Store(3)
	if res := send(); res.Status != 535 || res.Detail != "no "+bellhop.Hidden {
		t.Errorf("%+v", res)
	}
}

// TestTokenServerStalls: the endpoint's timeout spans the wait for a token.
func TestTokenServerStalls(t *testing.T) {
	h := open(t, nil)
	hold := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hold }))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(hold) })
	r := h.endpoint(s.URL+"/hook", func(e *bellhop.Endpoint) { e.Timeout = bellhop.Duration(50 * time.Millisecond) },
		h.with(bellhop.Auth{Type: bellhop.AuthClientCredentials, TokenURL: s.URL, ClientID: "c"}, map[string]string{bellhop.SealedClientSecret: "x"}))
	o, sent := h.Send(t.Context(), r, work(`{}`))
	if !sent || o.Class != bellhop.ClassAgain || o.Reason != bellhop.ReasonAuth || !strings.Contains(o.Detail, "did not answer in time") {
		t.Errorf("%t, %+v", sent, o)
	}
}

// TestCredentialsThatAreRefused: the detail says where to look.
func TestCredentialsThatAreRefused(t *testing.T) {
	h := open(t, answering(401, nil, ""))
	r := h.endpoint("https://example.com/", h.with(bellhop.Auth{Type: bellhop.AuthBearer}, map[string]string{bellhop.SealedToken: "old-token"}))
	if o, _ := h.Send(t.Context(), r, work(`{}`)); o.Class != bellhop.ClassAgain || !strings.HasSuffix(o.Detail, "the endpoint's auth: check them.") {
		t.Errorf("%+v", o)
	}
}

// TestMissingCredential: nothing is sent without what its endpoint promises.
func TestMissingCredential(t *testing.T) {
	h := open(t, answering(200, nil, ""))
	r := h.endpoint("https://example.com/", h.with(bellhop.Auth{Type: bellhop.AuthBearer}, nil))
	if why := r.Broken(); !strings.Contains(why, "auth.token is missing: set it") || r.Live() {
		t.Errorf("broken: %q", why)
	}
	o, _ := h.Send(t.Context(), r, work(`{}`))
	if o.Class != bellhop.ClassHeld || o.Reason != bellhop.ReasonAuth || !strings.Contains(o.Detail, "auth.token is missing") {
		t.Errorf("%+v", o)
	}
}

// TestInboxShowsNoCredentials: who may look into an inbox may not see them.
func TestInboxShowsNoCredentials(t *testing.T) {
	h := open(t, nil)
	r := h.endpoint("https://bellhop.example/in/", h.with(bellhop.Auth{Type: bellhop.AuthBearer}, map[string]string{bellhop.SealedToken: "token-9f3c"}))
	reg, err := inbox.New("https://bellhop.example/in/", inbox.Options{Store: holding(t, work(`{}`).Event), Sealer: h.sealer})
	if err != nil {
		t.Fatal(err)
	}
	in, err := reg.Add(t.Context(), "acme", 0)
	if err != nil {
		t.Fatal(err)
	}
	h.o.Inboxes = reg
	r.URL = in.URL
	if o, _ := h.Send(t.Context(), r, work(`{}`)); o.Class != bellhop.ClassTaken {
		t.Fatalf("%+v", o)
	}
	_, requests, err := reg.Look(t.Context(), in.Token, 0)
	if err != nil || len(requests) != 1 {
		t.Fatal(requests, err)
	}
	if v := requests[0].Header.Get("Authorization"); v != bellhop.Hidden {
		t.Errorf("the inbox shows %q", v)
	}
}

// newCertificate makes a certificate that is its own authority, with its key, in PEM.
func newCertificate(t *testing.T, name string, ends time.Time) (certificate, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: ends, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// TestMutualTLS: the endpoint's certificate is shown, and its authority trusted, on its
// connections alone.
func TestMutualTLS(t *testing.T) {
	h := open(t, nil)
	tomorrow := time.Now().Add(24 * time.Hour)
	serverCert, serverKey := newCertificate(t, "server", tomorrow)
	pair, err := tls.X509KeyPair([]byte(serverCert), []byte(serverKey))
	if err != nil {
		t.Fatal(err)
	}
	cert, key := newCertificate(t, "acme's ERP", tomorrow)
	known := x509.NewCertPool()
	known.AppendCertsFromPEM([]byte(cert))
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: known}
	s.StartTLS()
	defer s.Close()
	url := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	mutual := func(e *bellhop.Endpoint) {
		e.TLS = &bellhop.ClientTLS{Certificate: cert, CA: serverCert}
		h.sealed(e, map[string]string{bellhop.SealedTLSKey: key})
	}
	for range 2 {
		o, _ := h.Send(t.Context(), h.endpoint(url, mutual), work(`{}`))
		if o.Class != bellhop.ClassTaken || string(o.Exchange.ResponseBody) != "acme's ERP" {
			t.Fatalf("%+v", o)
		}
	}
	for name, c := range map[string]struct {
		with func(*bellhop.Endpoint)
		want string
	}{
		"nothing":   {func(*bellhop.Endpoint) {}, "certificate signed by unknown authority"},
		"authority": {func(e *bellhop.Endpoint) { e.TLS = &bellhop.ClientTLS{CA: serverCert} }, "it asks for a client certificate"},
	} {
		o, _ := h.Send(t.Context(), h.endpoint(url, c.with), work(`{}`))
		if o.Class != bellhop.ClassAgain || o.Reason != "tls" || !strings.Contains(o.Detail, c.want) {
			t.Errorf("with %s: %+v", name, o)
		}
	}
	old, oldKey := newCertificate(t, "old", time.Now().Add(-time.Hour))
	r := h.endpoint(url, func(e *bellhop.Endpoint) {
		e.TLS = &bellhop.ClientTLS{Certificate: old}
		h.sealed(e, map[string]string{bellhop.SealedTLSKey: oldKey})
	})
	if why := r.Broken(); !strings.Contains(why, "its client certificate ended on") {
		t.Errorf("broken: %q", why)
	}
}
