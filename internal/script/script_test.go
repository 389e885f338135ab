package script

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var concert = Event{
	ID: "evt_1", Type: "order.paid", App: "acme", Subject: "orders:5", Time: time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC),
	Data: []byte(`{"id":5,"customer":{"name":"Ann","email":"ann@example.com"},"items":[{"name":"Concert","price":"10.00"},{"name":"Museum","price":"12.00"},{"name":"Cinema","price":"9.50"}],"note":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}`),
}

const reshape = `
// Makes a message of an order.
function transform(event) {
  const { id, customer, items } = event.data;
  return {
    headers: { "X-Order": String(id) },
    body: {
      text: "Order " + id + " of " + customer.name + ": " + items.map((i) => i.name).join(", "),
      total: items.reduce((sum, i) => sum + Number(i.price), 0).toFixed(2),
      at: event.time,
    },
  };
}`

// newSandbox gives a sandbox, and closes it with the test.
func newSandbox(t testing.TB, o Options) *Sandbox {
	s := New(o)
	t.Cleanup(s.Close)
	return s
}

// body runs a script that is good.
func body(t testing.TB, s *Sandbox, app, code string, e Event) string {
	t.Helper()
	r, _, err := s.Run(t.Context(), app, Script{Code: code}, e, false)
	if err != nil {
		t.Fatal(err)
	}
	return string(r.Body)
}

