package desk_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
)

type change = func(*bellhop.EndpointChange)

// terms makes an endpoint listen to apps as JSON has them.
func terms(t *testing.T, apps string) change {
	t.Helper()
	var list []bellhop.AppTerms
	if err := json.Unmarshal([]byte(apps), &list); err != nil {
		t.Fatal(err)
	}
	return func(c *bellhop.EndpointChange) {
		for _, a := range list {
			c.Apps.Set, c.Terms.Set, c.Apps.Value = true, true, append(c.Apps.Value, a.App)
			if !a.IsZero() {
				c.Terms.Value = append(c.Terms.Value, a)
			}
		}
	}
}

// bare takes the apps that hook gives away.
func bare(c *bellhop.EndpointChange) { c.Apps = bellhop.Field[[]string]{} }

func subjects(patterns ...string) change {
	return func(c *bellhop.EndpointChange) { c.Subjects = bellhop.Of(patterns) }
}

func about(app, subject, eventType, data string) func(*engine.Publication) {
	return func(p *engine.Publication) {
		p.App, p.Subject, p.Type, p.Data = app, subject, eventType, bellhop.JSON(data)
	}
}

// TestTermsDifferByApp sends the same events to two apps of one endpoint, and asks of
// those that it does not get why.
func TestTermsDifferByApp(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		h.app("initech")
		e := h.endpoint("a.example", bare, wanting("ticket.*"), func(c *bellhop.EndpointChange) { c.Filter = bellhop.Of(bellhop.JSON(`{"n":[1]}`)) },
			terms(t, `["acme",{"app":"globex","events":[],"subjects":["guest:*"]},{"app":"initech","filter":{}}]`))
		for _, c := range []struct {
			app, subject, kind, data string
			reason                   string // "" for one that it gets
			says                     string
		}{
			{"acme", "", "ticket.created", `{"n":1}`, "", ""},
			{"acme", "", "ticket.created", `{"n":2}`, "filter", ""},
			{"acme", "", "invoice.paid", `{"n":1}`, "type", "ticket.*"},
			{"globex", "guest:1", "invoice.paid", `{"n":1}`, "", ""},
			{"globex", "ticket:1", "ticket.created", `{"n":1}`, "subject", "guest:*"},
			{"globex", "guest:1", "ticket.created", `{"n":2}`, "filter", ""},
			{"initech", "x", "ticket.created", `{"n":2}`, "", ""},
			{"initech", "x", "invoice.paid", `{"n":2}`, "type", "ticket.*"},
		} {
			id := h.publish(c.data, about(c.app, c.subject, c.kind, c.data))
			x, err := h.Explain(t.Context(), owner, id, 0, 100)
			if err != nil || len(x) != 1 {
				t.Fatalf("%+v: %v, %v", c, x, err)
			}
			if got := x[0].Reason; c.reason != "" && (got != c.reason || !strings.Contains(x[0].Detail, c.says)) {
				t.Errorf("%+v: %s: %s", c, got, x[0].Detail)
			}
			if got := x[0].Outcome != bellhop.FateNotSent; got != (c.reason == "") {
				t.Errorf("%+v: sent is %v", c, got)
			}
		}
		// The short form again: what was the app's own is gone.
		changed := h.set(e.ID, bellhop.EndpointChange{Apps: bellhop.Of([]string{"globex", "acme"})})
		if changed.Terms != nil || !slices.Equal(changed.Apps, []string{"acme", "globex"}) {
			t.Errorf("in the short form: %+v", changed)
		}
	})
}

