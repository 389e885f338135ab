package inbox

import (
	"slices"
	"time"
)

const (
	// longestTimeout is the longest that an endpoint may have: a request that was
	// under way when its event was erased is over by then.
	longestTimeout = 2 * time.Minute
	// maxTombstones bounds how much is remembered, whatever is erased meanwhile.
	maxTombstones = 100_000
)

// tombstones remember what was erased lately, for longestTimeout. The zero value is
// ready for use.
type tombstones[K comparable] struct {
	graves map[K]grave
	order  []burial[K] // oldest first
}

type grave struct {
	at time.Time
	// made is how many inboxes had been made by then. Nothing that was under way at
	// that time can be bound for a later one: nobody knew its token.
	made int64
}

type burial[K comparable] struct {
	of K
	at time.Time
}

func (t *tombstones[K]) add(k K, made int64, now time.Time) {
	if t.graves == nil {
		t.graves = map[K]grave{}
	}
	t.graves[k] = grave{now, made}
	t.order = append(t.order, burial[K]{k, now})
}

// forbid tells whether an inbox, by its place in the order in which they were made,
// must not keep what belongs to k.
func (t *tombstones[K]) forbid(k K, order int64) bool {
	g, ok := t.graves[k]
	return ok && order <= g.made
}

// expire forgets the tombstones that no request can be older than.
func (t *tombstones[K]) expire(now time.Time) {
	n := 0
	for n < len(t.order) && (now.Sub(t.order[n].at) > longestTimeout || len(t.order)-n > maxTombstones) {
		if b := t.order[n]; t.graves[b.of].at.Equal(b.at) { // else it was renewed
			delete(t.graves, b.of)
		}
		n++
	}
	t.order = slices.Delete(t.order, 0, n)
}
