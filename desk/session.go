package desk

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/bellhop/bellhop"
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
// Whoever has the key may start one, unless there is nothing for it to look at. agent is
// what the browser calls itself (User-Agent), or empty.
func (d *Desk) StartSession(ctx context.Context, of bellhop.Key, agent string) (session bellhop.Key, token string, err error) {
	switch {
	case of.Portal:
		return bellhop.Key{}, "", forbidden("This is the token of a portal link: open the link itself. To sign in takes a key with the role admin, editor or viewer")
	case of.Session != 0:
		return bellhop.Key{}, "", forbidden("This is the token of a session: sign in with the key itself")
	case of.Role != bellhop.RoleAdmin && of.Role != bellhop.RoleEditor && of.Role != bellhop.RoleViewer:
		return bellhop.Key{}, "", forbidden("This key may only publish: to sign in takes a key with the role admin, editor or viewer")
	}
	if mine := d.e.Routes().Access().Sessions(of.ID, d.e.Now()); len(mine) >= maxSessions {
		for _, oldest := range mine[maxSessions-1:] {
			if err := d.deleteKey(ctx, bellhop.System, &oldest); err != nil && !bellhop.IsNotFound(err) {
				return bellhop.Key{}, "", err
			}
		}
	}
	now := d.now()
	token = newToken()
	session = bellhop.Key{
		ID: id.Next[id.Key](d.e.IDs(), now), Name: of.Name, Role: of.Role, Scope: of.Scope, Session: of.ID, Device: deviceOf(agent),
		CreatedAt: now, ExpiresAt: now.Add(sessionLasts), Hash: sha256.Sum256([]byte(token)),
	}
	if !of.ExpiresAt.IsZero() && of.ExpiresAt.Before(session.ExpiresAt) {
		session.ExpiresAt = of.ExpiresAt
	}
	entry := d.e.AuditEntry(of.ID.String(), "session.start", session.ID.String(), session.Scope.Apps, nil)
	if err := d.write(ctx, "save a session", func() error { return d.store.SaveKey(ctx, session, entry) }); err != nil {
		return bellhop.Key{}, "", err
	}
	d.e.RefreshAccess(ctx)
	return session, token, nil
}

// EndSession ends a session. Whoever has its token may: one that has ended by itself
// meanwhile, or a key that is none, is left as it is.
func (d *Desk) EndSession(ctx context.Context, session bellhop.Key) error {
	if session.Session == 0 {
		return nil
	}
	err := d.deleteKey(ctx, session.Principal().Actor, &session)
	return ignoreGone(err)
}
