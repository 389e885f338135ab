package stage

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A goroutine that ends while it keeps its thread takes the thread along, and the next one
// gets another.
func TestNoThreadIsKept(t *testing.T) {
	threads := map[int]bool{}
	const goroutines = 200
	for range goroutines {
		thread := make(chan int)
		go func() {
			for range 10 * every {
				func() { defer Accept.Begin().End(1) }()
			}
			thread <- unix.Gettid()
		}()
		threads[<-thread] = true
	}
	if len(threads) > goroutines/4 {
		t.Errorf("%d goroutines ran on %d threads: they have kept them", goroutines, len(threads))
	}
}
