package native

import (
	"encoding/hex"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
)

type keyID struct {
	ID bellhop.KeyID `path:"id" noun:"key" doc:"The id of the key, portal link or session."`
}

type createKeyInput struct {
	Body wire.KeyInput
}

func (n *native) createKey(c *api.Call, in createKeyInput) (wire.NewKey, error) {
	ask := bellhop.KeyRequest{Name: in.Body.Name, Role: in.Body.Role, Apps: in.Body.Apps, ExpiresIn: in.Body.ExpiresIn}
	if in.Body.TokenSHA256 != "" {
		ask.Hash = new([32]byte)
		if n, err := hex.Decode(ask.Hash[:], []byte(in.Body.TokenSHA256)); err != nil || n != len(ask.Hash) {
			return wire.NewKey{}, bellhop.Wrong("token_sha256", "format", "must be 64 hexadecimal digits")
		}
	}
	k, token, err := n.desk.CreateKey(c.Context(), c.Principal(), ask)
	return wire.NewKey{Key: wire.KeyOf(k), Token: token}, err
}

type listKeysInput struct {
	api.Paging
	Kind   string `query:"kind" enum:"key,portal,session" doc:"Only keys, portal links, or sessions of the dashboard." example:"session"`
	Hashes string `query:"hashes" enum:"true,false" doc:"With the SHA-256 of each token (token_sha256), to take keys to another installation. Takes a key that is not limited to apps."`
}

func (n *native) listKeys(c *api.Call, in listKeysInput) (wire.Page[wire.Key], error) {
	before, err := cursorKeys.Number(in.Cursor)
	if err != nil {
		return wire.Page[wire.Key]{}, err
	}
	f := desk.KeyFilter{Kind: desk.KeyKind(in.Kind), Before: bellhop.KeyID(before), Limit: in.More(), Hashes: in.Hashes == "true"}
	keys, err := n.desk.Keys(c.Context(), c.Principal(), f)
	if err != nil {
		return wire.Page[wire.Key]{}, err
	}
	uses, err := n.desk.KeyUses(c.Context(), c.Principal())
	if err != nil {
		return wire.Page[wire.Key]{}, err
	}
	dress := func(k bellhop.Key) wire.Key {
		w := wire.KeyOf(k)
		if f.Hashes {
			w.TokenSHA256 = hex.EncodeToString(k.Hash[:])
		}
		w.LastUsedAt, w.Current = uses[k.ID], k.ID == c.Key().ID
		if !w.LastUsedAt.IsZero() && w.LastUsedAt.Before(k.CreatedAt) {
			w.LastUsedAt = k.CreatedAt // in its first minute
		}
		return w
	}
	position := func(k bellhop.Key) string { return cursorKeys.AtNumber(int64(k.ID)) }
	return counted(in.Paging, page(in.Paging, keys, position, dress), func() (int, error) { return n.desk.CountKeys(c.Context(), c.Principal(), f) })
}

func (n *native) deleteKey(c *api.Call, in keyID) (api.None, error) {
	return api.None{}, n.desk.DeleteKey(c.Context(), c.Principal(), in.ID)
}
