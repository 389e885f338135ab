package e2e

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testpostgres"
)

// listener is one 'bellhop listen'.
type listener struct {
	*output
	t      testing.TB
	cmd    *exec.Cmd
	exited chan struct{}
	secret string
}

var whsec = regexp.MustCompile(`whsec_\S+`)

// startListen starts 'bellhop listen' and waits until it listens.
func (s *server) startListen(args ...string) *listener {
	s.t.Helper()
	l := &listener{output: &output{}, t: s.t, cmd: s.command(append([]string{"listen"}, args...)...), exited: make(chan struct{})}
	l.cmd.Stdout, l.cmd.Stderr = l.output, l.output
	if err := l.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = l.cmd.Wait()
		close(l.exited)
	}()
	s.t.Cleanup(func() {
		l.end(syscall.SIGKILL)
		if s.t.Failed() {
			s.t.Logf("the output of listen:\n%s", l.tail())
		}
	})
	l.says("Listening")
	l.secret = whsec.FindString(l.String())
	return l
}

func (l *listener) says(what string) {
	l.t.Helper()
	eventually(l.t, "listen says "+what, func() bool {
		select {
		case <-l.exited:
			l.t.Fatalf("listen has ended:\n%s", l.String())
		default:
		}
		return strings.Contains(l.String(), what)
	})
}

// end ends it by a signal, and gives its exit code.
func (l *listener) end(sig syscall.Signal) int {
	_ = l.cmd.Process.Signal(sig)
	<-l.exited
	return l.cmd.ProcessState.ExitCode()
}

// listenedAt gives the endpoints that listen made.
func (s *server) listenedAt() (found []bellhop.Endpoint) {
	s.t.Helper()
	for e, err := range s.api.Endpoints(s.t.Context(), client.EndpointFilter{}) {
		if err != nil {
			s.t.Fatal(err)
		}
		if e.Listened() {
			found = append(found, e)
		}
	}
	return found
}

// TestListen: a server without --dev, and with it no way to this machine, brings its
// events to a program here; each once, whatever is killed in the middle.
func TestListen(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	s.app("acme")
	s.app("globex")
	release := make(chan struct{})
	r := newReceiver(t, func(r *receiver, w http.ResponseWriter, req *http.Request) {
		holds(release)(r, w, req)
		w.Header().Set("X-Answer", "42")
		echoes(r, w, req)
	})
	l := s.startListen("--forward", r.URL+"/hook", "--app", "acme", "--events", "invoice.*", "--keep")
	e := s.listenedAt()[0]
	s.publish("globex", "invoice.paid", `{"n":0}`)
	s.publish("acme", "ticket.created", `{"n":0}`)
	first := s.publish("acme", "invoice.paid", `{"n" : 1}`)
	second := s.publish("acme", "invoice.paid", `{"n" : 2}`)
	r.wait(t, 1)

	// The server is killed while the program is at work, which it finishes meanwhile.
	s.kill()
	close(release)
	l.says("✓  200")
	s.start()
	for i, event := range []client.Receipt{first, second} {
		a := s.attempts(event.ID, e.ID, 1)[0]
		if a.Status != bellhop.AttemptSucceeded || a.Number != 1 || a.ResponseStatus != 200 || a.ResponseHeader.Get("X-Answer") != "42" {
			t.Errorf("attempt at event %d: %+v", i+1, a)
		}
	}
	requests := r.requests()
	if len(requests) != 2 {
		t.Fatalf("the program got %d requests for 2 events", len(requests))
	}
	for i, q := range requests {
		q.verify(t, "standard", l.secret)
		q.carries(t, []string{`"data":{"n" : 1}}`, `"data":{"n" : 2}}`}[i])
	}

	// The listener is killed: what is published meanwhile waits, without attempts, and
	// comes in order when it is back, signed as before.
	l.end(syscall.SIGKILL)
	var waiting []client.Receipt
	for range 3 {
		waiting = append(waiting, s.publish("acme", "invoice.paid", `{}`))
	}
	again := s.startListen("--forward", r.URL+"/hook", "--app", "acme", "--events", "invoice.*")
	if again.secret != l.secret || len(s.listenedAt()) != 1 {
		t.Errorf("it is another endpoint: %+v", s.listenedAt())
	}
	for i, q := range r.wait(t, 5)[2:] {
		if q.header.Get("Webhook-Id") != waiting[i].ID.String() {
			t.Errorf("request %d is of %s", i+3, q.header.Get("Webhook-Id"))
		}
	}
	for _, event := range waiting {
		s.attempts(event.ID, e.ID, 1)
	}
	if code := again.end(syscall.SIGINT); code != 0 || len(s.listenedAt()) != 0 {
		t.Errorf("exit code %d, and %+v is left", code, s.listenedAt())
	}
	if n := r.count(); n != 5 {
		t.Errorf("the program got %d requests for 5 events", n)
	}
}

