package bellhop

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/bellhop/bellhop/internal/id"
)

const (
	// sessionLasts is how long a browser stays signed in.
	sessionLasts = 7 * 24 * time.Hour
	// maxSessions bounds the sessions of one key: every holder of a key may make
	// some, and all keys are in memory.
	maxSessions = 100
)

// StartSession makes a session of a key, for a browser: a key with a token of its
// own that may do the same. It ends with the key, and after a week at the latest.
// The key is neither a portal link nor a session itself.
func (b *Bellhop) StartSession(ctx context.Context, of Key) (session Key, token string, err error) {
	mine := slices.DeleteFunc(b.Keys(), func(k Key) bool { return k.Session != of.ID })
	if len(mine) >= maxSessions {
		for _, oldest := range mine[maxSessions-1:] {
			if err := b.DeleteKey(ctx, systemActor, oldest.ID); err != nil && !IsNotFound(err) {
				return Key{}, "", err
			}
		}
	}
	now := b.cfg.Now().UTC().Truncate(time.Millisecond)
	token = newToken()
	session = Key{
		ID: id.Next[id.Key](b.node.Load().ids, now), Name: of.Name, Role: of.Role, Apps: of.Apps, Session: of.ID,
		CreatedAt: now, ExpiresAt: now.Add(sessionLasts), Hash: sha256.Sum256([]byte(token)),
	}
	if !of.ExpiresAt.IsZero() && of.ExpiresAt.Before(session.ExpiresAt) {
		session.ExpiresAt = of.ExpiresAt
	}
	entry := b.auditEntry(of.ID.String(), "session.start", session.ID.String(), session.Apps, nil)
	if err := b.wrote("save a session", b.store.SaveKey(ctx, session, entry)); err != nil {
		return Key{}, "", err
	}
	b.refresh(ctx)
	return session, token, nil
}
