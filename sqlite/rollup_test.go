package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/timeslice"
)

var rollStart = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func openForRollup(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// logged stores an attempt that began a while after rollStart, as Record does.
func logged(t *testing.T, s *Store, ids *id.Generator, after time.Duration) {
	t.Helper()
	at := rollStart.Add(after)
	a := bellhop.Attempt{
		Delivery: bellhop.DeliveryID(id.First[id.Delivery](at.Add(-time.Second))),
		ID:       id.Next[id.Attempt](ids, at), Endpoint: bellhop.EndpointID(1 + int64(after/time.Minute)%3), App: "acme", Type: "a.b",
		Status: bellhop.AttemptSucceeded, Final: true, Duration: bellhop.Duration(time.Second),
	}
	if err := s.write(t.Context(), "log", rowWeight, func(w *writer) error { return w.addAttempt(&a, time.Time{}) }); err != nil {
		t.Fatal(err)
	}
}

func succeededIn(t *testing.T, s *Store, want int64) {
	t.Helper()
	for _, f := range []bellhop.StatsFilter{
		{Scope: anyApp, Bucket: time.Hour},
		{Scope: anyApp, Bucket: time.Hour, Type: "a.*"},
		{Scope: bellhop.Only("acme"), Bucket: 24 * time.Hour},
	} {
		stats, err := s.Stats(t.Context(), f)
		if err != nil || stats.Total.Succeeded != want {
			t.Errorf("%d succeeded, %v; want %d", stats.Total.Succeeded, err, want)
		}
	}
}

func rollUpAll(t *testing.T, s *Store, until time.Time) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = s.RollUp(t.Context(), until); err != nil {
			t.Fatal(err)
		}
	}
}

func rows(t *testing.T, s *Store, sql string) (n int64) {
	t.Helper()
	if err := s.read(t.Context(), "count rows", func(c *sqlite.Conn) error {
		return each(c, func(st *sqlite.Stmt) { n = st.ColumnInt64(0) }, sql)
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestARollupThatIsDisturbedBeginsAnew: what is recorded between the reading and the
// writing of a slice must not be lost from it.
func TestARollupThatIsDisturbedBeginsAnew(t *testing.T) {
	s := openForRollup(t, filepath.Join(t.TempDir(), "bellhop.db"))
	ids := id.NewGenerator(1, 0)
	for i := range 10 {
		logged(t, s, ids, 10*time.Minute+time.Duration(i)*time.Minute)
	}
	until := rollStart.Add(time.Hour)
	for _, late := range []time.Duration{12 * time.Minute, time.Minute} { // among the others, and before the first
		r, found, err := s.nextRollup(t.Context(), 0, until)
		if err != nil || !found {
			t.Fatalf("found %v, %v", found, err)
		}
		if err := s.beginRollup(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if err := s.read(t.Context(), "read", r.read); err != nil {
			t.Fatal(err)
		}
		logged(t, s, id.NewGenerator(2, 0), late)
		if done, err := s.writeRollup(t.Context(), r); done || err != nil {
			t.Fatalf("written although disturbed: %v, %v", done, err)
		}
	}
	succeededIn(t, s, 12)
	rollUpAll(t, s, until)
	succeededIn(t, s, 12)
	if n := rows(t, s, "SELECT sum(succeeded) FROM rollups WHERE endpoint = 0 AND width = 300000"); n != 12 {
		t.Errorf("%d are rolled up", n)
	}
}

// TestRowsOfARollupThatBrokeOffDoNotCount: a crash leaves rows beyond the mark.
func TestRowsOfARollupThatBrokeOffDoNotCount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	s := openForRollup(t, path)
	ids := id.NewGenerator(1, 0)
	logged(t, s, ids, time.Minute)
	if err := s.write(t.Context(), "break off", rowWeight, func(w *writer) error {
		return w.putSlice(timeslice.Widths[0], timeslice.Key{Slice: rollStart.UnixMilli(), Endpoint: 0, App: "acme"}, &bellhop.Tally{Succeeded: 77})
	}); err != nil {
		t.Fatal(err)
	}
	succeededIn(t, s, 1)
	rollUpAll(t, s, rollStart.Add(time.Hour))
	succeededIn(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// After a restart, too, a late attempt finds what is rolled up.
	s = openForRollup(t, path)
	logged(t, s, id.NewGenerator(2, 0), 2*time.Minute)
	succeededIn(t, s, 2)
}

// TestARollupDoesNotBringADeletedAppBack: its attempts go while they are summed up.
func TestARollupDoesNotBringADeletedAppBack(t *testing.T) {
	s := openForRollup(t, filepath.Join(t.TempDir(), "bellhop.db"))
	if err := s.SaveApp(t.Context(), bellhop.App{ID: "acme"}, nil); err != nil {
		t.Fatal(err)
	}
	logged(t, s, id.NewGenerator(1, 0), time.Minute)
	r, _, err := s.nextRollup(t.Context(), 0, rollStart.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { return s.beginRollup(t.Context(), r) },
		func() error { return s.read(t.Context(), "read", r.read) },
		func() error { return s.DeleteApp(t.Context(), "acme", nil) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if done, err := s.writeRollup(t.Context(), r); done || err != nil {
		t.Fatalf("written although the app is gone: %v, %v", done, err)
	}
	if n := rows(t, s, "SELECT count(*) FROM rollups"); n != 0 {
		t.Errorf("%d rows of a deleted app", n)
	}
}

// TestAnOlderFileIsRolledUp opens a file of schema 1 with attempts in it.
func TestAnOlderFileIsRolledUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	script, err := migrations.ReadFile("migrations/0001_schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	err = sqlitex.ExecuteScript(c, string(script)+`;
		INSERT INTO history VALUES (1, 'old');
		PRAGMA application_id = 1114140528; PRAGMA user_version = 1;`, nil)
	if err == nil {
		err = exec(c, "BEGIN")
	}
	ids := id.NewGenerator(1, 0)
	for i := 0; err == nil && i < 1000; i++ {
		at := rollStart.Add(time.Duration(i) * time.Minute)
		err = exec(c, `INSERT INTO attempts (id, delivery, event, endpoint, app, type, trigger, number, status, final, next_at, duration,
			response_status, truncated, url, reason, detail) VALUES (?, ?, 1, 7, 'acme', 'a.b', 'publish', 1, 0, 1, 0, 1000000, 200, 0, '', '', '')`,
			int64(id.Next[id.Attempt](ids, at)), int64(id.First[id.Delivery](at.Add(-time.Second))))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := exec(c, "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	s := openForRollup(t, path)
	f := bellhop.StatsFilter{Scope: anyApp, Bucket: 6 * time.Hour}
	want, err := s.Stats(t.Context(), f)
	if err != nil || want.Total.Succeeded != 1000 || want.Total.Latency.P50 < 1900 || want.Total.Latency.P50 > 2100 {
		t.Fatalf("%+v, %v", want.Total, err)
	}
	rollUpAll(t, s, rollStart.Add(20*time.Hour))
	got, err := s.Stats(t.Context(), f)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	// 1000 minutes are 200, 17 and 2 whole slices, for the endpoint and for the app.
	if n := rows(t, s, "SELECT count(*) FROM rollups"); n != 2*(200+17+2) {
		t.Errorf("%d rows", n)
	}
}
