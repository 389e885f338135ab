package e2e

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testport"
)

// refused publishes, which must be answered 503 with a sentence.
func (s *server) refused(app string) {
	s.t.Helper()
	_, err := s.api.Publish(s.t.Context(), client.Publication{App: app, Type: "a", Data: bellhop.JSON("1")})
	if err == nil {
		s.t.Error("a publish was acknowledged")
	} else if p := problemOf(s.t, err); p.Status != http.StatusServiceUnavailable || !strings.Contains(p.Detail, "files of the database") {
		s.t.Errorf("a publish was answered %v", err)
	}
}

// The files of the database are removed, moved or replaced while the server runs: from
// then on nothing is acknowledged, the server says so, and everything that was
// acknowledged is there when they are back.
func TestFilesThatVanish(t *testing.T) {
	ofAFile(t)
	t.Parallel()
	s := serve(t)
	s.app("acme")
	first := s.publish("acme", "a", `1`)
	ready := func(want int) {
		t.Helper()
		eventually(t, "the server knows how it is", func() bool { return s.probe("/readyz") == want })
	}

	if err := os.Rename(s.db, s.db+".away"); err != nil {
		t.Fatal(err)
	}
	s.refused("acme")
	ready(http.StatusServiceUnavailable)
	if err := os.Rename(s.db+".away", s.db); err != nil {
		t.Fatal(err)
	}
	ready(http.StatusOK) // by itself, with the next heartbeat
	second := s.publish("acme", "a", `2`)

	// Through another name of the file, nobody gets at it.
	link := newServer(t)
	if err := os.Link(s.db, link.db); err != nil {
		t.Fatal(err)
	}
	if text := link.failsToStart("--master-key-file", s.db+".key"); !strings.Contains(text, "in use by another Bellhop, under another name") {
		t.Error(text)
	}
	if err := os.Remove(link.db); err != nil {
		t.Fatal(err)
	}

	// What the log held is not lost with it, even if the process is killed.
	if err := os.Remove(s.db + "-wal"); err != nil {
		t.Fatal(err)
	}
	s.refused("acme")
	ready(http.StatusServiceUnavailable)
	if text := s.output.String(); !strings.Contains(text, "has been saved to the database. Restart Bellhop") {
		t.Errorf("the log does not say what to do:\n%s", text)
	}
	s.kill()
	s.start()
	for _, r := range []client.Receipt{first, second} {
		if _, err := s.api.Event(t.Context(), r.ID); err != nil {
			t.Errorf("event %s: %v", r.ID, err)
		}
	}

	if err := os.Remove(s.db); err != nil {
		t.Fatal(err)
	}
	s.refused("acme")
	if err := os.Remove(s.db + ".key"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the missing key is noticed", func() bool { return strings.Contains(s.output.String(), "master key file cannot be seen any more") })
	s.kill()
}

// A new database beside an old key is most likely not what was meant.
func TestANewDatabaseBesideAnOldKey(t *testing.T) {
	ofAFile(t)
	t.Parallel()
	s := used(t)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(s.db + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	s.key, s.listen = "", testport.Reserve(t)
	s.url = "http://" + s.listen
	before := s.output.len()
	s.start()
	if text := s.output.from(before); !strings.Contains(text, "the database is new, but the master key file beside it is not") {
		t.Errorf("the output says nothing of it:\n%s", text)
	}

	// With a log that is left, it is refused.
	lost := newServer(t)
	write(t, filepath.Join(lost.dir, "bellhop.db-wal"), []byte(strings.Repeat("x", 100)))
	if text := lost.failsToStart(); !strings.Contains(text, "is missing") || !strings.Contains(text, "put the database back") {
		t.Error(text)
	}
}
