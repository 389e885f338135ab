package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// hold opens a connection and sends the beginning of a request.
func (s *server) hold(begin string) net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.listen)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	_, _ = io.WriteString(c, begin) // it may be closed already: that is what the test is about
	return c
}

// TestStuckConnections: strangers hold many more connections than there may be files,
// each stuck in its own way, and so does a key with bodies that it only announces. A
// publish and its delivery still work, Bellhop keeps files for them, and in the end it
// ends at once.
func TestStuckConnections(t *testing.T) {
	t.Parallel()
	const files = 256
	s := newServer(t, "--dev")
	s.openFiles = files
	s.start()
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, nil)

	batch := "POST /v1/events/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 16000000\r\n"
	for i := range 2 * files {
		s.hold([]string{
			"", "GET /healthz HT", "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
			"GET /docs/redoc.standalone.js HTTP/1.1\r\nHost: x\r\n\r\n", // and its answer is not read
			"GET / HTTP/1.1\r\nHost: x\r\n\r\n", batch + "\r\n", batch + "Authorization: Bearer bh_wrong\r\n\r\n",
			batch + "Authorization: Bearer " + s.key + "\r\n\r\n{",
		}[i%8])
	}
	for range 5 {
		// An idle connection makes room at any time: a request that it is closed under is lost.
		s.http.CloseIdleConnections()
		event := s.publish("acme", "invoice.purchase", `{}`)
		if list := s.attempts(event.ID, e.ID, 1); list[0].Status != "succeeded" || list[0].Number != 1 {
			t.Errorf("%+v", list[0])
		}
	}
	s.http.CloseIdleConnections()
	if s.probe("/healthz") != http.StatusOK {
		t.Error("no room for a probe")
	}
	if open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid)); err == nil && len(open) > files*3/4 {
		t.Errorf("%d of %d files are open", len(open), files)
	}
	if strings.Contains(s.output.String(), "too many open files") {
		t.Error("Bellhop ran out of files")
	}
	begin := time.Now()
	s.stop()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("the end took %s, and the drain timeout is 20 s", took)
	}
}
