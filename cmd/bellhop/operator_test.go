package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSystemConfiguration: the system's file counts where none is named.
func TestSystemConfiguration(t *testing.T) {
	dir := t.TempDir()
	system, named := filepath.Join(dir, "system.yaml"), filepath.Join(dir, "named.yaml")
	for file, content := range map[string]string{system: "retention: 3d\n", named: "retention: 4d\n"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	show := []string{"serve", "--print-config"}
	(&run{args: show, system: system}).do(t).want(t, exitOK, "retention: 3d # "+system+" line 1")
	(&run{args: show, system: system, environ: []string{"BELLHOP_CONFIG=" + named}}).do(t).want(t, exitOK, "retention: 4d # "+named+" line 1")
	(&run{args: append(show, "--config", named), system: system, environ: []string{"BELLHOP_CONFIG=" + system}}).do(t).want(t, exitOK, "retention: 4d # "+named)
	(&run{args: show, system: filepath.Join(dir, "none.yaml")}).do(t).want(t, exitOK, "retention: 30d # default")
	(&run{args: show, environ: []string{"BELLHOP_CONFIG=" + filepath.Join(dir, "none.yaml")}}).do(t).want(t, exitUsage, "none.yaml")

	// One that cannot be read is no reason not to use a server's API, but one not to serve.
	hidden := filepath.Join(named, "x.yaml") // what is no folder cannot be looked into
	(&run{args: show, system: hidden}).do(t).want(t, exitUsage, "let this user read it")
	(&run{args: []string{"apps", "list", "--server", "http://127.0.0.1:1"}, system: hidden}).do(t).want(t, exitUnreachable)
}

// TestWidth: a terminal's own width, or what COLUMNS says, unless --wide is given.
func TestWidth(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"data":[{"name":"` + strings.Repeat("n", 100) + `","description":"` + strings.Repeat("d", 100) + `"}]}`))
	}))
	t.Cleanup(server.Close)
	list := []string{"event-types", "list", "--server", server.URL}
	longest := func(r run) (most int) {
		for line := range strings.Lines(r.do(t).want(t, exitOK).out) {
			most = max(most, columns(strings.TrimSuffix(line, "\n")))
		}
		return most
	}
	for name, tc := range map[string]struct {
		run  run
		want int
	}{
		"a terminal":     {run{args: list, width: 80, environ: []string{"TERM=dumb"}}, 80},
		"COLUMNS":        {run{args: list, width: 80, environ: []string{"TERM=dumb", "COLUMNS=60"}}, 60},
		"wide":           {run{args: append(list, "--wide"), width: 80, environ: []string{"TERM=dumb"}}, 209},
		"not a terminal": {run{args: list, environ: []string{"COLUMNS=60"}}, 209},
	} {
		if got := longest(tc.run); got != tc.want {
			t.Errorf("%s: the longest line has %d columns, want %d", name, got, tc.want)
		}
	}
}

// TestCompletion: the names that the server has, with what they are; nothing, and no word
// of it, where it cannot be asked.
func TestCompletion(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Header.Get("Authorization") != "Bearer bh_right":
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"code":"unauthorized","title":"No","status":401}`))
		case r.URL.Path == "/v1/apps":
			_, _ = w.Write([]byte(`{"data":[{"id":"acme","name":"Acme\tEvents"},{"id":"hall"}]}`))
		case r.URL.Path == "/v1/endpoints":
			_, _ = w.Write([]byte(`{"data":[{"id":"ep_38G04Y6M60400","url":"https://example.com/hooks"}]}`))
		default:
			<-hang
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hang) })
	at := []string{"BELLHOP_SERVER=" + server.URL, "BELLHOP_KEY=bh_right"}
	for _, tc := range []struct {
		words   []string
		environ []string
		want    []string
	}{
		{[]string{"apps", "get", ""}, at, []string{"acme\tAcme␉Events", "hall"}},
		{[]string{"apps", "get", "h"}, at, []string{"hall"}},
		{[]string{"publish", ""}, at, []string{"acme\tAcme␉Events", "hall"}},
		{[]string{"endpoints", "pause", ""}, at, []string{"ep_38G04Y6M60400\thttps://example.com/hooks"}},
		{[]string{"endpoints", "pause", "ep_38G04Y6M60400", ""}, at, nil},
		{[]string{"logs", "--endpoint", ""}, at, []string{"ep_38G04Y6M60400\thttps://example.com/hooks"}},
		{[]string{"endpoints", "create", "https://example.com", "--app", "a"}, at, []string{"acme\tAcme␉Events"}},
		{[]string{"apps", "get", ""}, []string{"BELLHOP_SERVER=" + server.URL, "BELLHOP_KEY=bh_wrong"}, nil},
		{[]string{"apps", "get", ""}, []string{"BELLHOP_SERVER=http://127.0.0.1:1"}, nil},
		{[]string{"apps", "get", ""}, []string{"BELLHOP_RETENTION=x"}, nil},
		{[]string{"events", "get", ""}, at, nil}, // the server does not answer
	} {
		began := time.Now()
		r := (&run{args: append([]string{"__complete"}, tc.words...), environ: tc.environ}).do(t).want(t, exitOK)
		got := strings.Split(strings.TrimSpace(r.out), "\n")
		got = got[:len(got)-1] // the last line is for the shell
		if strings.Join(got, "|") != strings.Join(tc.want, "|") {
			t.Errorf("%q completes to %q, want %q", tc.words, got, tc.want)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%q took %v", tc.words, took)
		}
	}
}

