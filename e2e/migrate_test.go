package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/move"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/internal/testpostgres"
	"github.com/bellhop/bellhop/sqlite"
)

var moved = flag.Int("moved", 30_000, "how many events TestMigrateIsKilled moves")

// rowOf is a row that has these values, and otherwise zero ones.
func rowOf(t *move.Table, values map[string]any) move.Row {
	row := make(move.Row, len(t.Columns))
	for i, c := range t.Columns {
		v, ok := values[c.Name]
		switch {
		case ok:
			row[i] = v
		case c.Kind == move.Text:
			row[i] = ""
		case c.Kind == move.Bytes:
		default:
			row[i] = int64(0)
		}
	}
	return row
}

// monthOfEvents makes an SQLite database with so many events of a month, each with an attempt;
// one in ten is still pending.
func monthOfEvents(t *testing.T, path string, events int) {
	t.Helper()
	m, err := sqlite.OpenSink(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Begin(t.Context(), "nowhere", ""); err != nil {
		t.Fatal(err)
	}
	from := int64(id.First[id.Event](time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)))
	until := int64(id.First[id.Event](time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)))
	random := rand.New(rand.NewPCG(1, 2))
	body := make([]byte, 600)
	for i := range body {
		body[i] = 'a' + byte(random.IntN(26))
	}
	at := func(i int) int64 { return from + (until-from)/int64(events)*int64(i) }
	rows := map[string]func(i int) map[string]any{
		"events": func(i int) map[string]any {
			e := map[string]any{
				"id": at(i), "app": "acme", "type": "invoice.paid", "subject": fmt.Sprint("invoice:", i%1000), "external_id": nil, "deliveries": int64(1),
				"data": []byte(fmt.Sprintf(`{"n":%d,"text":"%s"}`, i, body[:random.IntN(len(body))])),
			}
			if i%2 == 0 {
				e["external_id"], e["digest"] = fmt.Sprint("ext-", i), bytes.Repeat([]byte{byte(i)}, 32)
			}
			return e
		},
		"attempts": func(i int) map[string]any {
			return map[string]any{
				"id": at(i) + 2, "delivery": at(i) + 1, "event": at(i), "endpoint": from, "app": "acme", "type": "invoice.paid", "trigger": "publish", "number": int64(1),
				"status": int64(min(1, i%10)) ^ 1, "final": int64(min(1, i%10)), "duration": int64(1200), "response_status": int64(200), "url": "https://example.com/hook",
				"request_header": `{"Content-Type":["application/json"]}`, "response_header": `{"Date":["today"]}`, "response_body": body[:20],
				"method": nil, "captured": nil, "dialect": "standard", "request_truncated": nil,
			}
		},
		"pending": func(i int) map[string]any {
			if i%10 > 0 {
				return nil
			}
			return map[string]any{
				"id": at(i) + 1, "event": at(i), "endpoint": from, "app": "acme", "trigger": "publish", "due": until * 2, "attempts": int64(1), "last_attempt": at(i) + 2,
				"order_key": nil, "order_pos": at(i) + 1, "born": int64(1),
			}
		},
	}
	for i := range move.Tables {
		tb := &move.Tables[i]
		make := rows[tb.Name]
		if make == nil {
			continue
		}
		mark := move.Mark{Table: tb.Name}
		var piece []move.Row
		for n := range events {
			if values := make(n); values != nil {
				piece = append(piece, rowOf(tb, values))
			}
			if len(piece) == 20_000 || n == events-1 {
				is := move.Mark{Table: tb.Name, After: []byte{byte(n), byte(n >> 8), byte(n >> 16)}, Rows: mark.Rows + int64(len(piece))}
				if err := m.Put(t.Context(), tb, piece, mark, is); err != nil {
					t.Fatal(err)
				}
				mark, piece = is, nil
			}
		}
	}
	if err := errors.Join(m.Finish(t.Context()), m.Close()); err != nil {
		t.Fatal(err)
	}
}

// movedTo is what 'bellhop migrate --json' says of its tables.
type movedTo struct {
	Continued bool `json:"continued"`
	Tables    []struct {
		Table  string `json:"table"`
		Rows   int64  `json:"rows"`
		SHA256 string `json:"sha256"`
	} `json:"tables"`
}

func (m *movedTo) String() string { return fmt.Sprint(m.Tables) }

