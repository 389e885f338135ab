package svix

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/seal"
	"github.com/bellhop/bellhop/postgres"
	"github.com/bellhop/bellhop/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver stands for the network: it takes every request, and answers as it is told.
type receiver struct {
	mu     sync.Mutex
	got    []delivered
	status func(delivered) int // nil: 200; 0 breaks the connection
	answer string
}

// delivered is a request that came.
type delivered struct {
	url    string
	header http.Header
	body   []byte
}

// says is the value of a header, whose name is sent in small letters.
func (d *delivered) says(name string) string {
	for n, values := range d.header {
		if n == name {
			return values[0]
		}
	}
	return ""
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	d := delivered{req.URL.String(), req.Header.Clone(), body}
	r.got = append(r.got, d)
	status := 200
	if r.status != nil {
		status = r.status(d)
	}
	if status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: int64(len(r.answer)), Header: http.Header{"Content-Type": {"text/plain"}}, Body: io.NopCloser(strings.NewReader(r.answer)), Request: req,
	}, nil
}

func (r *receiver) requests() []delivered {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]delivered(nil), r.got...)
}

// site is a running Bellhop behind this API, with a database on disk.
type site struct {
	t     *testing.T
	api   *API
	desk  *desk.Desk
	net   *receiver
	admin string
	file  string
	// database is that of PostgreSQL; "": there is the file.
	database string
	// memory, if not nil, is used in place of either.
	memory bellhop.Store
	store  bellhop.Store
	end    func()
}

type setup struct {
	config  func(*engine.Config)
	options func(*Options)
	desk    func(*desk.Options)
}

func open(t *testing.T, setups ...setup) *site {
	t.Helper()
	s := &site{t: t, net: &receiver{}, file: filepath.Join(t.TempDir(), "bellhop.db")}
	s.start(setups...)
	s.admin = s.key(bellhop.RoleAdmin)
	t.Cleanup(func() { s.end() })
	return s
}

// start begins, or goes on with the database as it is.
func (s *site) start(setups ...setup) {
	s.t.Helper()
	ring, err := seal.NewRing(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		s.t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	config := engine.Config{Sealer: ring, Transport: s.net, Logger: quiet}
	options := Options{Options: api.Options{Logger: quiet, PublicURL: "https://hooks.example.com"}}
	atDesk := desk.Options{Logger: quiet}
	for _, x := range setups {
		if x.desk != nil {
			x.desk(&atDesk)
		}
		if x.config != nil {
			x.config(&config)
		}
		if x.options != nil {
			x.options(&options)
		}
	}
	var store bellhop.Store
	switch {
	case s.memory != nil:
		store = s.memory
	case s.database != "":
		store, err = postgres.Open(s.t.Context(), s.database, postgres.Options{})
	default:
		store, err = sqlite.Open(s.t.Context(), s.file, sqlite.Options{})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.store = store
	e, err := engine.New(s.t.Context(), store, config)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	s.desk = desk.New(e, atDesk)
	s.api = New(s.desk, options)
	s.end = sync.OnceFunc(func() {
		s.api.Close()
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
		if err := store.Close(); err != nil {
			s.t.Error(err)
		}
	})
}

// key makes a key and gives its token.
func (s *site) key(role bellhop.Role, apps ...string) string {
	s.t.Helper()
	_, token, err := s.desk.CreateKey(s.t.Context(), bellhop.Owner(), bellhop.KeyRequest{Role: role, Apps: apps})
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) String() string { return fmt.Sprintf("%d %s", r.status, bytes.TrimSpace(r.body)) }

// has takes a value out of the answer by a path such as "data.0.id"; nil if it is not there.
func (r reply) has(path string) any {
	var v any
	if json.Unmarshal(r.body, &v) != nil {
		return nil
	}
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			i := -1
			if _, err := fmt.Sscan(part, &i); err != nil || i < 0 || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func (r reply) text(path string) string {
	s, _ := r.has(path).(string)
	return s
}

// ask makes a request with a token; headers are "Name: value".
func (s *site) ask(token, method, path, body string, headers ...string) reply {
	s.t.Helper()
	req := httptest.NewRequestWithContext(s.t.Context(), method, "/api/v1"+path, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, req)
	r := reply{w.Code, w.Header(), w.Body.Bytes()}
	if method != http.MethodHead && method != http.MethodOptions && w.Code != 204 && !json.Valid(r.body) {
		s.t.Errorf("%s %s answers no JSON: %s", method, path, r)
	}
	if err := described().holds(req, w.Code, w.Header(), r.body); err != nil {
		s.t.Errorf("%s %s %s: %s is not as it is documented: %v", method, path, body, r, err)
	}
	return r
}

// do is ask by the admin, which must be answered with a status.
func (s *site) do(status int, method, path, body string, headers ...string) reply {
	s.t.Helper()
	r := s.ask(s.admin, method, path, body, headers...)
	if r.status != status {
		s.t.Fatalf("%s %s %s: %s, want %d", method, path, body, r, status)
	}
	return r
}

// app makes an app and gives its id.
func (s *site) app(fields string) string {
	s.t.Helper()
	return s.do(201, "POST", "/app", `{"name":"acme"`+fields+`}`).text("id")
}

// endpoint makes an endpoint of an app and gives its id.
func (s *site) endpoint(app, fields string) string {
	s.t.Helper()
	return s.do(201, "POST", "/app/"+app+"/endpoint", `{"url":"https://example.com/in"`+fields+`}`).text("id")
}

// message publishes a message and gives its id.
func (s *site) message(app, fields string) string {
	s.t.Helper()
	return s.do(202, "POST", "/app/"+app+"/msg", `{"eventType":"invoice.paid","payload":{"total":1}`+fields+`}`).text("id")
}

// eventually waits until something is so.
func (s *site) eventually(what string, is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(end) {
			s.t.Fatalf("in vain: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
