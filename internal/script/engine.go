package script

import (
	"context"
	_ "embed"
	"fmt"
	"sync"

	"github.com/tetratelabs/wazero"
)

//go:embed quickjs/quickjs.wasm
var quickjs []byte

// The exports of this very file have names that were made short. These are from the
// .cjs beside it in its package, as are the meanings of its imports, in (*engine).imports:
// another release has others.
const (
	exportInit             = "u"
	exportMalloc           = "v"
	exportSetMemoryLimit   = "y"
	exportSetMaxStackSize  = "D"
	exportGetUndefined     = "E"
	exportNewRuntime       = "K"
	exportNewContext       = "N"
	exportNewString        = "_"
	exportGetString        = "$"
	exportExecuteJob       = "ga"
	exportCall             = "ma"
	exportResolveException = "na"
	exportEval             = "pa"
	exportGetProperty      = "ha"
	exportNewFunction      = "Da"
)

const (
	importModule = "a"
	// importAsk is the import that the meter calls, by its name and its index: it takes
	// and gives nothing, and the engine itself never calls it.
	importAskName = "l"
	importAsk     = 10

	// engineTop is where the engine's stack begins, and above it the heap.
	engineTop = 5_333_088
	page      = 64 << 10
)

// engine is the compiled module, and what each instance of it begins with. To make it
// takes up to a second of work and 20 MB: so that is done once, when the first script is
// there.
type engine struct {
	once     sync.Once
	err      error
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	// base is the memory of an instance in which no script was loaded.
	base *image
}

// usual is the engine of all sandboxes whose heap is the usual one. As the program's own
// code, it is one for the process: it holds nothing of any script.
var usual engine

const usualHeap = 8 << 20

func engineOf(heap int64) *engine {
	if heap == usualHeap {
		return &usual
	}
	return &engine{}
}

// ready makes the engine, with so large a heap for scripts.
func (e *engine) ready(heap uint64) error {
	e.once.Do(func() {
		if e.err = e.make(heap); e.err != nil {
			e.err = fmt.Errorf("make the engine of scripts: %w", e.err)
		}
	})
	return e.err
}

func (e *engine) make(heap uint64) error {
	ctx := context.Background()
	e.runtime = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithDebugInfoEnabled(false))
	// The memory is so large that the heap cannot outgrow its bound, whatever the engine
	// thinks of it; a little is the engine's own.
	metered, err := meter(quickjs, importAsk, (engineTop+heap+256<<10+page-1)/page)
	if err != nil {
		return err
	}
	if e.compiled, err = e.runtime.CompileModule(ctx, metered); err != nil {
		return err
	}
	host := e.runtime.NewHostModuleBuilder(importModule)
	for _, f := range e.compiled.ImportedFunctions() {
		_, name, _ := f.Import()
		host.NewFunctionBuilder().WithGoModuleFunction(imports(name), f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	if _, err = host.Instantiate(ctx); err != nil {
		return err
	}
	first, err := e.instantiate()
	if err != nil {
		return err
	}
	defer first.close()
	if err = first.begin(heap); err != nil {
		return err
	}
	e.base = first.capture(nil)
	return nil
}
