package api

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/goleak"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/internal/door"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The toy API: a hotel's lost property.
type (
	umbrella struct {
		Colour string `json:"colour" doc:"Its colour." example:"red"`
	}
	umbrellaNumber struct {
		Number int `path:"number" noun:"umbrella" doc:"Its number."`
	}
	lost struct {
		umbrellaNumber
		Body umbrella
	}
)

// toy is the toy API, and what it logged.
type toy struct {
	http.Handler
	log    bytes.Buffer
	routes []Route
	kit    *Kit
}

func newToy(o Options) *toy { return newToyIn(Manner{}, o) }

func newToyIn(m Manner, o Options) *toy {
	t := &toy{}
	o.Logger = slog.New(slog.NewTextHandler(&t.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	doorman := Doorman{
		Identify: func(c *Call) (bellhop.Key, error) {
			token, err := c.Bearer()
			if err != nil || token == "" {
				return bellhop.Key{}, cmp.Or(err, ErrNoKey())
			}
			k := bellhop.Key{Role: bellhop.RoleViewer}
			if _, err := fmt.Sscanf(token, "guest%d", (*int64)(&k.ID)); err != nil {
				return k, ErrUnknownKey()
			}
			if k.ID >= 100 { // as portal links do
				k.Scope = bellhop.Scope{Apps: []string{"acme"}}
			}
			return k, nil
		},
		Permits: func(p bellhop.Principal, operation string) error {
			if operation == "keep" || p.Actor == "" {
				return Problem(bellhop.CodeForbidden, "Guests may not")
			}
			return nil
		},
	}
	failure := func(err error) func(*Call, NoInput) (None, error) {
		return func(*Call, NoInput) (None, error) { return None{}, err }
	}
	t.routes = []Route{
		On("PUT /umbrellas/{number}", "report", "Umbrellas", func(c *Call, in lost) (umbrella, error) {
			c.Answer(http.StatusCreated)
			return in.Body, nil
		}, "Report", "An umbrella.", 200, 201).Takes(100).Hides("number"),
		On("POST /keep", "keep", "Umbrellas", func(*Call, lost) (None, error) { return None{}, nil }, "Keep", "It.", 204),
		On("GET /full", "full", "Umbrellas", failure(&bellhop.Error{Code: bellhop.CodeTooMany, Detail: "x", RetryAfter: 1100 * time.Millisecond}), "Full", "x", 200),
		On("GET /fuller", "fuller", "Umbrellas", failure(Problem(bellhop.CodeTooMany, "x")), "Fuller", "x", 200),
		On("GET /closed", "closed", "Umbrellas", failure(fmt.Errorf("under the stairs: %w", bellhop.ErrUnavailable)), "Closed", "x", 200),
		On("GET /crowded", "crowded", "Umbrellas", failure(Problem(CodeBusy, "x")), "Crowded", "x", 200),
		On("GET /broken", "broken", "Umbrellas", failure(errors.New("under the stairs")), "Broken", "x", 200),
		On("GET /panic", "panic", "Umbrellas", func(*Call, NoInput) (None, error) { panic("under the stairs") }, "Panic", "x", 200),
		On("GET /open", "open", "Umbrellas", func(*Call, NoInput) (umbrella, error) { return umbrella{"blue"}, nil }, "Open", "x", 200).Open(),
		Streaming("GET /rain", "rain", "Umbrellas", func(c *Call, _ NoInput) error {
			events := c.Events()
			events.Send(Event("drop", "1", umbrella{"wet"}))
			<-c.Context().Done()
			events.Comment("dry")
			return nil
		}, "Rain", "x"),
	}
	t.kit = NewIn(m, doorman, o)
	mux := t.kit.Mux(t.routes)
	mux.Handle("/", t.kit.Rest(mux))
	t.Handler = mux
	return t
}

func (t *toy) ask(token, method, path, body string) *httptest.ResponseRecorder {
	r, w := t.request(token, method, path, body)
	t.ServeHTTP(w, r)
	return w
}

func (t *toy) request(token, method, path, body string) (*http.Request, *httptest.ResponseRecorder) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", token)
	}
	return r, httptest.NewRecorder()
}

