package script

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
)

// hostile are scripts that want what they must not have. Each has the kind of fault that
// it ends with, or none, and what its message says.
var hostile = []struct {
	name, code string
	kind       Kind
	says       string
}{
	{"loop", `function transform() { for (;;); }`, KindTimeout, "100ms"},
	{"loop at the top", `while (true) {} function transform() {}`, KindTimeout, ""},
	{"loop that catches", `function transform() { for (;;) { try { for (;;); } catch {} finally { continue } } }`, KindTimeout, ""},
	{"loop by labels", `function transform() { a: for (;;) { b: for (;;) { try { continue a } finally { continue b } } } }`, KindTimeout, ""},
	{"recursion", `function transform() { return transform() }`, KindError, "stack overflow"},
	{"recursion that catches", `function f() { try { f() } catch { f() } } function transform() { f() }`, KindTimeout, ""},
	{"mutual recursion by getters", `const o = { get a() { return this.b }, get b() { return this.a } }; function transform() { return o.a }`, KindError, "stack overflow"},
	{"recursion of Proxy", `function transform() { const p = new Proxy({}, { get: (t, k, r) => r[k] }); return p.x }`, KindError, "stack overflow"},
	{"array bomb", `function transform() { const a = []; for (;;) a.push(new Array(1000).fill("x")) }`, KindMemory, "8 MB"},
	{"array of a thousand million", `function transform() { return { body: new Array(1e9).fill(0) } }`, KindMemory, ""},
	{"sparse array", `function transform() { const a = []; a[4294967294] = 1; return { body: a } }`, KindTimeout + " or " + KindMemory, ""},
	{"typed array", `function transform() { return { body: [...new Uint8Array(1 << 30)] } }`, KindMemory, ""},
	{"string bomb", `function transform() { let s = "x"; for (;;) s += s }`, KindError, "string too long"},
	{"repeat", `function transform() { return { body: "x".repeat(2 ** 30 - 2) } }`, KindMemory, ""},
	{"padding", `function transform() { return { body: "x".padEnd(2 ** 29, "abc") } }`, KindMemory, ""},
	{"replacement bomb", `function transform() { return { body: "x".repeat(1e5).replace(/x/g, "$&".repeat(1e5)) } }`, KindTimeout, ""},
	{"replaceAll bomb", `function transform() { let s = "aaaaaaaaaa"; for (;;) s = s.replaceAll("a", "aaaaaaaaaa") }`, KindTimeout, ""},
	{"String.raw bomb", `function transform() { return { body: String.raw({ raw: { length: 2 ** 53 - 1, 0: "x" } }) } }`, KindTimeout, ""},
	{"join bomb", `function transform() { return { body: Array(5e5).join("abcdefghijklmnopqrstuvwxyz") } }`, KindMemory, ""},
	{"closures", `function transform() { let f = null; for (;;) { const g = f; f = () => g } }`, KindMemory, ""},
	{"Map bomb", `function transform() { const m = new Map(); for (let i = 0; ; i++) m.set(i, { i }) }`, KindMemory, ""},
	{"symbols", `function transform() { for (let i = 0; ; i++) Symbol.for("s" + i) }`, KindTimeout + " or " + KindMemory, ""},
	{"catastrophic expression", `function transform() { return { body: /^(a+)+$/.test("a".repeat(40) + "b") } }`, KindTimeout, ""},
	{"catastrophic expression, natively", `function transform() { return { body: "x".repeat(60).match(/(x*x*x*x*x*)*y/) } }`, KindTimeout, ""},
	{"expression that needs memory", `function transform() { return { body: /(?:(a)|b|(c))*$/.exec("abc".repeat(1e6)) } }`, KindMemory, ""},
	{"big numbers", `function transform() { let n = 3n; for (;;) n *= n }`, KindTimeout, ""},
	{"one big product", `function transform() { const n = (1n << 500000n) + 1n; return { body: String((n * n) % 7n) } }`, KindTimeout, ""},
	{"power of big numbers", `function transform() { return { body: String(7n ** 999999999n) } }`, KindTimeout, ""},
	{"digits of big numbers", `function transform() { return { body: (1n << 1000000n).toString() } }`, KindTimeout, ""},
	{"sort that lies", `function transform() { const a = Array.from({ length: 2e4 }, (_, i) => i); a.sort(() => 1 - 2 * Math.random()); return { body: 1 } }`, KindTimeout, ""},
	{"sort that throws", `function transform() { [3, 1, 2].sort(() => { throw new Error("no order") }) }`, KindError, "no order"},
	{"native sort", `function transform() { const a = []; for (let i = 0; i < 60000; i++) a.push("k" + (i * 7919) % 60013); for (;;) a.sort().reverse() }`, KindTimeout, ""},
	{"JSON bomb", `function transform() { return JSON.parse("[".repeat(1e6)) }`, KindError, "stack overflow"},
	{"JSON that grows", `function transform() { let s = "1"; for (;;) s = JSON.stringify([s, s]) }`, KindMemory, ""},
	{"deep nesting", `function transform() { let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; return { body: o } }`, KindTimeout, ""},
	{"cyclic body", `function transform() { const o = {}; o.o = o; return { body: o } }`, KindResult, "circular"},
	{"body of a BigInt", `function transform() { return { body: { n: 1n } } }`, KindResult, "JSON"},
	{"body of a function", `function transform() { return { body: () => 1 } }`, KindResult, "a function"},
	{"toJSON for ever", `function transform() { return { body: { toJSON() { for (;;); } } } }`, KindTimeout, ""},
	{"toJSON that throws", `function transform() { return { body: { toJSON() { throw 1 } } } }`, KindError, "threw 1"},
	{"getter that throws", `function transform() { return { get body() { throw new RangeError("mine") } } }`, KindError, "RangeError: mine"},
	{"getter that counts", `let n = 0; function transform() { return { get body() { return "read " + ++n } } }`, "", ""},
	{"Proxy as a result", `function transform() { return new Proxy({}, { ownKeys() { for (;;); } }) }`, KindTimeout, ""},
	{"Proxy of endless keys", `function transform() { return { body: 1, headers: new Proxy({}, { ownKeys: () => Array.from({ length: 1e5 }, (_, i) => "h" + i), getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true, value: "x" }), get: () => "x" }) } }`, KindTimeout, ""},
	{"nothing", `function transform() {}`, KindResult, "nothing"},
	{"null", `function transform() { return null }`, KindResult, "null"},
	{"a number", `function transform() { return 200 }`, KindResult, "a number"},
	{"an array", `function transform(e) { return [e] }`, KindResult, "an array"},
	{"empty", `function transform() { return {} }`, KindResult, "no body"},
	{"unknown member", `function transform() { return { header: {}, body: 1 } }`, KindResult, `"header"`},
	{"header that is no string", `function transform() { return { headers: { a: 1 }, body: 1 } }`, KindResult, `"a" must be a string`},
	{"no function", `const transfrom = (e) => ({ body: e.data })`, KindError, "no function transform"},
	{"no JavaScript", "function transform(e) {\n  return { body: e. }\n}", KindSyntax, "2:"},
	{"a module", `export default (e) => ({ body: e.data })`, KindSyntax, "without modules"},
	{"import", `async function transform() { await import("fs"); return { body: 1 } }`, KindError, ""},
	{"throws nothing", `function transform() { throw undefined }`, KindError, "threw undefined"},
	{"throws null", `function transform() { throw null }`, KindError, "threw null"},
	{"throws a string", `function transform() { throw "odd" }`, KindError, `threw "odd"`},
	{"throws a Proxy", `function transform() { throw new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 2 } }) }`, KindError, "threw"},
	{"throws what cannot be shown", `function transform() { throw { toString() { for (;;); }, toJSON() { throw this } } }`, KindError, "threw"},
	{"throws an Error that lies", `function transform() { const e = new Error("x"); Object.defineProperty(e, "stack", { get() { throw 1 } }); throw e }`, KindError, "Error: x"},
	{"throws a long message", `function transform() { throw new Error("x".repeat(1e6)) }`, KindError, "xxx"},
	{"claims to have no memory", `function transform() { throw new InternalError("out of memory") }`, KindMemory, ""},
	{"promise for ever", `function transform() { return new Promise(() => {}) }`, KindError, "never settles"},
	{"promises without end", `async function f() { await 0; return f() } function transform() { return f() }`, KindMemory + " or " + KindTimeout, ""},
	{"await in a loop", `async function transform() { for (;;) await 0 }`, KindTimeout, ""},
	{"promise that rejects", `async function transform() { await 0; throw new Error("later") }`, KindError, "later"},
	{"thenable", `function transform() { return { then(f) { f({ body: 1 }) } } }`, KindResult, `"then"`},
	{"generator", `function* g() { for (;;) yield 1 } function transform() { return { body: [...g()] } }`, KindMemory, ""},
	{"iterator for ever", `function transform() { for (const x of { [Symbol.iterator]() { return { next: () => ({}) } } }); }`, KindTimeout, ""},
	{"eval", `function transform() { return { body: eval("for(;;);") } }`, KindTimeout, ""},
	{"Function", `function transform() { return { body: new Function("return this.process ?? this.require ?? 'nothing'")() } }`, "", ""},
	{"code by doubling", `function transform() { let s = "1"; for (;;) { s += "+" + s; eval(s) } }`, KindMemory + " or " + KindTimeout + " or " + KindError, ""},
	{"WeakRef", `function transform() { for (;;) new WeakRef({}) }`, KindTimeout + " or " + KindMemory, ""},
	{"FinalizationRegistry", `function transform() { const r = new FinalizationRegistry(() => { for (;;); }); r.register({}, 1); return { body: 1 } }`, "", ""},
	{"Atomics", `function transform() { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1e9); return { body: 1 } }`, KindError, ""},
	{"Intl", `function transform() { return { body: new Intl.NumberFormat("de").format(1) } }`, KindError, "Intl"},
	{"copying", `function transform() { const a = new Uint8Array(2 << 20); for (;;) a.copyWithin(1, 0) }`, KindTimeout, ""},
	{"filling", `function transform() { const a = new Uint8Array(4 << 20); for (;;) a.fill(7) }`, KindTimeout, ""},
	{"searching", `function transform() { const s = "a".repeat(1e6); for (;;) s.indexOf("ab") }`, KindTimeout, ""},
	{"normalizing", `function transform() { const s = "\u0344".repeat(1e5); for (;;) s.normalize("NFKD") }`, KindTimeout + " or " + KindMemory, ""},
	{"dates", `function transform() { for (;;) new Date(8.64e15).toLocaleString() }`, KindTimeout, ""},
	{"printing", `function transform() { for (;;) console.log("x".repeat(1e4)) }`, KindTimeout, ""},
	{"printing by a getter", `function transform() { console.log({ get a() { for (;;); } }); return { body: 1 } }`, KindTimeout, ""},
	{"body that is too large", `function transform() { return { body: "x".repeat(300000) } }`, KindResult, "262144"},
	{"prelude broken", `JSON.stringify = JSON.parse = Object.keys = Array.isArray = String.prototype.slice = RegExp.prototype.exec = () => { throw 1 }; function transform() { return { body: { a: 1 } } }`, "", ""},
	{"prototypes broken", `Object.prototype.body = "polluted"; Array.prototype[Symbol.iterator] = null; Object.defineProperty(Object.prototype, "method", { set() { throw 1 } }); function transform() { return { body: 1 } }`, "", ""},
	{"toJSON of everything", `Object.prototype.toJSON = String.prototype.toJSON = () => 7; function transform() { return { headers: { a: "b" }, body: {} } }`, KindResult, "cannot be read"},
	{"everything gone", `for (const k of Object.getOwnPropertyNames(globalThis)) { try { delete globalThis[k] } catch {} } function transform() { return { body: { a: 1 } } }`, "", ""},
	{"engine's end", `function transform() { quit?.(); }`, KindError, "quit"},
}