func TestHealthcheck(t *testing.T) {
	ready := true
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("the disk is full\x1b[2J"))
		}
	})
	mux.HandleFunc("/", http.NotFound)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	listen := []string{"BELLHOP_LISTEN=" + server.Listener.Addr().String()}
	(&run{args: []string{"healthcheck"}, environ: listen}).do(t).want(t, exitOK, "is well")
	ready = false
	r := (&run{args: []string{"healthcheck"}, environ: listen}).do(t).want(t, exitFailed, "503", "the disk is full")
	if strings.Contains(r.errors, "\x1b") {
		t.Error("what a server says reaches the terminal as it is")
	}
	(&run{args: []string{"healthcheck", "--live"}, environ: listen}).do(t).want(t, exitOK)
	server.Close()
	(&run{args: []string{"healthcheck", "--timeout", "1s"}, environ: listen}).do(t).want(t, exitFailed)
}

// TestDoctor: a new installation is well; each thing that is not is named with what to do.
func TestDoctor(t *testing.T) {
	dir := t.TempDir()
	database := filepath.Join(dir, "bellhop.db")
	doctor := func(environ ...string) *run {
		return (&run{args: []string{"doctor"}, environ: append([]string{
			"BELLHOP_DATABASE=" + database, "BELLHOP_LISTEN=127.0.0.1:0", "BELLHOP_PUBLIC_URL=https://hooks.example.com",
		}, environ...)}).do(t)
	}
	put := func(path, content string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	doctor().want(t, exitOK, "the first start makes "+database, "can be written to", "does not run", "There is no configuration file")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("the doctor left %v, %v", left, err)
	}
	doctor("HTTPS_PROXY=http://127.0.0.1:1").want(t, exitOK, "HTTPS_PROXY is set, but Bellhop sends through no proxy")
	doctor("BELLHOP_DEV=true", "BELLHOP_LISTEN=0.0.0.0:0").want(t, exitFailed, "✗  configuration", "Leave out dev")
	doctor("BELLHOP_DATABASE="+filepath.Join(dir, "none", "bellhop.db")).want(t, exitFailed, "✗  disk", "Make the folder")

	put(database, "SQLite format 3\x00"+strings.Repeat("x", 100), 0o600)
	doctor().want(t, exitFailed, "✗  database", "another application", "✗  master key", "is missing")
	put(database, "what is this?", 0o600)
	put(database+".key", "bm90IGEga2V5\n", 0o600)
	doctor().want(t, exitFailed, "is no SQLite database", "is not the base64 of 32 bytes")
	put(database, "", 0o600)
	doctor().want(t, exitFailed, "!  backup", "None was made")
	future := time.Now().Add(time.Hour)
	if err := os.Chtimes(database, future, future); err != nil {
		t.Fatal(err)
	}
	doctor().want(t, exitFailed, "✗  clock", "the clock was set back, or was ahead")

	other := httptest.NewServer(http.HandlerFunc(http.NotFound))
	t.Cleanup(other.Close)
	doctor("BELLHOP_LISTEN="+other.Listener.Addr().String()).want(t, exitFailed, "✗  server", "if it is another program")
}

func TestManual(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	(&run{args: []string{"man", dir}}).do(t).want(t, exitOK, "files are in "+dir)
	page, err := os.ReadFile(filepath.Join(dir, "bellhop-endpoints-create.1"))
	if err != nil || !strings.Contains(string(page), "Create an endpoint") || !strings.Contains(string(page), "concurrency") {
		t.Errorf("%s, %v", page, err)
	}
}