func TestTheWayOfARequest(t *testing.T) {
	api := newToy(Options{})
	const guest = "Bearer guest1"
	for _, c := range []struct {
		token, call, body string
		status            int
		code              bellhop.Code
		says, retryAfter  string
	}{
		{guest, "PUT /umbrellas/471147114711", `{"colour":"red"}`, 201, "", `"red"`, ""},
		{"", "PUT /umbrellas/471147114711", `{"colour":"red"}`, 401, CodeUnauthorized, "Send a key", ""},
		{"Basic eDp5", "PUT /umbrellas/471147114711", `{"colour":"red"}`, 401, CodeUnauthorized, "Send a key", ""},
		{"Bearer ", "PUT /umbrellas/471147114711", `{"colour":"red"}`, 401, CodeUnauthorized, "Send a key", ""},
		{"bearer guest1", "PUT /umbrellas/1", `{"colour":"red"}`, 201, "", `"red"`, ""},
		{"BEARER  guest1", "PUT /umbrellas/1", `{"colour":"red"}`, 201, "", `"red"`, ""},
		{"Bearer", "PUT /umbrellas/1", `{"colour":"red"}`, 401, CodeUnauthorized, "Send a key", ""},
		{"Bearerguest1", "PUT /umbrellas/1", `{"colour":"red"}`, 401, CodeUnauthorized, "Send a key", ""},
		{"Bearer nobody", "PUT /umbrellas/471147114711", `{"colour":"red"}`, 401, CodeUnauthorized, "not known", ""},
		{guest, "PUT /umbrellas/x", `{"colour":"red"}`, 404, bellhop.CodeNotFound, "There is no umbrella x", ""},
		{guest, "PUT /umbrellas/1", `{"color":"red"}`, 422, bellhop.CodeInvalid, `did you mean \"colour\"?`, ""},
		{guest, "PUT /umbrellas/1", `{"colour":"` + strings.Repeat("red", 50) + `"}`, 413, bellhop.CodeTooLarge, "100 bytes", ""},
		{guest, "POST /keep", `not read`, 403, bellhop.CodeForbidden, "Guests may not", ""},
		{guest, "GET /full", "", 429, bellhop.CodeTooMany, "", "2"},
		{guest, "GET /fuller", "", 429, bellhop.CodeTooMany, "", "1"},
		{guest, "GET /closed", "", 503, bellhop.CodeUnavailable, "nothing was done", "5"},
		{guest, "GET /broken", "", 500, CodeInternal, "Its log says why", ""},
		{guest, "GET /panic", "", 500, CodeInternal, "Its log says why", ""},
		{"", "GET /open", "", 200, "", "blue", ""},
		{"", "GET /nothing", "", 404, bellhop.CodeNotFound, "nothing at this path", ""},
		{"", "POST /open", "", 405, CodeMethod, "it takes GET", ""},
	} {
		method, path, _ := strings.Cut(c.call, " ")
		w := api.ask(c.token, method, path, c.body)
		var p wire.Problem
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) || w.Header().Get("Retry-After") != c.retryAfter {
			t.Errorf("%s: %d %s, Retry-After %q", c.call, w.Code, w.Body, w.Header().Get("Retry-After"))
		}
		if strings.Contains(w.Body.String(), "under the stairs") {
			t.Errorf("%s tells what is the operator's business: %s", c.call, w.Body)
		}
		if c.status < 400 {
			continue
		}
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Code != c.code || p.Status != c.status || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %v %+v", c.call, err, p)
		}
	}
	log := api.log.String()
	if strings.Contains(log, "471147114711") || !strings.Contains(log, "path=/umbrellas/…") {
		t.Error("the log shows a hidden part of a path")
	}
	if strings.Count(log, "under the stairs") != 3 {
		t.Errorf("the log does not say what broke: %s", log)
	}
}

// TestTheLogOfRefusals: while there is no room every request is refused, and the log says so
// from time to time; that the store is away is said by whoever finds it so, once.
func TestTheLogOfRefusals(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	api := newToy(Options{Now: func() time.Time { return now }})
	for range 10_000 {
		api.ask("Bearer guest1", "GET", "/closed", "")
		api.ask("Bearer guest1", "GET", "/crowded", "")
		now = now.Add(2 * time.Millisecond)
	}
	var told []string
	for line := range strings.Lines(api.log.String()) {
		if strings.Contains(line, "level=WARN") {
			told = append(told, line)
		}
	}
	if len(told) != 2 || !strings.Contains(told[0], "refused_since_last=1 ") && !strings.HasSuffix(told[0], "refused_since_last=1\n") || !strings.Contains(told[1], "refused_since_last=5000") {
		t.Errorf("%d lines of 10 000 refusals in 20 s: %q", len(told), told)
	}
}

