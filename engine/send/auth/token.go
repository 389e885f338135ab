package auth

import (
	"bytes"
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
	unsaved  bool      // it is in memory alone
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
	stored, err := k.o.Store.Token(ctx, g.Endpoint)
	if err != nil {
		return token{}, fmt.Errorf("load a token: %w", err)
	}
	if len(stored.Sealed) == 0 {
		return token{}, nil
	}
	plain, err := k.o.Sealer.Open(stored.Sealed, bellhop.SealedContext(g.Endpoint, sealedToken))
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

// saves is how often the store is asked at a time to keep a token, and saveAgain how long
// after that it is asked anew.
const (
	saves     = 3
	saveAgain = 5 * time.Second
)

// save keeps a token in the store, and tells whether it is there. Where that fails it is
// still in memory and tried again, and the log says what a restart would cost.
func (k *Keeper) save(g Grant, t token) bool {
	if k.o.Store == nil || k.o.Sealer == nil {
		return true
	}
	plain, err := json.Marshal(t)
	if err != nil {
		k.o.Logger.Error("a token cannot be kept", "endpoint", g.Endpoint.String(), "err", err)
		return true
	}
	sealed := k.o.Sealer.Seal(plain, bellhop.SealedContext(g.Endpoint, sealedToken))
	// Not the keeper's context: a refresh token that was replaced is worth a moment of the
	// shutdown.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(k.ctx), storeFor)
	defer cancel()
	for range saves {
		var stored bellhop.Token
		if stored, err = k.o.Store.Token(ctx, g.Endpoint); err != nil {
			continue
		}
		if bytes.Equal(stored.Sealed, sealed) {
			return true // the answer was lost, the token was not
		}
		// Whatever another process has saved meanwhile, it had it from an older one.
		_, err = k.o.Store.SaveToken(ctx, g.Endpoint, bellhop.Token{Version: stored.Version, Sealed: sealed, ExpiresAt: t.Expires})
		switch {
		case err == nil:
			return true
		case bellhop.IsNotFound(err):
			return false // it is gone or, while it is verified, not stored yet
		}
	}
	k.o.Logger.Error("a token could not be stored: if this process ends before the next one, its endpoint may have to be connected anew",
		"endpoint", g.Endpoint.String(), "err", err)
	return false
}

// saveLater saves the token of a state that is in memory alone. It is called with the
// lock.
func (k *Keeper) saveLater(st *state, g Grant) {
	now := k.o.Now()
	if !st.token.unsaved || k.closed || now.Before(st.saveAt) {
		return
	}
	st.saveAt = now.Add(saveAgain)
	t := st.token
	k.asking.Go(func() {
		if !k.save(g, t) {
			return
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if st.token.Access == t.Access {
			st.token.unsaved = false
		}
	})
}
