package bellhop

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop/bellhop/internal/id"
)

// heartbeat renews the node's lease, takes over what dead nodes left, and notices
// what other nodes changed, until ctx ends. Once it is draining, it only renews: what
// is still in flight is this node's.
func (b *Bellhop) heartbeat(ctx context.Context) {
	tick := time.NewTicker(max(b.cfg.Lease/3, time.Millisecond))
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
	b.inboxes.sweep(now)
	if !b.lanes.isRunning() {
		return b.store.Renew(ctx, b.node.Load().id, b.cfg.Lease, now)
	}
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
	for _, l := range b.lanes.all() {
		l.wake() // what waits only for a slot or its turn needs no luck
	}
	return nil
}

// expireChunk bounds one deletion, so that it never holds the writer for long.
const expireChunk = 1000

// expire deletes history that is older than the retention, until ctx ends.
func (b *Bellhop) expire(ctx context.Context) {
	tick := time.NewTicker(max(min(time.Hour, b.cfg.Retention/2), time.Second))
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
		b.expireKeys(ctx)
		if err := b.store.Wipe(ctx); err != nil && ctx.Err() == nil {
			b.log.Error("overwriting the remains of erased data failed; trying again later", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// expireKeys deletes the portal links and sessions that have ended: they are made
// by the hundred. Keys that a person made stay, so that a store without any is a
// new one.
func (b *Bellhop) expireKeys(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := b.store.ExpireKeys(ctx, b.cfg.Now(), expireChunk)
		if err != nil && ctx.Err() == nil {
			b.log.Error("deleting expired portal links and sessions failed; trying again later", "err", err)
		}
		if n == 0 || err != nil {
			return
		}
		b.refresh(ctx)
	}
}

// What statistics cost: every sampleEvery, a look at the backlog and, where there is
// any, the attempts of some minutes to roll up. An attempt is recorded by rollAfter
// its beginning, as a rule: no request may take longer than maxTimeout.
const (
	sampleEvery = 30 * time.Second
	rollAfter   = 5 * time.Minute
)

// count keeps the statistics, until ctx ends.
func (b *Bellhop) count(ctx context.Context) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	failed := func(doing string, err error) bool {
		// That nothing can be written is logged by the heartbeat.
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrUnavailable) {
			b.log.Error(doing+" failed; trying again", "err", err, "in", sampleEvery)
		}
		return err != nil
	}
	for {
		failed("sampling the backlog", b.store.SampleBacklog(ctx, b.cfg.Now()))
		for ctx.Err() == nil {
			more, err := b.store.RollUp(ctx, b.cfg.Now().Add(-rollAfter))
			if failed("rolling statistics up", err) || !more {
				break
			}
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

var errChanged = errors.New("the endpoint was changed meanwhile")

// disable takes an endpoint out of service on Bellhop's own account and tells its
// owner: in the log, in the audit log, and by an event.
//
// It does nothing if the endpoint was changed since the attempt that speaks against
// it: somebody may just have mended it.
func (b *Bellhop) disable(ctx context.Context, r *route, reason string) {
	_, err := b.changeEndpoint(ctx, systemActor, "endpoint.disable", r.ID, func(e *Endpoint) error {
		if e.Revision != r.Revision {
			return errChanged
		}
		e.Status, e.DisabledReason = EndpointDisabled, reason
		return nil
	})
	switch {
	case errors.Is(err, errChanged) || IsNotFound(err):
		return
	case err != nil:
		b.log.Error("disabling an endpoint failed", "endpoint", r.ID.String(), "err", err)
		return
	}
	e := r.ID
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

// audit writes an entry for what changes nothing else in the store.
func (b *Bellhop) audit(ctx context.Context, entry *AuditEntry) error {
	_, err := b.store.Redeliver(ctx, nil, entry, b.cfg.Now())
	return b.wrote("write the audit log", err)
}
