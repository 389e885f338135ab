package e2e

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testlong"
)

// hash is a file's content in short, "" if there is none.
func hash(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d bytes, %x", len(b), sha256.Sum256(b))
}

// used is a server that was stopped after some use.
func used(t testing.TB, flags ...string) *server {
	t.Helper()
	s := serve(t, flags...)
	s.app("acme")
	s.endpoint("acme", "http://127.0.0.1:1/", nil)
	for range 20 {
		s.publish("acme", "invoice.purchase", sample(t, "showpass-invoice-purchase"))
	}
	s.stop()
	return s
}

// script changes a database behind Bellhop's back.
func script(t testing.TB, path, sql string) {
	t.Helper()
	c, err := sqlite.OpenConn(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := sqlitex.ExecuteScript(c, sql, nil); err != nil {
		t.Fatal(err)
	}
}

// A database that cannot be used: a sentence that says so and what to do, an exit
// code, and a file that is as it was.
func TestUnusableDatabase(t *testing.T) {
	testlong.Only(t)
	ofAFile(t)
	t.Parallel()
	tests := []struct {
		name string
		// spoil makes the database of s unusable; what it returns, if anything,
		// mends that.
		spoil func(t *testing.T, s *server) (mend func())
		// says are parts of the sentence.
		says []string
	}{
		{"damaged", func(t *testing.T, s *server) func() {
			b, err := os.ReadFile(s.db)
			if err != nil {
				t.Fatal(err)
			}
			for i := 4096; i < len(b); i++ {
				b[i] = 0xA5
			}
			write(t, s.db, b)
			return nil
		}, []string{"bellhop.db is damaged", "restore a backup"}},
		{"cut off", func(t *testing.T, s *server) func() {
			if err := os.Truncate(s.db, 3*4096+100); err != nil {
				t.Fatal(err)
			}
			return nil
		}, []string{"bellhop.db is damaged", "restore a backup"}},
		{"not a database", func(t *testing.T, s *server) func() {
			write(t, s.db, bytes.Repeat([]byte("Dear diary, today I bought tickets.\n"), 1000))
			return nil
		}, []string{"not a database", "name another file"}},
		{"another application's", func(t *testing.T, s *server) func() {
			write(t, s.db, nil)
			script(t, s.db, "CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('Harbour Lights');")
			return nil
		}, []string{"another application", "name another file"}},
		{"of a newer version", func(t *testing.T, s *server) func() {
			script(t, s.db, "PRAGMA user_version = 999; INSERT INTO history (schema, program) VALUES (999, 'v99.1');")
			return nil
		}, []string{"newer Bellhop", "v99.1", "run that version"}},
		{"in a folder that does not exist", func(_ *testing.T, s *server) func() {
			s.db = filepath.Join(s.dir, "no", "such", "bellhop.db")
			return nil
		}, []string{"does not exist", "create it"}},
		{"a folder", func(_ *testing.T, s *server) func() {
			s.db = s.dir
			return nil
		}, []string{"is a folder", "name a file"}},
		{"without its master key", func(t *testing.T, s *server) func() {
			return replaces(t, s.db+".key", nil)
		}, []string{"master key file", "is missing", "restore"}},
		{"with another's master key", func(t *testing.T, s *server) func() {
			key, err := os.ReadFile(used(t).db + ".key")
			if err != nil {
				t.Fatal(err)
			}
			return replaces(t, s.db+".key", key)
		}, []string{"master key", "not the one"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := used(t)
			mend := tt.spoil(t, s)
			before := ""
			if info, err := os.Stat(s.db); err == nil && !info.IsDir() {
				before = hash(t, s.db)
			}
			text := s.failsToStart()
			t.Log(text)
			for _, part := range tt.says {
				if !strings.Contains(text, part) {
					t.Errorf("%q does not say %q", text, part)
				}
			}
			switch {
			case mend != nil:
				mend()
				s.start()
				for e := range s.api.Endpoints(t.Context(), client.EndpointFilter{}) {
					if x, err := s.api.Secrets(t.Context(), e.ID); err != nil || len(x) != 1 {
						t.Errorf("after mending, the secrets are %v, %v", x, err)
					}
				}
			case before != "" && hash(t, s.db) != before:
				t.Errorf("the file was changed: %s, then %s", before, hash(t, s.db))
			}
		})
	}
}

// replaces gives a file another content (nil: none), until it is called back.
func replaces(t testing.TB, path string, content []byte) (back func()) {
	t.Helper()
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if content != nil {
		write(t, path, content)
	} else if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	return func() { write(t, path, old) }
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A second Bellhop on the same file is turned away, by another name of the file
// too, and the first one goes on.
func TestLockedDatabase(t *testing.T) {
	ofAFile(t)
	t.Parallel()
	s := serve(t)
	s.app("acme")
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(s.db, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{s.db, link} {
		second := newServer(t)
		second.db = path
		text := second.failsToStart("--master-key-file", s.db+".key")
		if !strings.Contains(text, "in use by another Bellhop") || !strings.Contains(text, fmt.Sprint(s.cmd.Process.Pid)) {
			t.Error(text)
		}
		if r := second.run("", "keys", "recover", "--database", path); r.code == 0 || !strings.Contains(r.stderr, "in use by another Bellhop") {
			t.Errorf("recovering a key of a running server: %+v", r)
		}
	}
	third := newServer(t)
	third.listen = s.listen
	if text := third.failsToStart(); !strings.Contains(text, "is in use") || !strings.Contains(text, "--listen") {
		t.Error(text)
	}
	if hash(t, third.db) != "" {
		t.Error("a server that could not listen made a database")
	}
	s.publish("acme", "invoice.purchase", `{}`)
}

func TestReadOnlyDatabase(t *testing.T) {
	ofAFile(t)
	t.Parallel()
	s := used(t)
	disk := newDisk(t, "8m")
	b, err := os.ReadFile(s.db)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(disk.path, "bellhop.db"), b)
	s.flags = append(s.flags, "--master-key-file", s.db+".key")
	s.db = filepath.Join(disk.path, "bellhop.db")
	before := hash(t, s.db)
	disk.readOnly()
	text := s.failsToStart()
	t.Log(text)
	if !strings.Contains(text, "read-only") {
		t.Errorf("%q does not say that the disk is read-only", text)
	}
	if hash(t, s.db) != before {
		t.Error("the file was changed")
	}
	s.db = filepath.Join(disk.path, "new.db")
	if text := s.failsToStart(); !strings.Contains(text, "read-only") {
		t.Errorf("a new file on a read-only disk: %q", text)
	}
}

// A disk that is full at the start is a sentence; one that fills up while the
// server runs makes publishes 503s, loses nothing, and is done with as soon as
// there is space again.
func TestFullDisk(t *testing.T) {
	ofAFile(t)
	t.Parallel()
	disk := newDisk(t, "16m")
	ballast := filepath.Join(disk.path, "ballast")

	s := newServer(t, "--dev")
	s.db = filepath.Join(disk.path, "bellhop.db")
	disk.fill(ballast)
	text := s.failsToStart()
	t.Log(text)
	if !strings.Contains(text, "full") || !strings.Contains(text, "free some space") {
		t.Errorf("a full disk at the start: %q", text)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}

	write(t, ballast, make([]byte, 8<<20))
	s.start()
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, nil)
	data := `{"filler":"` + strings.Repeat("x", 100<<10) + `"}`
	var acked []client.Receipt
	publish := func() error {
		receipt, err := s.api.Publish(t.Context(), client.Publication{App: "acme", Type: "invoice.purchase", Data: bellhop.JSON(data)})
		if err == nil {
			acked = append(acked, receipt)
		}
		return err
	}
	refusals := 0
	for refusals < 20 {
		err := publish()
		if err == nil {
			if len(acked) > 1000 {
				t.Fatal("the disk does not fill up")
			}
			continue
		}
		refusals++
		if p := problemOf(t, err); p.Status != http.StatusServiceUnavailable || p.Code != bellhop.CodeUnavailable || p.Detail == "" {
			t.Fatalf("on a full disk: %+v", p)
		}
	}
	if len(acked) < 5 {
		t.Fatalf("only %d events fit", len(acked))
	}
	if ready, alive := s.probe("/readyz"), s.probe("/healthz"); ready != http.StatusServiceUnavailable || alive != http.StatusOK {
		t.Errorf("on a full disk /readyz is %d and /healthz %d", ready, alive)
	}
	if _, err := s.api.Event(t.Context(), acked[0].ID); err != nil {
		t.Errorf("reading on a full disk: %v", err)
	}
	for what, err := range map[string]error{
		"creating an app":   func() error { _, err := s.api.CreateApp(t.Context(), wire.AppInput{ID: "late"}); return err }(),
		"reading a secret":  func() error { _, err := s.api.Secrets(t.Context(), e.ID); return err }(),
		"rotating a secret": func() error { _, err := s.api.RotateSecret(t.Context(), e.ID, nil, ""); return err }(),
	} {
		if err == nil {
			t.Logf("%s still fits", what) // a page may be free
		} else if client.CodeOf(err) != bellhop.CodeUnavailable {
			t.Errorf("%s on a full disk: %v", what, err)
		}
	}
	// What a client of Svix's asks, whose every POST has a key: the claim of it is no write.
	again, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/app", strings.NewReader(`{"name":"n"}`))
	if err != nil {
		t.Fatal(err)
	}
	again.Header = http.Header{"Authorization": {"Bearer " + s.key}, "Content-Type": {"application/json"}, "Idempotency-Key": {"k"}}
	res, err := s.http.Do(again)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if ready := s.probe("/readyz"); res.StatusCode != http.StatusServiceUnavailable || ready != http.StatusServiceUnavailable {
		t.Errorf("on the full disk, with an Idempotency-Key: %d, and then /readyz %d", res.StatusCode, ready)
	}
	full := len(acked)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "publishing works again", func() bool { return publish() == nil })
	eventually(t, "the server is ready again", func() bool { return s.probe("/readyz") == http.StatusOK })
	s.waitDone(e.ID)
	s.restart()
	got := map[string]int{}
	for _, q := range r.requests() {
		got[q.header.Get("webhook-id")]++
	}
	for _, receipt := range acked {
		if got[receipt.ID.String()] != 1 {
			t.Errorf("%s arrived %d times", receipt.ID, got[receipt.ID.String()])
		}
		if event, err := s.api.Event(t.Context(), receipt.ID); err != nil || string(event.Data) != data {
			t.Errorf("%s: %d bytes, %v", receipt.ID, len(event.Data), err)
		}
	}
	if len(got) != len(acked) {
		t.Errorf("%d events arrived, %d were acknowledged", len(got), len(acked))
	}
	t.Logf("%d events were acknowledged, %d of them before the disk was full", len(acked), full)
	s.stop()
	checkIntegrity(t, s.db)
}
