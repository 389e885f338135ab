package postgres

import "github.com/bellhop/bellhop"

// waits is a delivery that has come into pending or gone from it, or is held or not any
// more.
type waits struct {
	endpoint bellhop.EndpointID
	app      string
	again    bool
	n, held  int64
}

// counted notes what has come or gone. The sums are appended when the transaction is
// committed: so the counts are always those of the rows, and nobody waits for anybody.
func (t *txn) counted(w waits) { t.waits = append(t.waits, w) }

const addDeltas = `INSERT INTO bellhop.waiting_deltas (app, endpoint, again, n, held)
	SELECT * FROM unnest($1::text[], $2::bigint[], $3::boolean[], $4::bigint[], $5::bigint[])`

// deltas are the sums of what has come and gone, as columns.
func deltas(list []waits) (apps []string, endpoints []int64, again []bool, n, held []int64) {
	type key struct {
		endpoint bellhop.EndpointID
		app      string
		again    bool
	}
	at := map[key]int{}
	for _, w := range list {
		k := key{w.endpoint, w.app, w.again}
		i, ok := at[k]
		if !ok {
			i = len(apps)
			at[k] = i
			apps, endpoints, again = append(apps, w.app), append(endpoints, int64(w.endpoint)), append(again, w.again)
			n, held = append(n, 0), append(held, 0)
		}
		n[i], held[i] = n[i]+w.n, held[i]+w.held
	}
	keep := 0
	for i := range apps {
		if n[i] != 0 || held[i] != 0 {
			apps[keep], endpoints[keep], again[keep], n[keep], held[keep] = apps[i], endpoints[i], again[i], n[i], held[i]
			keep++
		}
	}
	return apps[:keep], endpoints[:keep], again[:keep], n[:keep], held[:keep]
}

// noteWaits appends what the transaction has changed of the counts.
func (t *txn) noteWaits() error {
	if len(t.waits) == 0 {
		return nil
	}
	apps, endpoints, again, n, held := deltas(t.waits)
	t.waits = nil
	if len(apps) == 0 {
		return nil
	}
	_, err := t.exec(addDeltas, apps, endpoints, again, n, held)
	return err
}
