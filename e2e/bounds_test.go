package e2e

import (
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// TestKeysAreBounded: one key that asks as fast as it can is told to come later, and
// does not take anything from another.
func TestKeysAreBounded(t *testing.T) {
	s := serve(t, "--key-rate", "20")
	k, err := s.api.CreateKey(t.Context(), client.KeyInput{Role: bellhop.RoleViewer, Name: "greedy"})
	if err != nil {
		t.Fatal(err)
	}
	greedy := client.New(s.url, k.Token, s.http)
	ask := func(c *client.Client) error {
		_, err := c.Whoami(t.Context())
		return err
	}
	var refused atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := ask(greedy); err != nil {
					p, ok := errors.AsType[*client.Problem](err)
					if !ok || p.Status != 429 || p.Code != bellhop.CodeTooMany || p.RetryAfter != time.Second {
						t.Errorf("refused with %v", err)
						return
					}
					refused.Add(1)
				}
			}
		})
	}
	eventually(t, "a key that asks too often is refused", func() bool { return refused.Load() > 0 })
	for range 5 {
		if err := ask(s.api); err != nil {
			t.Errorf("another key: %v", err)
		}
	}
	close(stop)
	wg.Wait()
	eventually(t, "the key is let in again", func() bool { return ask(greedy) == nil })

	list, err := s.api.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"key_rate", "key_streams", "max_endpoints", "max_trials"} {
		if !slices.ContainsFunc(list, func(x client.Setting) bool { return x.Name == name && x.Value != "" }) {
			t.Errorf("%s is not among the settings", name)
		}
	}
}

// TestStreamsAreBounded: a key has so many streams open, and no more.
func TestStreamsAreBounded(t *testing.T) {
	s := serve(t, "--key-streams", "1")
	open := func() *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/v1/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+s.key)
		resp, err := s.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() }) // it was only read
		return resp
	}
	first, second := open(), open()
	if status, p, body := readProblem(t, second); first.StatusCode != 200 || status != 429 || p.Code != bellhop.CodeTooMany || second.Header.Get("Retry-After") == "" {
		t.Errorf("the first stream: %s; the second: %d %s", first.Status, status, body)
	}
}
