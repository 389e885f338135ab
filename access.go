package bellhop

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/bellhop/bellhop/internal/id"
)

// KeyRequest asks for a key or a portal link.
type KeyRequest struct {
	Name string
	Role Role
	// Apps limits the key; none means all. A portal link has exactly one.
	Apps []string
	// ExpiresIn is 0 for a key that stays valid until it is deleted, and for a
	// portal link of an hour.
	ExpiresIn Duration
	Portal    bool
}

const (
	tokenPrefix     = "bh_"
	maxKeyApps      = 100
	defaultPortal   = Duration(time.Hour)
	maxPortal       = Duration(7 * 24 * time.Hour)
	maxKeyExpiresIn = Duration(3660 * 24 * time.Hour)
)

// CreateKey makes a key and answers its token, which is not kept.
func (b *Bellhop) CreateKey(ctx context.Context, actor string, r KeyRequest) (k Key, token string, err error) {
	if err := b.checkKey(&r); err != nil {
		return Key{}, "", err
	}
	now := b.cfg.Now().UTC().Truncate(time.Millisecond)
	token = newToken()
	k = Key{
		ID: id.Next[id.Key](b.node.Load().ids, now), Name: r.Name, Role: r.Role, Apps: r.Apps,
		Portal: r.Portal, CreatedAt: now, Hash: sha256.Sum256([]byte(token)),
	}
	if r.ExpiresIn > 0 {
		k.ExpiresAt = now.Add(time.Duration(r.ExpiresIn))
	}
	action := "key.create"
	if k.Portal {
		action = "portal_link.create"
	}
	entry := b.auditEntry(actor, action, k.ID.String(), k.Apps, k)
	if err := b.wrote("save a key", b.store.SaveKey(ctx, k, entry)); err != nil {
		return Key{}, "", err
	}
	b.refresh(ctx)
	return k, token, nil
}

func newToken() string { return tokenPrefix + strings.ToLower(rand.Text()+rand.Text()[:10]) }

func (b *Bellhop) checkKey(r *KeyRequest) error {
	fields := checkText("name", r.Name, maxName)
	wrong := func(field, code, detail string) { fields = append(fields, FieldError{field, code, detail}) }
	switch r.Role {
	case RoleAdmin, RolePublisher:
		if r.Portal {
			wrong("role", "enum", `must be "editor" or "viewer" for a portal link`)
		}
	case RoleEditor, RoleViewer:
	default:
		wrong("role", "enum", `must be "admin", "publisher", "editor" or "viewer"`)
	}
	if len(r.Apps) > maxKeyApps {
		wrong("apps", "length", fmt.Sprintf("names %d apps; at most %d are allowed", len(r.Apps), maxKeyApps))
	}
	longest := maxKeyExpiresIn
	if r.Portal {
		longest = maxPortal
		r.ExpiresIn = cmp.Or(r.ExpiresIn, defaultPortal)
		if len(r.Apps) != 1 {
			wrong("app", "required", "is missing: a portal link is for one app")
		}
	}
	if r.ExpiresIn < 0 || r.ExpiresIn > longest {
		wrong("expires_in", "range", fmt.Sprintf("must be between 0s and %s", longest))
	}
	if len(fields) > 0 {
		return &Error{Code: CodeInvalid, Detail: "The key is not valid", Fields: fields}
	}
	for i, a := range r.Apps {
		if _, err := b.App(a); err != nil {
			field := fmt.Sprintf("apps[%d]", i)
			if r.Portal {
				field = "app"
			}
			return unknownApp(field, a)
		}
	}
	return nil
}

// Keys lists the keys that have not ended, portal links and sessions included,
// newest first.
func (b *Bellhop) Keys() []Key {
	b.routes.mu.RLock()
	defer b.routes.mu.RUnlock()
	return page(b.routes.keys, 0, func(k Key) bool { return b.routes.valid(&k, b.cfg.Now) },
		func(x, y Key) int { return cmp.Compare(y.ID, x.ID) })
}

// DeleteKey ends a key, with its sessions, a portal link or a session at once.
func (b *Bellhop) DeleteKey(ctx context.Context, actor string, k KeyID) error {
	var found *Key
	for _, key := range b.Keys() {
		if key.ID == k {
			found = &key
		}
	}
	if found == nil {
		return notFound("key", k.String())
	}
	action := "key.delete"
	if found.Session != 0 {
		action = "session.end"
	}
	entry := b.auditEntry(actor, action, k.String(), found.Apps, nil)
	if err := b.wrote("delete a key", b.store.DeleteKey(ctx, k, entry)); err != nil {
		return err
	}
	b.refresh(ctx)
	return nil
}

// Authenticate finds the key of a token. Tokens are looked up by their hash, so
// the time that it takes says nothing about them.
func (b *Bellhop) Authenticate(token string) (Key, bool) {
	hash := sha256.Sum256([]byte(token))
	b.routes.mu.RLock()
	defer b.routes.mu.RUnlock()
	k, ok := b.routes.keys[hash]
	if !ok || !b.routes.valid(&k, b.cfg.Now) {
		return Key{}, false
	}
	return k, true
}

// valid tells whether a key has not ended. A session may have outlived its key in
// the store, if it was started while that was being deleted.
func (t *routingTable) valid(k *Key, now func() time.Time) bool {
	if !k.ExpiresAt.IsZero() && !now().Before(k.ExpiresAt) {
		return false
	}
	if k.Session == 0 {
		return true
	}
	of, ok := t.keys[t.hashes[k.Session]]
	return ok && of.Session == 0 && t.valid(&of, now)
}
