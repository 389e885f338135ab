package native

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/seal"
	"github.com/bellhop/bellhop/memstore"
	"github.com/bellhop/bellhop/notice"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver stands for the network: it takes every request, and keeps it.
type receiver struct {
	mu     sync.Mutex
	bodies [][]byte
	status int
	answer []byte
	got    chan struct{}
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies = append(r.bodies, body)
	select {
	case r.got <- struct{}{}:
	default:
	}
	status := r.status
	if status == 0 {
		status = 200
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: int64(len(r.answer)), Header: http.Header{"Content-Type": {"text/plain"}}, Body: io.NopCloser(bytes.NewReader(r.answer)), Request: req,
	}, nil
}

// site is a running Bellhop behind its API.
type site struct {
	t       testing.TB
	handler http.Handler
	desk    *desk.Desk
	notices *notice.Teller
	url     string
	net     *receiver
	admin   string
	log     *bytes.Buffer
	stop    chan struct{}
}

type setup struct {
	config  func(*engine.Config)
	desk    func(*desk.Options)
	options func(*Options)
	store   func(bellhop.Store) bellhop.Store
}

// open makes a site that is served over the network.
func open(t testing.TB, setups ...setup) *site {
	t.Helper()
	s := unserved(t, setups...)
	server := httptest.NewServer(s.handler)
	s.url = server.URL
	t.Cleanup(func() {
		close(s.stop)
		http.DefaultClient.CloseIdleConnections()
		server.Close()
	})
	return s
}

