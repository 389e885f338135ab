package routes

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/match"
)

// secret seals a new secret for an endpoint.
func (f *fixture) secret(e int, expires time.Time) bellhop.Secret {
	f.t.Helper()
	plain, err := f.Dialect("standard").NewSecret()
	if err != nil {
		f.t.Fatal(err)
	}
	return bellhop.Secret{Sealed: f.sealer.Seal([]byte(plain), bellhop.EndpointID(e).String()), CreatedAt: start, ExpiresAt: expires}
}

// signatures tells how many secrets sign now.
func (f *fixture) signatures(r *Route) (int, error) {
	f.t.Helper()
	s, err := r.Signer(f.now())
	if err != nil {
		return 0, err
	}
	request, err := s.Render(dialect.Message{ID: "evt_1", Timestamp: f.now(), Type: "x", Data: []byte(`{}`)})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, h := range request.Headers {
		if strings.EqualFold(h.Name, "webhook-signature") {
			return len(strings.Fields(h.Value)), nil
		}
	}
	return 0, nil
}

func (f *fixture) signs(what string, r *Route, want int) {
	f.t.Helper()
	if n, err := f.signatures(r); err != nil || n != want {
		f.t.Errorf("%s: %d signatures, %v; want %d", what, n, err, want)
	}
}

func TestSecretsSignUntilTheyExpire(t *testing.T) {
	f := setUp(t)
	e := endpoint(1, "acme")
	e.Secrets = []bellhop.Secret{
		f.secret(1, time.Time{}), f.secret(1, start.Add(2*time.Hour)), f.secret(1, start.Add(time.Hour)), f.secret(1, start),
	}
	r := f.Compile(e)
	if n := f.sealer.opened.Load(); n != 0 {
		t.Errorf("%d secrets were opened before they were needed", n)
	}
	f.signs("at first", r, 3)
	signer, _ := r.Signer(f.now())
	f.wait(time.Hour - 1)
	if again, _ := r.Signer(f.now()); again != signer || f.sealer.opened.Load() != 3 {
		t.Error("a signer was made twice")
	}
	f.wait(1)
	f.signs("after an hour", r, 2)
	f.wait(time.Hour)
	f.signs("after two", r, 1)
	f.wait(1000 * time.Hour)
	f.signs("ever after", r, 1)
	if n := f.sealer.opened.Load(); n != 3+2+1 {
		t.Errorf("%d secrets were opened", n)
	}
}

// A sealer that fails as a secret ends must not make that secret sign on, neither
// now nor later.
func TestSealerThatFailsOnce(t *testing.T) {
	f := setUp(t)
	e := endpoint(1, "acme")
	e.Secrets = []bellhop.Secret{f.secret(1, time.Time{}), f.secret(1, start.Add(time.Hour))}
	r := f.Compile(e)
	f.signs("at first", r, 2)
	f.wait(time.Hour)
	f.sealer.fail.Store(1)
	if n, err := f.signatures(r); err == nil {
		t.Errorf("%d secrets sign although they cannot be opened", n)
	}
	if r.Live() || r.Broken() != "its secret cannot be used: the key server is away" {
		t.Errorf("%q", r.Broken())
	}
	if n, err := f.signatures(r); err == nil {
		t.Errorf("%d secrets sign although they cannot be opened", n)
	}
	f.wait(time.Second)
	f.signs("after the failure", r, 1)
	if !r.Live() || r.Broken() != "" {
		t.Errorf("%q", r.Broken())
	}
	f.wait(1000 * time.Hour)
	f.signs("ever after", r, 1)
}

