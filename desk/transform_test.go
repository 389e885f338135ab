package desk_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/memstore"
)

func scripted(code string, onError ...bellhop.OnError) func(*bellhop.EndpointChange) {
	t := &bellhop.Transform{Code: code}
	if len(onError) > 0 {
		t.OnError = onError[0]
	}
	return func(c *bellhop.EndpointChange) { c.Transform = bellhop.Of(t) }
}

// TestATransformationWrittenBrokenAndFixed follows events through it: none is sent as it
// was, and none is lost.
func TestATransformationWrittenBrokenAndFixed(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, seldom)
		e := h.endpoint("a.example", scripted(`function transform(event) { return { body: "n is " + event.data.n.toFixed(1) } }`))
		failing := h.endpoint("b.example", scripted(`function transform(event) { return { body: event.data.n.toFixed(1) } }`, bellhop.OnErrorFail))
		h.publish(`{"n":1}`)
		wait(time.Second)
		broken := h.publish(`{"m":2}`)
		h.publish(`{"n":3}`)
		wait(30 * 24 * time.Hour / 2)
		bodies := func(host string) (list []string) {
			for _, r := range h.net.at(host) {
				list = append(list, r.body)
			}
			return list
		}
		if got := strings.Join(bodies("a.example"), ", "); got != "n is 1.0, n is 3.0" {
			t.Fatalf("a.example got %s", got)
		}
		if got := strings.Join(bodies("b.example"), ", "); got != "1.0, 3.0" {
			t.Errorf("b.example got %s", got)
		}
		held := h.attempts(bellhop.AttemptFilter{Event: broken, Endpoint: e.ID})
		if len(held) != 1 || held[0].Final || held[0].Reason != bellhop.ReasonTransform || !held[0].NextAt.IsZero() ||
			!strings.Contains(held[0].Detail, "1:66: TypeError: cannot read property 'toFixed' of undefined") {
			t.Errorf("%+v", held)
		}
		if failed := h.attempts(bellhop.AttemptFilter{Event: broken, Endpoint: failing.ID}); len(failed) != 1 || !failed[0].Final || failed[0].Status != bellhop.AttemptFailed {
			t.Errorf("%+v", failed)
		}
		h.set(e.ID, bellhop.EndpointChange{Transform: bellhop.Of(&bellhop.Transform{Code: `function transform(event) {
			if (!event.data.n) return { skip: "no n" };
			return { body: 1 } }`})})
		wait(time.Minute)
		all := h.attempts(bellhop.AttemptFilter{Event: broken, Endpoint: e.ID})
		if len(all) != 2 || !all[1].Final || all[1].Status != bellhop.AttemptCanceled || all[1].Reason != bellhop.ReasonSkipped || !strings.Contains(all[1].Detail, "no n") {
			t.Errorf("%+v", all)
		}
		for _, a := range h.attempts(bellhop.AttemptFilter{Endpoint: e.ID}) {
			a, err := h.Attempt(t.Context(), owner, a.ID)
			if err != nil {
				t.Fatal(err)
			}
			if a.Status == bellhop.AttemptSucceeded && !strings.HasPrefix(string(a.RequestBody), "n is ") {
				t.Errorf("the log shows %q", a.RequestBody)
			}
		}
		// The next one is broken, and taken off: what is held goes out as the dialect has it.
		h.set(e.ID, bellhop.EndpointChange{Transform: bellhop.Of(&bellhop.Transform{Code: `function transform() { throw new Error("never") }`})})
		h.publish(`{"n":4}`)
		wait(time.Hour)
		h.set(e.ID, bellhop.EndpointChange{Transform: bellhop.Of[*bellhop.Transform](nil)})
		wait(time.Minute)
		if got := bodies("a.example"); len(got) != 3 || !strings.Contains(got[2], `"data":{"n":4}`) {
			t.Errorf("a.example got %q", got)
		}
	})
}

// TestAHandlerSwitchedOff: one that is written as for Svix makes the requests; switched off,
// it is kept and does not, and what it failed on goes out.
func TestAHandlerSwitchedOff(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, seldom)
		script := bellhop.Transform{
			Code:     `function handler(w) { w.payload = [w.eventType, w.url, w.payload.n.toFixed(1)]; return w }`,
			Function: bellhop.FunctionHandler,
		}
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Transform = bellhop.Of(&script) })
		h.publish(`{"n":1}`)
		h.publish(`{"m":2}`)
		wait(time.Hour)
		off := script
		off.Disabled = true
		h.set(e.ID, bellhop.EndpointChange{Transform: bellhop.Of(&off)})
		wait(time.Minute)
		if saved, err := h.Endpoint(t.Context(), owner, e.ID); err != nil || *saved.Transform != off {
			t.Errorf("it is %+v, %v", saved.Transform, err)
		}
		h.set(e.ID, bellhop.EndpointChange{Transform: bellhop.Of(&script)})
		h.publish(`{"n":3}`)
		wait(time.Minute)
		got := h.net.at("a.example")
		if len(got) != 3 || got[0].body != `["invoice.purchase","`+e.URL+`","1.0"]` || !strings.Contains(got[1].body, `"data":{"m":2}`) || !strings.Contains(got[2].body, `"3.0"`) {
			t.Errorf("it got %+v", got)
		}
	})
}