func TestURNsNameAppAndSubject(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("A1")
		h.app("A10")
		// The apps may be left out: the URNs name them.
		e := h.endpoint("a.example", bare, subjects("urn:allthings:app:A1:ticket:damage-report:*", "URN:Allthings:app:A10:*"))
		if !slices.Equal(e.Apps, []string{"A1", "A10"}) {
			t.Fatalf("apps %v", e.Apps)
		}
		both := h.endpoint("both.example", of("A1", "acme"), subjects("urn:allthings:app:A1:guest:1", "guest:2"))
		for _, c := range []struct {
			app, subject string
			want         []bellhop.EndpointID
		}{
			{"A1", "ticket:damage-report:42", []bellhop.EndpointID{e.ID}},
			{"A1", "urn:allthings:app:A1:ticket:damage-report:42", []bellhop.EndpointID{e.ID}},
			{"A1", "ticket:lost:42", nil},
			{"A1", "", nil},
			{"A1", "guest:1", []bellhop.EndpointID{both.ID}},
			{"A1", "guest:2", []bellhop.EndpointID{both.ID}},
			{"A10", "anything", []bellhop.EndpointID{e.ID}},
			{"A10", "", []bellhop.EndpointID{e.ID}},
			{"acme", "guest:1", nil},
			{"acme", "guest:2", []bellhop.EndpointID{both.ID}},
			{"acme", "ticket:damage-report:42", nil},
		} {
			id := h.publish(`{}`, about(c.app, c.subject, "a.b", `{}`))
			wait(0)
			var got []bellhop.EndpointID
			for _, d := range h.deliveries(bellhop.DeliveryFilter{Event: id}) {
				got = append(got, d.Endpoint)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s %q: %v, want %v", c.app, c.subject, got, c.want)
			}
		}
	})
}

