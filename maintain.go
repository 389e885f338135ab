package bellhop

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop/bellhop/internal/id"
)

// heartbeat renews the node's lease, takes over what dead nodes left, and notices
// what other nodes changed, until ctx ends.
func (b *Bellhop) heartbeat(ctx context.Context) {
	tick := time.NewTicker(b.cfg.Lease / 3)
	defer tick.Stop()
	for {
		if err := b.beat(ctx); err != nil && ctx.Err() == nil {
			b.log.Error("the node's heartbeat failed; trying again", "err", err, "in", b.cfg.Lease/3)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (b *Bellhop) beat(ctx context.Context) error {
	now := b.cfg.Now()
	err := b.store.Renew(ctx, b.node.Load().id, b.cfg.Lease, now)
	if errors.Is(err, ErrLeaseLost) {
		// Others own what this node had in memory: sending it would repeat it.
		b.log.Warn("the lease was lost, after a pause longer than it; joining anew", "lease", b.cfg.Lease)
		b.lanes.forget(func(*Work) bool { return true })
		err = b.join(ctx)
	}
	if b.wrote("renew the lease", err) != nil {
		return fmt.Errorf("renew the lease: %w", err)
	}
	if err := b.reload(ctx); err != nil {
		return err
	}
	backlog, err := b.store.Backlog(ctx, now)
	if err != nil {
		return fmt.Errorf("look for backlog: %w", err)
	}
	for _, e := range backlog {
		if l := b.lanes.existing(e.Endpoint); l != nil {
			l.noteDue(e.Due)
		}
	}
	return nil
}

// expireChunk bounds one deletion, so that it never holds the writer for long.
const expireChunk = 1000

// expire deletes history that is older than the retention, until ctx ends.
func (b *Bellhop) expire(ctx context.Context) {
	tick := time.NewTicker(min(time.Hour, b.cfg.Retention/2))
	defer tick.Stop()
	for {
		total := 0
		for ctx.Err() == nil {
			now := b.cfg.Now()
			n, err := b.store.Expire(ctx, now.Add(-b.cfg.Retention), expireChunk, now)
			total += n
			if err != nil && ctx.Err() == nil {
				b.log.Error("deleting expired history failed; trying again later", "err", err)
			}
			if n == 0 || err != nil {
				break
			}
		}
		if total > 0 {
			b.log.Info("deleted expired history", "rows", total)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// TypeEndpointDisabled is the type of the event by which Bellhop tells an app
// that one of its endpoints was disabled. It goes to endpoints that name it, or
// "bellhop.*", among their events.
const TypeEndpointDisabled = ownTypes + "endpoint.disabled"

var errDisabled = errors.New("the endpoint is disabled already")

// disable takes an endpoint out of service on Bellhop's own account and tells its
// owner: in the log, in the audit log, and by an event.
func (b *Bellhop) disable(ctx context.Context, e EndpointID, reason string) {
	r, err := b.route(e)
	if err != nil || r.Status == EndpointDisabled {
		return
	}
	_, err = b.changeEndpoint(ctx, systemActor, "endpoint.disable", e, func(e *Endpoint) error {
		if e.Status == EndpointDisabled {
			return errDisabled // by another attempt of the same moment
		}
		e.Status, e.DisabledReason = EndpointDisabled, reason
		return nil
	})
	switch {
	case errors.Is(err, errDisabled) || IsNotFound(err):
		return
	case err != nil:
		b.log.Error("disabling an endpoint failed", "endpoint", e.String(), "err", err)
		return
	}
	b.log.Warn("endpoint disabled", "endpoint", e.String(), "reason", reason)
	for _, app := range r.Apps {
		data := marshal(map[string]any{"endpoint": e, "url": r.URL, "name": r.Name, "reason": reason, "disabled_at": b.cfg.Now().UTC()})
		if _, err := b.accept(ctx, []Publication{{App: app, Type: TypeEndpointDisabled, Subject: "endpoint:" + e.String(), Data: data}}, alone); err != nil {
			b.log.Error("telling the owner that an endpoint was disabled failed", "endpoint", e.String(), "app", app, "err", err)
		}
	}
}

// systemActor is who did it, in the audit log, when nobody asked for it.
const systemActor = "system"

func (b *Bellhop) auditEntry(actor, action, object string, apps []string, detail any) *AuditEntry {
	e := &AuditEntry{ID: id.Next[id.Audit](b.node.Load().ids, b.cfg.Now()), Actor: actor, Action: action, Object: object, Apps: apps}
	if detail != nil {
		e.Detail = marshal(detail)
	}
	return e
}
