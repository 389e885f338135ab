package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop/internal/testpostgres"
)

// output is what the program prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) find(t *testing.T, pattern string) string {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		o.mu.Lock()
		found := regexp.MustCompile(pattern).FindStringSubmatch(o.b.String())
		o.mu.Unlock()
		if found != nil {
			return found[1]
		}
	}
	t.Fatalf("the program has not printed %q:\n%s", pattern, o.b.String())
	return ""
}

func TestTheShop(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { theShop(t, filepath.Join(t.TempDir(), "shop.db")) })
	t.Run("PostgreSQL", func(t *testing.T) { theShop(t, testpostgres.Database(t)) })
}

func theShop(t *testing.T, database string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var out output
	done := make(chan error, 1)
	go func() { done <- run(ctx, database, l, &out) }()
	token := out.find(t, `once: (bh_\w+)`)
	base := out.find(t, `shop is at (\S+),`)

	arrived := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- string(body)
	}))
	defer receiver.Close()
	call := func(method, path, body string) (int, string, http.Header) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b), res.Header
	}
	status, body, _ := call("POST", "/webhooks/v1/endpoints", fmt.Sprintf(`{"apps":["acme"],"url":%q,"dialect":"raw"}`, receiver.URL))
	if status != 201 {
		t.Fatalf("create an endpoint: %d %s", status, body)
	}
	order := func(id string) int {
		t.Helper()
		res, err := http.PostForm(base+"/orders", url.Values{"order": {id}})
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if status := order("118"); status != 201 {
		t.Errorf("an order: %d", status)
	}
	if status := order("118"); status != 500 {
		t.Errorf("the same order again: %d", status)
	}
	if status := order("119"); status != 201 {
		t.Errorf("another order: %d", status)
	}
	got := map[string]bool{}
	for range 2 {
		select {
		case b := <-arrived:
			got[b] = true
		case <-time.After(30 * time.Second):
			t.Fatalf("arrived: %v", got)
		}
	}
	if !got[`{"order":"118"}`] || !got[`{"order":"119"}`] {
		t.Errorf("arrived: %v", got)
	}
	belowThePrefix(t, base, token, call)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(arrived) > 0 {
		t.Errorf("one more has arrived: %s", <-arrived)
	}
}

// belowThePrefix looks whether the API works where the host's mux has it.
func belowThePrefix(t *testing.T, base, token string, call func(method, path, body string) (int, string, http.Header)) {
	for path, want := range map[string]int{
		"/webhooks/healthz": 200, "/webhooks/readyz": 200, "/webhooks/docs": 200, "/webhooks/v1/events": 200, "/webhooks/v1/nothing": 404,
		"/v1/events": 404, "/healthz": 404,
	} {
		if status, body, header := call("GET", path, ""); status != want {
			t.Errorf("GET %s: %d, want %d: %s", path, status, want, body)
		} else if to := header.Get("Location"); to != "" && !strings.HasPrefix(to, "/webhooks/") {
			t.Errorf("GET %s leads to %s", path, to)
		}
	}
	_, body, _ := call("GET", "/webhooks/openapi.json", "")
	var doc struct{ Servers []struct{ URL string } }
	if err := json.Unmarshal([]byte(body), &doc); err != nil || len(doc.Servers) != 1 || doc.Servers[0].URL != base+"/webhooks" {
		t.Errorf("the document's servers: %+v, %v", doc.Servers, err)
	}
	// A browser signs in, and is known by its cookie; what another site sends with it is not.
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := http.Client{Jar: jar}
	send := func(method, path, body, origin string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		req.Header.Set("Content-Type", "application/json")
		res, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode
	}
	if status := send("POST", "/webhooks/v1/session", fmt.Sprintf(`{"key":%q}`, token), base); status != 201 {
		t.Fatalf("sign in: %d", status)
	}
	if status := send("GET", "/webhooks/v1/session", "", base); status != 200 {
		t.Errorf("who am I: %d", status)
	}
	if status := send("POST", "/webhooks/v1/events", `{"app":"acme","type":"order.placed","data":1}`, "https://elsewhere.example"); status != 403 {
		t.Errorf("a publish from another site: %d", status)
	}
	if status := send("DELETE", "/webhooks/v1/session", "", base); status != 204 {
		t.Errorf("sign out: %d", status)
	}
}