// TestWhatCanNeverMatchIsRefused names the field for each.
func TestWhatCanNeverMatchIsRefused(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("A1")
		filter := func(f string) change {
			return func(c *bellhop.EndpointChange) { c.Filter = bellhop.Of(bellhop.JSON(f)) }
		}
		many := make([]string, 200)
		for i := range many {
			many[i] = fmt.Sprintf("s:%d", i)
		}
		list, err := json.Marshal(many)
		if err != nil {
			t.Fatal(err)
		}
		six := "["
		for i := range 6 {
			h.app(fmt.Sprint("many", i))
			six += fmt.Sprintf(`{"app":"many%d","subjects":%s},`, i, list)
		}
		six = six[:len(six)-1] + "]"
		for _, c := range []struct {
			name   string
			change []change
			field  string
		}{
			{"URN of an app that it does not listen to", []change{subjects("a:*", "urn:allthings:app:A1:*")}, "subjects[1]"},
			{"URN of an app that does not exist", []change{bare, subjects("urn:allthings:app:A2:*")}, "subjects[0]"},
			{"only URNs of another app", []change{of("acme", "A1"), subjects("urn:allthings:app:A1:*")}, "subjects"},
			{"URN without a subject", []change{subjects("urn:allthings:app:acme")}, "subjects[0]"},
			{"URN with an empty subject", []change{subjects("urn:allthings:app:acme:")}, "subjects[0]"},
			{"URN of any app", []change{subjects("urn:allthings:app:*")}, "subjects[0]"},
			{"URN of apps by prefix", []change{subjects("urn:allthings:app:a*:x")}, "subjects[0]"},
			{"URN of something else", []change{subjects("urn:allthings:user:1")}, "subjects[0]"},
			{"URN with a * in the middle", []change{subjects("urn:allthings:app:acme:a:*:b")}, "subjects[0]"},
			{"pattern with a * in the middle", []change{subjects("a:*:b")}, "subjects[0]"},
			{"URN among the subjects of another app", []change{bare, terms(t, `["acme",{"app":"A1","subjects":["urn:allthings:app:acme:x"]}]`)}, "apps[1].subjects[0]"},
			{"URN of an app with subjects of its own", []change{bare, terms(t, `["acme",{"app":"A1","subjects":["x"]}]`), subjects("y", "urn:allthings:app:A1:z")}, "subjects[1]"},
			{"one of Bellhop's own types that is none", []change{wanting("a", "bellhop.endpoint.disable")}, "events[1]"},
			{"its prefix", []change{wanting("bellhop.endpoints*")}, "events[0]"},
			{"of one app", []change{bare, terms(t, `[{"app":"A1","events":["bellhop.x"]}]`)}, "apps[0].events[0]"},
			{"no number", []change{filter(`{"a":{"n":[{"numeric":[">",5,"<",3]}]}}`)}, "filter/a/n/0/numeric"},
			{"no number at the edge", []change{filter(`{"n":[{"numeric":[">=",5,"<",5.0]}]}`)}, "filter/n/0/numeric"},
			{"two numbers at once", []change{filter(`{"n":["x",{"numeric":["=",1,"=",2]}]}`)}, "filter/n/1/numeric"},
			{"no number, in one app", []change{bare, terms(t, `["acme",{"app":"A1","filter":{"n":[{"numeric":["=",1,">",1]}]}}]`)}, "apps[1].filter/n/0/numeric"},
			{"an app twice", []change{bare, terms(t, `["acme",{"app":"acme","events":["a"]}]`)}, "apps[1]"},
			{"too many patterns of all apps together", []change{bare, terms(t, six)}, "apps"},
		} {
			_, _, err := h.CreateEndpoint(t.Context(), owner, hook("a.example", c.change...))
			want := bellhop.CodeInvalid
			if strings.Contains(c.name, "does not exist") {
				want = bellhop.CodeUnknownApp
			}
			code(t, c.name, err, want, c.field)
			e := h.endpoint("b.example")
			if _, err = h.UpdateEndpoint(t.Context(), owner, e.ID, hook("b.example", c.change...)); err == nil && c.field != "subjects[0]" {
				t.Errorf("%s: taken by an update", c.name)
			}
			if err := h.DeleteEndpoint(t.Context(), owner, e.ID); err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range map[string][]change{
			"numbers":        {filter(`{"n":[{"numeric":[">=",5,"<=",5]}],"m":[{"numeric":["<",6,">",5]}]}`)},
			"own type":       {wanting("bellhop.endpoint.disabled"), func(c *bellhop.EndpointChange) { c.Status = bellhop.Of(bellhop.EndpointPaused) }},
			"own types":      {wanting("bellhop.*", "bell*")},
			"foreign URN":    {subjects("urn:isbn:*")},
			"two apps' URNs": {of("acme", "A1"), subjects("urn:allthings:app:A1:*", "urn:allthings:app:acme:x")},
		} {
			if _, _, err := h.CreateEndpoint(t.Context(), owner, hook("a.example", c...)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestASharedEndpointShowsNoOtherApps: neither in the terms, nor in the subjects, nor
// in an explanation.
func TestASharedEndpointShowsNoOtherApps(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		editor := as(bellhop.RoleEditor, "acme")
		e := h.endpoint("a.example", bare, terms(t, `[{"app":"acme","events":["a.*"]},{"app":"globex","events":["secret.*"]}]`),
			subjects("urn:allthings:app:globex:secret:*", "urn:allthings:app:acme:mine:*"))
		seen, err := h.Endpoint(t.Context(), editor, e.ID)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(seen)
		if err != nil || strings.Contains(string(b), "globex") || strings.Contains(string(b), "secret") {
			t.Errorf("%s, %v", b, err)
		}
		want := []bellhop.AppTerms{{App: "acme", Events: []string{"a.*"}}}
		if d := cmp.Diff(want, seen.Terms); d != "" || !slices.Equal(seen.Subjects, []string{"urn:allthings:app:acme:mine:*"}) {
			t.Errorf("%s %v", d, seen.Subjects)
		}
		id := h.publish(`{}`, about("acme", "other", "a.b", `{}`))
		x, err := h.Explain(t.Context(), editor, id, 0, 100)
		if err != nil || len(x) != 1 || strings.Contains(x[0].Detail, "globex") || !strings.Contains(x[0].Detail, "acme:mine") {
			t.Errorf("%+v, %v", x, err)
		}
		_, err = h.UpdateEndpoint(t.Context(), editor, e.ID, bellhop.EndpointChange{Description: bellhop.Of("mine")})
		code(t, "changed by one who reaches one app", err, bellhop.CodeForbidden)
		// Others' terms have not become shorter by being shown.
		if now, err := h.Endpoint(t.Context(), owner, e.ID); err != nil || len(now.Terms) != 2 || len(now.Subjects) != 2 {
			t.Errorf("%+v, %v", now, err)
		}
	})
}

// TestReplayOfMissingGoesByTheApp: what an app's own terms rule out is not missing.
func TestReplayOfMissingGoesByTheApp(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		since := h.e.Now()
		for _, app := range []string{"acme", "globex"} {
			for _, kind := range []string{"a.b", "c.d"} {
				h.publish(`{}`, about(app, "", kind, `{}`))
			}
		}
		e := h.endpoint("a.example", bare, terms(t, `["acme",{"app":"globex","events":["c.*"]}]`), wanting("a.*"))
		wait(0)
		res, err := h.Replay(t.Context(), owner, e.ID, desk.Replay{Since: since, Until: since.Add(1 << 40), Status: bellhop.ReplayMissing})
		if err != nil || res.Enqueued != 2 {
			t.Fatalf("%+v, %v", res, err)
		}
		wait(0)
		var got []string
		for _, d := range h.deliveries(bellhop.DeliveryFilter{}) {
			got = append(got, d.App+" "+d.Type)
		}
		slices.Sort(got)
		if !slices.Equal(got, []string{"acme a.b", "globex c.d"}) {
			t.Errorf("%v", got)
		}
	})
}

