package routes

import (
	"cmp"
	"time"

	"github.com/bellhop/bellhop"
)

// Access is the keys of one version, portal links and sessions included. It never
// changes, and what it gives must not be changed either.
//
// Keys end by themselves: so it must be told the time.
type Access struct {
	version int64
	byHash  layered[[32]byte, *bellhop.Key]
	byID    layered[bellhop.KeyID, *bellhop.Key]
}

// Version is that of the store.
func (a *Access) Version() int64 { return a.version }

// Find gives the key whose token has this SHA-256, unless it has ended. Tokens are
// looked up by their hash, so the time that it takes says nothing about them.
func (a *Access) Find(hash [32]byte, now time.Time) (bellhop.Key, bool) {
	k, _ := a.byHash.get(hash)
	return a.alive(k, now)
}

// Key gives the key with this id, unless it has ended.
func (a *Access) Key(id bellhop.KeyID, now time.Time) (bellhop.Key, bool) {
	k, _ := a.byID.get(id)
	return a.alive(k, now)
}

// Keys lists the keys that have not ended, portal links and sessions included,
// newest first.
func (a *Access) Keys(now time.Time) []bellhop.Key {
	return a.list(now, func(*bellhop.Key) bool { return true })
}

// Sessions lists the sessions of a key that have not ended, newest first.
func (a *Access) Sessions(of bellhop.KeyID, now time.Time) []bellhop.Key {
	return a.list(now, func(k *bellhop.Key) bool { return k.Session != 0 && k.Session == of })
}

func (a *Access) list(now time.Time, want func(*bellhop.Key) bool) []bellhop.Key {
	found := first(func(yield func(*bellhop.Key) bool) {
		for k := range a.byID.all() {
			if want(k) && a.valid(k, now) && !yield(k) {
				return
			}
		}
	}, 0, func(x, y *bellhop.Key) int { return cmp.Compare(y.ID, x.ID) })
	keys := make([]bellhop.Key, len(found))
	for i, k := range found {
		keys[i] = *k
	}
	return keys
}

func (a *Access) alive(k *bellhop.Key, now time.Time) (bellhop.Key, bool) {
	if k == nil || !a.valid(k, now) {
		return bellhop.Key{}, false
	}
	return *k, true
}

// valid tells whether a key has not ended. A session may have outlived its key in
// the store, if it was started while that was being deleted.
func (a *Access) valid(k *bellhop.Key, now time.Time) bool {
	if !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) {
		return false
	}
	if k.Session == 0 {
		return true
	}
	of, ok := a.byID.get(k.Session)
	return ok && of.Session == 0 && a.valid(of, now)
}

// with gives the keys after a change.
func (a *Access) with(c *bellhop.AccessChanges) *Access {
	from := a
	if c.Full {
		from = &Access{}
	}
	byHash, byID := from.byHash.edit(), from.byID.edit()
	drop := func(id bellhop.KeyID) {
		if old, ok := byID.get(id); ok {
			byHash.remove(old.Hash)
			byID.remove(id)
		}
	}
	for _, id := range c.DeletedKeys {
		drop(id)
	}
	for i := range c.Keys {
		k := &c.Keys[i]
		drop(k.ID) // it may have got another token
		byHash.set(k.Hash, k)
		byID.set(k.ID, k)
	}
	return &Access{version: c.Version, byHash: byHash.done(), byID: byID.done()}
}