func TestTransformationsAreChecked(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		for _, c := range []struct{ code, onError, field, says string }{
			{"function transform(e) {\n  return { body: 1 ]\n}", "", "transform.code", "2:20: SyntaxError: expecting '}'"},
			{"const f = 1", "", "transform.code", "defines no function transform"},
			{" ", "", "transform.code", "is missing"},
			{"for (;;);", "", "transform.code", "did not end"},
			{"//" + strings.Repeat("x", 65536), "", "transform.code", "at most 65536"},
			{"function transform() {}", "panic", "transform.on_error", "must be"},
		} {
			_, _, err := h.CreateEndpoint(t.Context(), owner, hook("a.example", scripted(c.code, bellhop.OnError(c.onError))))
			code(t, c.code[:min(len(c.code), 50)], err, bellhop.CodeInvalid, c.field)
			if err != nil && !strings.Contains(err.(*bellhop.Error).Fields[0].Detail, c.says) {
				t.Errorf("%.50s: %v", c.code, err)
			}
		}
		_, _, err := h.CreateEndpoint(t.Context(), owner, hook("a.example", func(c *bellhop.EndpointChange) {
			c.Transform = bellhop.Of(&bellhop.Transform{Code: "function main() {}", Function: "main"})
		}))
		code(t, "a function that there is not", err, bellhop.CodeInvalid, "transform.function")
		if len(h.all()) != 0 {
			t.Error("an endpoint was made")
		}
	})
}

func TestWhoWritesTransformations(t *testing.T) {
	const good, other = `function transform() { return { body: 1 } }`, `function transform() { return { body: 2 } }`
	editor, admin := as(bellhop.RoleEditor, "acme"), as(bellhop.RoleAdmin, "acme")
	for _, c := range []struct {
		writers       desk.Writers
		editor, admin bool
	}{{"", true, true}, {desk.WritersEditors, true, true}, {desk.WritersAdmins, false, true}, {desk.WritersNobody, false, false}} {
		simulate(t, func(t *testing.T) {
			h := openOn(t, memstore.New(), desk.Options{Transformations: c.writers})
			ctx := t.Context()
			for p, may := range map[*bellhop.Principal]bool{&editor: c.editor, &admin: c.admin} {
				if h.MayTransform(*p) != may {
					t.Errorf("%q: %s: MayTransform says %v", c.writers, p.Role, !may)
				}
				plain := h.endpoint(string(p.Role) + ".example")
				set := func(t *bellhop.Transform) error {
					_, err := h.UpdateEndpoint(ctx, *p, plain.ID, bellhop.EndpointChange{Name: bellhop.Of("x"), Transform: bellhop.Of(t)})
					return err
				}
				_, created, _ := h.CreateEndpoint(ctx, *p, hook(string(p.Role)+"2.example", scripted(good)))
				_, err := h.TestTransformation(ctx, *p, desk.TransformTest{Code: good})
				if may != (created != "") || may != (err == nil) || may != (set(&bellhop.Transform{Code: other}) == nil) {
					t.Errorf("%q: %s: want %v", c.writers, p.Role, may)
				}
				if !may {
					code(t, "a test", err, bellhop.CodeForbidden, "transform")
				}
				if err := set(h.e.Routes().Routes().Endpoint(plain.ID).Transform); err != nil {
					t.Errorf("%q: %s: sent back as it was: %v", c.writers, p.Role, err)
				}
			}
		})
	}
	simulate(t, func(t *testing.T) {
		h := open(t)
		e := h.endpoint("a.example", scripted(good))
		if seen, err := h.Endpoint(t.Context(), as(bellhop.RoleViewer, "acme"), e.ID); err != nil || seen.Transform.Code != desk.Hidden {
			t.Errorf("a viewer sees %+v, %v", seen.Transform, err)
		}
		if seen, err := h.Endpoint(t.Context(), editor, e.ID); err != nil || seen.Transform.Code != good {
			t.Errorf("an editor sees %+v, %v", seen.Transform, err)
		}
	})
}

