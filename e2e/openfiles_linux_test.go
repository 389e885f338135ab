package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// TestFewFiles: with few files Bellhop slows down, and nothing fails. Many endpoints hang and
// strangers hold connections, as many of both as may be; meanwhile it answers, whoever reads
// the logs gets them, and the database has its files. In the end everything is delivered.
func TestFewFiles(t *testing.T) {
	ofAFile(t)
	t.Parallel()
	for _, files := range []int{64, 96, 128, 200} {
		t.Run(fmt.Sprint(files), func(t *testing.T) {
			t.Parallel()
			const endpoints, events = 60, 5
			s := newServer(t, "--dev")
			s.openFiles = files
			s.start()
			s.app("acme")
			release := make(chan struct{})
			let := sync.OnceFunc(func() { close(release) })
			defer let()
			r := newReceiver(t, holds(release))
			for i := range endpoints {
				s.endpoint("acme", fmt.Sprintf("%s/%d", r.URL, i), nil)
			}
			for i := range events {
				s.publish("acme", "invoice.purchase", fmt.Sprintf(`{"n":%d}`, i))
			}
			eventually(t, "the receiver is busy", func() bool { return r.count() >= 4 })
			for range files {
				s.hold("GET /healthz HT")
			}

			pending := func(api *client.Client) (n int, err error) {
				for _, err := range api.Deliveries(t.Context(), client.DeliveryFilter{Status: bellhop.DeliveryPending}) {
					if err != nil {
						return 0, err
					}
					n++
				}
				return n, nil
			}
			most := 0
			var read atomic.Int64
			var asking sync.WaitGroup
			for range 8 {
				asking.Go(func() { // by connections of their own, some of which make room for each other
					api := client.New(s.url, s.key, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience})
					for t.Context().Err() == nil {
						if _, err := pending(api); err == nil {
							read.Add(1)
							return
						}
					}
				})
			}
			defer asking.Wait()
			for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
				eventually(t, path+" answers", func() bool {
					s.http.CloseIdleConnections()
					open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
					most = max(most, len(open))
					return err == nil && s.probe(path) == http.StatusOK
				})
			}
			eventually(t, "the logs were read", func() bool { return read.Load() == 8 })
			if got := r.count(); got >= endpoints {
				t.Errorf("%d requests are held open, with %d files", got, files)
			}
			let()
			r.wait(t, endpoints*events)
			eventually(t, "nothing is left to do", func() bool {
				n, err := pending(s.api)
				return n == 0 && err == nil
			})
			t.Logf("of %d files, up to %d were open", files, most)
			for _, bad := range []string{"too many open files", "unable to open", "level=ERROR"} {
				if text := s.output.String(); strings.Contains(text, bad) {
					t.Errorf("the log says %q", bad)
				}
			}
			s.stop()
		})
	}
}

// TestTooFewFiles: where it could only fail, there is no start.
func TestTooFewFiles(t *testing.T) {
	ofAFile(t)
	t.Parallel()
	s := newServer(t, "--dev")
	s.openFiles = 40
	if text := s.failsToStart(); !strings.Contains(text, "may have 40 files and connections open, and Bellhop needs at least 64") || !strings.Contains(text, "raise the limit (ulimit -n") {
		t.Error(text)
	}
	if text := s.failsToStart("--max-connections", "100"); !strings.Contains(text, "at least 148 with max-connections at 100") {
		t.Error(text)
	}
}
