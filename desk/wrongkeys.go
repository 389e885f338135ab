package desk

import (
	"sync"
	"time"
)

const (
	// wrongFor is for how long a key that was not found is not looked for again.
	wrongFor = time.Second
	// mostWrong bounds how many are remembered: at most as long, and about 400 KB.
	mostWrong = 5000
)

// wrongKeys are the hashes of tokens that no key had a moment ago, so that asking with one
// again and again costs the store nothing. They are forgotten when the keys change.
type wrongKeys struct {
	mu      sync.Mutex
	version int64 // of the keys
	at      map[[32]byte]time.Duration
}

func (w *wrongKeys) has(hash [32]byte, version int64, now time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, known := w.at[hash]
	return known && w.version == version && now-at < wrongFor
}

func (w *wrongKeys) add(hash [32]byte, version int64, now time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.version != version || len(w.at) >= mostWrong || w.at == nil {
		w.version, w.at = version, map[[32]byte]time.Duration{}
	}
	w.at[hash] = now
}
