package api

import (
	"slices"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

type keyID struct {
	ID bellhop.KeyID `path:"id" noun:"key" doc:"The id of the key, portal link or session."`
}

type createKeyInput struct {
	Body wire.KeyInput
}

// createKey makes a key that reaches no more than the key that asks for it.
func (a *api) createKey(c *call, in createKeyInput) (wire.NewKey, error) {
	if len(in.Body.Apps) == 0 && c.limited() {
		return wire.NewKey{}, invalid(bellhop.FieldError{Field: "apps", Code: "required", Detail: "is missing: your key is limited to apps, so the keys that it makes must be, too"})
	}
	if err := c.reaches(in.Body.Apps); err != nil {
		return wire.NewKey{}, err
	}
	k, token, err := a.b.CreateKey(c.ctx(), c.actor(), bellhop.KeyRequest{
		Name: in.Body.Name, Role: in.Body.Role, Apps: in.Body.Apps, ExpiresIn: in.Body.ExpiresIn,
	})
	return wire.NewKey{Key: k, Token: token}, err
}

type listKeysInput struct {
	paging
	Kind string `query:"kind" enum:"key,portal,session" doc:"Only keys, portal links, or sessions of the dashboard." example:"session"`
}

// kindOf tells keys from portal links and sessions.
func kindOf(k *bellhop.Key) string {
	switch {
	case k.Session != 0:
		return "session"
	case k.Portal:
		return "portal"
	}
	return "key"
}

func (a *api) listKeys(c *call, in listKeysInput) (wire.Page[bellhop.Key], error) {
	before, err := cursorKeys.number(in.Cursor)
	if err != nil {
		return wire.Page[bellhop.Key]{}, err
	}
	keys := slices.DeleteFunc(a.b.Keys(), func(k bellhop.Key) bool {
		return !c.commands(&k) || in.Kind != "" && kindOf(&k) != in.Kind || before != 0 && int64(k.ID) >= before
	})
	position := func(k bellhop.Key) string { return encodeNumber(cursorKeys, int64(k.ID)) }
	return page(in.paging, keys, position, same), nil
}

func (a *api) deleteKey(c *call, in keyID) (none, error) {
	if !slices.ContainsFunc(a.b.Keys(), func(k bellhop.Key) bool { return k.ID == in.ID && c.commands(&k) }) {
		return none{}, missing("key", in.ID.String())
	}
	return none{}, a.b.DeleteKey(c.ctx(), c.actor(), in.ID)
}

// commands tells whether another key reaches no more than the one that asks.
func (c *call) commands(k *bellhop.Key) bool {
	if !c.limited() {
		return true
	}
	return len(k.Apps) > 0 && !slices.ContainsFunc(k.Apps, func(app string) bool { return !c.key.Sees(app) })
}
