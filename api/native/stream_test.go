package native

import (
	"bufio"
	"context"
	"encoding/json"
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
