package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// owners are those of the buckets. Of one whose lease is over, the epoch alone counts.
type owners [bellhop.Buckets]bellhop.BucketOwner

func readOwners(c *sqlite.Conn) (*owners, error) {
	var o owners
	for b := range o {
		o[b].Bucket = bellhop.Bucket(b)
	}
	err := each(c, func(st *sqlite.Stmt) {
		b := bellhop.Bucket(st.ColumnInt(0))
		o[b].Lease = bellhop.Lease{Node: bellhop.NodeID(st.ColumnInt(1)), Epoch: st.ColumnInt64(2)}
		o[b].Epoch = st.ColumnInt64(3)
	}, "SELECT bucket, node, lease_epoch, epoch FROM buckets")
	return &o, err
}

// Buckets gives the owners of the buckets.
func (s *Store) Buckets(ctx context.Context) ([]bellhop.BucketOwner, error) {
	var list []bellhop.BucketOwner
	err := s.readFor(ctx, forFlow, "list the buckets", func(c *sqlite.Conn) error {
		o, err := readOwners(c)
		if err != nil {
			return err
		}
		held := map[bellhop.Lease]bool{}
		err = each(c, func(st *sqlite.Stmt) {
			held[bellhop.Lease{Node: bellhop.NodeID(st.ColumnInt(0)), Epoch: st.ColumnInt64(1)}] = true
		}, "SELECT id, epoch FROM nodes WHERE held = 1")
		for b := range o {
			if !held[o[b].Lease] {
				o[b].Lease = bellhop.Lease{}
			}
		}
		list = o[:]
		return err
	})
	return list, err
}

// TakeBuckets makes the lease the owner of buckets.
func (s *Store) TakeBuckets(ctx context.Context, l bellhop.Lease, want []bellhop.BucketOwner, _ time.Time) ([]bellhop.BucketOwner, error) {
	var taken []bellhop.BucketOwner
	err := s.write(ctx, "take buckets", rowWeight, func(w *writer) error {
		taken = nil
		if err := w.holds(l); err != nil {
			return err
		}
		w.changeOwners()
		for _, b := range want {
			o := w.state.owners[b.Bucket]
			if w.holds(o.Lease) != nil && o.Epoch == b.Epoch {
				o.Lease, o.Epoch = l, o.Epoch+1
				if err := w.setOwner(o); err != nil {
					return err
				}
			}
			if o.Lease == l {
				taken = append(taken, o)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// LeaveBuckets gives up buckets.
func (s *Store) LeaveBuckets(ctx context.Context, l bellhop.Lease, left []bellhop.BucketOwner, _ time.Time) error {
	return s.write(ctx, "leave buckets", rowWeight, func(w *writer) error {
		if err := w.holds(l); err != nil {
			return err
		}
		w.changeOwners()
		for _, b := range left {
			if w.owns(l, b.Bucket, b.Epoch) != nil {
				continue
			}
			if err := w.setOwner(bellhop.BucketOwner{Bucket: b.Bucket, Epoch: b.Epoch}); err != nil {
				return err
			}
		}
		return nil
	})
}

// changeOwners has the owners changed by setOwner in this transaction.
func (w *writer) changeOwners() {
	changed := *w.state.owners
	w.state.owners = &changed
}

func (w *writer) setOwner(o bellhop.BucketOwner) error {
	w.state.owners[o.Bucket] = o
	return exec(w.conn, "INSERT OR REPLACE INTO buckets (bucket, node, lease_epoch, epoch) VALUES (?, ?, ?, ?)",
		int(o.Bucket), int(o.Lease.Node), o.Lease.Epoch, o.Epoch)
}

// owns fails with ErrBucketLost if the lease does not own the bucket under the epoch.
func (w *writer) owns(l bellhop.Lease, b bellhop.Bucket, epoch int64) error {
	if o := &w.state.owners[b]; o.Lease != l || o.Epoch != epoch {
		return bellhop.ErrBucketLost
	}
	return nil
}
