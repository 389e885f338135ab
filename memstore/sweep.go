package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// Sweep ends pending deliveries that can never be made.
func (s *Store) Sweep(ctx context.Context, ids []bellhop.AttemptID, now time.Time) (int, error) {
	swept := 0
	err := s.step(ctx, func() error {
		if len(s.sweepEndpoints) == 0 && len(s.sweepEvents) == 0 && len(s.sweepSettled) == 0 {
			return nil
		}
		given := len(ids)
		ids := s.unused(ids)
		defer func() { swept += given - len(ids) }()
		for _, e := range sortedKeys(s.sweepEndpoints) {
			for _, d := range sortedKeys(s.queues[e]) {
				if s.pending[d].Owner != 0 {
					continue
				}
				if swept == len(ids) {
					return nil
				}
				s.cancel(s.pending[d], ids[swept], bellhop.ReasonDeleted, now)
				swept++
			}
			if len(s.queues[e]) == 0 {
				delete(s.sweepEndpoints, e)
			}
		}
		for _, e := range sortedKeys(s.sweepEvents) {
			for _, d := range slices.Clone(s.waiting[e]) {
				if d.Owner != 0 {
					continue
				}
				if swept == len(ids) {
					return nil
				}
				s.cancel(d, ids[swept], bellhop.ReasonErased, now)
				swept++
			}
			if len(s.waiting[e]) == 0 {
				delete(s.sweepEvents, e)
			}
		}
		for _, e := range sortedKeys(s.sweepSettled) {
			left := false
			for _, d := range slices.Clone(s.waiting[e]) {
				switch {
				case d.Settled == 0:
					continue
				case d.Owner != 0:
					left = true
					continue
				case swept == len(ids):
					return nil
				}
				s.cancel(d, ids[swept], bellhop.ReasonSettled, now)
				swept++
			}
			if !left {
				delete(s.sweepSettled, e)
			}
		}
		return nil
	})
	return swept, err
}

// cancel ends a delivery with a last line in the log.
func (s *Store) cancel(d *bellhop.Delivery, id bellhop.AttemptID, reason string, now time.Time) {
	line := bellhop.LastLine(d, id, reason)
	s.end(d, &line, now)
}

// dropEndpoint forgets an endpoint, and leaves what is pending to it to Sweep.
func (s *Store) dropEndpoint(id bellhop.EndpointID) {
	delete(s.endpoints, id)
	delete(s.reorders, id)
	delete(s.releases, id)
	delete(s.tokens, id)
	s.sweepEndpoints[id] = true
	s.routes.changed(change{id: int64(id)})
}