func TestRun(t *testing.T) {
	s := newSandbox(t, Options{})
	r, trace, err := s.Run(t.Context(), "acme", Script{Code: reshape}, concert, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(r.Body); got != `{"text":"Order 5 of Ann: Concert, Museum, Cinema","total":"31.50","at":"2026-03-04T05:06:07.008Z"}` {
		t.Errorf("body %s", got)
	}
	if len(r.Header) != 1 || r.Header[0] != (Header{"X-Order", "5"}) || r.Method != "" || r.URL != "" || r.Skip {
		t.Errorf("%+v", r)
	}
	if trace.Duration <= 0 || trace.Used <= 0 || trace.Used > 0.01 {
		t.Errorf("%+v", trace)
	}
	for _, c := range []struct{ name, result, want string }{
		{"all of the event", `body: event`, `{"id":"evt_1","type":"order.paid","app":"acme","subject":"orders:5","time":"2026-03-04T05:06:07.008Z","data":{"a":"ä\"\\\u0000😀"}}`},
		{"text", `body: "as it is"`, `as it is`},
		{"empty text", `body: ""`, ``},
		{"text with a zero", `body: "a\0b\n"`, "a\x00b\n"},
		{"text of all planes", `body: event.data.a`, "ä\"\\\x00😀"},
		{"half a surrogate", `body: "a\ud83d"`, "a\uFFFD"},
		{"null", `body: null`, `null`},
		{"a number", `body: 0.1 + 0.2`, `0.30000000000000004`},
		{"no body", `method: "DELETE"`, ``},
		{"not skipped", `skip: false, body: 1`, `1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := concert
			e.Data = []byte("{\"a\":\"ä\\\"\\\\\\u0000😀\"}")
			if got := body(t, s, "acme", "function transform(event) { return { "+c.result+" } }", e); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	r, _, err = s.Run(t.Context(), "acme", Script{Code: `const transform = async (e) => ({ method: "PUT", url: await "https://example.com/" + e.data.id, body: "", headers: {} })`}, concert, false)
	if err != nil || r.Method != "PUT" || r.URL != "https://example.com/5" || len(r.Header) != 0 {
		t.Errorf("%+v %v", r, err)
	}
	for code, want := range map[string]Result{
		`function transform() { return { skip: true } }`:                     {Skip: true},
		`function transform() { return { skip: "not a concert", body: 1 } }`: {Skip: true, Reason: "not a concert"},
	} {
		if r, _, err = s.Run(t.Context(), "acme", Script{Code: code}, concert, false); err != nil || r.Skip != want.Skip || r.Reason != want.Reason || r.Body != nil {
			t.Errorf("%+v %v", r, err)
		}
	}
}

// TestLogsAreBounded checks that printing much costs a script neither its result nor, when it
// is tried out, what it would not cost it in a delivery.
func TestLogsAreBounded(t *testing.T) {
	s := newSandbox(t, Options{})
	const code = `function transform(e) { for (let i = 0; i < 5000; i++) console.log("line", i, e.data); return { body: 1 } }`
	for _, logs := range []bool{false, true} {
		r, trace, err := s.Run(t.Context(), "acme", Script{Code: code}, concert, logs)
		if err != nil || string(r.Body) != "1" || trace.Used > 0.2 {
			t.Errorf("%q, %v of the deadline, %v", r.Body, trace.Used, err)
		}
		if n := len(trace.Logs); logs && (n != maxLogs+1 || trace.Logs[99][:7] != "line 99" || !strings.Contains(trace.Logs[100], "first 100")) || !logs && n != 0 {
			t.Errorf("%d lines are kept", n)
		}
	}
}

// TestPlaces checks that errors name the place at which their author finds them.
func TestPlaces(t *testing.T) {
	s := newSandbox(t, Options{})
	for _, c := range []struct{ name, code, want string }{
		{"error", "function transform(e) {\n  return { body: e.data.buyer.name }\n}", "2:30: TypeError: cannot read property 'name' of undefined"},
		{"error in the first line", "function transform(e) { return e.nothing.at }", "1:41: TypeError: cannot read property 'at' of undefined"},
		{"error at the top", "\n\nmissing()\nfunction transform() {}", "3:1: ReferenceError: 'missing' is not defined"},
		{"error further in", "function transform(e) { return helper(e) }\nconst helper = (e) => {\n  throw new Error('no helper')\n}", "3:18: Error: no helper"},
		{"syntax", "function transform(e) {\n  return { body: 1 ]\n}", "2:20: SyntaxError: expecting '}'"},
		{"only right inside a function", "return { body: 1 }", "1:1: SyntaxError: return not in a function"},
		{"out of the function", "}); (function () {", "1:1: SyntaxError: unexpected token in expression: '}'"},
		{"not text", "\xff", "the script is not text in UTF-8"},
		{"too long", "//" + strings.Repeat("x", MaxCode), "the script has 65538 bytes; at most 65536 are allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := s.Run(t.Context(), "acme", Script{Code: c.code}, concert, false)
			if fault, ok := errors.AsType[*Fault](err); !ok || fault.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	if err := s.Check(t.Context(), "acme", Script{Code: "function transform(e) {"}); err == nil {
		t.Error("Check finds nothing wrong with half a function")
	}
	for code, want := range map[string]string{
		"for (;;); function transform() {}":     "the script did not end within 100ms",
		"const f = () => 1":                     "the script defines no function transform: write function transform(event) { return { body: event.data } }",
		"\nnothing.at; function transform() {}": "2:1: ReferenceError: 'nothing' is not defined",
	} {
		if err := s.Check(t.Context(), "acme", Script{Code: code}); err == nil || err.Error() != want {
			t.Errorf("of %s, Check says %v", code, err)
		}
	}
	if err := s.Check(t.Context(), "acme", Script{Code: reshape}); err != nil {
		t.Error(err)
	}
	long := "function transform() { return { body: 1 } }\n" + strings.Repeat("/^a+(b|c)*$/g;\n", (MaxCode-50)/15)
	if got := body(t, s, "acme", long, concert); got != "1" {
		t.Errorf("a script of %d bytes gave %s", len(long), got)
	}
}

// TestNothingStays lets a script leave something wherever something could be left. The
// next event must not find it.
func TestNothingStays(t *testing.T) {
	s := newSandbox(t, Options{})
	const code = `
let closed = 0;
const re = /a/g, held = [], weak = new WeakMap();
function transform(event) {
  const found = [];
  if (closed) found.push("a closure");
  if (globalThis.left) found.push("a global");
  if (typeof leaked !== "undefined") found.push("a variable");
  if ({}.polluted || [].polluted || "".polluted) found.push("a prototype");
  if (re.lastIndex || RegExp.lastIndex) found.push("an expression's index");
  if (held.length || transform.calls) found.push("an object");
  if (Symbol.for("mine").description !== "mine" || Symbol.keyFor(Symbol.iterator)) found.push("a symbol");
  if (JSON.stringify({ a: 1 }) !== '{"a":1}' || Math.max(1, 2) !== 2) found.push("a function");
  if (Array.prototype.map.toString().includes("stolen")) found.push("a method");
  if (event.data.n === 3) throw new Error("in the middle");
  closed++;
  globalThis.left = event;
  leaked = event;
  Object.prototype.polluted = Array.prototype.polluted = event;
  re.test("aaa");
  held.push(event);
  transform.calls = 1;
  Math.max = () => 0;
  const result = { body: { found, random: Math.random(), now: Date.now(), date: new Date().toString() } };
  Array.prototype.map = function stolen() { return [event] };
  Promise.resolve().then(() => { globalThis.late = event });
  return result;
}`
	var want string
	for n := range 6 {
		e := concert
		e.Data = []byte(`{"n":` + strconv.Itoa(n) + `}`)
		r, _, err := s.Run(t.Context(), "acme", Script{Code: code}, e, false)
		if n == 3 {
			if err == nil {
				t.Fatal("it did not fail")
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = string(r.Body)
			if !strings.HasPrefix(want, `{"found":[],`) {
				t.Fatal(want)
			}
		}
		if string(r.Body) != want {
			t.Errorf("event %d found %s instead of %s", n, r.Body, want)
		}
	}
}

// TestMemoryIsRestored compares the whole memory, wherever in it anything may be.
func TestMemoryIsRestored(t *testing.T) {
	s := newSandbox(t, Options{})
	if err := s.Check(t.Context(), "acme", Script{Code: reshape}); err != nil {
		t.Fatal(err)
	}
	in := s.pool.take("acme")
	memory := func() []byte {
		all, _ := in.memory.Read(0, in.memory.Size())
		return append([]byte(nil), all...)
	}
	im, err := s.load(t.Context(), in, Script{Code: reshape})
	if err != nil {
		t.Fatal(err)
	}
	in.restore(im)
	before := memory()
	for _, e := range []Event{concert, {ID: "evt_2", Data: []byte(`"` + strings.Repeat("secret", 1e5) + `"`)}} {
		_, _, err := s.run(t.Context(), in, im, Script{Code: reshape}, e, true)
		if e.ID == "evt_1" && err != nil {
			t.Fatal(err)
		}
		in.restore(im)
		after := memory()
		for i := range after {
			if after[i] != before[i] {
				t.Fatalf("after %s, the byte at %d is another", e.ID, i)
			}
		}
	}
	in.close()
}

// TestDeterministic runs scripts that ask for what differs elsewhere, on other engines
// and in other sandboxes.
func TestDeterministic(t *testing.T) {
	const code = `function transform(e) {
	  const o = {}; for (let i = 0; i < 50; i++) o["k" + Math.floor(Math.random() * 1e6)] = i;
	  return { body: { o, now: Date.now(), date: new Date(), local: new Date(2026, 0, 1).getTime(), zone: new Date().getTimezoneOffset(),
	    text: new Date().toString(), random: [Math.random(), Math.random()], sorted: [3, 1, 2].sort(() => Math.random() - 0.5) } } }`
	want := body(t, newSandbox(t, Options{}), "acme", code, concert)
	if !strings.Contains(want, `"now":1772600767008,"date":"2026-03-04T05:06:07.008Z","local":1767225600000,"zone":0,`) {
		t.Error(want)
	}
	s := newSandbox(t, Options{})
	for _, app := range []string{"acme", "acme", "other"} {
		if got := body(t, s, app, code, concert); got != want {
			t.Errorf("another run gave\n%s\ninstead of\n%s", got, want)
		}
	}
	other := concert
	other.ID = "evt_2"
	if got := body(t, s, "acme", code, other); got == want {
		t.Error("another event has the same random numbers")
	}
	if r, _, _ := s.Run(t.Context(), "acme", Script{Code: "const begun = Date.now() + Math.random(); function transform(e) { return { body: begun } }"}, concert, false); !strings.HasPrefix(string(r.Body), "1772600767008.") {
		t.Errorf("outside of the function, the clock says %s", r.Body)
	}
	// Where a script times out does not depend on the machine either.
	work := map[int64]bool{}
	for range 3 {
		if _, _, err := s.Run(t.Context(), "acme", Script{Code: "function transform() { for (;;) /(a+)+b/.test('aaaaaaaaaaaaaaaa') }"}, concert, false); err == nil {
			t.Fatal("it ended")
		}
		work[s.last.Load().work] = true
	}
	if len(work) != 1 {
		t.Errorf("the deadline came after so much work: %v", work)
	}
}

// TestAppsShareNothing checks that no engine serves two apps, and that few are kept.
func TestAppsShareNothing(t *testing.T) {
	s := newSandbox(t, Options{Instances: 3})
	served := map[*instance]string{}
	for i := range 40 {
		app := fmt.Sprint("app", i%5)
		body(t, s, app, reshape, concert)
		if len(s.pool.idle) > 3 {
			t.Fatalf("%d engines are kept", len(s.pool.idle))
		}
		for _, in := range s.pool.idle {
			if was, ok := served[in]; ok && was != in.app {
				t.Fatalf("an engine served %s and %s", was, in.app)
			}
			served[in] = in.app
		}
	}
	for key := range s.images.byKey {
		delete(served, nil)
		if key.app == "" {
			t.Error("what was made of a script belongs to no app")
		}
	}
	if n := len(s.images.byKey); n != 5 {
		t.Errorf("%d images are kept of five apps with one script each", n)
	}
}

func TestImagesAreBounded(t *testing.T) {
	s := newSandbox(t, Options{Images: 100 << 10})
	for i := range 30 {
		body(t, s, "acme", fmt.Sprintf("%s // %d", reshape, i), concert)
		if s.images.bytes > 100<<10 || len(s.images.byKey) != s.images.used.Len() {
			t.Fatalf("%d bytes are kept, of %d scripts", s.images.bytes, len(s.images.byKey))
		}
	}
}

func TestIdleEnginesAreDropped(t *testing.T) {
	s := newSandbox(t, Options{})
	if err := s.engine.ready(uint64(s.o.Heap)); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		body(t, s, "acme", reshape, concert)
		time.Sleep(idleFor / 2)
		body(t, s, "other", reshape, concert)
		time.Sleep(idleFor - time.Second)
		s.pool.mu.Lock()
		n := len(s.pool.idle)
		s.pool.mu.Unlock()
		if n == 0 {
			t.Error("an engine was dropped too early")
		}
		time.Sleep(2 * idleFor)
		synctest.Wait()
		if s.pool.take("acme") != nil || s.pool.take("other") != nil || s.pool.timer != nil {
			t.Error("engines are kept that nobody uses")
		}
	})
}

// TestNewIsFree checks that a process without scripts pays nothing.
func TestNewIsFree(t *testing.T) {
	if n := testing.AllocsPerRun(10, func() { New(Options{}) }); n > 8 {
		t.Errorf("%v allocations", n)
	}
	if s := New(Options{Heap: 4 << 20}); s.engine.base != nil || s.pool.timer != nil {
		t.Error("something was made already")
	}
}

// TestNeighbours lets an app run scripts that end at the deadline, as many at a time as it
// can. Those of another, which are quick, go on beside them.
func TestNeighbours(t *testing.T) {
	s := newSandbox(t, Options{Running: 2})
	body(t, s, "quick", reshape, concert)
	ctx, stop := context.WithCancel(t.Context())
	var slow atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for ctx.Err() == nil {
				_, _, err := s.Run(ctx, "slow", Script{Code: "function transform() { for (;;); }"}, concert, false)
				if fault, ok := errors.AsType[*Fault](err); ok && fault.Kind == KindTimeout {
					slow.Add(1)
				}
			}
		})
	}
	for slow.Load() == 0 { // until it is under way
		body(t, s, "quick", reshape, concert)
	}
	before, quick := slow.Load(), 0
	for slow.Load() < before+5 {
		body(t, s, "quick", reshape, concert)
		quick++
	}
	stop()
	wg.Wait()
	if quick < 100 {
		t.Errorf("while 5 slow scripts ran, %d quick ones of a neighbour did", quick)
	}
	t.Logf("%d quick scripts beside 5 slow ones", quick)
	if s.slots.running != 0 || s.slots.all.here != 0 {
		t.Errorf("%d slots are still taken, by %d runs", s.slots.running, s.slots.all.here)
	}
}

// TestCanceled ends a run in the middle.
func TestCanceled(t *testing.T) {
	s := newSandbox(t, Options{Deadline: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	if err := s.Check(ctx, "acme", Script{Code: "function transform() { for (;;); }"}); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _, err := s.Run(ctx, "acme", Script{Code: "function transform() { for (;;); }"}, concert, false)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n := len(s.pool.idle); n > 1 {
		t.Errorf("%d engines", n)
	}
}

func BenchmarkRun(b *testing.B) {
	s := newSandbox(b, Options{})
	b.ReportAllocs()
	for b.Loop() {
		body(b, s, "acme", reshape, concert)
	}
}

func BenchmarkRestore(b *testing.B) {
	s := newSandbox(b, Options{})
	body(b, s, "acme", reshape, concert)
	in := s.pool.take("acme")
	im, err := s.load(b.Context(), in, Script{Code: reshape})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		in.restore(im)
	}
}

func BenchmarkInstantiate(b *testing.B) {
	s := newSandbox(b, Options{})
	body(b, s, "acme", reshape, concert)
	for b.Loop() {
		in, err := s.engine.instantiate()
		if err != nil {
			b.Fatal(err)
		}
		in.close()
	}
}
