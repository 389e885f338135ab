package script

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

//go:embed prelude.js
var prelude string

// instance is one engine with a memory of its own. It is used by one goroutine at a time.
type instance struct {
	module      api.Module
	memory      api.Memory
	fuel, stack api.MutableGlobal

	malloc, newString, call, getString, resolve, eval, jobs api.Function
	names                                                   addresses

	run *run
	// app is the one whose scripts it runs, and worked what they have done in it.
	app    string
	worked int64
	// spoiled says that it is not to be used again.
	spoiled bool
	idle    time.Time
	// begun is how far the heap reached when it began.
	begun uint32
}

// addresses are where things are that each instance has at the same place, since all
// begin as copies of one.
type addresses struct {
	// end is where the word is that says how far the heap reaches.
	end uint32
	// top is the stack pointer at rest.
	top                       uint32
	runtime, context          uint64
	undefined, argument, name uint64
	load, loadHandler         uint64
	check, runScript          uint64
	settle, tellOf            uint64
}

// run is what one run may use, and what is seen of it.
type run struct {
	ctx context.Context
	// budget is the work that is left, slice what of it was given out last.
	budget, slice int64
	spent         int64
	// busy is how long the processor was held, since last.
	busy, most time.Duration
	last       time.Time
	clock      float64 // milliseconds since 1970, as the script sees them
	full       bool    // memory was asked for and not given
	logs       *[]string
}

const (
	// sliceOfWork is how much is done between two looks at the clock, about half a
	// millisecond: the Go scheduler cannot interrupt the engine, so it has to ask.
	sliceOfWork = 50_000
	// longestSlice is how much of a slice's time counts.
	longestSlice = 100 * time.Millisecond
	maxLogs      = 100
)

var (
	errDeadline = errors.New("deadline")
	errAbort    = errors.New("the engine gave up")
)

// more gives the engine work to do, or ends the run.
func (r *run) more(fuel api.MutableGlobal) {
	r.account(fuel)
	// A slice that took very long says that the machine stood still, not the script.
	r.busy += min(time.Since(r.last), longestSlice)
	if r.budget <= 0 || r.busy > r.most {
		panic(errDeadline)
	}
	if err := r.ctx.Err(); err != nil {
		panic(err)
	}
	runtime.Gosched() // whoever sends a request goes first
	r.last = time.Now()
	r.slice = min(r.budget, sliceOfWork)
	fuel.Set(uint64(uint32(r.slice)))
}

// account takes what was used of the slice from the budget.
func (r *run) account(fuel api.MutableGlobal) {
	used := r.slice - int64(int32(fuel.Get()))
	r.budget -= used
	r.spent += used
	r.slice = 0
}

// runKey is how the functions that the engine imports find their run: the context of a
// call is all that they share.
type runKey struct{}

// imports gives the function that the engine imports by this name. See exportInit.
func imports(name string) api.GoModuleFunc {
	zero := func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = 0 }
	switch name {
	case importAskName:
		return func(ctx context.Context, m api.Module, _ []uint64) {
			in := ctx.Value(runKey{}).(*instance)
			in.run.more(in.fuel)
		}
	case "p": // now
		return func(ctx context.Context, _ api.Module, stack []uint64) {
			stack[0] = api.EncodeF64(ctx.Value(runKey{}).(*instance).run.clock)
		}
	case "k": // more memory: it has all that it gets
		return func(ctx context.Context, _ api.Module, stack []uint64) {
			ctx.Value(runKey{}).(*instance).run.full = true
			stack[0] = 0
		}
	case "s": // a function of ours was called: print is the only one
		return func(ctx context.Context, m api.Module, stack []uint64) {
			ctx.Value(runKey{}).(*instance).print(m, stack[3])
			stack[0] = 0
		}
	case "m": // local time, which is UTC
		return func(_ context.Context, m api.Module, stack []uint64) {
			writeLocalTime(m.Memory(), int64(stack[0]), uint32(stack[1]))
		}
	case "n": // the zone
		return func(_ context.Context, m api.Module, stack []uint64) {
			m.Memory().WriteUint32Le(uint32(stack[0]), 0)
			m.Memory().WriteUint32Le(uint32(stack[1]), 0)
			m.Memory().WriteString(uint32(stack[2]), "UTC\x00")
			m.Memory().WriteString(uint32(stack[3]), "UTC\x00")
		}
	case "e", "f": // environment variables: there are none
		return func(_ context.Context, m api.Module, stack []uint64) {
			m.Memory().WriteUint32Le(uint32(stack[0]), 0)
			m.Memory().WriteUint32Le(uint32(stack[1]), 0)
			stack[0] = 0
		}
	case "t": // something of ours is not used any more
		return func(context.Context, api.Module, []uint64) {}
	case "i": // whether to interrupt
		return zero
	}
	// Aborting, leaving, timers, files, modules: there are none, and nobody asks for them.
	return func(context.Context, api.Module, []uint64) { panic(errAbort) }
}

