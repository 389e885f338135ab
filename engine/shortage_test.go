package engine_test

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
)

// TestShortages: that this machine has nothing left to connect with is no attempt and
// nobody's fault. What is due goes out soon after, in its order, and the log says it
// once, not for each delivery.
func TestShortages(t *testing.T) {
	const n = 40
	for name, fail := range map[string]error{
		"EMFILE":        &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)},
		"ENFILE":        &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.ENFILE)},
		"EADDRNOTAVAIL": &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)},
		"ENOMEM":        &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.ENOMEM)},
		"ENOBUFS":       &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.ENOBUFS)},
		"EAGAIN":        &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EAGAIN)},
		"a lookup":      &net.OpError{Op: "dial", Err: &net.DNSError{Err: "dial udp 192.0.2.1:53: socket: too many open files", Name: "a.example"}},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				var log bytes.Buffer
				h := open(t, func(c *engine.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
				var short atomic.Bool
				short.Store(true)
				some := func(received) answer {
					if short.Load() {
						return answer{fail: fail}
					}
					return answer{status: 204}
				}
				h.net.on("free.example", some)
				h.net.on("order.example", some)
				free := h.endpoint("free.example")
				ordered := h.endpoint("order.example", func(c *bellhop.EndpointChange) { c.Ordering = bellhop.Of(bellhop.OrderingEndpoint) })
				for range n {
					h.publish(`{}`)
				}
				wait(50 * time.Second)
				if list := h.attempts(bellhop.AttemptFilter{}); len(list) != 0 {
					t.Fatalf("%d attempts: %+v", len(list), list[0])
				}
				for _, e := range []bellhop.Endpoint{free, ordered} {
					s, err := h.LaneState(t.Context(), e.ID)
					if err != nil || s.Circuit != "closed" || s.ConsecutiveFailures != 0 || !s.FailingSince.IsZero() {
						t.Errorf("%+v, %v", s, err)
					}
				}
				if tried := len(h.net.at("free.example")); tried < 40 || tried > n+2*50 {
					t.Errorf("tried %d times in 50 seconds", tried)
				}
				if lines := strings.Count(log.String(), "cannot be made"); lines != 1 || strings.Count(log.String(), "level=ERROR") != 1 {
					t.Errorf("the log says it %d times: %s", lines, log.String())
				}

				short.Store(false)
				before := len(h.net.at("order.example"))
				wait(2 * time.Second)
				list := h.attempts(bellhop.AttemptFilter{})
				if len(list) != 2*n {
					t.Errorf("%d attempts, soon", len(list))
				}
				for _, a := range list {
					if a.Status != bellhop.AttemptSucceeded || a.Number != 1 || !a.Final {
						t.Errorf("%+v", a)
					}
				}
				last := ""
				for _, r := range h.net.at("order.example")[before:] {
					if r.id <= last {
						t.Errorf("%s after %s", r.id, last)
					}
					last = r.id
				}
				if h.HeldBytes() != 0 {
					t.Errorf("%d bytes are still held", h.HeldBytes())
				}
			})
		})
	}
}
