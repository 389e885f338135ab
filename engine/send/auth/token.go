package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop/bellhop"
)

// sealedToken is what a stored token is sealed for.
const sealedToken = "oauth2"

// token is an access token with what is needed for the next one, as it is stored.
type token struct {
	Grant    string    `json:"grant"`   // whose access token it is
	Lineage  string    `json:"lineage"` // whose refresh token it is
	Access   string    `json:"access"`
	Refresh  string    `json:"refresh,omitempty"`
	Obtained time.Time `json:"obtained"`
	Expires  time.Time `json:"expires,omitzero"` // zero: nobody knows
}

// usable tells whether it may be sent.
func (t *token) usable(now time.Time) bool {
	if t.Access == "" {
		return false
	}
	return t.Expires.IsZero() || now.Before(t.Expires.Add(-min(margin, t.life()/10)))
}

// stale tells whether it is time to ask for the next one.
func (t *token) stale(now time.Time) bool {
	return !t.Expires.IsZero() && !now.Before(t.Expires.Add(-min(aheadAtMost, t.life()/5)))
}

func (t *token) life() time.Duration { return t.Expires.Sub(t.Obtained) }

// load reads an endpoint's token from the store. One that is of another grant is none,
// but for a refresh token of the same lineage.
func (k *Keeper) load(g Grant) (token, error) {
	if k.o.Store == nil || k.o.Sealer == nil {
		return token{}, nil
	}
	ctx, cancel := context.WithTimeout(k.ctx, storeFor)
	defer cancel()
	sealed, err := k.o.Store.Token(ctx, g.Endpoint)
	if err != nil {
		return token{}, fmt.Errorf("load a token: %w", err)
	}
	if len(sealed) == 0 {
		return token{}, nil
	}
	plain, err := k.o.Sealer.Open(sealed, bellhop.SealedContext(g.Endpoint, sealedToken))
	if err != nil {
		return token{}, fmt.Errorf("open a token: %w", err)
	}
	var t token
	if err := json.Unmarshal(plain, &t); err != nil {
		return token{}, errors.New("a stored token cannot be read") // the error would quote it
	}
	if t.Grant != g.name() {
		t.Access = ""
	}
	if t.Lineage != g.lineage() {
		t = token{}
	}
	return t, nil
}

// saves is how often the store is asked to keep a token.
const saves = 3

// save keeps a token in the store. Where that fails it is still in memory, and the log
// says what a restart would cost.
func (k *Keeper) save(g Grant, t token) {
	if k.o.Store == nil || k.o.Sealer == nil {
		return
	}
	plain, err := json.Marshal(t)
	if err != nil {
		k.o.Logger.Error("a token cannot be kept", "endpoint", g.Endpoint.String(), "err", err)
		return
	}
	sealed := k.o.Sealer.Seal(plain, bellhop.SealedContext(g.Endpoint, sealedToken))
	// Not the keeper's context: a refresh token that was replaced is worth a moment of the
	// shutdown.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(k.ctx), storeFor)
	defer cancel()
	for range saves {
		if err = k.o.Store.SaveToken(ctx, g.Endpoint, sealed); err == nil || bellhop.IsNotFound(err) {
			return
		}
	}
	k.o.Logger.Error("a token could not be stored: if this process ends before the next one, its endpoint may have to be connected anew",
		"endpoint", g.Endpoint.String(), "err", err)
}
