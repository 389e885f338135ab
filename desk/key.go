package desk

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

const (
	tokenPrefix   = "bh_"
	maxKeyApps    = 100
	defaultPortal = bellhop.Duration(time.Hour)
)

// CreateKey makes a key, or a portal link, and answers its token, which is not kept.
// The key reaches no more than who asks for it. Where the hash of a token is given, it answers
// none; a hash that another key has is a CodeConflict error.
func (d *Desk) CreateKey(ctx context.Context, p bellhop.Principal, r bellhop.KeyRequest) (k bellhop.Key, token string, err error) {
	op, action := "createKey", "key.create"
	if r.Portal {
		op, action = "createPortalLink", "portal_link.create"
	}
	if err := Permits(p, op); err != nil {
		return bellhop.Key{}, "", err
	}
	if r.Hash != nil && !p.Scope.All {
		return bellhop.Key{}, "", forbidden("To give the hash of a token takes an admin key that is not limited to apps")
	}
	scope, err := d.scopeOf(p, r)
	if err != nil {
		return bellhop.Key{}, "", err
	}
	if r.Portal {
		r.ExpiresIn = cmp.Or(r.ExpiresIn, defaultPortal)
	}
	if fields := r.Check(); len(fields) > 0 {
		return bellhop.Key{}, "", bellhop.Invalid("The key is not valid", fields...)
	}
	hash := r.Hash
	if hash == nil {
		token = newToken()
		sum := sha256.Sum256([]byte(token))
		hash = &sum
	}
	now := d.now()
	k = bellhop.Key{
		ID: id.Next[id.Key](d.e.IDs(), now), Name: r.Name, Role: r.Role, Scope: scope,
		Portal: r.Portal, FeatureFlags: r.FeatureFlags, CreatedAt: now, Hash: *hash,
	}
	if r.ExpiresIn > 0 {
		k.ExpiresAt = now.Add(time.Duration(r.ExpiresIn))
	}
	detail := struct {
		bellhop.Key
		Apps []string `json:"apps,omitempty"`
	}{k, scope.Apps}
	entry := d.e.AuditEntry(p.Actor, action, k.ID.String(), scope.Apps, detail)
	if err := d.write(ctx, "save a key", func() error { return d.store.SaveKey(ctx, k, entry) }); err != nil {
		return bellhop.Key{}, "", err
	}
	d.e.RefreshAccess(ctx)
	return k, token, nil
}

// scopeOf is what a new key reaches. A request that names no apps means all of them,
// those still to be created included: that takes somebody who reaches all.
func (d *Desk) scopeOf(p bellhop.Principal, r bellhop.KeyRequest) (bellhop.Scope, error) {
	if r.Portal {
		if len(r.Apps) != 1 {
			return bellhop.Scope{}, bellhop.Invalid("The key is not valid",
				bellhop.FieldError{Field: "app", Code: "required", Detail: "is missing: a portal link is for one app"})
		}
		return bellhop.Only(r.Apps...), d.knownApp(p, "app", r.Apps[0])
	}
	switch {
	case len(r.Apps) > maxKeyApps:
		return bellhop.Scope{}, bellhop.Invalid("The key is not valid",
			bellhop.FieldError{Field: "apps", Code: "length", Detail: fmt.Sprintf("names %d apps; at most %d are allowed", len(r.Apps), maxKeyApps)})
	case len(r.Apps) > 0:
		return bellhop.Only(r.Apps...), d.knownApps(p, r.Apps)
	case p.Scope.All:
		return bellhop.Everything(), nil
	}
	return bellhop.Scope{}, bellhop.Wrong("apps", "required", "is missing: your key is limited to apps, so the keys that it makes must be, too")
}

func newToken() string { return tokenPrefix + strings.ToLower(rand.Text()+rand.Text()[:10]) }

// KeyKind tells what kind of key one is.
type KeyKind string

// The kinds of keys.
const (
	KindKey     KeyKind = "key"
	KindPortal  KeyKind = "portal"
	KindSession KeyKind = "session"
)

// KindOf tells keys from portal links and sessions of the dashboard.
func KindOf(k *bellhop.Key) KeyKind {
	switch {
	case k.Session != 0:
		return KindSession
	case k.Portal:
		return KindPortal
	}
	return KindKey
}

// KeyFilter selects keys. Zero fields select everything in the scope.
type KeyFilter struct {
	Kind   KeyKind
	Before bellhop.KeyID // the cursor: only older ones
	Limit  int           // 0: all
	// Hashes says that the hashes of tokens are to be shown.
	Hashes bool
}

// Keys lists the keys that have not ended and that reach no more than the principal,
// portal links and sessions included, newest first.
func (d *Desk) Keys(_ context.Context, p bellhop.Principal, f KeyFilter) (list []bellhop.Key, err error) {
	if err := Permits(p, "listKeys"); err != nil {
		return nil, err
	}
	if f.Hashes && !p.Scope.All {
		return nil, forbidden("To see the hashes of tokens takes an admin key that is not limited to apps")
	}
	for _, k := range d.e.Routes().Access().Keys(d.e.Now()) {
		if f.Limit > 0 && len(list) == f.Limit {
			break
		}
		if commands(p, &k) && (f.Kind == "" || KindOf(&k) == f.Kind) && (f.Before == 0 || k.ID < f.Before) {
			list = append(list, k)
		}
	}
	return list, nil
}

// CountKeys is how many Keys lists in all.
func (d *Desk) CountKeys(ctx context.Context, p bellhop.Principal, f KeyFilter) (int, error) {
	f.Before, f.Limit = 0, 0
	list, err := d.Keys(ctx, p, f)
	return len(list), err
}

// KeyUses tells when the keys that Keys lists were last used, to the minute. A key that
// was never used is not there.
func (d *Desk) KeyUses(ctx context.Context, p bellhop.Principal) (map[bellhop.KeyID]time.Time, error) {
	if err := Permits(p, "listKeys"); err != nil {
		return nil, err
	}
	return d.e.KeyUses(ctx)
}

// commands tells whether a key reaches no more than the principal, which then may
// see it and end it.
func commands(p bellhop.Principal, k *bellhop.Key) bool { return p.Scope.Covers(k.Scope) }

// DeleteKey ends a key, with its sessions, a portal link or a session at once.
func (d *Desk) DeleteKey(ctx context.Context, p bellhop.Principal, i bellhop.KeyID) error {
	if err := Permits(p, "deleteKey"); err != nil {
		return err
	}
	k, ok := d.e.Routes().Access().Key(i, d.e.Now())
	if !ok || !commands(p, &k) {
		return bellhop.NotFound("key", i.String())
	}
	return d.deleteKey(ctx, p.Actor, &k)
}

func (d *Desk) deleteKey(ctx context.Context, actor string, k *bellhop.Key) error {
	action := "key.delete"
	if k.Session != 0 {
		action = "session.end"
	}
	entry := d.e.AuditEntry(actor, action, k.ID.String(), k.Scope.Apps, nil)
	if err := d.remove(ctx, "delete a key", func() error { return d.store.DeleteKey(ctx, k.ID, entry) }); err != nil {
		return err
	}
	d.e.RefreshAccess(ctx)
	return nil
}
