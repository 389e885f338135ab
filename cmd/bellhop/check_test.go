package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/bellhop/bellhop/dialect"
)

// TestCheckURL tries receivers on this machine, without a server.
func TestCheckURL(t *testing.T) {
	d, err := dialect.Lookup("github")
	if err != nil {
		t.Fatal(err)
	}
	secret := newSecret(t, d)
	receive := func(believes bool) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if r.Header.Get("X-Own") != "1" {
				t.Errorf("headers %v", r.Header)
			}
			if err != nil || dialect.Verify("github", r.Header, body, secret) != nil && !believes {
				w.WriteHeader(http.StatusUnauthorized)
			}
		}))
		t.Cleanup(s.Close)
		return s
	}
	args := func(url string, more ...string) []string {
		return append([]string{"check", url, "--dialect", "github", "--header", "X-Own: 1"}, more...)
	}
	environ := []string{"BELLHOP_SECRET=" + secret}
	good := receive(false).URL + "/hooks"
	(&run{args: args(good), environ: environ}).do(t).want(t, exitOK,
		"✓  A request signed with another secret.", "It answered 401", "sends no time", "refuses what it should")
	(&run{args: args(good, "--json"), environ: environ}).do(t).want(t, exitOK, `"ok":true`, `"name":"changed_body","mark":"pass"`)
	(&run{args: args(receive(true).URL), environ: environ}).do(t).want(t, exitFailed, "✗  A good signature over another body", "It believes anybody")
	(&run{args: args(good, "--secret", "another secret of github")}).do(t).want(t, exitFailed, "See that the receiver has this endpoint's secret", "Not tried")
	(&run{args: args("http://127.0.0.1:1"), environ: environ}).do(t).want(t, exitFailed, "No answer came", "See that the receiver runs")
	(&run{args: args(good)}).do(t).want(t, exitUsage, "give the endpoint's secret")
	(&run{args: args("ftp://x"), environ: environ}).do(t).want(t, exitUsage, "is not a URL")
	(&run{args: []string{"check", "evt_1"}}).do(t).want(t, exitUsage, "a URL begins with http://")
}