// TestTestOfATransformation checks that it shows what a delivery would send, of events
// that happened, too, and only of one's own.
func TestTestOfATransformation(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		const script = `function transform(event) { console.log("of", event.app); return { body: { random: Math.random(), event } } }`
		h.endpoint("a.example", scripted(script))
		e := h.publish(`{"n":1.10}`)
		wait(time.Second)
		sent := h.net.at("a.example")
		if len(sent) != 1 {
			t.Fatalf("%d requests", len(sent))
		}
		editor := as(bellhop.RoleEditor, "acme")
		got, err := h.TestTransformation(t.Context(), editor, desk.TransformTest{Code: script, Event: e})
		if err != nil || got.Fault != nil || got.Request == nil || string(got.Request.Body) != sent[0].body {
			t.Errorf("%+v, %v; sent was %s", got, err, sent[0].body)
		}
		if len(got.Logs) != 1 || got.Logs[0] != "of acme" || !strings.Contains(string(got.Original), `"data":{"n":1.10}`) || got.Used <= 0 {
			t.Errorf("%+v", got)
		}
		_, err = h.TestTransformation(t.Context(), as(bellhop.RoleEditor, "globex"), desk.TransformTest{Code: script, Event: e})
		code(t, "an event of another app", err, bellhop.CodeNotFound)
		if err = h.EraseEvent(t.Context(), owner, e); err != nil {
			t.Fatal(err)
		}
		_, err = h.TestTransformation(t.Context(), editor, desk.TransformTest{Code: script, Event: e})
		code(t, "an erased event", err, bellhop.CodeInvalid, "event_id")
		if n := len(h.net.at("a.example")); n != 1 {
			t.Errorf("tests sent %d requests", n-1)
		}
	})
}

// TestATransformationIsTestedAndPreviewed checks that a preview and a test of the endpoint
// go through the script, and the call of a dialect's own does not.
func TestATransformationIsTestedAndPreviewed(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		script := scripted(`function transform(event) { return { body: "of " + event.type } }`)
		v, err := h.Preview(t.Context(), owner, desk.PreviewRequest{Endpoint: hook("a.example", script), Type: "a.b"})
		if err != nil || string(v.Body) != "of a.b" {
			t.Errorf("preview: %s, %v", v.Body, err)
		}
		_, err = h.Preview(t.Context(), owner, desk.PreviewRequest{Endpoint: hook("a.example", scripted(`function transform(e) { return e.nothing.at }`))})
		code(t, "preview of a script that fails", err, bellhop.CodeInvalid, "data")
		e := h.endpoint("a.example", script)
		if a, err := h.TestEndpoint(t.Context(), owner, e.ID, "a.c", nil); err != nil || a.Status != bellhop.AttemptSucceeded || string(a.RequestBody) != "of a.c" {
			t.Errorf("test: %+v, %v", a, err)
		}
		h.net.on("b.example", status(200))
		h.endpoint("b.example", script, func(c *bellhop.EndpointChange) { c.Dialect = bellhop.Of("allthings") })
		if got := h.net.at("b.example"); len(got) != 1 || strings.HasPrefix(got[0].body, "of ") {
			t.Errorf("verified with %+v", got)
		}
	})
}

// TestPeopleDoNotStandInLine has events wait for a slow script, and tries it out and
// corrects it meanwhile.
func TestPeopleDoNotStandInLine(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		e := h.endpoint("slow.example", scripted(`function transform() { for (let i = 0; i < 200000; i++); return { body: 1 } }`))
		done := func() int { return len(h.net.at("slow.example")) }
		for range 20 {
			h.publish(`{}`)
		}
		for done() == 0 {
			runtime.Gosched()
		}
		for name, do := range map[string]func() error{
			"a test": func() error { _, err := h.TestEndpoint(t.Context(), owner, e.ID, "", nil); return err },
			"a preview": func() error {
				_, err := h.Preview(t.Context(), owner, desk.PreviewRequest{Endpoint: hook("slow.example", scripted(`function transform() { return { body: 2 } }`))})
				return err
			},
			"a save": func() error {
				_, err := h.UpdateEndpoint(t.Context(), owner, e.ID, bellhop.EndpointChange{Transform: bellhop.Of(&bellhop.Transform{Code: `function transform() { return { body: 3 } }`})})
				return err
			},
		} {
			before := done()
			if err := do(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if n := done() - before; n > 3*runtime.GOMAXPROCS(0) {
				t.Errorf("%d events went before %s", n, name)
			}
		}
		wait(time.Minute)
		if done() != 21 {
			t.Errorf("%d were sent of 20 and a test", done())
		}
	})
}
