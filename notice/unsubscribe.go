package notice

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/bellhop/bellhop"
)

// tokenContext binds tokens to their purpose.
const tokenContext = "unsubscribe"

// Token is what a recipient unsubscribes with, without signing in: sealed, so that nobody
// can make one, or read the address in it.
func (t *Teller) Token(recipient string) string {
	return base64.RawURLEncoding.EncodeToString(t.e.Config().Sealer.Seal([]byte(recipient), tokenContext))
}

// Subscription is that of the holder of a token.
type Subscription struct {
	Recipient string
	// App is what is told of, "" for all apps. Owner says that it is told of endpoints that
	// the address looks after, and not of all.
	App     string
	Owner   bool
	Address string
	// Off says that the address wants to be told no more.
	Off bool
}

// Subscription looks up what a token is of; IsNotFound where it is none.
func (t *Teller) Subscription(ctx context.Context, token string) (Subscription, error) {
	none := bellhop.NotFound("subscription", "")
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return Subscription{}, none
	}
	name, err := t.e.Config().Sealer.Open(sealed, tokenContext)
	if err != nil {
		return Subscription{}, none
	}
	s := Subscription{Recipient: string(name)}
	kind, app, address := splitAudience(s.Recipient)
	if address == "" || kind != byOwner && kind != byPeople {
		return Subscription{}, none
	}
	s.Owner, s.Address = kind == byOwner, address
	if app != bellhop.AllApps {
		s.App = app
	}
	off, err := t.silent(ctx)
	s.Off = off[s.Recipient]
	return s, err
}

// Unsubscribe has the holder of a token be told no more or, with on, again.
func (t *Teller) Unsubscribe(ctx context.Context, token string, on bool) (Subscription, error) {
	s, err := t.Subscription(ctx, token)
	if err != nil || s.Off == !on {
		return s, err
	}
	u := bellhop.Unsubscription{Audience: s.Recipient}
	action := "notices.subscribe"
	if !on {
		u.At, action = t.e.Now().UTC().Truncate(time.Millisecond), "notices.unsubscribe"
	}
	var apps []string
	if s.App != "" {
		apps = []string{s.App}
	}
	entry := t.e.AuditEntry(bellhop.System, action, s.Address, apps, map[string]any{"owner": s.Owner})
	if err := t.e.Wrote("unsubscribe", t.store.Unsubscribe(ctx, u, entry)); err != nil {
		return s, err
	}
	s.Off = !on
	return s, nil
}

// Off gives which of some addresses of an app, or of its owners, want to be told no more.
func (t *Teller) Off(ctx context.Context, app string, owners bool) ([]string, error) {
	list, err := t.store.Unsubscribed(ctx)
	if err != nil {
		return nil, err
	}
	kind := byPeople
	if owners {
		kind = byOwner
	}
	addresses := []string{}
	for _, u := range list {
		if k, a, address := splitAudience(u.Audience); k == kind && a == app {
			addresses = append(addresses, address)
		}
	}
	return addresses, nil
}
