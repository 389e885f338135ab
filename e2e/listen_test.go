package e2e

import (
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
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
