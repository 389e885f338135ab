package postgres_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/testpostgres"
)

// Times that JSON has not and texts that no index takes are refused where the mistake is,
// by the function and by the tables.
func TestTheOutboxTakesNoTimeOrTextOutOfBounds(t *testing.T) {
	s := openTimed(t)
	c, err := pgx.Connect(t.Context(), urlOf(s))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(t.Context()) }()
	long := "repeat('x', 1000000)"
	for sql, want := range map[string]string{
		"SELECT bellhop.publish('acme', 'a.b', '{}'::text, deliver_at => '4000-01-01 BC')":                             "deliver_at is not",
		"SELECT bellhop.publish('acme', 'a.b', '{}'::json, deliver_at => '290000-01-01')":                              "deliver_at is not",
		"SELECT bellhop.publish('acme', 'a.b', '{}'::jsonb, deliver_at => 'infinity')":                                 "deliver_at is not",
		"SELECT bellhop.publish('acme', 'a.b', '{}'::text, deliver_at => '-infinity')":                                 "deliver_at is not",
		"SELECT bellhop.publish(" + long + ", 'a.b', '{}'::text)":                                                      "app is longer",
		"SELECT bellhop.publish('acme', " + long + ", '{}'::text)":                                                     "type is longer",
		"SELECT bellhop.publish('acme', 'a.b', '{}'::text, subject => " + long + ")":                                   "subject is longer",
		"SELECT bellhop.publish('acme', 'a.b', '{}'::text, id => " + long + ")":                                        "id is longer",
		"SELECT bellhop.publish('acme', 'a.b', '{}'::text, channels => ARRAY[" + long + "])":                           "channels are longer",
		"SELECT bellhop.publish('acme', 'a.b', '{}'::json, tags => ARRAY[" + long + "])":                               "tags are longer",
		"SELECT bellhop.publish('acme', 'a.b', '{}'::text, retain => '-1 hour')":                                       "retain is not",
		"SELECT bellhop.publish('acme', 'a.b', '{}'::text, retain => '20000 years')":                                   "retain is not",
		"INSERT INTO bellhop.outbox_0 (app, type, data, deliver_at) VALUES ('acme', 'a.b', '{}', -188000000000000000)": "years_1_to_9999",
		"INSERT INTO bellhop.outbox_1 (app, type, data, at) VALUES ('acme', 'a.b', '{}', 9000000000000000000)":         "years_1_to_9999",
		"INSERT INTO bellhop.outbox (app, type, data, deliver_at) VALUES ('acme', 'a.b', '{}', 9000000000000000000)":   "years_1_to_9999",
		"INSERT INTO bellhop.outbox_1 (app, type, data, subject) VALUES ('acme', 'a.b', '{}', " + long + ")":           "at_most_1024_bytes",
	} {
		if _, err := c.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", sql, err, want)
		}
	}
}

// What was stored before that is shown.
func TestARefusedEntryOfAnyTimeIsShown(t *testing.T) {
	s := openTimed(t)
	for id, at := range []string{"-9000000000000000000", "9000000000000000000"} {
		testpostgres.Exec(t, urlOf(s), `INSERT INTO bellhop.outbox_refused (id, of, app, type, size, subject, external_id, deliver_at, at, refused_at, code, detail)
			VALUES (`+string(rune('1'+id))+`, '', 'acme', 'a.b', 2, '', '', `+at+`, `+at+`, 1, 'validation_failed', '')`)
	}
	list, err := s.Refused(t.Context(), bellhop.RefusedFilter{Limit: 10})
	if err != nil || len(list) != 2 {
		t.Fatalf("Refused = %v, %v", list, err)
	}
	for i := range list {
		if _, err := json.Marshal([]any{list[i].DeliverAt, list[i].At}); err != nil {
			t.Error(err)
		}
	}
}

// One transaction that has added much costs the reading of a part of it no more than that
// part, before the database has counted its rows.
func TestALargeTransactionInTheOutboxIsReadInParts(t *testing.T) {
	s := openTimed(t)
	testpostgres.Exec(t, urlOf(s), `SELECT count(bellhop.publish('acme', 'a.b', '1'::text)) FROM generate_series(1, 50000)`)
	begin := time.Now()
	b, err := s.ReadOutbox(t.Context(), bellhop.OutboxRequest{Limit: 1000, Each: 200, MaxBytes: 1 << 20, MaxData: 100})
	if err != nil || len(b.Entries) != 200 {
		t.Fatalf("%d entries, %v", len(b.Entries), err)
	}
	if took := time.Since(begin); took > 500*time.Millisecond {
		t.Errorf("200 entries took %s", took)
	}
}
