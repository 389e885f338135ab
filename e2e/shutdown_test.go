package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// SIGTERM while a receiver is slow: the request finishes and is recorded, nothing
// new begins, readiness turns off, and the next start repeats nothing.
func TestGracefulShutdown(t *testing.T) {
	t.Parallel()
	const events = 10
	s := serve(t)
	s.app("acme")
	release := make(chan struct{})
	r := newReceiver(t, holds(release))
	e := s.endpoint("acme", r.URL, oneAtATime)
	first := s.publish("acme", "invoice.purchase", `{"n":0}`)
	for i := 1; i < events; i++ {
		s.publish("acme", "invoice.purchase", fmt.Sprintf(`{"n":%d}`, i))
	}
	r.wait(t, 1)
	s.signal(syscall.SIGTERM)
	eventually(t, "readiness is off", func() bool { return s.probe("/readyz") != http.StatusOK })
	select {
	case <-s.exited:
		t.Fatal("the server did not wait for the request under way")
	default:
	}
	close(release)
	if code := s.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if n := r.count(); n != 1 {
		t.Errorf("%d requests: new ones were begun while draining", n)
	}
	s.start()
	got := numbers(t, r.wait(t, events))
	s.waitDone(e.ID)
	if n := r.count(); n != events {
		t.Errorf("%d requests for %d events: %v", n, events, got)
	}
	if list := s.attempts(first.ID, e.ID, 1); len(list) != 1 || list[0].Status != bellhop.AttemptSucceeded {
		t.Errorf("the attempt that was under way at shutdown: %+v", list)
	}
}

// A request that takes longer than the drain timeout is cut off, which is no
// failure of the receiver, and made again after the next start.
func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	s := serve(t, "--drain-timeout", "500ms")
	s.app("acme")
	r := newReceiver(t, hangs)
	e := s.endpoint("acme", r.URL, nil)
	event := s.publish("acme", "invoice.purchase", `{"n":0}`)
	r.wait(t, 1)
	begin := time.Now()
	s.stop()
	if took := time.Since(begin); took > 500*time.Millisecond+2*slack {
		t.Errorf("the end took %s", took)
	}
	s.start()
	r.wait(t, 2)
	for a := range s.api.Attempts(t.Context(), client.AttemptFilter{Event: event.ID, Endpoint: e.ID}) {
		t.Errorf("what was cut off is in the log: %+v", a)
	}
	// A second signal does not wait at all.
	s.flags = append(s.flags, "--drain-timeout", "10m")
	s.restart()
	r.wait(t, 3)
	s.signal(syscall.SIGTERM)
	eventually(t, "a second signal ends the process", func() bool {
		select {
		case <-s.exited:
			return true
		default:
			_ = s.cmd.Process.Signal(syscall.SIGTERM)
			return false
		}
	})
}

// The stream brings attempts as they happen, and ends at shutdown.
func TestStreamEndsAtShutdown(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, nil)
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/v1/stream?endpoint="+e.ID.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	resp, err := s.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type %q", got)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		in := bufio.NewScanner(resp.Body)
		for in.Scan() {
			lines <- in.Text()
		}
		if err := in.Err(); err != nil && err != io.EOF {
			t.Errorf("the stream broke: %v", err)
		}
	}()
	next := func(prefix string) string {
		timeout := time.After(patience)
		for {
			select {
			case line, ok := <-lines:
				if !ok {
					t.Fatalf("the stream ended before %q", prefix)
				}
				if strings.HasPrefix(line, prefix) {
					return line
				}
			case <-timeout:
				t.Fatalf("no %q came", prefix)
			}
		}
	}
	next(":") // the greeting: the stream is open
	for range 3 {
		event := s.publish("acme", "invoice.purchase", `{"private":"payload"}`)
		next("event: attempt")
		if data := next("data: "); !strings.Contains(data, event.ID.String()) || strings.Contains(data, "payload") {
			t.Errorf("data %s", data)
		}
	}
	s.stop()
	timeout := time.After(patience)
	for {
		select {
		case _, ok := <-lines:
			if !ok {
				return
			}
		case <-timeout:
			t.Fatal("the stream did not end")
		}
	}
}

// A publisher that stops in the middle of its request, or of its headers, does not
// keep the server from ending.
func TestStalledPublisher(t *testing.T) {
	t.Parallel()
	s := serve(t, "--drain-timeout", "1s")
	s.app("acme")
	for _, begun := range []string{
		"POST /v1/eve",
		"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.key + "\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"app\":",
	} {
		c, err := net.Dial("tcp", s.listen)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, begun); err != nil {
			t.Fatal(err)
		}
	}
	// Without a valid key, nobody waits for the body.
	c, err := net.Dial("tcp", s.listen)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.Contains(line, "401") {
		t.Errorf("%q, %v", line, err)
	}
	s.publish("acme", "invoice.purchase", `{}`)
	begin := time.Now()
	s.stop()
	if took := time.Since(begin); took > time.Second+2*slack {
		t.Errorf("the end took %s", took)
	}
}
