// Package stage tells how much processor time each stage of an event's way takes, cheaply
// enough to be always on: one piece of work in 64 is measured by its thread's clock, and
// stands for the others.
//
// A piece of work is begun and ended by one goroutine:
//
//	defer stage.Parse.Begin().End(1)
//
// or, where its events are counted only at its end:
//
//	piece := stage.Commit.Begin()
//	…
//	piece.End(len(events))
//
// A piece that is measured keeps its thread to itself, so that nothing else is counted. It
// may call the system, but must not wait for others, such as for an answer: what is after
// a wait is a piece of its own. One that is never ended keeps its thread.
//
// The clock is that of Linux; elsewhere events are counted, and no time.
package stage

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Stage is one of the stages below.
type Stage uint8

// The stages, in the order of an event's way.
const (
	// Accept finds the endpoints of events and, once they are stored, hands their deliveries
	// over.
	Accept Stage = iota
	// Parse makes events of a request's body.
	Parse
	// Commit writes into the store, up to where a transaction is committed. Its events are
	// the writes that share it.
	Commit
	// Flush makes durable what was committed.
	Flush
	// Send makes the requests, and reads the answers. Its events are deliveries.
	Send
	// Record makes of an answer what is to be stored of it. Its events are deliveries.
	Record

	count
)

var names = [count]string{"accept", "parse", "commit", "flush", "send", "record"}

func (s Stage) String() string { return names[s] }

// every is of how many pieces one is measured.
const every = 64

// tally is what is known of a stage. Stages don't share a cache line, since they run on
// different processors.
type tally struct {
	events  atomic.Int64
	samples atomic.Int64
	sampled atomic.Int64 // nanoseconds
	_       [40]byte
}

// The tallies are the process's, as its processor time is.
var tallies [count]tally

// Piece is a piece of work that was begun.
type Piece struct {
	stage    Stage
	measured bool
	began    int64
}

// Begin begins a piece of work.
func (s Stage) Begin() Piece {
	if !Measured || rand.Uint32()%every != 0 {
		return Piece{stage: s}
	}
	runtime.LockOSThread()
	return Piece{stage: s, measured: true, began: threadTime()}
}

// End ends it: so many events were in it.
func (p Piece) End(events int) {
	t := &tallies[p.stage]
	t.events.Add(int64(events))
	if p.measured {
		t.end(p.began)
	}
}

// end is apart, so that End is small enough to be inlined.
func (t *tally) end(began int64) {
	took := threadTime() - began - reading()
	runtime.UnlockOSThread()
	t.sampled.Add(max(took, 0))
	t.samples.Add(1)
}

// reading is how long a look at the clock takes, in nanoseconds.
var reading = sync.OnceValue(func() int64 {
	least := int64(1 << 62)
	for range 32 {
		began := threadTime()
		least = min(least, threadTime()-began)
	}
	return max(least, 0)
})

// Total is what a stage has done since the process began.
type Total struct {
	Stage Stage
	// CPU is about the processor time that it took.
	CPU time.Duration
	// Events are those that went through it, counted exactly.
	Events int64
	// Samples is how many pieces of work CPU is estimated from.
	Samples int64
}

// Totals are those of all stages.
func Totals() []Total {
	all := make([]Total, count)
	for s := range count {
		t := &tallies[s]
		all[s] = Total{Stage: s, CPU: time.Duration(t.sampled.Load() * every), Events: t.events.Load(), Samples: t.samples.Load()}
	}
	return all
}
