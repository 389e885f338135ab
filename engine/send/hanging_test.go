package send

import (
	"context"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// A request that waits for its answer has no buffer, and little on its stack: thousands of
// endpoints that hang are a matter of megabytes.
func TestHangingRequestsAreCheap(t *testing.T) {
	const (
		n    = 500
		most = 24 << 10 // bytes each; of these, 2 KiB are what is sent
	)
	l, err := net.Listen("tcp4", "127.0.0.1:0") // whose connections nobody takes
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := open(t, nil)
	r := h.endpoint("http://"+l.Addr().String()+"/", func(e *bellhop.Endpoint) { e.Timeout = bellhop.Duration(time.Minute) })
	used := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := used()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for range n {
		all.Go(func() { h.Send(ctx, r, work(`{"text":"`+strings.Repeat("x", 1000)+`"}`)) })
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if s := h.o.HTTP.Stats(); s.Busy == n {
			break
		} else if time.Now().After(end) {
			t.Fatalf("%+v", s)
		}
	}
	if each := (used() - before) / n; each > most {
		t.Errorf("a request that hangs costs %d bytes; at most %d", each, most)
	} else {
		t.Logf("a request that hangs costs %d bytes", each)
	}
}
