package main

import (
	"fmt"
	"sync/atomic"
)

// ledger notes which deliveries have arrived. Events are numbered from 0 as they are
// published, and each is bound for as many endpoints: so each delivery has a bit.
type ledger struct {
	fan    int64 // endpoints of each event
	chunks [1 << 13]atomic.Pointer[chunk]

	arrived, duplicates, strange atomic.Int64
	first                        atomic.Int64 // when the first arrived; Unix nanoseconds
}

const chunkBits = 1 << 20

type chunk [chunkBits / 64]atomic.Uint64

// note takes in a delivery of an event to one of its endpoints.
func (l *ledger) note(event, endpoint, now int64) {
	bit := event*l.fan + endpoint%l.fan
	if event < 0 || bit >= chunkBits*int64(len(l.chunks)) {
		l.strange.Add(1)
		return
	}
	at := &l.chunks[bit/chunkBits]
	c := at.Load()
	if c == nil {
		at.CompareAndSwap(nil, new(chunk))
		c = at.Load()
	}
	mask := uint64(1) << (bit % 64)
	if c[bit%chunkBits/64].Or(mask)&mask != 0 {
		l.duplicates.Add(1)
		return
	}
	if l.arrived.Add(1) == 1 {
		l.first.Store(now)
	}
}

// has tells whether a delivery has arrived.
func (l *ledger) has(bit int64) bool {
	c := l.chunks[bit/chunkBits].Load()
	return c != nil && c[bit%chunkBits/64].Load()&(1<<(bit%64)) != 0
}

// account is what the ledger says of so many events that were acknowledged.
type account struct {
	Arrived    int64 `json:"arrived"`
	Missing    int64 `json:"missing"`
	Duplicates int64 `json:"duplicates"`
	// Strange are deliveries that nobody has published.
	Strange int64 `json:"strange"`
	// FirstMissing is the number of an event that is missing; -1: none is.
	FirstMissing int64 `json:"first_missing"`
}

func (l *ledger) account(events int64) account {
	a := account{Arrived: l.arrived.Load(), Duplicates: l.duplicates.Load(), Strange: l.strange.Load(), FirstMissing: -1}
	for bit := range events * l.fan {
		if l.has(bit) {
			continue
		}
		if a.Missing++; a.FirstMissing < 0 {
			a.FirstMissing = bit / l.fan
		}
	}
	a.Strange += a.Arrived - (events*l.fan - a.Missing)
	return a
}

// exact is nil if each acknowledged delivery arrived once.
func (a account) exact() error {
	if a.Missing == 0 && a.Duplicates == 0 && a.Strange == 0 {
		return nil
	}
	return fmt.Errorf("not exact: %d deliveries are missing (the first of event %d), %d arrived again, %d were never published", a.Missing, a.FirstMissing, a.Duplicates, a.Strange)
}
