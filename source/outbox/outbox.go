// Package outbox publishes events inside a transaction of your own, in the database in
// which Bellhop keeps its data: an event is there if and only if the transaction commits.
// Bellhop picks it up within about a tenth of a second, checks it as it checks what is
// published by its API, and delivers it. What cannot be accepted is kept, with the reason,
// where the operator sees it.
//
// Publish is for PostgreSQL and PublishSQLite for SQLite, both by database/sql and any
// driver. Package outboxpgx is for transactions of jackc/pgx, and outboxsqlite for
// connections of zombiezen.com/go/sqlite; nothing else brings these libraries along.
// Programs in other languages call the SQL function bellhop.publish, or insert into the
// table outbox of an SQLite file.
package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Event is an event to publish.
type Event struct {
	// App is the app that the event belongs to. Required, as are Type and Data.
	App string
	// Type is a dotted name, such as "invoice.purchase".
	Type string
	// Data is any JSON; it is kept and sent byte for byte.
	Data json.RawMessage
	// Subject is what in the app it happened to.
	Subject string
	// ID, if given, is your own id of the event: the same one again in the same app is no
	// new event.
	ID string
	// DeliverAt, if not zero, is when deliveries may begin: to the microsecond.
	DeliverAt time.Time
	// Channels narrow which endpoints get it, and Tags are to find it by: at most 10 each.
	Channels, Tags []string
	// Retain, if not 0, is for how long the data is kept, where that is shorter than history
	// is: to the microsecond.
	Retain time.Duration
}

// Tx is a transaction of database/sql: a *sql.Tx, or whatever wraps one. With a *sql.DB
// the event would be there whatever becomes of the rest.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Chunk is how many events one statement publishes.
const chunk = 1000

// maxText is how long each text of an event but Data may be, in bytes: the outbox takes no
// longer ones.
const maxText = 1024

// maxLabels is how long the channels of an event may be as JSON, and the tags, in bytes.
const maxLabels = 4096

// Publish publishes events as a part of a transaction in PostgreSQL. After an error the
// transaction is to be rolled back; nothing is published then. An error of an event names
// it: events[1].
func Publish(ctx context.Context, tx Tx, events ...Event) error {
	statements, err := Statements(events)
	if err != nil {
		return err
	}
	for _, arg := range statements {
		if _, err := tx.ExecContext(ctx, PublishSQL, arg); err != nil {
			return fmt.Errorf("publish into the outbox: %w", err)
		}
	}
	return nil
}

// PublishSQLite publishes events as a part of a transaction in the SQLite file in which
// Bellhop keeps its data. Begin it with BEGIN IMMEDIATE where the driver can, and keep it
// short: Bellhop cannot write meanwhile.
func PublishSQLite(ctx context.Context, tx Tx, events ...Event) error {
	if err := Check(events); err != nil {
		return err
	}
	for i := range events {
		if _, err := tx.ExecContext(ctx, InsertSQL, events[i].Row()...); err != nil {
			return fmt.Errorf("publish into the outbox: %w", err)
		}
	}
	return nil
}

// PublishSQL calls bellhop.publish for each event of an argument of Statements, in order.
const PublishSQL = `SELECT count(bellhop.publish(e->>'app', e->>'type', e->>'data',
	subject => e->>'subject', id => e->>'id', deliver_at => (e->>'deliver_at')::timestamptz,
	channels => (SELECT array_agg(c) FROM json_array_elements_text(e->'channels') c),
	tags => (SELECT array_agg(t) FROM json_array_elements_text(e->'tags') t),
	retain => (e->>'retain')::bigint * interval '1 microsecond'))
FROM json_array_elements($1::text::json) e`

// InsertSQL adds the Row of an event to the outbox of an SQLite file.
const InsertSQL = "INSERT INTO main.outbox (app, type, data, subject, external_id, deliver_at, channels, tags, retain) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

