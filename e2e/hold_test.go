package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop/client"
)

// TestHold: a server that is started with --hold takes events and sends nothing, as does
// one that is started without it afterwards, also after kill -9, until 'bellhop release'.
func TestHold(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, answers(200))
	s := newServer(t, "--dev")
	s.start("--hold")
	e := s.endpoint(s.app("acme"), r.URL, nil)
	first := s.publish("acme", "invoice.paid", `{"n":1}`)
	if x := s.explain(first.ID, e.ID); x.Outcome != "held" || x.Reason != "all_held" {
		t.Errorf("explained as %+v", x)
	}
	// All that lists what waits says so.
	for _, args := range [][]string{{"deliveries", "list"}, {"events", "list"}, {"events", "explain", first.ID.String()}} {
		if got := s.run("", args...); got.code != 0 || !strings.Contains(got.stderr, "all sending is held since") {
			t.Errorf("%v says %+v", args, got)
		}
	}
	for d, err := range s.api.Deliveries(t.Context(), client.DeliveryFilter{Event: first.ID}) {
		if err != nil || !d.AllHeld {
			t.Errorf("listed as %+v, %v", d, err)
		}
	}
	s.kill()
	s.start()
	s.publish("acme", "invoice.paid", `{"n":2}`)
	if !strings.Contains(s.output.String(), "all sending is held") {
		t.Error("the log does not say that all sending is held")
	}
	s.restart()
	// What waits is looked for at the start, and with each heartbeat.
	lease := s.leaseUntil()
	eventually(t, "the server looks for what waits once more", func() bool { return s.leaseUntil().After(lease) })
	if n := len(r.requests()); n != 0 {
		t.Fatalf("%d requests while all sending is held", n)
	}
	if n := s.pending(e.ID); n != 2 {
		t.Errorf("%d deliveries wait, want 2", n)
	}
	if out := s.cli("release"); !strings.Contains(out, "sending goes on") {
		t.Errorf("release says %q", out)
	}
	s.waitDone(e.ID)
	if got := s.run("", "deliveries", "list"); strings.Contains(got.stderr, "held") {
		t.Errorf("after the release: %+v", got)
	}
	for d, err := range s.api.Deliveries(t.Context(), client.DeliveryFilter{Event: first.ID}) {
		if err != nil || d.AllHeld {
			t.Errorf("after the release, listed as %+v, %v", d, err)
		}
	}
	if got := r.requests(); len(got) != 2 || string(got[0].body) == string(got[1].body) {
		t.Errorf("%d requests after the release, want one for each of the two", len(got))
	}

	if out := s.cli("hold"); !strings.Contains(out, "all sending is held") {
		t.Errorf("hold says %q", out)
	}
	s.publish("acme", "invoice.paid", `{"n":3}`)
	viewer, err := s.api.CreateKey(t.Context(), client.KeyInput{Role: "viewer"})
	if err != nil {
		t.Fatal(err)
	}
	mayNot := s.run("", "release", "--key", viewer.Token)
	if mayNot.code == 0 || !strings.Contains(mayNot.stderr, "role") {
		t.Errorf("release by a viewer: code %d, %q", mayNot.code, mayNot.stderr)
	}
	if out := s.cli("release", "--json"); !strings.Contains(out, `"held":false`) && !strings.Contains(out, `"held": false`) {
		t.Errorf("release --json says %q", out)
	}
	s.waitDone(e.ID)
	if out := s.cli("release"); !strings.Contains(out, "Nothing was held") {
		t.Errorf("release again says %q", out)
	}
}

// leaseUntil is the end of the last lease: each heartbeat moves it. A server that was killed
// may be among the nodes still.
func (s *server) leaseUntil() (last time.Time) {
	s.t.Helper()
	nodes, err := s.api.Nodes(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range nodes {
		if nodes[i].LeaseUntil.After(last) {
			last = nodes[i].LeaseUntil
		}
	}
	return last
}
