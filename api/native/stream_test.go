package native

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

// follow opens a stream and gives its lines.
func (s *site) follow(ctx context.Context, token, query string) (*http.Response, *bufio.Scanner) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(ctx, "GET", s.url+"/v1/stream"+query, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	lines := bufio.NewScanner(resp.Body)
	if resp.StatusCode != 200 || !lines.Scan() || !lines.Scan() {
		s.t.Fatalf("stream: %s", resp.Status)
	}
	return resp, lines
}

func TestStream(t *testing.T) {
	s := open(t)
	s.endpoint("acme")
	s.endpoint("globex")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp, lines := s.follow(ctx, s.key(bellhop.RoleViewer, "acme"), "?status=succeeded")
	defer resp.Body.Close() //nolint:errcheck // a test
	if ct := resp.Header.Get("Content-Type"); ct != "text/event-stream" {
		t.Errorf("Content-Type %q", ct)
	}
	s.firstAttempt(s.publish("globex").Event)
	event := s.publish("acme").Event
	var got []string
	for len(got) < 4 && lines.Scan() {
		got = append(got, lines.Text())
	}
	if len(got) != 4 || got[0] != "event: attempt" || !strings.HasPrefix(got[1], "id: att_") || got[3] != "" {
		t.Fatalf("%q", got)
	}
	var at wire.Attempt
	if err := json.Unmarshal([]byte(strings.TrimPrefix(got[2], "data: ")), &at); err != nil {
		t.Fatal(err)
	}
	if at.Event != event || at.App != "acme" || "id: "+at.ID.String() != got[1] {
		t.Errorf("%+v", at)
	}
}

func TestStreamEndsAtShutdown(t *testing.T) {
	stop := make(chan struct{})
	s := open(t, setup{options: func(o *Options) { o.Stop = stop }})
	resp, lines := s.follow(t.Context(), s.admin, "")
	defer resp.Body.Close() //nolint:errcheck // a test
	close(stop)
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("%q %v", lines.Text(), lines.Err())
	}
}

// TestStreamHeartbeat runs a stream through minutes in a bubble.
func TestStreamHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := unserved(t)
		k, token, err := s.desk.CreateKey(t.Context(), bellhop.Owner(), bellhop.KeyRequest{Role: bellhop.RoleViewer, Apps: []string{"acme"}, ExpiresIn: bellhop.Duration(time.Minute), Portal: true})
		if err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequest("GET", "/v1/stream", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		began := time.Now()
		s.handler.ServeHTTP(w, req)
		if lasted := time.Since(began); lasted != time.Minute {
			t.Errorf("the stream lasted %s, the key %s", lasted, k.ExpiresAt.Sub(began))
		}
		if n := strings.Count(w.Body.String(), ": still here\n\n"); n != 3 {
			t.Errorf("%d heartbeats: %q", n, w.Body)
		}
	})
}

// slowReader is a reader that takes nothing until it is let.
type slowReader struct {
	*httptest.ResponseRecorder
	reads chan struct{}
}

func (r *slowReader) Write(b []byte) (int, error) {
	<-r.reads
	return r.ResponseRecorder.Write(b)
}

func (r *slowReader) Flush() {}

// TestSlowReaderComesBack: a reader that falls behind gets what was kept for it, is told
// how much it lost and when to come back, and its stream ends.
func TestSlowReaderComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := unserved(t)
		s.endpoint("acme")
		req := httptest.NewRequest("GET", "/v1/stream", nil)
		req.Header.Set("Authorization", "Bearer "+s.admin)
		w := &slowReader{httptest.NewRecorder(), make(chan struct{})}
		ended := make(chan struct{})
		go func() {
			s.handler.ServeHTTP(w, req)
			close(ended)
		}()
		synctest.Wait() // it watches
		const events = 1000
		for range events {
			s.publish("acme")
			synctest.Wait()
		}
		close(w.reads)
		<-ended
		text := w.Body.String()
		told := strings.Count(text, "event: attempt\n")
		_, end, _ := strings.Cut(text, "event: lost\n")
		if want := fmt.Sprintf("data: {\"count\":%d}\n\nretry: 5000\n\n", events-told); told < 256 || end != want {
			t.Errorf("after %d of %d attempts: %q, want %q", told, events, end, want)
		}
	})
}

// TestStreamsOfAnAppAreBounded: portal links of one app share a bound, however many
// there are, and leave some of all streams to others.
func TestStreamsOfAnAppAreBounded(t *testing.T) {
	s := open(t, setup{options: func(o *Options) { o.Streams.OfApp, o.Streams.InAll = 3, 8 }})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	link := func(app string) string {
		var link wire.PortalLink
		s.do(s.admin, "POST", "/v1/portal-links", `{"app":"`+app+`","role":"viewer"}`).into(t, &link)
		return link.Token
	}
	for range 3 {
		resp, _ := s.follow(ctx, link("acme"), "")
		defer resp.Body.Close() //nolint:errcheck // a test
	}
	if p := s.do(link("acme"), "GET", "/v1/stream", "").problem(t); p.Code != bellhop.CodeTooMany || !strings.Contains(p.Detail, "this app") {
		t.Errorf("a fourth stream of the app: %+v", p)
	}
	for range 2 { // with 3 of 8 open, another app may have 2 and still leave as many
		resp, _ := s.follow(ctx, link("globex"), "")
		defer resp.Body.Close() //nolint:errcheck // a test
	}
	resp, _ := s.follow(ctx, s.admin, "")
	defer resp.Body.Close() //nolint:errcheck // a test
	r := s.do(link("globex"), "GET", "/v1/stream", "")
	if p := r.problem(t); p.Status != 503 || p.Code != "busy" || r.header.Get("Retry-After") == "" {
		t.Errorf("what is left is for others: %+v", p)
	}
}