func TestRecentSaysWhatWouldHaveMatched(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		for i := range 10 {
			h.publish(fmt.Sprintf(`{"n":%d}`, i), func(p *engine.Publication) { p.Subject = fmt.Sprint("ticket:", i) })
		}
		h.publish(`{}`, about("globex", "", "a.b", `{}`))
		for name, c := range map[string]struct {
			change []change
			want   desk.Recent
		}{
			"all":     {nil, desk.Recent{Events: 10, Matched: 10}},
			"type":    {[]change{wanting("invoice.refund")}, desk.Recent{Events: 10}},
			"subject": {[]change{subjects("ticket:1", "ticket:2")}, desk.Recent{Events: 10, Matched: 2}},
			"URN":     {[]change{subjects("urn:allthings:app:acme:ticket:*")}, desk.Recent{Events: 10, Matched: 10}},
			"filter": {[]change{func(c *bellhop.EndpointChange) {
				c.Filter = bellhop.Of(bellhop.JSON(`{"n":[{"numeric":[">",6]}]}`))
			}}, desk.Recent{Events: 10, Matched: 3}},
			"both apps": {[]change{of("acme", "globex")}, desk.Recent{Events: 11, Matched: 11}},
		} {
			e := h.endpoint("a.example", c.change...)
			if got, err := h.Recent(t.Context(), owner, e); err != nil || got != c.want {
				t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
			}
		}
	})
}

// TestRecentIsBounded: not every event is looked at, nor all of their data.
func TestRecentIsBounded(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		large := `"` + strings.Repeat("x", 200_000) + `"`
		for range 30 {
			h.publish(large)
		}
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Filter = bellhop.Of(bellhop.JSON(`{"n":[1]}`)) })
		if got, err := h.Recent(t.Context(), owner, e); err != nil || got.Events < 1 || got.Events > 22 {
			t.Errorf("with large data: %+v, %v", got, err)
		}
		for range 600 {
			h.publish(`{}`)
		}
		if got, err := h.Recent(t.Context(), owner, e); err != nil || got.Events != 500 {
			t.Errorf("of many: %+v, %v", got, err)
		}
	})
}