func TestAKeyThatAsksTooOften(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	api := newToy(Options{KeyRate: 2, Now: func() time.Time { return now }})
	report := func(token string) *httptest.ResponseRecorder {
		return api.ask(token, "PUT", "/umbrellas/1", `{"colour":"red"}`)
	}
	report("Bearer guest1")
	report("Bearer guest1")
	w := report("Bearer guest1")
	if w.Code != 429 || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "too_many_requests") {
		t.Errorf("the third request: %d %s", w.Code, w.Body)
	}
	if w := report("Bearer guest2"); w.Code != 201 {
		t.Errorf("another key: %d %s", w.Code, w.Body)
	}
	if w := api.ask("", "GET", "/open", ""); w.Code != 200 {
		t.Errorf("without a key: %d", w.Code)
	}
	now = now.Add(time.Second)
	if w := report("Bearer guest1"); w.Code != 201 {
		t.Errorf("a second later: %d %s", w.Code, w.Body)
	}
}

func TestAKeyWithManyStreams(t *testing.T) {
	api := newToy(Options{Streams: Streams{OfKey: 2}})
	server := httptest.NewServer(api)
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	open := func() *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/rain", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer guest1")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	first, second, third := open(), open(), open()
	if first.StatusCode != 200 || second.StatusCode != 200 || third.StatusCode != 429 || third.Header.Get("Retry-After") == "" {
		t.Errorf("%d %d %d", first.StatusCode, second.StatusCode, third.StatusCode)
	}
	for _, resp := range []*http.Response{first, third} {
		_ = resp.Body.Close() // its reader goes away
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		again := open()
		_ = again.Body.Close() // a test
		if again.StatusCode == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a closed stream counts on")
		}
	}
	_ = second.Body.Close() // a test
}

// TestAnAppWithManyConnections: the portal links of one app hold half of the connections
// at most. What they have waiting for a body makes room; what is worked on does not.
func TestAnAppWithManyConnections(t *testing.T) {
	api := newToy(Options{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: api, ReadHeaderTimeout: time.Minute}
	entrance := door.New(listener, 4)
	entrance.Attend(server)
	go func() { _ = server.Serve(entrance) }()
	defer server.Close() //nolint:errcheck // a test
	send := func(link int, request string) net.Conn {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := fmt.Fprintf(c, request, link); err != nil {
			t.Fatal(err)
		}
		return c
	}
	rain := func(link int) (*http.Response, string) {
		resp, err := http.ReadResponse(bufio.NewReader(send(link, "GET /rain HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer guest%d\r\n\r\n")), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == 200 {
			return resp, ""
		}
		b, _ := io.ReadAll(resp.Body)
		return resp, string(b)
	}
	waiting := send(100, "PUT /umbrellas/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer guest%d\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 99\r\n\r\n")
	const goOn = "HTTP/1.1 100 Continue\r\n\r\n"
	if b, err := io.ReadAll(io.LimitReader(waiting, int64(len(goOn)))); string(b) != goOn {
		t.Fatalf("%q %v", b, err)
	}
	for i := range 2 {
		for until := time.Now().Add(10 * time.Second); ; { // until its body is waited for
			if resp, body := rain(101 + i); resp.StatusCode == 200 {
				break
			} else if time.Now().After(until) {
				t.Fatal(resp.Status, body)
			}
		}
	}
	if b, err := io.ReadAll(waiting); len(b) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("who waits did not make room: %q %v", b, err)
	}
	resp, body := rain(103)
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "1" || !resp.Close || !strings.Contains(body, "half of all connections") {
		t.Errorf("one more than half: %s %v %s", resp.Status, resp.Header, body)
	}
	if resp, body := rain(1); resp.StatusCode != 200 {
		t.Errorf("another key: %s %s", resp.Status, body)
	}
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newToy(Options{})
		ctx, cancel := context.WithCancel(t.Context())
		r := httptest.NewRequest("GET", "/rain", nil).WithContext(ctx)
		r.Header.Set("Authorization", "Bearer guest1")
		w := httptest.NewRecorder()
		time.AfterFunc(time.Minute, cancel)
		api.ServeHTTP(w, r)
		want := "event: drop\nid: 1\ndata: {\"colour\":\"wet\"}\n\n: dry\n\n"
		if w.Body.String() != want || w.Header().Get("Content-Type") != "text/event-stream" {
			t.Errorf("%v %q", w.Header(), w.Body)
		}
	})
}

