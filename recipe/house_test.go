package recipe_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/engine/send"
	"github.com/bellhop/bellhop/engine/send/smtp"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/recipe"
)

var update = flag.Bool("update", false, "write what the tests compare with")

// house sends what recipes make to targets on this machine.
type house struct {
	t      *testing.T
	sender *send.Sender
	table  *routes.Table
	sealer bellhop.Sealer
}

func open(t *testing.T) *house {
	t.Helper()
	sealer, err := bellhop.NewSealer(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	standard, err := dialect.Lookup("standard")
	if err != nil {
		t.Fatal(err)
	}
	var recipes []*recipe.Recipe
	for _, def := range recipe.Builtin() {
		r, err := recipe.Compile(def)
		if err != nil {
			t.Fatal(err)
		}
		recipes = append(recipes, r)
	}
	client := safehttp.New(safehttp.Options{Policy: safehttp.Policy{Dev: true}})
	h := &house{
		t: t, sealer: sealer, sender: send.New(send.Options{HTTP: client, Mailer: smtp.Mailer{}}),
		table: routes.New(routes.Options{Sealer: sealer, Dialects: []*dialect.Dialect{standard}, Recipes: recipes}),
	}
	t.Cleanup(func() { h.sender.Close(); client.Close() })
	return h
}

const signingSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// endpoint follows a recipe to a target, with its sample's fields, and with credentials
// by name.
func (h *house) endpoint(name, url string, credentials map[string]string, with ...func(*bellhop.Endpoint)) *routes.Route {
	h.t.Helper()
	def := h.table.Recipe(name).Definition()
	e := bellhop.Endpoint{
		ID: 7, Apps: []string{"acme"}, URL: url, Dialect: "standard", Status: bellhop.EndpointActive, Timeout: bellhop.Duration(5 * time.Second),
	}
	e.Recipe, e.RecipeFields = name, maps.Clone(def.Sample.Fields)
	if a := def.Auth; a != nil && len(credentials) > 0 {
		e.Auth = &bellhop.Auth{
			Type: bellhop.AuthType(a.Type), Username: a.Username, Name: a.Header, Prefix: a.Prefix,
			TokenURL: a.TokenURL, ClientAuth: a.ClientAuth, ClientID: "client-1",
		}
	}
	e.Secrets = []bellhop.Secret{{Sealed: h.sealer.Seal([]byte(signingSecret), e.ID.String())}}
	e.Sealed = bellhop.SealedValues{}
	for c, plain := range credentials {
		e.Sealed[c] = h.sealer.Seal([]byte(plain), bellhop.SealedContext(e.ID, c))
	}
	for _, f := range with {
		f(&e)
	}
	r := h.table.Compile(e)
	if why := r.Broken(); why != "" {
		h.t.Fatalf("the endpoint is broken: %s", why)
	}
	return r
}

// event is a recipe's sample, the n-th of its kind.
func (h *house) event(name string, n int, change ...func(*bellhop.Event)) *bellhop.Work {
	s := h.table.Recipe(name).Definition().Sample
	at := time.Date(2027, 1, 15, 9, 30, 0, 0, time.UTC).UnixMilli()
	e := &bellhop.Event{ID: bellhop.EventID(at<<21 + int64(n)), App: "acme", Type: s.Type, Subject: s.Subject, Data: bellhop.JSON(s.Data)}
	for _, f := range change {
		f(e)
	}
	return &bellhop.Work{Event: e}
}

func (h *house) send(r *routes.Route, w *bellhop.Work) bellhop.Outcome {
	h.t.Helper()
	o, sent := h.sender.Send(h.t.Context(), r, w)
	if !sent {
		h.t.Fatal("it was cut short")
	}
	return o
}

// sends sends and checks what comes of it.
func (h *house) sends(r *routes.Route, w *bellhop.Work, class bellhop.Class, detail string) bellhop.Outcome {
	h.t.Helper()
	o := h.send(r, w)
	if o.Class != class || !strings.Contains(o.Detail, detail) {
		h.t.Errorf("%s: class %d, reason %q: %s\nanswered %d %s\nwant class %d, and a detail that says %q",
			r.Recipe, o.Class, o.Reason, o.Detail, o.Exchange.ResponseStatus, o.Exchange.ResponseBody, class, detail)
	}
	if (o.Reason == "") != (class == bellhop.ClassTaken) {
		h.t.Errorf("%s: class %d with the reason %q", r.Recipe, class, o.Reason)
	}
	return o
}

// target is a server on this machine that keeps what it was asked.
type target struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
	// lose makes the connection break off once in place of so many next answers.
	lose int
}

func serve(t *testing.T, handle func(w http.ResponseWriter, r *http.Request, body []byte)) *target {
	t.Helper()
	s := &target{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
		if err != nil {
			return
		}
		s.mu.Lock()
		s.requests = append(s.requests, wire(r, body))
		lost := s.lose > 0 && r.Method != http.MethodGet
		if lost {
			s.lose--
		}
		s.mu.Unlock()
		if lost {
			s.mu.Lock()                             // so that later requests see it
			handle(httptest.NewRecorder(), r, body) // it is done, and nobody hears of it
			s.mu.Unlock()
			panic(http.ErrAbortHandler)
		}
		handle(w, r, body)
	}))
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	return s
}

// wire is a request as it was on the wire, but for what is the same in all.
func wire(r *http.Request, body []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.URL.RequestURI())
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if name == "User-Agent" || name == "Content-Length" || name == "Accept-Encoding" {
			continue
		}
		value := strings.Join(r.Header[name], ", ")
		switch name {
		case "Webhook-Timestamp", "Webhook-Signature":
			value = "(differs)"
		}
		fmt.Fprintf(&b, "%s: %s\n", name, value)
	}
	return b.String() + "\n" + string(body)
}

func (s *target) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == 0 {
		return ""
	}
	return s.requests[len(s.requests)-1]
}

// at is the i-th request. What a target did of which nobody heard is seen after it.
func (s *target) at(i int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[i]
}

func (s *target) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// golden compares with a file that -update writes.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: make it with go test ./recipe -update", err)
	}
	if got+"\n" != string(want) {
		t.Errorf("%s\ngot:\n%s\nwant:\n%s", name, got, want)
	}
}

func answer(w http.ResponseWriter, status int, body string) {
	if json.Valid([]byte(body)) {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// decoded reads a JSON body, with unknown members being errors.
func decoded(body []byte, v any) error {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func email(s string) bool { return strings.Count(s, "@") == 1 && !strings.ContainsAny(s, " \r\n,") }