// unserved makes a site without a server: in a bubble of synctest, a listening
// socket would stop time.
func unserved(t testing.TB, setups ...setup) *site {
	t.Helper()
	ring, err := seal.NewRing(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	s := &site{t: t, net: &receiver{got: make(chan struct{}, 1000)}, log: &bytes.Buffer{}, stop: make(chan struct{})}
	var locked sync.Mutex
	logger := slog.New(slog.NewTextHandler(lockedWriter{&locked, s.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	config := engine.Config{Sealer: ring, Transport: s.net, Metrics: registry, Logger: slog.New(slog.DiscardHandler)}
	rights := desk.Options{Logger: config.Logger}
	options := Options{Options: api.Options{Logger: logger, Metrics: registry, Version: "1.2.3"}, Gatherer: registry, Stop: s.stop}
	var store bellhop.Store = memstore.New()
	for _, x := range setups {
		if x.config != nil {
			x.config(&config)
		}
		if x.desk != nil {
			x.desk(&rights)
		}
		if x.options != nil {
			x.options(&options)
		}
		if x.store != nil {
			store = x.store(store)
		}
	}
	e, err := engine.New(t.Context(), store, config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	s.notices = notice.New(e, notice.Options{PublicURL: "https://hooks.example.com", Logger: config.Logger})
	rights.Notices = s.notices
	s.desk = desk.New(e, rights)
	s.handler = Handler(s.desk, options)
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	s.admin = s.key(bellhop.RoleAdmin)
	for _, app := range []string{"acme", "globex"} {
		if _, _, err := s.desk.PutApp(t.Context(), bellhop.Owner(), app, desk.AppChange{}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
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

// endpoint makes an endpoint of the given apps.
func (s *site) endpoint(apps ...string) bellhop.Endpoint {
	s.t.Helper()
	e, _, err := s.desk.CreateEndpoint(s.t.Context(), bellhop.Owner(), bellhop.EndpointChange{
		Apps: bellhop.Of(apps), URL: bellhop.Of("https://hooks.example.com/in"),
		Headers: bellhop.Of(map[string]string{"X-Api-Token": "door-code"}),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

// publish publishes an event past the API.
func (s *site) publish(app string) bellhop.Receipt {
	s.t.Helper()
	r, err := s.desk.Publish(s.t.Context(), bellhop.Owner(), engine.Publication{App: app, Type: "invoice.purchase", Subject: "invoice:1", Data: bellhop.JSON(`{"total":1}`)})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// reply is an answer of the API.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) problem(t testing.TB) wire.Problem {
	t.Helper()
	var p wire.Problem
	if ct := r.header.Get("Content-Type"); ct != "application/problem+json" {
		t.Fatalf("status %d, Content-Type %q, not a problem: %s", r.status, ct, r.body)
	}
	if err := json.Unmarshal(r.body, &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != r.status || p.Code == "" || p.Title == "" || p.Detail == "" {
		t.Errorf("incomplete problem for status %d: %s", r.status, r.body)
	}
	return p
}

func (r reply) into(t testing.TB, v any) {
	t.Helper()
	if r.status/100 != 2 {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
}

// contentType is what is said of a body for a path.
func contentType(path string) string {
	if path == "/v1/events/stream" {
		return "application/x-ndjson"
	}
	return "application/json"
}

// do makes a request; body is sent as what the path takes.
func (s *site) do(token, method, path, body string, header ...string) reply {
	s.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", contentType(path))
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, b}
}

func TestPublishIsIdempotentAndKeepsBytes(t *testing.T) {
	s := open(t)
	s.endpoint("acme")
	data := "{ \"b\" : 1.10, \"a\":\"\\u00e9<>&\", \"n\":12345678901234567890, \"b\":2,\n\t\"z\":null }"
	body := `{"app":"acme","type":"invoice.purchase","id":"order-1","subject":"invoice:1","data":` + data + `}`

	var first, second wire.Receipt
	r := s.do(s.admin, "POST", "/v1/events", body)
	r.into(t, &first)
	if r.status != 202 || first.Duplicate || first.Deliveries != 1 || !first.CreatedAt.Equal(first.ID.Time()) {
		t.Errorf("first receipt: %d %s", r.status, r.body)
	}
	s.do(s.admin, "POST", "/v1/events", body).into(t, &second)
	if second.ID != first.ID || !second.Duplicate || second.Deliveries != 1 {
		t.Errorf("second receipt: %+v", second)
	}
	r = s.do(s.admin, "POST", "/v1/events", strings.Replace(body, "1.10", "1.20", 1))
	if p := r.problem(t); p.Status != 409 || p.Code != bellhop.CodeIDConflict {
		t.Errorf("other content under the same id: %+v", p)
	}
	r = s.do(s.admin, "GET", "/v1/events/"+first.ID.String(), "")
	if !bytes.Contains(r.body, []byte(data)) {
		t.Errorf("the event does not hold its data byte for byte: %s", r.body)
	}
	<-s.net.got
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	if !bytes.Contains(s.net.bodies[0], []byte(data)) {
		t.Errorf("the receiver did not get the data byte for byte: %s", s.net.bodies[0])
	}
}

func TestBatch(t *testing.T) {
	s := open(t)
	one := func(app string) string { return `{"app":"` + app + `","type":"a.b","data":{}}` }
	var out wire.List[wire.Receipt]
	r := s.do(s.admin, "POST", "/v1/events/batch", `{"events":[`+one("acme")+`,`+one("globex")+`]}`)
	r.into(t, &out)
	if r.status != 202 || len(out.Data) != 2 || out.Data[0].ID >= out.Data[1].ID {
		t.Errorf("batch: %d %s", r.status, r.body)
	}
	limited := s.key(bellhop.RolePublisher, "acme")
	for name, c := range map[string]struct{ token, body, field string }{
		"app in the middle":    {s.admin, `{"events":[` + one("acme") + `,` + one("nobody") + `]}`, "events[1].app"},
		"another key's app":    {limited, `{"events":[` + one("acme") + `,` + one("globex") + `]}`, "events[1].app"},
		"type in the middle":   {s.admin, `{"events":[` + one("acme") + `,{"app":"acme","type":7,"data":1}]}`, "events[1].type"},
		"bad type":             {s.admin, `{"events":[` + one("acme") + `,{"app":"acme","type":"A b","data":1}]}`, "events[1].type"},
		"missing data":         {s.admin, `{"events":[{"app":"acme","type":"a.b"}]}`, "events[0].data"},
		"not an event":         {s.admin, `{"events":[` + one("acme") + `,3]}`, "events[1]"},
		"unknown field":        {s.admin, `{"events":[{"app":"acme","type":"a.b","dta":1}]}`, "events[0].dta"},
		"duplicate key":        {s.admin, `{"events":[{"app":"acme","app":"acme","type":"a.b","data":1}]}`, "events[0].app"},
		"empty":                {s.admin, `{"events":[]}`, "events"},
		"no list":              {s.admin, `{"events":{}}`, "events"},
		"missing":              {s.admin, `{}`, "events"},
		"more than a thousand": {s.admin, `{"events":[1` + strings.Repeat(",1", 1000) + `]}`, "events"},
	} {
		p := s.do(c.token, "POST", "/v1/events/batch", c.body).problem(t)
		if len(p.Errors) == 0 || p.Errors[0].Field != c.field {
			t.Errorf("%s: want field %s, got %+v", name, c.field, p)
		}
	}
	var events wire.Page[wire.Event]
	s.do(s.admin, "GET", "/v1/events", "").into(t, &events)
	if len(events.Data) != 2 {
		t.Errorf("%d events, want 2: a refused batch left something behind", len(events.Data))
	}
}

func TestPagination(t *testing.T) {
	s := open(t)
	var want []bellhop.EventID
	for range 7 {
		want = append([]bellhop.EventID{s.publish("acme").Event}, want...)
	}
	s.publish("globex")
	var got []bellhop.EventID
	cursor := ""
	for pages := 0; ; pages++ {
		var page wire.Page[wire.Event]
		s.do(s.admin, "GET", "/v1/events?app=acme&limit=3&cursor="+cursor, "").into(t, &page)
		for _, e := range page.Data {
			got = append(got, e.ID)
		}
		if cursor = page.NextCursor; cursor == "" {
			if pages != 2 {
				t.Errorf("%d pages, want 3", pages+1)
			}
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("walked\n%v, want\n%v", got, want)
	}
	var apps wire.Page[bellhop.App]
	s.do(s.admin, "GET", "/v1/apps?limit=1", "").into(t, &apps)
	if len(apps.Data) != 1 || apps.Data[0].ID != "acme" || apps.NextCursor == "" {
		t.Errorf("apps: %+v", apps)
	}
	next := apps.NextCursor
	apps = wire.Page[bellhop.App]{}
	s.do(s.admin, "GET", "/v1/apps?limit=1&cursor="+next, "").into(t, &apps)
	if len(apps.Data) != 1 || apps.Data[0].ID != "globex" || apps.NextCursor != "" {
		t.Errorf("apps: %+v", apps)
	}
}

func TestPanicsAreProblems(t *testing.T) {
	s := open(t, setup{store: func(store bellhop.Store) bellhop.Store { return broken{store} }})
	p := s.do(s.admin, "GET", "/v1/attempts", "").problem(t)
	if p.Status != 500 || p.Code != api.CodeInternal || p.RequestID == "" || strings.Contains(p.Detail, "boiler") {
		t.Errorf("%+v", p)
	}
	if log := s.log.String(); !strings.Contains(log, p.RequestID) || !strings.Contains(log, "the boiler burst") {
		t.Errorf("the log does not say what happened to %s: %s", p.RequestID, log)
	}
	r := s.do(s.admin, "POST", "/v1/events", `{"app":"acme","type":"a.b","data":1}`)
	if p := r.problem(t); p.Status != 503 || p.Code != bellhop.CodeUnavailable || r.header.Get("Retry-After") == "" {
		t.Errorf("a full disk: %+v", p)
	}
	if r := s.do("", "GET", "/readyz", ""); r.status != 503 {
		t.Errorf("ready with a full disk: %d", r.status)
	}
	if r := s.do("", "GET", "/healthz", ""); r.status != 200 {
		t.Errorf("not alive with a full disk: %d", r.status)
	}
}

// broken panics when the log is read, and has no room for events.
type broken struct{ bellhop.Store }

func (broken) Attempts(context.Context, bellhop.AttemptFilter) ([]bellhop.Attempt, error) {
	panic("the boiler burst")
}

func (broken) Enqueue(context.Context, bellhop.Lease, int64, []bellhop.NewEvent, time.Time) ([]bellhop.Receipt, error) {
	return nil, fmt.Errorf("write /var/secret/path: %w", bellhop.ErrUnavailable)
}

func TestLogHoldsNoTokensOrBodies(t *testing.T) {
	s := open(t)
	s.do(s.admin, "POST", "/v1/events", `{"app":"acme","type":"a.b","data":"private matter"}`)
	s.do("bh_wrongtoken", "GET", "/v1/events", "")
	for _, secret := range []string{s.admin, "private matter", "bh_wrongtoken"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if !strings.Contains(s.log.String(), "operation=publishEvent") {
		t.Errorf("the log lacks the request: %s", s.log)
	}
}

func TestMountedBelowPrefix(t *testing.T) {
	s := open(t)
	mux := http.NewServeMux()
	mux.Handle("/hooks/", http.StripPrefix("/hooks", Handler(s.desk, Options{Web: http.NotFoundHandler()})))
	for path, want := range map[string]int{"/hooks/healthz": 200, "/hooks/docs": 200, "/hooks/openapi.json": 200, "/hooks/v1/nothing": 404, "/hooks/v1/events": 401} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("GET %s: %d, want %d", path, w.Code, want)
		}
	}
}

func TestMetrics(t *testing.T) {
	s := open(t)
	s.do(s.admin, "GET", "/v1/apps", "")
	r := s.do("", "GET", "/metrics", "")
	if r.status != 200 || !bytes.Contains(r.body, []byte(`bellhop_http_requests_total{operation="listApps",status="200"} 1`)) {
		t.Errorf("%d %.2000s", r.status, r.body)
	}
}