// TestTwoListeners at one app, one of which has no program: each has its own endpoint,
// and neither notices the other.
func TestTwoListeners(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	nowhere := newReceiver(t, answers(http.StatusOK))
	nowhere.Close()
	up, down := s.startListen("--forward", r.URL), s.startListen("--forward", nowhere.URL, "--json")
	event := s.publish("acme", "invoice.paid", `{}`)
	for _, e := range s.listenedAt() {
		a := s.attempts(event.ID, e.ID, 1)[0]
		switch {
		case strings.Contains(e.URL, r.URL):
			if a.Status != bellhop.AttemptSucceeded {
				t.Errorf("%+v", a)
			}
		case a.Reason != "connect" || !strings.HasPrefix(a.Detail, "nothing listens on "+strings.TrimPrefix(nowhere.URL, "http://")+": start your program"):
			t.Errorf("without a program: %+v", a)
		}
	}
	up.says("✓  200")
	down.says(`"reason":"connect"`)
	if up.secret == down.secret || len(s.listenedAt()) != 2 {
		t.Errorf("they share an endpoint")
	}
	viewer := s.cli("keys", "create", "--role", "viewer", "--app", "acme")
	s.env = append(s.env, "BELLHOP_KEY="+strings.TrimSpace(viewer))
	if got := s.run("", "listen", "--forward", r.URL); got.code != 1 || !strings.Contains(got.stderr, "role editor") {
		t.Errorf("with a viewer's key: %+v", got)
	}
}

// balanceRequests gives the URL of a load balancer that has each request served by another
// one of the servers.
func balanceRequests(t *testing.T, servers ...*server) string {
	t.Helper()
	var n atomic.Int64
	front := httptest.NewServer(&httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: servers[n.Add(1)%int64(len(servers))].listen})
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	t.Cleanup(front.Close)
	return front.URL
}

// balanceConnections gives that of one that has each connection go to another one.
func balanceConnections(t *testing.T, servers ...*server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", servers[n%len(servers)].listen)
			if err != nil {
				_ = c.Close()
				continue
			}
			pass := func(to, from net.Conn) {
				_, _ = io.Copy(to, from)
				_ = to.Close()
				_ = from.Close()
			}
			go pass(to, c)
			go pass(c, to)
		}
	}()
	return "http://" + l.Addr().String()
}

// TestListenBehindALoadBalancer that gives every request, or every connection, to another one
// of two nodes: each event comes once, is answered once, also when a node has gone.
func TestListenBehindALoadBalancer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		balance func(*testing.T, ...*server) string
		flags   []string
	}{
		"requests": {balanceRequests, []string{"--database-plain"}}, "connections": {balanceConnections, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newNode(t, testpostgres.Database(t), tc.flags...)
			a.start()
			b := a.another(tc.flags...)
			b.start()
			a.app("acme")
			a.env = append(a.env, "BELLHOP_SERVER="+tc.balance(t, a, b))
			r := newReceiver(t, answers(http.StatusOK))
			l := a.startListen("--forward", r.URL+"/hook", "--app", "acme")
			e := a.listenedAt()[0]
			var events []client.Receipt
			for i := range 12 {
				events = append(events, []*server{a, b}[i%2].publish("acme", "invoice.paid", `{}`))
			}
			for _, event := range events {
				if at := a.attempts(event.ID, e.ID, 1)[0]; at.Status != bellhop.AttemptSucceeded {
					t.Errorf("an attempt: %+v", at)
				}
			}
			b.stop()
			for range 3 {
				events = append(events, a.publish("acme", "invoice.paid", `{}`))
			}
			for _, event := range events[12:] {
				if at := a.attempts(event.ID, e.ID, 1)[0]; at.Status != bellhop.AttemptSucceeded {
					t.Errorf("an attempt without the other node: %+v", at)
				}
			}
			if n := r.count(); n != len(events) {
				t.Errorf("the program got %d requests for %d events", n, len(events))
			}
			if text := l.String(); strings.Contains(text, "did not reach") {
				t.Errorf("listen says:\n%s", text)
			}
		})
	}
}
