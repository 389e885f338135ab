package auth

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
)

const (
	// claimFor is how long nobody else asks for the token of a process that was killed while
	// it did: longer than a token request and what is asked of the store for it may take.
	claimFor = askFor + 3*storeFor
	// claimAgain is how often a process looks whether another has got a token.
	claimAgain = 200 * time.Millisecond
)

// claim waits until nobody else asks for a token with this refresh token, which a server
// may replace: it is good for one request. The end is to be told when the own request is
// over, and whether what it brought is where others find it. Where there is none, another
// process has got the token meanwhile, or keeps everybody waiting.
func (k *Keeper) claim(g Grant, known token, refused string) (end func(kept bool), other flight) {
	if g.Auth.Type != bellhop.AuthRefreshToken || k.o.Store == nil || k.o.Sealer == nil {
		return func(bool) {}, flight{}
	}
	waiting, cancel := context.WithTimeout(k.ctx, claimFor)
	defer cancel()
	for {
		asking, cancel := context.WithTimeout(waiting, storeFor)
		free, err := k.o.Store.ClaimToken(asking, g.Endpoint, k.name, claimFor, k.o.Now())
		cancel()
		switch {
		case k.ctx.Err() != nil:
			return nil, flight{failure: &Failure{Detail: "Bellhop is shutting down.", Closed: true}}
		case err != nil && waiting.Err() == nil:
			k.o.Logger.Error("it is not known whether another process asks for a token", "endpoint", g.Endpoint.String(), "err", err)
			return nil, flight{failure: &Failure{Detail: "Bellhop's own database could not be asked whether the refresh token is in use: its operator finds more in the log.", After: firstRest}}
		case free:
			return func(kept bool) {
				if kept { // else others have to wait: what they have is used up
					k.free(g.Endpoint)
				}
			}, flight{}
		}
		stored, err := k.load(g)
		if err == nil && stored.usable(k.o.Now()) && stored.Access != refused && stored.Access != known.Access {
			return nil, flight{token: stored}
		}
		again := time.NewTimer(claimAgain)
		select {
		case <-again.C:
		case <-waiting.Done():
			again.Stop()
			if k.ctx.Err() == nil {
				return nil, flight{failure: &Failure{
					Detail: "Another node has been asking the token server " + host(g.Auth.TokenURL) + " for a token since long, and has not got one yet.", After: firstRest,
				}}
			}
		}
	}
}

func (k *Keeper) free(e bellhop.EndpointID) {
	// Not the keeper's context: others would have to wait for the claim's end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(k.ctx), storeFor)
	defer cancel()
	if err := k.o.Store.FreeToken(ctx, e, k.name); err != nil {
		k.o.Logger.Warn("other processes have to wait for a token", "endpoint", e.String(), "for", claimFor, "err", err)
	}
}
