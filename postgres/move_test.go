package postgres_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/move"
	"github.com/bellhop/bellhop/postgres"
)

// notMoved are the tables and columns that a move leaves out, and why.
var notMoved = map[string]string{
	"history":                "it is of the database",
	"days":                   "it follows from the partitions, which the target makes",
	"waiting":                "it is counted when a move is finished",
	"waiting_deltas":         "it is counted when a move is finished",
	"buckets":                "the nodes of the source are over",
	"attempts.prompt":        "it is made of the others",
	"starting":               "it is of the processes that start",
	"rolling":                "it follows from rolled",
	"late_attempts":          "they are in rollups once nodes are over",
	"token_claims":           "it is of processes that ask for a token at this moment",
	"reply_claims":           "they are of processes that have a request done at this moment",
	"listen_answers":         "they are on their way from one process to another at this moment",
	"installation":           "the first server that starts notes its master key",
	"outbox_0":               "what is unread in it is in the view outbox",
	"outbox_1":               "what is unread in it is in the view outbox",
	"outbox_progress_0":      "what is unread is in the view outbox",
	"outbox_progress_1":      "what is unread is in the view outbox",
	"outbox_slot":            "what is unread is in the view outbox",
	"external_ids":           "they are moved with the events",
	"events.node":            "the nodes of the source are over",
	"events.epoch":           "the nodes of the source are over",
	"events.fresh_ids":       "what is unfinished is in pending once the nodes are over",
	"events.fresh_endpoints": "what is unfinished is in pending once the nodes are over",
	"pending.bucket":         "it follows from the endpoint",
	"nodes.joined":           "the nodes of the source are over",
	"pending.owner":          "the nodes of the source are over",
	"nodes.held":             "the nodes of the source are over",
	"nodes.mark":             "the nodes of the source are over",
	"nodes.name":             "the nodes of the source are over",
	"nodes.version":          "the nodes of the source are over",
	"nodes.started":          "the nodes of the source are over",
	"nodes.status":           "the nodes of the source are over",
	"reorders.after":         "it begins anew",
	"reorders.again":         "it begins anew",
	"reorders.xid":           "it is of the database's transactions",
	"owed.upto":              "it is of what nodes have in hand",
	"owed.count":             "it tells whether more came up in this database meanwhile",
	"owed.xid":               "it is of the database's transactions",
}

// A table or column that somebody adds must be moved, or be left out on purpose.
func TestEverythingIsMoved(t *testing.T) {
	moved := map[string]bool{}
	for i := range move.Tables {
		name := move.Tables[i].Name
		if name == "clock" {
			name = "clock_mark"
		}
		for _, c := range move.Tables[i].Columns {
			moved[name+"."+c.Name] = true
		}
	}
	ctx := context.WithoutCancel(t.Context())
	c, err := pgx.Connect(ctx, database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	rows, err := c.Query(ctx, `SELECT c.relname, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE n.nspname = 'bellhop' AND c.relkind IN ('r', 'p') AND NOT c.relispartition`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns := 0
	for rows.Next() {
		columns++
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		if name := table + "." + column; !moved[name] && notMoved[name] == "" && notMoved[table] == "" {
			t.Errorf("%s is not moved: add it to move.Tables, or say in notMoved why not", name)
		}
	}
	if rows.Err() != nil || columns < 200 {
		t.Errorf("only %d columns were looked at, %v", columns, rows.Err())
	}
}

// What a node had in its memory when it was killed is among what a move finds pending; as
// long as its lease may be held there is no move.
func TestMoveTakesWhatAKilledNodeHad(t *testing.T) {
	url := database(t)
	s := openAt(t, url, postgres.Options{})
	ids := id.NewGenerator(0, 0)
	e := endpointOf(ids)
	if err := s.SaveEndpoint(t.Context(), e, nil, noon); err != nil {
		t.Fatal(err)
	}
	publish := func(length time.Duration) (bellhop.Lease, bellhop.DeliveryID) {
		t.Helper()
		n, err := s.Join(t.Context(), bellhop.NodeAbout{Name: "left", Started: noon}, length, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		event := bellhop.Event{ID: id.Next[id.Event](ids, noon), App: "acme", Type: "invoice.paid", Data: bellhop.JSON("{}"), Deliveries: 1}
		d := bellhop.Delivery{
			ID: id.Next[id.Delivery](ids, noon), Event: event.ID, Endpoint: e.ID, App: "acme", Type: event.Type, Trigger: bellhop.TriggerPublish,
			Status: bellhop.DeliveryPending, Due: noon, Owner: n.Lease.Node, OrderPos: bellhop.DeliveryID(event.ID),
		}
		if _, err := s.Enqueue(t.Context(), n.Lease, 1, []bellhop.NewEvent{{Event: event, Deliveries: []bellhop.Delivery{d}}}, noon); err != nil {
			t.Fatal(err)
		}
		return n.Lease, d.ID
	}
	_, over := publish(time.Millisecond)
	alive, left := publish(time.Hour)
	if _, err := postgres.OpenSource(t.Context(), url, postgres.Options{}); !errors.Is(err, move.ErrInUse) || !strings.Contains(err.Error(), "left") {
		t.Errorf("while a node may be alive: %v", err)
	}
	if err := s.Leave(t.Context(), alive, time.Now()); err != nil {
		t.Fatal(err)
	}
	src, err := postgres.OpenSource(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var pending []bellhop.DeliveryID
	for row, err := range src.Rows(t.Context(), &move.Tables[slices.IndexFunc(move.Tables, func(t move.Table) bool { return t.Name == "pending" })], nil) {
		if err != nil {
			t.Fatal(err)
		}
		pending = append(pending, bellhop.DeliveryID(row[0].(int64)))
	}
	if !slices.Equal(pending, []bellhop.DeliveryID{over, left}) {
		t.Errorf("pending are %v, and not %v and %v", pending, over, left)
	}
	before, err := src.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Join(t.Context(), bellhop.NodeAbout{}, time.Hour, time.Now()); err != nil {
		t.Fatal(err)
	}
	if now, err := src.Present(t.Context()); err != nil || now == before {
		t.Errorf("a node came, and the state is %q as before, %v", now, err)
	}
}
