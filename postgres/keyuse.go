package postgres

import (
	"context"

	"github.com/bellhop/bellhop"
)

// NoteKeyUses keeps when keys were last used.
func (s *Store) NoteKeyUses(ctx context.Context, uses []bellhop.KeyUse) error {
	keys, at := []int64{}, []int64{}
	noted := map[bellhop.KeyID]int{}
	for _, u := range uses {
		i, ok := noted[u.Key]
		if !ok {
			i = len(keys)
			noted[u.Key] = i
			keys, at = append(keys, int64(u.Key)), append(at, 0)
		}
		at[i] = max(at[i], micros(u.At))
	}
	if len(keys) == 0 {
		return nil
	}
	return s.write(ctx, upkeep, "note when keys were used", func(t *txn) error {
		// In one order, since other nodes note theirs at the same time.
		_, err := t.exec(`INSERT INTO bellhop.key_uses (key, at)
			SELECT k.id, u.at FROM unnest($1::bigint[], $2::bigint[]) AS u (key, at) JOIN bellhop.keys k ON k.id = u.key ORDER BY k.id
			ON CONFLICT (key) DO UPDATE SET at = greatest(key_uses.at, excluded.at)`, keys, at)
		return err
	})
}

// KeyUses gives when the keys were last used.
func (s *Store) KeyUses(ctx context.Context) (uses []bellhop.KeyUse, err error) {
	err = s.read(ctx, "read when keys were used", func(q *reading) error {
		uses, err = list(q, func(r row) (u bellhop.KeyUse, err error) {
			var at int64
			err = r.Scan(&u.Key, &at)
			u.At = moment(at)
			return u, err
		}, "SELECT key, at FROM bellhop.key_uses ORDER BY key")
		return err
	})
	return uses, err
}
