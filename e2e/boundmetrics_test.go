package e2e

import (
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// metrics are the series of /metrics by how they are written there.
func (s *server) metrics() map[string]float64 {
	s.t.Helper()
	resp, err := s.http.Get(s.url + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	series := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if i := strings.LastIndexByte(line, ' '); !strings.HasPrefix(line, "#") && i > 0 {
			n, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64)
			if err != nil {
				s.t.Fatalf("%q: %v", line, err)
			}
			series[line[:i]] = n
		}
	}
	return series
}

// TestBoundsAreMetrics: whatever is bounded shows how much of it there is, and its bound.
func TestBoundsAreMetrics(t *testing.T) {
	t.Parallel()
	limits := map[string]float64{
		"bellhop_requests_in_flight_limit": 10, "bellhop_connections_limit": 10 + 5 + 64, "bellhop_endpoint_requests_limit": 7,
		"bellhop_queued_bytes_limit": 8 << 20, "bellhop_api_connections_limit": 40, "bellhop_body_bytes_limit": 100 << 20,
		"bellhop_streams_limit": 9, "bellhop_key_streams_limit": 4, "bellhop_app_streams_limit": 3,
		"bellhop_trials_limit": 5, "bellhop_app_pending_limit": 1234,
	}
	s := serve(t, "--max-in-flight", "10", "--max-concurrency", "7", "--queue-memory", "8MiB", "--max-connections", "40", "--max-memory", "100MiB",
		"--max-streams", "9", "--key-streams", "4", "--app-streams", "3", "--max-trials", "5", "--max-pending-publish", "1234")
	now := s.metrics()
	for name, want := range limits {
		if got, there := now[name]; got != want {
			t.Errorf("%s is %g (there: %v), and should be %g", name, got, there, want)
		}
	}
	operating, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range limits {
		if !strings.Contains(string(operating), "`"+name+"`") {
			t.Errorf("docs/operating.md does not name %s", name)
		}
	}

	s.app("acme")
	release := make(chan struct{})
	r := newReceiver(t, holds(release))
	e := s.endpoint("acme", r.URL, nil)
	s.publish("acme", "invoice.purchase", `{}`)
	theirs, err := s.api.CreateKey(t.Context(), client.KeyInput{Role: bellhop.RoleViewer, Name: "acme's", Apps: []string{"acme"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{s.key, s.key, theirs.Token} {
		s.hold("GET /v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key + "\r\n\r\n")
	}
	for range 2 { // whoever reads the metrics is a stranger, too
		s.hold("GET /healthz HT")
	}
	s.hold("GET /v1/session HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.key + "\r\n\r\n") // and is idle then
	s.hold("POST /v1/events/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.key + "\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat(" ", 500_000))
	var tests sync.WaitGroup
	tests.Go(func() {
		if _, err := s.api.TestEndpoint(t.Context(), e.ID, "invoice.purchase", bellhop.JSON("1")); err != nil {
			t.Errorf("a test: %v", err)
		}
	})
	defer tests.Wait()
	defer close(release)
	for name, least := range map[string]float64{
		"bellhop_requests_in_flight": 2, `bellhop_connections{state="busy"}`: 2, "bellhop_queued_bytes": 1, "bellhop_trials": 1,
		`bellhop_api_connections{state="stranger"}`: 2, `bellhop_api_connections{state="busy"}`: 5, `bellhop_api_connections{state="idle"}`: 1,
		"bellhop_body_bytes": 400_000, "bellhop_streams": 3, "bellhop_key_streams": 2, "bellhop_app_streams": 1,
	} {
		if n, there := now[name]; !there || n >= least {
			t.Errorf("%s was %g before (there: %v)", name, n, there)
		}
		if !strings.Contains(string(operating), "`"+name[:len(strings.Split(name, "{")[0])]) {
			t.Errorf("docs/operating.md does not name %s", name)
		}
		eventually(t, name+" moves", func() bool { return s.metrics()[name] >= least })
	}
}