// TestHostileScripts lets scripts of every bad intent run on one app's engines. Each ends
// within its bounds, as what it is, and the next event of another script is served as if
// nothing had been.
func TestHostileScripts(t *testing.T) {
	s := newSandbox(t, Options{})
	budget := s.newRun(t.Context(), 1).budget
	good := func(t *testing.T) string {
		t.Helper()
		r, _, err := s.Run(t.Context(), "acme", Script{Code: reshape}, concert, false)
		if err != nil {
			t.Fatalf("the good script failed: %v", err)
		}
		return string(r.Body)
	}
	want := good(t)
	if len(hostile) < 25 {
		t.Fatal("too few")
	}
	for _, h := range hostile {
		t.Run(h.name, func(t *testing.T) {
			began := time.Now()
			r, trace, err := s.Run(t.Context(), "acme", Script{Code: h.code}, concert, true)
			took := time.Since(began)
			fault, _ := errors.AsType[*Fault](err)
			switch {
			case err != nil && fault == nil:
				t.Fatalf("failed: %v", err)
			case h.kind == "" && err != nil:
				t.Errorf("failed: %+v", *fault)
			case h.kind != "" && err == nil:
				t.Errorf("gave %.200q", r.Body)
			case fault != nil && !strings.Contains(string(h.kind), string(fault.Kind)):
				t.Errorf("is a fault of kind %q: %.300s", fault.Kind, fault.Error())
			case fault != nil && (!strings.Contains(fault.Error(), h.says) || len(fault.Message) > 1200):
				t.Errorf("says %.300q", fault.Error())
			}
			if used := s.last.Load(); used.work > budget+2*sliceOfWork || used.heap > s.o.Heap+512<<10 {
				t.Errorf("did %d units of work and used %d bytes; %d and %d are allowed", used.work, used.heap, budget, s.o.Heap)
			}
			if limit := 50 * s.o.Deadline; took > limit || trace.Duration > limit {
				t.Errorf("took %s", took)
			}
			if len(trace.Logs) > maxLogs+1 {
				t.Errorf("printed %d lines", len(trace.Logs))
			}
			if got := good(t); got != want {
				t.Errorf("afterwards, a good script gave %s", got)
			}
		})
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 64<<20 {
		t.Errorf("%d MB are in use", m.HeapAlloc>>20)
	}
	if n := len(s.pool.idle); n != 1 || s.pool.idle[0].memory.Size() > 16<<20 {
		t.Errorf("%d engines are kept, of one app that ran one script at a time", n)
	}
}