func writeLocalTime(m api.Memory, seconds int64, to uint32) {
	t := time.Unix(seconds, 0).UTC()
	for i, v := range []int{t.Second(), t.Minute(), t.Hour(), t.Day(), int(t.Month()) - 1, t.Year() - 1900, int(t.Weekday()), t.YearDay() - 1, 0, 0} {
		m.WriteUint32Le(to+uint32(i)*4, uint32(int32(v)))
	}
}

// print keeps a line of the script's log.
func (in *instance) print(m api.Module, argument uint64) {
	in.run.budget -= sliceOfWork / 50 // for what is done here
	if in.run.logs == nil || len(*in.run.logs) > maxLogs {
		return
	}
	if len(*in.run.logs) == maxLogs {
		*in.run.logs = append(*in.run.logs, fmt.Sprintf("… only the first %d lines are kept", maxLogs))
		return
	}
	ctx := context.WithValue(in.run.ctx, runKey{}, in)
	at, err := m.ExportedFunction(exportGetString).Call(ctx, in.names.context, argument) // not ours: that may be under way
	if err != nil {
		panic(err)
	}
	text, _ := in.text(uint32(at[0]))
	*in.run.logs = append(*in.run.logs, string(bytes.ToValidUTF8(text, []byte("\uFFFD"))))
}

// instantiate makes an instance, from the base if there is one.
func (e *engine) instantiate() (*instance, error) {
	ctx := experimental.WithMemoryAllocator(context.Background(), allocator)
	m, err := e.runtime.InstantiateModule(ctx, e.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, fmt.Errorf("begin with an engine of scripts: %w", err)
	}
	in := &instance{module: m, memory: m.ExportedMemory(exportMemory)}
	in.fuel = m.ExportedGlobal(exportFuel).(api.MutableGlobal)
	in.stack = m.ExportedGlobal(exportStack).(api.MutableGlobal)
	for name, f := range map[string]*api.Function{
		exportMalloc: &in.malloc, exportNewString: &in.newString, exportCall: &in.call, exportGetString: &in.getString,
		exportResolveException: &in.resolve, exportEval: &in.eval, exportExecuteJob: &in.jobs,
	} {
		*f = m.ExportedFunction(name)
	}
	if e.base != nil {
		in.names = e.base.names
		in.begun = e.base.end
		in.restore(e.base)
	}
	return in, nil
}

func (in *instance) close() { _ = in.module.Close(context.Background()) }

// within makes calls of the engine under the bounds of a run. What they fail with is one
// of the errors above, or that of the run's context.
func (in *instance) within(r *run, calls func(ctx context.Context) error) error {
	in.run = r
	r.last = time.Now()
	in.fuel.Set(0)
	r.slice = 0
	ctx := context.WithValue(context.WithoutCancel(r.ctx), runKey{}, in)
	err := calls(ctx)
	r.account(in.fuel)
	in.worked += r.spent
	in.spoiled = in.spoiled || err != nil
	return err
}

// do calls a function of the engine.
func do(ctx context.Context, f api.Function, arguments ...uint64) (uint64, error) {
	results, err := f.Call(ctx, arguments...)
	if err != nil {
		return 0, err
	}
	if len(results) == 0 {
		return 0, nil
	}
	return results[0], nil
}

// put copies bytes into the engine's memory, with a zero behind them.
func (in *instance) put(ctx context.Context, b []byte) (uint64, error) {
	at, err := do(ctx, in.malloc, uint64(len(b)+1))
	if err != nil {
		return 0, err
	}
	to, ok := in.memory.Read(uint32(at), uint32(len(b)+1))
	if at == 0 || !ok {
		in.run.full = true
		return 0, errAbort
	}
	copy(to, b)
	to[len(b)] = 0
	return at, nil
}

// text is what stands at an address, up to a zero. It is not a copy.
func (in *instance) text(at uint32) ([]byte, bool) {
	rest, ok := in.memory.Read(at, in.memory.Size()-at)
	if at == 0 || !ok {
		return nil, false
	}
	n := bytes.IndexByte(rest, 0)
	return rest[:max(n, 0)], n >= 0
}

