package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/engine/send/listen"
)

// Listeners are those who listen at endpoints of this node.
func (e *Engine) Listeners() *listen.Hub { return e.listeners }

// away says why nothing can be sent to an endpoint that somebody has to listen at.
func (e *Engine) away(id bellhop.EndpointID, url string) string {
	if e.listeners.Listening(id) {
		return ""
	}
	local, _ := listen.Local(url)
	return bellhop.NobodyListens + ": start 'bellhop listen --forward " + local + "'"
}

const (
	// abandonedAfter is how long nobody listens at a temporary endpoint before it is
	// deleted, with what waits for it.
	abandonedAfter = time.Hour
	// lookForAbandoned is how often that is looked for.
	lookForAbandoned = time.Minute
)

// dropAbandoned deletes the endpoints that somebody made to listen at, and left.
func (e *Engine) dropAbandoned(ctx context.Context) error {
	now := e.cfg.Now()
	if now.Sub(e.lookedForAbandoned) < lookForAbandoned {
		return nil
	}
	e.lookedForAbandoned = now
	table := e.table.Routes()
	e.listeners.Keep(func(id bellhop.EndpointID) bool { return table.Endpoint(id) != nil })
	var abandoned []*routes.Route
	for _, r := range table.Endpoints(bellhop.EndpointFilter{Scope: bellhop.Everything()}) {
		if r.Listened() && r.Metadata[bellhop.MetaListen] == bellhop.ListenTemporary && !r.Locked && e.abandoned(r, now) {
			abandoned = append(abandoned, r)
		}
	}
	for _, r := range abandoned {
		entry := e.AuditEntry(bellhop.System, "endpoint.delete", r.ID.String(), r.Apps, map[string]any{
			"url": r.URL, "name": r.Name, "reason": "Nobody listened at it for " + bellhop.Duration(abandonedAfter).String() + ".",
		})
		if err := e.store.DeleteEndpoint(ctx, r.ID, entry, now); err != nil && !bellhop.IsNotFound(err) {
			return fmt.Errorf("delete endpoint %s, which nobody listens at: %w", r.ID, err)
		}
		e.log.Info("endpoint deleted: nobody listened at it any more", "endpoint", r.ID.String())
	}
	if len(abandoned) > 0 {
		e.RefreshRoutes(ctx)
		wake(e.owing)
	}
	return nil
}

func (e *Engine) abandoned(r *routes.Route, now time.Time) bool {
	since := e.listeners.AwaySince(r.ID)
	if since.IsZero() {
		return false
	}
	if r.UpdatedAt.After(since) {
		since = r.UpdatedAt // somebody is about to listen
	}
	return now.Sub(since)-e.clock.Unseen(since) >= abandonedAfter
}
