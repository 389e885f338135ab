package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellhop/bellhop"
)

// keyUses remembers when keys were used, to the minute. They are written down together
// and at most once a minute, whatever requests there are.
type keyUses struct {
	last sync.Map // of keys that were used lately: bellhop.KeyID to *atomic.Int64, a minute

	mu        sync.Mutex
	unwritten map[bellhop.KeyID]int64
	written   int64 // the minute
}

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }

func (u *keyUses) note(k bellhop.KeyID, minute int64) {
	last, ok := u.last.Load(k)
	if !ok {
		last, _ = u.last.LoadOrStore(k, new(atomic.Int64))
	}
	if last.(*atomic.Int64).Swap(minute) == minute {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.unwritten == nil {
		u.unwritten = map[bellhop.KeyID]int64{}
	}
	u.unwritten[k] = minute
}

// take gives what is to be written now, if there is something and the minute is new.
func (u *keyUses) take(minute int64) []bellhop.KeyUse {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.unwritten) == 0 || minute == u.written {
		return nil
	}
	u.written = minute
	uses := usesOf(u.unwritten)
	u.unwritten = nil
	u.last.Range(func(k, last any) bool {
		if last.(*atomic.Int64).Load() < minute-1 {
			u.last.Delete(k)
		}
		return true
	})
	return uses
}

// putBack keeps what could not be written for the next time.
func (u *keyUses) putBack(uses []bellhop.KeyUse) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.unwritten == nil {
		u.unwritten = map[bellhop.KeyID]int64{}
	}
	for _, use := range uses {
		if _, newer := u.unwritten[use.Key]; !newer {
			u.unwritten[use.Key] = minuteOf(use.At)
		}
	}
}

func usesOf(minutes map[bellhop.KeyID]int64) []bellhop.KeyUse {
	uses := make([]bellhop.KeyUse, 0, len(minutes))
	for k, minute := range minutes {
		uses = append(uses, bellhop.KeyUse{Key: k, At: time.Unix(minute*60, 0).UTC()})
	}
	slices.SortFunc(uses, func(x, y bellhop.KeyUse) int { return cmp.Compare(x.Key, y.Key) })
	return uses
}

// UsedKey notes that a key was used now. It takes no time.
func (e *Engine) UsedKey(k bellhop.KeyID) { e.keyUses.note(k, minuteOf(e.cfg.Now())) }

// KeyUses tells when each key was last used, to the minute. A key that was never used is
// not there.
func (e *Engine) KeyUses(ctx context.Context) (map[bellhop.KeyID]time.Time, error) {
	// What is not written yet comes first: it may be written meanwhile.
	e.keyUses.mu.Lock()
	unwritten := maps.Clone(e.keyUses.unwritten)
	e.keyUses.mu.Unlock()
	written, err := e.store.KeyUses(ctx)
	if err != nil {
		return nil, fmt.Errorf("read when keys were used: %w", err)
	}
	at := make(map[bellhop.KeyID]time.Time, len(written)+len(unwritten))
	for _, u := range slices.Concat(written, usesOf(unwritten)) {
		if u.At.After(at[u.Key]) { // another node may have noted a later one
			at[u.Key] = u.At
		}
	}
	return at, nil
}

// atLeave stands for a minute in which nothing was written yet.
const atLeave = -1

// noteKeyUses writes down when keys were used. That it fails stops nothing: it is made
// good later.
func (e *Engine) noteKeyUses(ctx context.Context, minute int64) {
	uses := e.keyUses.take(minute)
	if len(uses) == 0 {
		return
	}
	if e.failed(ctx, "noting when keys were used", e.store.NoteKeyUses(ctx, uses)) {
		e.keyUses.putBack(uses)
	}
}
