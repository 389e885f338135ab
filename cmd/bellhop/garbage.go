package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// mostGarbage is how much garbage there may be beside what is alive before it is collected,
	// as long as leastPercent allows it.
	mostGarbage = 256 << 20
	// With less than leastPercent of what is alive, collecting takes more of the processors than
	// the memory is worth; more than mostPercent does not make anything faster.
	leastPercent, mostPercent = 50, 400
	// percentStep keeps the percentage from changing whenever a little more or less is alive:
	// each change stops all goroutines for a moment.
	percentStep = 25
)

// garbagePercent is how much garbage there may be, in percent of what is alive. An event lives
// for milliseconds, so little is alive mostly: collecting a quarter as often as Go does by itself
// costs some megabytes and saves a tenth of the CPU. But where events wait, a hundred megabytes
// are alive, and four times as much beside them would be for nothing.
func garbagePercent(alive uint64) int {
	if alive == 0 {
		return mostPercent
	}
	percent := min(mostGarbage*100/alive, mostPercent)
	return max(int(percent)/percentStep*percentStep, leastPercent)
}

// collector has garbage collected by garbagePercent, which it looks at after each collection.
type collector struct {
	mu      sync.Mutex
	percent int
	before  int
	stopped bool
}

// tuneCollector begins to tune Go's garbage collector, until stop sets it back.
func tuneCollector() (stop func()) {
	c := &collector{percent: mostPercent}
	c.before = debug.SetGCPercent(c.percent)
	c.afterNext()
	return c.stop
}

// afterNext has tune called once after the next collection, which finds the object garbage.
func (c *collector) afterNext() {
	// It holds a pointer, since small objects without any share one place, and one's fate.
	runtime.AddCleanup(&struct{ _ *int }{}, (*collector).tune, c)
}

func (c *collector) tune() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	if percent := garbagePercent(aliveBytes()); percent != c.percent {
		c.percent = percent
		debug.SetGCPercent(percent)
	}
	c.afterNext()
}

func (c *collector) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	debug.SetGCPercent(c.before)
}

// aliveBytes is what the percentage of the garbage collector is of: what the last collection
// found alive, and the goroutines' stacks and the variables that it went through.
func aliveBytes() (n uint64) {
	alive := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(alive)
	for _, m := range alive {
		if m.Value.Kind() == metrics.KindUint64 {
			n += m.Value.Uint64()
		}
	}
	return n
}
