package e2e

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/testport"
)

// slack is what a busy machine may add to a duration, and early is by how much a clock
// may seem to have gone ahead.
const (
	slack = 6 * time.Second
	early = 500 * time.Millisecond
)

// Receivers that misbehave in one way each: what the log says of the first
// attempt, how long that took, and when the next one comes.
func TestHostileReceivers(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	internal := newReceiver(t, answers(http.StatusOK)) // what redirects lead to
	closed := testport.Reserve(t)
	inTwoSeconds := func() string { return "2" }
	atADate := func() string { return time.Now().Add(3 * time.Second).UTC().Format(http.TimeFormat) }

	tests := []struct {
		name      string
		behaviour behaviour
		url       string        // instead of the receiver's
		timeout   time.Duration // of the endpoint; 0 is the default
		// What is expected of the first attempt.
		succeeds  bool
		reason    string
		status    int
		detail    string
		takes     time.Duration // at least; at most slack more
		again     time.Duration // the earliest time of the next attempt, after the end of this one
		truncated bool
	}{
		{
			name: "hang", behaviour: hangs, timeout: 700 * time.Millisecond,
			reason: "timeout", detail: "no answer within 700ms: connected to 127.0.0.1", takes: 700 * time.Millisecond, again: 9 * time.Second,
		},
		{
			name: "trickle", behaviour: trickles, timeout: 1500 * time.Millisecond,
			succeeds: true, status: 200, detail: "so the event was taken; but its body did not end within 1.5s", takes: 1500 * time.Millisecond, truncated: true,
		},
		{name: "endless-body", behaviour: neverEnds, succeeds: true, status: 200, truncated: true},
		{name: "redirect-301", behaviour: redirects(301, internal.URL+"/admin"), reason: "status", status: 301, detail: "redirects are not followed", again: 9 * time.Second},
		{name: "redirect-302", behaviour: redirects(302, internal.URL+"/admin"), reason: "status", status: 302, detail: "redirects are not followed", again: 9 * time.Second},
		{name: "redirect-307", behaviour: redirects(307, internal.URL+"/admin"), reason: "status", status: 307, detail: "redirects are not followed", again: 9 * time.Second},
		{name: "redirect-metadata", behaviour: redirects(308, "http://169.254.169.254/latest/meta-data/"), reason: "status", status: 308, detail: "redirects are not followed", again: 9 * time.Second},
		{name: "gone", behaviour: answers(410), reason: "status", status: 410, detail: "410 Gone: it wants no more events"},
		{name: "reset", behaviour: resets, reason: "reset", detail: "closed the connection before the headers of a response were complete", again: 9 * time.Second},
		{name: "not-http", behaviour: babbles, reason: "protocol", detail: "is not usable", again: 9 * time.Second},
		{name: "closed-port", behaviour: answers(200), url: "http://" + closed, reason: "connect", detail: "connection refused", again: 9 * time.Second},
		{name: "client-error", behaviour: answers(404), reason: "status", status: 404, detail: "The receiver answered 404 Not Found", again: 9 * time.Second},
		{name: "retry-after-seconds", behaviour: asksToWait(func() string { return "15" }), reason: "status", status: 503, detail: "503 Service Unavailable", again: 15 * time.Second},
		{name: "retry-after-too-long", behaviour: asksToWait(func() string { return "86400" }), reason: "status", status: 503, again: 20 * time.Second},
		{name: "retry-after-nonsense", behaviour: asksToWait(func() string { return "soon" }), reason: "status", status: 503, again: 9 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, tt.behaviour)
			e := s.endpoint("acme", or(tt.url, r.URL), func(c *bellhop.EndpointChange) {
				c.Events = bellhop.Of([]string{tt.name})
				c.Retry = delays(10*time.Second, 20*time.Second)
				if tt.timeout != 0 {
					c.Timeout = bellhop.Of(bellhop.Duration(tt.timeout))
				}
			})
			event := s.publish("acme", tt.name, `{"n":1}`)
			a := s.attempts(event.ID, e.ID, 1)[0]
			if (a.Status == bellhop.AttemptSucceeded) != tt.succeeds || a.Reason != tt.reason || a.ResponseStatus != tt.status {
				t.Errorf("%s, reason %q, response status %d; %s", a.Status, a.Reason, a.ResponseStatus, a.Detail)
			}
			if !strings.Contains(a.Detail, tt.detail) || (a.Detail == "") != (tt.succeeds && tt.detail == "") {
				t.Errorf("the detail %q does not say %q", a.Detail, tt.detail)
			}
			took := time.Duration(a.DurationMS) * time.Millisecond
			if took < tt.takes-time.Millisecond || took > tt.takes+slack {
				t.Errorf("took %s, wanted %s and little more", took, tt.takes)
			}
			if a.ResponseTruncated != tt.truncated || len(a.ResponseBody) > 16<<10 {
				t.Errorf("truncated: %v, with %d bytes of body", a.ResponseTruncated, len(a.ResponseBody))
			}
			x := s.explain(event.ID, e.ID)
			if x.Detail == "" || a.Detail != "" && !strings.Contains(x.Detail, a.Detail) {
				t.Errorf("the explanation %q does not say %q", x.Detail, a.Detail)
			}
			if tt.again == 0 {
				if tt.succeeds && (!a.Final || !a.NextAt.IsZero()) {
					t.Errorf("final: %v, next at %s", a.Final, a.NextAt)
				}
				return
			}
			// With jitter, a delay of 10 s is one of 9 to 11 s.
			wait := a.NextAt.Sub(a.StartedAt.Add(took))
			if a.Final || wait < tt.again-early || wait > tt.again*12/10+slack {
				t.Errorf("final: %v, next in %s, wanted %s", a.Final, wait, tt.again)
			}
			if x.Outcome != bellhop.FateRetrying || !x.NextAt.Equal(a.NextAt) {
				t.Errorf("explained as %s, next at %s; the attempt says %s", x.Outcome, x.NextAt, a.NextAt)
			}
		})
	}
	t.Run("500-thrice", func(t *testing.T) {
		t.Parallel()
		r := newReceiver(t, failsFirst(3))
		e := s.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) {
			c.Events = bellhop.Of([]string{"thrice"})
			c.Retry = delays(200*time.Millisecond, 400*time.Millisecond, 600*time.Millisecond)
		})
		event := s.publish("acme", "thrice", `{"n":1}`)
		list := s.attempts(event.ID, e.ID, 4)
		for i, a := range list {
			last := i == 3
			if a.Number != i+1 || a.Final != last || (a.Status == bellhop.AttemptSucceeded) != last || !last && (a.ResponseStatus != 500 || a.ResponseBody != "out of order") {
				t.Errorf("attempt %d: %+v", i+1, a)
			}
			if i > 0 && a.StartedAt.Before(list[i-1].NextAt.Truncate(time.Millisecond)) {
				t.Errorf("attempt %d began at %s, before its time %s", i+1, a.StartedAt, list[i-1].NextAt)
			}
		}
		requests := r.wait(t, 4)
		for _, q := range requests {
			q.verify(t, "standard", e.Secret)
			if q.header.Get("webhook-id") != event.ID.String() || string(q.body) != string(requests[0].body) {
				t.Errorf("the event changed between attempts: %s", q.body)
			}
		}
		s.waitDone(e.ID)
		if n := r.count(); n != 4 {
			t.Errorf("%d requests", n)
		}
	})
	for name, value := range map[string]func() string{"seconds": inTwoSeconds, "date": atADate} {
		// Retry-After is not only noted but waited for.
		t.Run("waits-for-retry-after-"+name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, asksToWait(value))
			e := s.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) {
				c.Events = bellhop.Of([]string{"after." + name})
				c.Retry = delays(100*time.Millisecond, time.Minute)
			})
			event := s.publish("acme", "after."+name, `{"n":1}`)
			requests := r.wait(t, 2)
			if waited := requests[1].at.Sub(requests[0].at); waited < 1900*time.Millisecond || waited > 4*time.Second+slack {
				t.Errorf("came again after %s", waited)
			}
			if list := s.attempts(event.ID, e.ID, 2); list[1].Status != bellhop.AttemptSucceeded {
				t.Errorf("the second attempt: %+v", list[1])
			}
		})
	}
	t.Run("gone-disables", func(t *testing.T) {
		t.Parallel()
		r := newReceiver(t, answers(http.StatusGone))
		e := s.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) { c.Events = bellhop.Of([]string{"closing"}) })
		first := s.publish("acme", "closing", `{"n":1}`)
		eventually(t, "the endpoint is disabled", func() bool {
			now, err := s.api.Endpoint(t.Context(), e.ID)
			return err == nil && now.Status == bellhop.EndpointDisabled && strings.Contains(now.DisabledReason, "410")
		})
		second := s.publish("acme", "closing", `{"n":2}`)
		if second.Deliveries != 0 {
			t.Errorf("a disabled endpoint was given an event: %+v", second)
		}
		if x := s.explain(first.ID, e.ID); x.Outcome != bellhop.FateHeld || !strings.Contains(x.Detail, "410 Gone") {
			t.Errorf("the first event: %+v", x)
		}
		if x := s.explain(second.ID, e.ID); x.Outcome != bellhop.FateNotSent || x.Reason != "disabled" {
			t.Errorf("the second event: %+v", x)
		}
		if n := r.count(); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("closes-in-silence", func(t *testing.T) {
		t.Parallel()
		url := rawReceiver(t, func(c net.Conn, in *bufio.Reader) {
			if _, ok := takeRequest(in); ok {
				_, _ = io.WriteString(c, plainOK)
			}
		})
		e := s.endpoint("acme", url, func(c *bellhop.EndpointChange) {
			c.Events, c.Concurrency = bellhop.Of([]string{"silence"}), bellhop.Of(4)
		})
		events := make([]bellhop.EventID, 60)
		for i := range events {
			events[i] = s.publish("acme", "silence", `{}`).ID
		}
		for _, event := range events {
			if a := s.attempts(event, e.ID, 1)[0]; a.Status != bellhop.AttemptSucceeded || a.Number != 1 {
				t.Fatalf("%+v", a)
			}
		}
	})
	t.Run("late-second-answer", func(t *testing.T) {
		t.Parallel()
		url := rawReceiver(t, func(c net.Conn, in *bufio.Reader) {
			for {
				path, ok := takeRequest(in)
				if !ok || path == "/mute" {
					return
				}
				_, _ = io.WriteString(c, plainOK)
				time.Sleep(3 * time.Millisecond)
				_, _ = io.WriteString(c, plainOK)
			}
		})
		s.app("poisoned")
		only := func(c *bellhop.EndpointChange) {
			c.Events, c.Retry = bellhop.Of([]string{"late"}), delays(time.Hour)
		}
		twice, mute := s.endpoint("acme", url+"/twice", only), s.endpoint("poisoned", url+"/mute", only)
		for range 9 { // one more, and its circuit would open
			first := s.publish("acme", "late", `{}`)
			s.attempts(first.ID, twice.ID, 1)
			second := s.publish("poisoned", "late", `{}`)
			if a := s.attempts(second.ID, mute.ID, 1)[0]; a.Status == bellhop.AttemptSucceeded {
				t.Fatalf("counts as delivered, and was never answered: %+v", a)
			}
		}
	})
	t.Cleanup(func() {
		if n := internal.count(); n != 0 {
			t.Errorf("%d redirects to an internal address were followed", n)
		}
	})
}

