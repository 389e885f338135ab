package native

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/door"
)

// forgetful is a store that answers as if it had stored an event: what is left is what
// accepting costs besides.
type forgetful struct{ bellhop.Store }

func (forgetful) Enqueue(_ context.Context, _ bellhop.Lease, _ int64, events []bellhop.NewEvent, _ time.Time) ([]bellhop.Receipt, error) {
	return bellhop.Receipts(events, func(string, string) (bellhop.FirstPublish, bool, error) { return bellhop.FirstPublish{}, false, nil })
}

// sink is the answer of a connection that nobody reads.
type sink struct {
	header http.Header
	status int
	bytes  int
}

func (s *sink) Header() http.Header              { return s.header }
func (s *sink) WriteHeader(status int)           { s.status = status }
func (s *sink) Write(b []byte) (int, error)      { s.bytes += len(b); return len(b), nil }
func (s *sink) SetReadDeadline(time.Time) error  { return nil }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }
func acceptingSite(b *testing.B) *site {
	return unserved(b, setup{
		store:   func(s bellhop.Store) bellhop.Store { return forgetful{s} },
		options: func(o *Options) { o.Logger, o.KeyRate = slog.New(slog.DiscardHandler), 1e9 },
	})
}

// BenchmarkAccept publishes past the network and the disk: once an event, and for each
// event of a batch of 100.
func BenchmarkAccept(b *testing.B) {
	event := `{"app":"acme","type":"invoice.purchase","data":` + kilobyte() + `}`
	withID := `{"app":"acme","type":"invoice.purchase","id":"order-118","data":` + kilobyte() + `}`
	batch := func(event string) string {
		return `{"events":[` + string(bytes.Join(bytes.Split(bytes.Repeat([]byte(event+"\n"), 100), []byte("\n"))[:100], []byte(","))) + "]}"
	}
	for _, x := range []struct {
		name, path, body string
		events           int
	}{
		{"single", "/v1/events", event, 1},
		{"single,id", "/v1/events", withID, 1},
		{"batch", "/v1/events/batch", batch(event), 100},
		{"batch,id", "/v1/events/batch", batch(withID), 100},
	} {
		b.Run(x.name, func(b *testing.B) {
			s := acceptingSite(b)
			body := bytes.NewReader([]byte(x.body))
			first, err := http.NewRequest("POST", x.path, body)
			if err != nil {
				b.Fatal(err)
			}
			first.Header.Set("Authorization", "Bearer "+s.admin)
			first.Header.Set("Content-Type", "application/json")
			b.ReportAllocs()
			for i := 0; i < b.N; i += x.events {
				body.Reset([]byte(x.body))
				r := *first
				r.Body = io.NopCloser(body)
				w := sink{header: http.Header{}}
				s.handler.ServeHTTP(&w, &r)
				if w.status != http.StatusAccepted {
					b.Fatal(fmt.Sprint("answered ", w.status))
				}
			}
		})
	}
}

// BenchmarkServe publishes an event at a time to a server at its door, past the disk: what
// net/http costs as well. CPU-ns/op is that of the whole process, a client that only writes
// and reads included.
func BenchmarkServe(b *testing.B) {
	s := acceptingSite(b)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: s.handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10}
	entrance := door.New(l, 1000)
	entrance.Attend(server)
	go func() { _ = server.Serve(entrance) }()
	b.Cleanup(func() { _ = server.Close() })
	body := `{"app":"acme","type":"invoice.purchase","data":` + kilobyte() + `}`
	request := fmt.Appendf(nil, "POST /v1/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", l.Addr(), s.admin, len(body), body)
	b.ReportAllocs()
	began := cpuTime()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		answer := make([]byte, 4096)
		for pb.Next() {
			if _, err := c.Write(request); err != nil {
				b.Error(err)
				return
			}
			n, err := c.Read(answer)
			if err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 202 ")) || answer[n-1] != '\n' {
				b.Errorf("answered %q, %v", answer[:n], err)
				return
			}
		}
	})
	b.ReportMetric(float64(cpuTime()-began)/float64(b.N), "CPU-ns/op")
}

// cpuTime is what the process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