// Everything comes along: what was published and sent, what is still to be sent, by a
// server that was killed in the middle, secrets, keys, and what repeated publishes are told
// by. It goes on where it was, there and, after the way back, here.
func TestMigrate(t *testing.T) {
	t.Parallel()
	good := newReceiver(t, answers(200))
	var mended atomic.Bool
	broken := newReceiver(t, func(_ *receiver, w http.ResponseWriter, _ *http.Request) {
		if !mended.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	s := newServerWithout(t, "--dev")
	s.db = filepath.Join(s.dir, "bellhop.db")
	s.start()
	s.app("acme")
	fine := s.endpoint("acme", good.URL, nil)
	later := s.endpoint("acme", broken.URL, func(c *bellhop.EndpointChange) {
		c.Ordering = bellhop.Of(bellhop.OrderingSubject)
		c.Retry = bellhop.Of(bellhop.RetryPolicy{Initial: bellhop.Duration(time.Second), Factor: 1, Max: bellhop.Duration(time.Second), Until: bellhop.Duration(time.Hour)})
	})
	var events []client.Publication
	receipts := map[string]client.Receipt{}
	for i := range 30 {
		p := client.Publication{App: "acme", Type: "invoice.paid", ID: fmt.Sprint("inv-", i), Subject: fmt.Sprint("invoice:", i%3), Data: bellhop.JSON(fmt.Sprintf(`{"n":%d}`, i))}
		events = append(events, p)
		receipts[p.ID] = s.publishAs(p)
	}
	s.waitDone(fine.ID)
	broken.wait(t, 3)
	file, url := s.db, testpostgres.Database(t)
	if r := s.run("", "migrate", "--from", file, "--to", url); r.code != 1 || !strings.Contains(r.stderr, "in use by another Bellhop") {
		t.Errorf("while the server runs: %+v", r)
	}
	s.kill()

	// went looks whether the database that the server has now holds all, and nothing is sent
	// that was taken before.
	went := func() {
		t.Helper()
		for id, before := range receipts {
			r := s.publishAs(events[slices.IndexFunc(events, func(p client.Publication) bool { return p.ID == id })])
			if !r.Duplicate || r.ID != before.ID {
				t.Errorf("%s again: %+v, and before %+v", id, r, before)
			}
			if e, err := s.api.Event(t.Context(), before.ID); err != nil || e.ExternalID != id {
				t.Errorf("%s: %+v, %v", id, e, err)
			}
		}
		for _, e := range []client.NewEndpoint{fine, later} {
			if secrets, err := s.api.Secrets(t.Context(), e.ID); err != nil || len(secrets) != 1 || secrets[0].Secret != e.Secret {
				t.Errorf("secrets of %s: %v, %v", e.ID, secrets, err)
			}
		}
		if n := len(s.attempts(receipts["inv-0"].ID, fine.ID, 1)); n != 1 {
			t.Errorf("%d attempts of what was taken at once", n)
		}
	}
	r := s.run("", "migrate", "--from", file, "--to", url)
	if r.code != 0 || !strings.Contains(r.stdout, "are alike") || !strings.Contains(r.stderr, "same master key") {
		t.Fatalf("%+v", r)
	}
	s.db, s.flags = url, append(s.flags, "--master-key-file", file+".key")
	s.start()
	if n := s.pending(later.ID); n != 30 {
		t.Errorf("%d deliveries wait, want 30", n)
	}
	went()
	if r := s.run("", "migrate", "--from", url, "--to", filepath.Join(s.dir, "back.db")); r.code != 1 || !strings.Contains(r.stderr, "is in use by node") {
		t.Errorf("while a node is alive: %+v", r)
	}
	s.stop()

	back := filepath.Join(s.dir, "back.db")
	if r := s.run("", "migrate", "--from", url, "--to", back); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	s.db = back
	s.start()
	went()
	mended.Store(true)
	s.waitDone(later.ID)
	taken := map[string]int{}
	for _, r := range broken.requests() {
		taken[string(r.body)]++
	}
	if len(taken) != 30 {
		t.Errorf("%d of 30 events arrived", len(taken))
	}
	if n := good.count(); n != 30 {
		t.Errorf("%d requests for 30 events that were taken at once", n)
	}
}

// A migration that is killed at any moment, again and again, goes on where it was, and
// comes to the very same; in both directions.
func TestMigrateIsKilled(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	dir := t.TempDir()
	from, back := filepath.Join(dir, "from.db"), filepath.Join(dir, "back.db")
	monthOfEvents(t, from, *moved)
	url := testpostgres.Database(t)

	// once is a run that is killed after it has written so many lines, or for so long (0: it
	// is not).
	once := func(lines int, after time.Duration, from, to string) (m movedTo, done bool) {
		t.Helper()
		cmd := exec.Command(binary, "migrate", "--from", from, "--to", to, "--json")
		cmd.Env = cleanEnv()
		var out, said bytes.Buffer
		cmd.Stdout = &out
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if after > 0 {
			timer := time.AfterFunc(after, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
			defer timer.Stop()
		}
		for scan := bufio.NewScanner(stderr); scan.Scan(); {
			said.WriteString(scan.Text() + "\n")
			if lines--; lines == 0 {
				_ = cmd.Process.Signal(syscall.SIGKILL)
			}
		}
		if err := cmd.Wait(); err != nil {
			if cmd.ProcessState.ExitCode() != -1 {
				t.Fatalf("%v:\n%s", err, &said)
			}
			return m, false
		}
		if err := json.Unmarshal(out.Bytes(), &m); err != nil {
			t.Fatalf("%v: %s", err, &out)
		}
		return m, true
	}
	through := func(from, to string) movedTo {
		t.Helper()
		random := rand.New(rand.NewPCG(3, 4))
		for kills := 0; ; kills++ {
			lines, after := 0, time.Duration(0)
			switch {
			case kills >= 12:
			case kills%3 == 0:
				lines = 1 + kills/3
			default: // sooner than it can be done
				after = 20*time.Millisecond + time.Duration(random.Int64N(int64(700*time.Millisecond)))
			}
			began := time.Now()
			if m, done := once(lines, after, from, to); done {
				if !m.Continued || kills < 3 {
					t.Errorf("it was killed %d times", kills)
				}
				t.Logf("the run after %d kills took %v", kills, time.Since(began))
				return m
			}
			if kills == 2 {
				s := newServer(t, "--dev")
				s.db = to
				if said := s.failsToStart(); !strings.Contains(said, "bellhop migrate") {
					t.Errorf("a server starts on what is half full: %s", said)
				}
			}
		}
	}
	there := through(from, url)
	again := through(url, back)
	if there.String() != again.String() {
		t.Errorf("it came back as\n%v\nand had gone as\n%v", &again, &there)
	}
	began := time.Now()
	whole, _ := once(0, 0, from, testpostgres.Database(t))
	t.Logf("%d events in one go took %v", *moved, time.Since(began))
	if there.String() != whole.String() {
		t.Errorf("when it was killed it came to\n%v\nand in one go to\n%v", &there, &whole)
	}
}