// TestSlowBodyIsBounded: whoever sends half a body does not keep a request for ever.
func TestSlowBodyIsBounded(t *testing.T) {
	api := newToy(Options{ReadTimeout: 50 * time.Millisecond})
	server := httptest.NewServer(api)
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	half, writer := io.Pipe()
	defer writer.Close() //nolint:errcheck // never fails
	go func() { _, _ = writer.Write([]byte(`{"colour":`)) }()
	r, err := http.NewRequestWithContext(t.Context(), "PUT", server.URL+"/umbrellas/1", half)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer guest1")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != 400 || !bytes.Contains(b, []byte(CodeIncomplete)) {
		t.Errorf("%s %s", resp.Status, b)
	}
}

func TestDescribe(t *testing.T) {
	api := newToy(Options{})
	b, err := json.Marshal(Describe(Manner{}, Options{Version: "1"}, Description{
		Title: "Lost property", Tags: []*huma.Tag{{Name: "Umbrellas"}},
		Identities: map[string]*huma.SecurityScheme{"key": {Type: "http", Scheme: "bearer"}},
		Roles:      func(op string) string { return "whoever may " + op },
		Changes:    []bellhop.Code{CodeCrossOrigin},
	}, api.routes))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Description string
			Responses   map[string]struct{ Headers map[string]any }
			Security    []map[string][]string
		}
		Components struct{ Schemas map[string]json.RawMessage }
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	report := doc.Paths["/umbrellas/{number}"]["put"]
	if !strings.Contains(report.Description, "Roles: whoever may report.") || report.Responses["429"].Headers["Retry-After"] == nil {
		t.Errorf("%+v", report)
	}
	for _, status := range []string{"200", "201", "400", "401", "403", "404", "413", "415", "422", "429", "500", "503"} {
		if _, ok := report.Responses[status]; !ok {
			t.Errorf("no answer %s", status)
		}
	}
	open := doc.Paths["/open"]["get"]
	if _, ok := open.Responses["429"]; ok || len(open.Security) != 1 || len(open.Security[0]) != 0 {
		t.Errorf("%+v", open)
	}
	// It is taken, and so must be exact.
	if !bytes.Contains(doc.Components.Schemas["Umbrella"], []byte(`"additionalProperties":false`)) {
		t.Errorf("%s", doc.Components.Schemas["Umbrella"])
	}
}

// TestDescribeInManner: a document has the problems that the same manner answers.
func TestDescribeInManner(t *testing.T) {
	type sorry struct {
		Why string `json:"why"`
	}
	m := Manner{
		Problem: func(asked *http.Request, p wire.Problem) any { return sorry{asked.Method + ": " + p.Detail} },
		Kinds:   map[bellhop.Code]Kind{bellhop.CodeForbidden: {Status: 418, Title: "Not for you"}},
	}
	toy := newToyIn(m, Options{})
	b, err := json.Marshal(Describe(m, Options{}, Description{Roles: func(string) string { return "all" }}, toy.routes))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Description string
				Content     map[string]struct {
					Examples map[string]struct{ Value sorry }
				}
			}
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	told := doc.Paths["/umbrellas/{number}"]["put"].Responses
	if _, own := told["403"]; own || told["418"].Description != "Not for you." || told["418"].Content["application/json"].Examples["forbidden"].Value.Why != "PUT: Not for you." {
		t.Errorf("%+v", told)
	}
	if bytes.Contains(b, []byte("problem+json")) {
		t.Error("the document has the problems of another manner")
	}
	w := toy.ask("Bearer guest1", "POST", "/keep", "")
	if w.Code != 418 || w.Header().Get("Content-Type") != "application/json" || strings.TrimSpace(w.Body.String()) != `{"why":"POST: Guests may not."}` {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}