func TestSealerIsNotAskedAllTheTime(t *testing.T) {
	f := setUp(t)
	e := endpoint(1, "acme")
	e.Secrets = []bellhop.Secret{{Sealed: []byte("of another row")}}
	r := f.Compile(e)
	for range 1000 {
		if r.Live() {
			t.Fatal("live")
		}
	}
	if n := f.sealer.opened.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestBrokenRoutes(t *testing.T) {
	f := setUp(t)
	change := func(id int, c func(*bellhop.Endpoint)) bellhop.Endpoint {
		e := endpoint(id, "acme")
		c(&e)
		return e
	}
	cases := map[string]bellhop.Endpoint{
		"its event patterns cannot be read":                 change(1, func(e *bellhop.Endpoint) { e.Events = []string{"a..b"} }),
		"its subject patterns cannot be read":               change(2, func(e *bellhop.Endpoint) { e.Subjects = []string{"a*b"} }),
		"its filter cannot be read":                         change(3, func(e *bellhop.Endpoint) { e.Filter = bellhop.JSON(`{"a": 1}`) }),
		`its dialect "gone" is not configured: put it back`: change(4, func(e *bellhop.Endpoint) { e.Dialect = "gone" }),
		"its secret cannot be used": change(5, func(e *bellhop.Endpoint) {
			e.Secrets = []bellhop.Secret{{Sealed: []byte("of another row")}}
		}),
		"its secret cannot be used: secret 1 of 1": change(6, func(e *bellhop.Endpoint) {
			e.Secrets = []bellhop.Secret{{Sealed: f.sealer.Seal([]byte("not base64!"), e.ID.String())}}
		}),
	}
	for _, e := range cases {
		f.store.save(e)
	}
	paused := endpoint(7, "acme")
	paused.Status, paused.Dialect = bellhop.EndpointPaused, "gone"
	f.store.save(paused, endpoint(8, "acme"))
	f.load()
	for why, e := range cases {
		r := f.Table.Routes().Endpoint(e.ID)
		if !strings.HasPrefix(r.Broken(), why) || r.Live() {
			t.Errorf("%q, want %q; live %v", r.Broken(), why, r.Live())
		}
		if !strings.Contains(f.logged.String(), "endpoint="+e.ID.String()) {
			t.Errorf("nobody was told of an endpoint: %s", why)
		}
	}
	if n := strings.Count(f.logged.String(), "deliveries to an endpoint are held"); n != len(cases) {
		t.Errorf("%d endpoints were logged, want %d", n, len(cases))
	}
	gone := f.Table.Routes().Endpoint(4)
	if s, err := gone.Signer(f.now()); s != nil || err == nil || gone.Speaks() != nil {
		t.Errorf("a dialect that is gone signs: %v", err)
	}
	if r := f.Table.Routes().Endpoint(7); r.Live() || r.Broken() == "" {
		t.Errorf("paused: live %v, %q", r.Live(), r.Broken())
	}
	if r := f.Table.Routes().Endpoint(8); !r.Live() || r.Speaks() != f.Dialect("standard") {
		t.Errorf("%q", r.Broken())
	}

	none := New(Options{Dialects: builtin(t)})
	e := endpoint(1, "acme")
	if r := none.Compile(e); !r.Live() {
		t.Errorf("without a secret, nothing need be opened: %q", r.Broken())
	}
	e.Secrets = []bellhop.Secret{{Sealed: []byte("x")}}
	if r := none.Compile(e); r.Live() {
		t.Error("a secret was opened with nothing")
	}
}

func TestWants(t *testing.T) {
	f := setUp(t)
	event := bellhop.Event{App: "acme", Type: "ticket.made", Subject: "ticket:42", Data: bellhop.JSON(`{"price": 12}`)}
	own := bellhop.Event{App: "acme", Type: OwnTypes + "endpoint.disabled", Data: bellhop.JSON(`{}`)}
	for _, c := range []struct {
		name             string
		events, subjects []string
		filter           string
		event            bellhop.Event
		reason, detail   string // "": wanted
	}{
		{name: "everything", event: event},
		{name: "a prefix", events: []string{"invoice", "ticket.*"}, event: event},
		{"another type", []string{"invoice", "person.*"}, nil, "", event, "type", "it listens to invoice, person.*, not to ticket.made"},
		{name: "a subject", subjects: []string{"ticket:*"}, event: event},
		{"another subject", nil, []string{"person:*"}, "", event, "subject", "the event's subject is ticket:42"},
		{"no subject", nil, []string{"person:*"}, "", own, "own_type", ""},
		{name: "a filter", filter: `{"price": [{"numeric": [">", 10]}]}`, event: event},
		{"a filter that fails", nil, nil, `{"price": [{"numeric": [">", 20]}]}`, event, "filter", "price"},
		{"Bellhop's own are not part of everything", nil, nil, "", own, "own_type", "only if it lists bellhop.*"},
		{"nor of a star", []string{"*"}, nil, "", own, "own_type", "Bellhop's own"},
		{"another type than Bellhop's", []string{"invoice.*"}, nil, "", own, "type", "it listens to invoice.*"},
		{name: "unless they are named", events: []string{"ticket.*", "bellhop.*"}, event: own},
	} {
		e := endpoint(1, "acme")
		e.Events, e.Subjects, e.Filter = c.events, c.subjects, bellhop.JSON(c.filter)
		r := f.Compile(e)
		if r.Broken() != "" {
			t.Fatalf("%s: %s", c.name, r.Broken())
		}
		v := r.Verdict(&c.event)
		if v.OK != (c.reason == "") || v.Reason != c.reason || !strings.Contains(v.Detail, c.detail) {
			t.Errorf("%s: %+v", c.name, v)
		}
		data := func() match.Data {
			d, err := match.ParseData(c.event.Data)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		if r.Wants(&c.event, data) != v.OK {
			t.Errorf("%s: wants and verdict disagree", c.name)
		}
	}
	for _, c := range []struct {
		wants, in []string
		event     bellhop.Event
		detail    string // "": wanted
	}{
		{nil, nil, event, ""},
		{nil, []string{"x"}, event, ""},
		{[]string{"x", "y"}, []string{"z", "y"}, event, ""},
		{[]string{"x", "y"}, []string{"z"}, event, "it listens to the channels x, y; the event is in z"},
		{[]string{"x"}, nil, event, "the event is in no channel"},
		{[]string{"x"}, []string{"X"}, event, "the event is in X"},
		{[]string{"x"}, nil, own, ""}, // Bellhop's own are in none
	} {
		e := endpoint(1, "acme")
		e.Events, e.Channels, c.event.Channels = []string{"ticket.*", "bellhop.*"}, c.wants, c.in
		r := f.Compile(e)
		v := r.Verdict(&c.event)
		if v.OK != (c.detail == "") || !strings.Contains(v.Detail, c.detail) || !v.OK && v.Reason != "channels" {
			t.Errorf("%q of %q: %+v", c.in, c.wants, v)
		}
		if r.Wants(&c.event, func() match.Data { return match.Data{} }) != v.OK {
			t.Errorf("%q of %q: wants and verdict disagree", c.in, c.wants)
		}
	}
	e := endpoint(1, "acme")
	e.Subjects = []string{"person:*"}
	silent := bellhop.Event{Type: "x"}
	if v := f.Compile(e).Verdict(&silent); v.Reason != "subject" || !strings.Contains(v.Detail, "the event has no subject") {
		t.Errorf("%+v", v)
	}
}

func TestDialects(t *testing.T) {
	f := setUp(t)
	list := f.Dialects()
	if len(list) == 0 || f.Dialect(list[0].Name()) != list[0] || f.Dialect("none") != nil {
		t.Errorf("%d dialects", len(list))
	}
	slices.Reverse(list)
	if slices.Equal(list, f.Dialects()) {
		t.Error("a caller can change the table's dialects")
	}
}