const plainOK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// rawReceiver runs serve for each connection, and then closes it.
func rawReceiver(t *testing.T, serve func(c net.Conn, in *bufio.Reader)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(t.Context(), func() { c.Close() })
			serving.Go(func() {
				defer c.Close()
				defer stop()
				serve(c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	return "http://" + l.Addr().String()
}

// takeRequest reads a request to its end, and gives its path.
func takeRequest(in *bufio.Reader) (path string, ok bool) {
	r, err := http.ReadRequest(in)
	if err != nil {
		return "", false
	}
	_, err = io.Copy(io.Discard, r.Body)
	return r.URL.Path, err == nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// TLS with good and bad certificates, and names that lead to refused addresses:
// now, later, or beside a good one. Without --dev, 127.0.0.1 stands for a public
// address here and 127.0.0.2 for a private one.
func TestTLSAndNames(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	dns := newNameserver(t)
	s := newServer(t, "--allow-cidr", "127.0.0.1/32", "--dns", dns.address)
	s.env = []string{"SSL_CERT_FILE=" + ca.file, "SSL_CERT_DIR=" + t.TempDir()}
	s.start()
	s.app("acme")

	good := func(t *testing.T, name string) *receiver {
		return newTLSReceiver(t, "127.0.0.1:0", ca.certify(t, time.Now().Add(time.Hour), name), failsOnce())
	}
	// private listens at the same port of the private address.
	private := func(t *testing.T, r *receiver, name string) *receiver {
		_, port, _ := net.SplitHostPort(r.Listener.Addr().String())
		if l, err := net.Listen("tcp", "127.0.0.2:"+port); err != nil {
			t.Skip("this system has no 127.0.0.2: ", err)
		} else {
			l.Close()
		}
		return newTLSReceiver(t, "127.0.0.2:"+port, ca.certify(t, time.Now().Add(time.Hour), name), answers(http.StatusOK))
	}
	// send publishes an event to name at the receiver's port, and gives the first attempts.
	send := func(t *testing.T, r *receiver, name string, attempts int) []client.Attempt {
		_, port, _ := net.SplitHostPort(r.Listener.Addr().String())
		e := s.endpoint("acme", "https://"+name+":"+port+"/hooks", func(c *bellhop.EndpointChange) {
			c.Events = bellhop.Of([]string{name})
			c.Retry = delays(100*time.Millisecond, time.Minute)
		})
		event := s.publish("acme", name, `{"n":1}`)
		list := s.attempts(event.ID, e.ID, attempts)
		for _, q := range r.requests() {
			q.verify(t, "standard", e.Secret)
		}
		return list
	}
	refused := func(t *testing.T, a client.Attempt) {
		t.Helper()
		if a.Status != bellhop.AttemptFailed || a.Reason != "dns" || a.ResponseStatus != 0 || !strings.Contains(a.Detail, "leads to no public address") {
			t.Errorf("%s, reason %q, detail %q", a.Status, a.Reason, a.Detail)
		}
		if strings.Contains(a.Detail, "127.0.0.2") {
			t.Errorf("the detail tells how the network looks inside: %q", a.Detail)
		}
	}

	t.Run("good certificate", func(t *testing.T) {
		dns.leads("good.example.com", "127.0.0.1")
		r := good(t, "good.example.com")
		list := send(t, r, "good.example.com", 2)
		if list[0].ResponseStatus != 500 || list[1].Status != bellhop.AttemptSucceeded || r.count() != 2 {
			t.Errorf("%+v", list)
		}
	})
	bad := map[string]struct {
		cert   func(t *testing.T) *receiver
		detail string
	}{
		"unknown-authority.example.com": {func(t *testing.T) *receiver {
			return newTLSReceiver(t, "127.0.0.1:0", stranger.certify(t, time.Now().Add(time.Hour), "unknown-authority.example.com"), answers(200))
		}, "unknown authority"},
		"wrong-name.example.com": {func(t *testing.T) *receiver { return good(t, "another.example.com") }, "another.example.com"},
		"expired.example.com": {func(t *testing.T) *receiver {
			return newTLSReceiver(t, "127.0.0.1:0", ca.certify(t, time.Now().Add(-time.Hour), "expired.example.com"), answers(200))
		}, "expired"},
	}
	for name, tt := range bad {
		t.Run(name, func(t *testing.T) {
			dns.leads(name, "127.0.0.1")
			r := tt.cert(t)
			a := send(t, r, name, 1)[0]
			if a.Status != bellhop.AttemptFailed || a.Reason != "tls" || a.ResponseStatus != 0 || !strings.Contains(a.Detail, tt.detail) || a.Final {
				t.Errorf("%s, reason %q, detail %q", a.Status, a.Reason, a.Detail)
			}
			if r.count() != 0 {
				t.Error("a request was sent over a connection that cannot be trusted")
			}
		})
	}
	t.Run("a name that does not exist", func(t *testing.T) {
		r := good(t, "nowhere.example.com")
		if a := send(t, r, "nowhere.example.com", 1)[0]; a.Reason != "dns" {
			t.Errorf("reason %q, detail %q", a.Reason, a.Detail)
		} else {
			refused(t, a) // in the same words as a name that leads inside
		}
	})
	t.Run("a name that leads inside", func(t *testing.T) {
		dns.leads("inside.example.com", "127.0.0.2")
		r := good(t, "inside.example.com")
		inside := private(t, r, "inside.example.com")
		refused(t, send(t, r, "inside.example.com", 1)[0])
		if inside.count() != 0 {
			t.Error("the private address was reached")
		}
	})
	t.Run("a name that is public, then private", func(t *testing.T) {
		dns.rebinds("rebinding.example.com", func(asked int) []string {
			if asked == 1 {
				return []string{"127.0.0.1"}
			}
			return []string{"127.0.0.2"}
		})
		r := good(t, "rebinding.example.com")
		inside := private(t, r, "rebinding.example.com")
		list := send(t, r, "rebinding.example.com", 2)
		if list[0].ResponseStatus != 500 {
			t.Errorf("the first attempt: %+v", list[0])
		}
		refused(t, list[1])
		if r.count() != 1 || inside.count() != 0 {
			t.Errorf("%d requests to the public address, %d to the private one", r.count(), inside.count())
		}
	})
	t.Run("a name with a public and a private address", func(t *testing.T) {
		dns.rebinds("both.example.com", func(asked int) []string {
			if asked%2 == 1 {
				return []string{"127.0.0.2", "127.0.0.1"}
			}
			return []string{"127.0.0.1", "127.0.0.2"}
		})
		r := good(t, "both.example.com")
		inside := private(t, r, "both.example.com")
		list := send(t, r, "both.example.com", 2)
		if list[1].Status != bellhop.AttemptSucceeded || r.count() != 2 || inside.count() != 0 {
			t.Errorf("%+v; %d requests to the public address, %d to the private one", list[1], r.count(), inside.count())
		}
	})
	t.Run("verification and test sends are guarded too", func(t *testing.T) {
		dns.leads("guarded.example.com", "127.0.0.2")
		r := good(t, "guarded.example.com")
		inside := private(t, r, "guarded.example.com")
		_, port, _ := net.SplitHostPort(r.Listener.Addr().String())
		change := bellhop.EndpointChange{
			Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of("https://guarded.example.com:" + port), Events: bellhop.Of([]string{"guarded"}),
		}
		e, err := s.api.CreateEndpoint(t.Context(), change)
		if err != nil {
			t.Fatal(err)
		}
		a, err := s.api.TestEndpoint(t.Context(), e.ID, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, a)
		change.Verify = bellhop.Of(true)
		if _, err := s.api.CreateEndpoint(t.Context(), change); client.CodeOf(err) != bellhop.CodeVerification {
			t.Errorf("verify: %v", err)
		}
		change.Verify, change.Dialect = bellhop.Field[bool]{}, bellhop.Of("allthings")
		if _, err := s.api.CreateEndpoint(t.Context(), change); client.CodeOf(err) != bellhop.CodeVerification {
			t.Errorf("the verification of a dialect: %v", err)
		}
		if inside.count() != 0 {
			t.Error("the private address was reached")
		}
	})
	t.Run("URLs that are refused at once", func(t *testing.T) {
		for url, code := range map[string]string{
			"http://good.example.com/":  "url_scheme",
			"http://127.0.0.1/":         "url_scheme",
			"https://127.0.0.2/":        "url_address",
			"https://[::1]/":            "url_address",
			"https://10.0.0.1/":         "url_address",
			"https://169.254.169.254/":  "url_address",
			"https://2130706433/":       "url_address",
			"https://u:p@example.com/":  "url_credentials",
			"https://example.com/#frag": "url_fragment",
		} {
			_, err := s.api.CreateEndpoint(t.Context(), bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of(url)})
			if p := problemOf(t, err); p.Status != 422 || len(p.Errors) != 1 || p.Errors[0].Field != "url" || p.Errors[0].Code != code {
				t.Errorf("%s: %v", url, err)
			}
		}
	})
}

// A receiver that answers well but has another secret notices it: what it is told
// by the diagnosis of package dialect.
func TestForeignSecret(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, nil)
	other := s.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) { c.Events = bellhop.Of([]string{"none"}) })
	s.publish("acme", "invoice.purchase", sample(t, "showpass-invoice-purchase"))
	q := r.wait(t, 1)[0]
	q.verify(t, "standard", e.Secret)
	if err := dialect.Verify("standard", q.header, q.body, other.Secret); err == nil {
		t.Error("another endpoint's secret was accepted")
	}
}
