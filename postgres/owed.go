package postgres

import (
	"context"
	"strconv"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// What is owed to Sweep: to end what is pending of an endpoint that is gone, of an
// event that was erased, or of one as far as it is settled.
const (
	owedEndpoint = "endpoint"
	owedEvent    = "event"
	owedSettled  = "settled"
)

// owedApp is a deleted app that still has rows, or may yet get some; owedLate one of whose
// events some may be in nodes' memory.
const (
	owedApp  = "app"
	owedLate = "late"
)

// Marks of what is owed. What other transactions had in hand when one was made, they may
// commit later, not knowing of it. So whoever sees a new mark (xid is NULL) writes down the
// number of its own transaction: those that have not seen it have lower ones. It is settled
// by a pass over the rows after the last of these has ended.
//
// A transaction that reads what a mark is about must have its number before, and the one
// that writes its own down must get it after it has seen the mark: so that is all that it
// does. A mark that is made again meanwhile (count) is left to the next one.
const (
	addOwed = `INSERT INTO bellhop.owed (what, app, name, count, xid) VALUES ($1, $2, $3, 1, NULL)
		ON CONFLICT (what, app, name) DO UPDATE SET count = bellhop.owed.count + 1, xid = NULL`
	addOwedEvents = `INSERT INTO bellhop.owed (what, app, name, count, xid) SELECT $1, a.app, a.id::text, 1, NULL
		FROM unnest($2::text[], $3::bigint[]) a (app, id) ORDER BY a.app, a.id::text COLLATE "C"
		ON CONFLICT (what, app, name) DO UPDATE SET count = bellhop.owed.count + 1, xid = NULL`
	besideOf = `UPDATE bellhop.owed o SET xid = pg_current_xact_id() FROM (SELECT what, app, name, count FROM bellhop.owed WHERE xid IS NULL) s
		WHERE o.what = s.what AND o.app = s.app AND o.name = s.name AND o.count = s.count AND o.xid IS NULL`
	besideSweep = besideOf + " AND o.what IN ('endpoint', 'event', 'settled') /* all apps */"
	quietOwed   = "o.xid < pg_snapshot_xmin(pg_current_snapshot())"
)

// name is an id as owed has it.
func name[K id.Kind](i id.ID[K]) string { return strconv.FormatInt(int64(i), 10) }

// owe notes, in the transaction that makes it so, what is to be done after it.
func (t *txn) owe(what, app, name string) error {
	_, err := t.exec(addOwed, what, app, name)
	return err
}

// oweEvent notes that an erased event may have pending deliveries.
func (t *txn) oweEvent(app string, e bellhop.EventID) error { return t.owe(owedEvent, app, name(e)) }

// noteBeside runs a statement that writes down which transactions may not have seen marks.
func (s *Store) noteBeside(ctx context.Context, sql string, args ...any) error {
	return s.write(ctx, upkeep, "note who may not know what is owed", func(t *txn) error {
		_, err := t.exec(sql, args...)
		return err
	})
}

// marks are what is owed that concerns attempts.
type marks struct {
	erased map[string]bool // by event
	// leaving are apps that are being deleted, left those of whose events some may be in
	// nodes' memory.
	leaving, left map[string]bool
}

// scan reads a row of what is owed.
func (m *marks) scan() func(row) error {
	var what, app, of string
	note := func(in *map[string]bool, name string) {
		if *in == nil {
			*in = map[string]bool{}
		}
		(*in)[name] = true
	}
	return scan(func() {
		switch what {
		case owedEvent:
			note(&m.erased, of)
		case owedApp:
			note(&m.leaving, app)
		case owedLate:
			note(&m.left, app)
		}
	}, &what, &app, &of)
}

// isErased tells whether an event that may have had something under way was erased: what
// was captured of its attempts is not stored.
func (m *marks) isErased(e bellhop.EventID) bool { return m.erased != nil && m.erased[name(e)] }

// dropEndpoint removes an endpoint, and leaves what is pending to it to Sweep.
func (t *txn) dropEndpoint(e bellhop.EndpointID) error {
	for _, sql := range []string{
		"DELETE FROM bellhop.endpoints WHERE id = $1", "DELETE FROM bellhop.reorders WHERE endpoint = $1",
		"DELETE FROM bellhop.releases WHERE endpoint = $1", "DELETE FROM bellhop.tokens WHERE endpoint = $1",
		"DELETE FROM bellhop.vitals WHERE endpoint = $1", dropNames,
	} {
		if _, err := t.exec(sql, int64(e)); err != nil {
			return err
		}
	}
	return t.owe(owedEndpoint, "", name(e))
}
