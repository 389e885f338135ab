package script

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

// Options of a Sandbox. The zero value is good.
type Options struct {
	// Deadline is how long a script may run on a processor of ordinary speed: it is
	// counted in work, of which workPerSecond are done. 0 means 100 ms.
	Deadline time.Duration
	// Heap bounds what a script may keep in memory, in bytes; 0 means 8 MB.
	Heap int64
	// MaxBody bounds the body that it makes, in bytes; 0 means 256 KiB.
	MaxBody int
	// Running bounds how many scripts run at once; 0 means one for each processor. Those
	// of one app have at most half of it, and at least one.
	Running int
	// Instances bounds how many engines are kept for the next event; 0 means 16.
	Instances int
	// Images bounds what is kept of scripts that were loaded, in bytes; 0 means 32 MB.
	Images int
}

// MaxCode is how long a script may be, in bytes.
const MaxCode = 64 << 10

const (
	// workPerSecond is what a processor of 2020 does, about.
	workPerSecond = 100_000_000
	// patience is how many times the deadline a script may hold the processor, in real
	// time: what costs far more than the meter counts ends then. It is large, since the
	// processor may be busy with others meanwhile, without Bellhop's knowing.
	patience = 100
	// loading is how many times the deadline it may take to compile a script, which
	// happens once for many events.
	loading = 5
)

// Kind is what went wrong with a script.
type Kind string

// The kinds of faults.
const (
	KindSyntax  Kind = "syntax"  // it is no JavaScript
	KindError   Kind = "error"   // it threw, or its promise never settles
	KindTimeout Kind = "timeout" // it did not end before the deadline
	KindMemory  Kind = "memory"  // it needs more memory than it gets
	KindResult  Kind = "result"  // what it returned makes no request
)

// Fault is what is wrong with a script or with what it did: a result, not a failure of
// Bellhop.
type Fault struct {
	Kind Kind `json:"kind"`
	// Message says what is wrong, in one sentence without its end.
	Message string `json:"message"`
	// Line and Column are where, from 1; 0 if that is not known.
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Error gives the place and the message.
func (f *Fault) Error() string {
	switch {
	case f.Line > 0 && f.Column > 0:
		return fmt.Sprintf("%d:%d: %s", f.Line, f.Column, f.Message)
	case f.Line > 0:
		return fmt.Sprintf("line %d: %s", f.Line, f.Message)
	}
	return f.Message
}

// Script is what is run.
type Script struct {
	Code string
	// Handler says that it defines handler(webhook), as Svix has it, and not
	// transform(event).
	Handler bool
}

// function is the one that it defines.
func (s Script) function() string {
	if s.Handler {
		return "handler"
	}
	return "transform"
}

// Event is what a script is given.
type Event struct {
	ID, Type, App, Subject string
	// URL is where it goes, unless the script says otherwise. A handler sees it.
	URL string
	// Endpoint is whose script it is, for the turns that those of an app take. Scripts
	// do not see it.
	Endpoint int64
	// Time is when it happened: the script's clock stands there.
	Time time.Time
	// Data is JSON.
	Data []byte
}

// Result is what a script made of an event.
type Result struct {
	// Skip says that nothing is to be sent, and Reason why, if that was said.
	Skip   bool
	Reason string
	// Method and URL are empty where the script did not choose.
	Method, URL string
	// Header is in the order in which the script gave it.
	Header []Header
	// Body is what is to be sent.
	Body []byte

	// same says that it is the event's data, which a handler has left as it was.
	same bool
}

// Header is a header field that a script set.
type Header struct{ Name, Value string }

// Trace is what is seen of a run, whatever its result.
type Trace struct {
	// Duration is how long it took, without waiting for its turn.
	Duration time.Duration
	// Used is the part of the deadline that was used up, from 0 to 1.
	Used float64
	// Logs are the lines that it printed with console.log.
	Logs []string
}

// Sandbox runs scripts. It is safe for concurrent use.
type Sandbox struct {
	o      Options
	engine *engine
	slots  *slots
	pool   pool
	images images
	// last is what the run that ended last has used, for tests.
	last atomic.Pointer[measure]
}

// measure is what a run has used: units of work, and bytes of heap.
type measure struct{ work, heap int64 }

// New gives a Sandbox. It costs nothing until the first script is there.
func New(o Options) *Sandbox {
	o.Deadline = cmp.Or(o.Deadline, 100*time.Millisecond)
	o.Heap = cmp.Or(o.Heap, usualHeap)
	o.MaxBody = cmp.Or(o.MaxBody, 256<<10)
	o.Running = cmp.Or(o.Running, runtime.GOMAXPROCS(0))
	o.Instances = cmp.Or(o.Instances, 16)
	o.Images = cmp.Or(o.Images, 32<<20)
	s := &Sandbox{o: o, engine: engineOf(o.Heap), slots: newSlots(o.Running)}
	s.pool.most = o.Instances
	s.images.most = o.Images
	return s
}

// Close lets go of what is kept. The sandbox can be used again.
func (s *Sandbox) Close() { s.pool.drop() }

// Deadline is how long a script may run.
func (s *Sandbox) Deadline() time.Duration { return s.o.Deadline }

// Check tells what is wrong with a script before it runs, with a *Fault, or another error
// if that cannot be told. Somebody waits for it: see ForPeople.
func (s *Sandbox) Check(ctx context.Context, app string, what Script) error {
	_, _, err := s.within(ctx, turn{people: true, app: app}, what, func(in *instance, im *image) (Result, Trace, error) { return s.check(ctx, in, im) })
	return err
}

// Run gives what the script makes of the event. The error is a *Fault if it is the
// script's, or else that of ctx, or one of Bellhop's. Only with logs is what it prints
// kept.
func (s *Sandbox) Run(ctx context.Context, app string, what Script, e Event, logs bool) (Result, Trace, error) {
	t := turn{people: forPeople(ctx), app: app, endpoint: e.Endpoint}
	return s.within(ctx, t, what, func(in *instance, im *image) (Result, Trace, error) {
		return s.run(ctx, in, im, what, e, logs)
	})
}

// within takes a slot and an instance for the app, and uses them for a script.
func (s *Sandbox) within(ctx context.Context, t turn, what Script, use func(*instance, *image) (Result, Trace, error)) (result Result, trace Trace, err error) {
	if n := len(what.Code); n > MaxCode {
		return result, trace, &Fault{Kind: KindSyntax, Message: fmt.Sprintf("the script has %d bytes; at most %d are allowed", n, MaxCode)}
	}
	if err := s.engine.ready(uint64(s.o.Heap)); err != nil {
		return result, trace, err
	}
	if err := s.slots.take(ctx, t); err != nil {
		return result, trace, err
	}
	var worked int64
	defer func() { s.slots.give(t, worked) }()
	in := s.pool.take(t.app)
	if in == nil {
		if in, err = s.engine.instantiate(); err != nil {
			return result, trace, err
		}
		in.app = t.app
	}
	defer func() {
		worked, in.worked = in.worked, 0
		s.pool.give(in)
	}()
	im, err := s.load(ctx, in, what)
	if err != nil {
		return result, trace, err
	}
	return use(in, im)
}