// invoke calls one of the functions of prelude.js, and gives the text that it answers.
func (in *instance) invoke(ctx context.Context, f uint64, argument uint64) ([]byte, error) {
	n := uint64(0)
	if argument != 0 {
		n = 1
		in.memory.WriteUint32Le(uint32(in.names.argument), uint32(argument))
	}
	v, err := do(ctx, in.call, in.names.context, f, in.names.undefined, n, in.names.argument)
	if err != nil {
		return nil, err
	}
	thrown, err := do(ctx, in.resolve, in.names.context, v)
	if err != nil {
		return nil, err
	}
	if thrown != 0 { // it catches whatever can be caught: there is no memory to answer with
		in.run.full = true
		return nil, errAbort
	}
	at, err := do(ctx, in.getString, in.names.context, v)
	if err != nil {
		return nil, err
	}
	text, ok := in.text(uint32(at))
	if !ok {
		in.run.full = true
		return nil, errAbort
	}
	return text, nil
}

// compile makes code into a value: that of its last expression, or with only, nothing
// that could be used. thrown is what it threw instead.
func (in *instance) compile(ctx context.Context, name uint64, code []byte, only bool) (value, thrown uint64, err error) {
	flags := uint64(0)
	if only {
		flags = 1 << 5 // JS_EVAL_FLAG_COMPILE_ONLY
	}
	at, err := in.put(ctx, code)
	if err != nil {
		return 0, 0, err
	}
	if value, err = do(ctx, in.eval, in.names.context, at, uint64(len(code)), name, 0, flags); err != nil {
		return 0, 0, err
	}
	thrown, err = do(ctx, in.resolve, in.names.context, value)
	return value, thrown, err
}

// begin starts the engine in a new instance, with what surrounds a script.
func (in *instance) begin(heap uint64) error {
	in.names.top = uint32(in.stack.Get())
	in.names.end = in.findEnd()
	if in.names.top != engineTop || in.names.end == 0 {
		return errors.New("its memory is arranged in another way than expected: has quickjs.wasm been changed?")
	}
	r := &run{ctx: context.Background(), budget: 1 << 40, most: time.Minute}
	return in.within(r, func(ctx context.Context) (err error) {
		export := func(name string, arguments ...uint64) (v uint64) {
			if err == nil {
				v, err = do(ctx, in.module.ExportedFunction(name), arguments...)
			}
			return v
		}
		put := func(s string) (at uint64) {
			if err == nil {
				at, err = in.put(ctx, []byte(s))
			}
			return at
		}
		n := &in.names
		export(exportInit)
		n.runtime = export(exportNewRuntime)
		n.context = export(exportNewContext, n.runtime, 0)
		export(exportSetMaxStackSize, n.runtime, maxStack)
		export(exportSetMemoryLimit, n.runtime, heap)
		n.undefined = export(exportGetUndefined)
		n.argument, n.name = put("\x00\x00\x00\x00\x00\x00\x00\x00"), put("transform.js")
		print := export(exportNewFunction, n.context, put("print"), 1, 0, 1)
		if err != nil {
			return err
		}
		surrounds, thrown, compileErr := in.compile(ctx, put("prelude.js"), []byte(prelude), false)
		if compileErr != nil || thrown != 0 {
			return errors.Join(compileErr, errors.New("prelude.js cannot be compiled"))
		}
		in.memory.WriteUint32Le(uint32(n.argument), uint32(print))
		functions := export(exportCall, n.context, surrounds, n.undefined, 1, n.argument)
		if thrown = export(exportResolveException, n.context, functions); thrown != 0 {
			text, _ := in.text(uint32(export(exportGetString, n.context, thrown)))
			return fmt.Errorf("prelude.js: %s", text)
		}
		for name, to := range map[string]*uint64{"load": &n.load, "loadHandler": &n.loadHandler, "check": &n.check, "run": &n.runScript, "settle": &n.settle, "fault": &n.tellOf} {
			*to = export(exportGetProperty, n.context, functions, export(exportNewString, n.context, put(name)))
		}
		return err
	})
}

// findEnd finds the word that says how far the heap reaches: before anything has run, it
// says what the stack pointer does.
func (in *instance) findEnd() uint32 {
	all, _ := in.memory.Read(0, in.names.top)
	found := uint32(0)
	for at := 0; at+4 <= len(all); at += 4 {
		if binary.LittleEndian.Uint32(all[at:]) == in.names.top {
			if found != 0 {
				return 0
			}
			found = uint32(at)
		}
	}
	return found
}

// reaches is how far the heap reaches.
func (in *instance) reaches() uint32 {
	end, _ := in.memory.ReadUint32Le(in.names.end)
	return min(end, in.memory.Size())
}
