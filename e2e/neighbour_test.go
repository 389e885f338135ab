package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testlong"
)

// Endpoints that hang do not delay another: it gets 50 events while each of them
// sits on as many.
func TestHangingNeighbours(t *testing.T) {
	t.Parallel()
	const events = 50
	s := serve(t)
	s.app("acme")
	hanging := []*receiver{newReceiver(t, hangs), newReceiver(t, hangs)}
	for _, r := range hanging {
		s.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) { c.Timeout = bellhop.Of(bellhop.Duration(time.Minute)) })
	}
	healthy := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", healthy.URL, nil)

	begin := time.Now()
	for i := range events {
		if r := s.publish("acme", "invoice.purchase", fmt.Sprintf(`{"n":%d}`, i)); r.Deliveries != 3 {
			t.Fatalf("%+v", r)
		}
	}
	within(t, 2*time.Second, "the healthy endpoint got everything", func() bool { return healthy.count() == events })
	t.Logf("%d events in %s", events, time.Since(begin))
	s.waitDone(e.ID)
	for i, r := range hanging {
		if r.count() == 0 {
			t.Errorf("the hanging endpoint %d was not tried", i)
		}
	}
}

// Where few files may be open, endpoints that hang cannot use them up: the API
// answers, and others get their events.
func TestHangingNeighboursWithFewFiles(t *testing.T) {
	t.Parallel()
	const events, dead = 20, 20
	s := newServer(t, "--dev")
	s.openFiles = 256
	s.start()
	s.app("acme")
	hanging := newReceiver(t, hangs)
	for i := range dead {
		s.endpoint("acme", fmt.Sprintf("%s/%d", hanging.URL, i), func(c *bellhop.EndpointChange) { c.Timeout = bellhop.Of(bellhop.Duration(time.Minute)) })
	}
	healthy := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", healthy.URL, nil)
	for i := range events {
		s.publish("acme", "invoice.purchase", fmt.Sprintf(`{"n":%d}`, i))
	}
	s.waitDone(e.ID)
	if n := healthy.count(); n != events {
		t.Errorf("the healthy endpoint got %d of %d events", n, events)
	}
	for a, err := range s.api.Attempts(t.Context(), client.AttemptFilter{Endpoint: e.ID}) {
		if err != nil || a.Status != bellhop.AttemptSucceeded {
			t.Errorf("an attempt at the healthy endpoint: %+v, %v", a, err)
		}
	}
}

// A million deliveries at once, from one request of one app, while portal links are
// made: another app's publishes and sign-ins go on as before.
func TestALargeBatchBesideOthers(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	const crowd = 1000 // endpoints, and events
	s := serve(t)
	s.app("crowd")
	s.app("quiet")
	for i := range crowd {
		// Paused: it is the accepting and storing that is looked at.
		s.endpoint("crowd", fmt.Sprintf("http://127.0.0.1:9/%d", i), func(c *bellhop.EndpointChange) {
			c.Status = bellhop.Of(bellhop.EndpointPaused)
		})
	}
	healthy := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("quiet", healthy.URL, nil)
	viewer, err := s.api.CreateKey(t.Context(), client.KeyInput{Role: bellhop.RoleViewer, Apps: []string{"quiet"}})
	if err != nil {
		t.Fatal(err)
	}
	signedIn := client.New(s.url, viewer.Token, s.http)

	// slowest gives how long all but one in a hundred of n publishes and sign-ins took.
	slowest := func(n int) (publish, signIn time.Duration) {
		var publishes, signIns []time.Duration
		for range n {
			begun := time.Now()
			s.publish("quiet", "invoice.purchase", `1`)
			published := time.Now()
			if _, err := signedIn.Whoami(t.Context()); err != nil {
				t.Fatal(err)
			}
			publishes, signIns = append(publishes, published.Sub(begun)), append(signIns, time.Since(published))
		}
		slices.Sort(publishes)
		slices.Sort(signIns)
		return publishes[n*99/100], signIns[n*99/100]
	}
	idle, idleSignIn := slowest(200)

	events := make([]client.Publication, crowd)
	for i := range events {
		events[i] = client.Publication{App: "crowd", Type: "invoice.purchase", Data: bellhop.JSON(`1`)}
	}
	accepted := make(chan error, 1)
	go func() {
		receipts, err := s.api.PublishBatch(t.Context(), events)
		if err == nil && receipts[0].Deliveries != crowd {
			err = fmt.Errorf("the first event is bound for %d endpoints", receipts[0].Deliveries)
		}
		accepted <- err
	}()
	if _, err := s.api.CreatePortalLink(t.Context(), client.PortalInput{App: "crowd", Role: bellhop.RoleViewer}); err != nil {
		t.Error(err)
	}
	beside, besideSignIn := slowest(400)
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
	t.Logf("99 of 100 publishes took at most %v, and %v beside a million deliveries; sign-ins %v and %v", idle, beside, idleSignIn, besideSignIn)
	if most := max(10*idle, noticed); beside > most {
		t.Errorf("publishes took %v beside a large batch of another app, and %v without", beside, idle)
	}
	if most := max(10*idleSignIn, noticed); besideSignIn > most {
		t.Errorf("sign-ins took %v beside a large batch of another app, and %v without", besideSignIn, idleSignIn)
	}
	s.waitDone(e.ID)
}