// Check says what is wrong with events, as far as it can be told without Bellhop.
func Check(events []Event) error {
	var wrong []error
	for i := range events {
		e := &events[i]
		is := func(field, what string) {
			wrong = append(wrong, fmt.Errorf("events[%d].%s %s", i, field, what))
		}
		for _, text := range []struct{ field, value string }{{"App", e.App}, {"Type", e.Type}, {"Subject", e.Subject}, {"ID", e.ID}} {
			switch {
			case text.value == "" && (text.field == "App" || text.field == "Type"):
				is(text.field, "is missing")
			case len(text.value) > maxText:
				is(text.field, fmt.Sprintf("is longer than %d bytes", maxText))
			case !utf8.ValidString(text.value) || strings.ContainsRune(text.value, 0):
				is(text.field, "must be UTF-8 text without NUL characters")
			}
		}
		for _, labels := range []struct {
			field string
			list  []string
		}{{"Channels", e.Channels}, {"Tags", e.Tags}} {
			switch {
			case len(labelsText(labels.list)) > maxLabels:
				is(labels.field, fmt.Sprintf("are longer than %d bytes in all: an event has at most 10", maxLabels))
			case slices.ContainsFunc(labels.list, func(l string) bool { return !utf8.ValidString(l) || strings.ContainsRune(l, 0) }):
				is(labels.field, "must be UTF-8 texts without NUL characters")
			}
		}
		if e.Retain < 0 {
			is("Retain", "is negative: give for how long the data is kept, or nothing to keep it as long as history")
		}
		if y := e.DeliverAt.UTC().Year(); y < 1 || y > 9999 {
			is("DeliverAt", "is not in the years 1 to 9999: give a time within a year, or none to deliver at once")
		}
		switch {
		case len(e.Data) == 0:
			is("Data", "is missing: give the event's payload, any JSON")
		case !utf8.Valid(e.Data) || !json.Valid(e.Data):
			is("Data", "is not valid JSON")
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("publish into the outbox: %w", errors.Join(wrong...))
	}
	return nil
}

// Statements gives the argument of PublishSQL for each statement that the events take.
func Statements(events []Event) ([]string, error) {
	if err := Check(events); err != nil {
		return nil, err
	}
	type row struct {
		App       string     `json:"app"`
		Type      string     `json:"type"`
		Data      string     `json:"data"` // as text: so its bytes stay
		Subject   string     `json:"subject,omitempty"`
		ID        string     `json:"id,omitempty"`
		DeliverAt *time.Time `json:"deliver_at,omitempty"`
		Channels  []string   `json:"channels,omitempty"`
		Tags      []string   `json:"tags,omitempty"`
		Retain    int64      `json:"retain,omitempty"` // in microseconds
	}
	var args []string
	for len(events) > 0 {
		some := events[:min(len(events), chunk)]
		events = events[len(some):]
		rows := make([]row, len(some))
		for i, e := range some {
			rows[i] = row{App: e.App, Type: e.Type, Data: string(e.Data), Subject: e.Subject, ID: e.ID, Channels: e.Channels, Tags: e.Tags, Retain: e.Retain.Microseconds()}
			if !e.DeliverAt.IsZero() {
				at := e.DeliverAt.UTC()
				rows[i].DeliverAt = &at
			}
		}
		arg, err := json.Marshal(rows)
		if err != nil {
			return nil, fmt.Errorf("publish into the outbox: %w", err)
		}
		args = append(args, string(arg))
	}
	return args, nil
}

// Row gives the arguments of InsertSQL.
func (e *Event) Row() []any {
	at := int64(0)
	if !e.DeliverAt.IsZero() {
		at = e.DeliverAt.UnixMicro()
	}
	return []any{e.App, e.Type, string(e.Data), e.Subject, e.ID, at, labelsText(e.Channels), labelsText(e.Tags), e.Retain.Microseconds()}
}

// labelsText is how labels are written into the outbox: as a JSON array, "" if there are none.
func labelsText(list []string) string {
	if len(list) == 0 {
		return ""
	}
	b, err := json.Marshal(list)
	if err != nil {
		panic(err) // texts can be encoded
	}
	return string(b)
}
