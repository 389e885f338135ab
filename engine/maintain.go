package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/lane"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/id"
)

// heartbeat renews the node's lease until ctx ends, which is after draining: what is
// still in flight is this node's. It does nothing else: the others only see that a
// lease is not renewed, and not that something else takes long.
func (e *Engine) heartbeat(ctx context.Context) {
	tick := time.NewTicker(e.cfg.Lease / 3)
	defer tick.Stop()
	for {
		e.failed(ctx, "the node's heartbeat", e.renew(ctx))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-e.beatNow:
		}
	}
}

func (e *Engine) renew(ctx context.Context) error {
	me := e.presence.Load()
	err := e.extend(ctx, me.lease, e.status())
	if err == nil && me.number != me.lease {
		if err = e.extend(ctx, me.number, nil); errors.Is(err, bellhop.ErrLeaseLost) {
			err = e.renumber(ctx)
		}
	} else if errors.Is(err, bellhop.ErrLeaseLost) && e.lanes.Running() {
		err = e.rejoin(ctx, me.lease)
	}
	if err := e.Wrote("renew the lease", err); err != nil {
		return err
	}
	wake(e.beaten)
	if e.listenersMoved.Swap(false) {
		e.tell(bellhop.Wakeup{Nodes: true}) // what they listen at is to be sent from here
	}
	return nil
}

// lookAround follows each heartbeat, until ctx ends: it takes over what dead nodes left,
// and notices what other nodes changed.
func (e *Engine) lookAround(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.beaten:
		}
		e.failed(ctx, "looking for what other nodes did", e.look(ctx))
	}
}

func (e *Engine) look(ctx context.Context) error {
	if err := e.mindClock(ctx); err != nil {
		return err
	}
	now := e.cfg.Now()
	e.failed(ctx, "removing inboxes that have expired", e.inboxes.Sweep(ctx, now))
	ended, err := e.store.TakeOver(ctx, now)
	if err != nil {
		return fmt.Errorf("take over what dead nodes left: %w", err)
	}
	for _, n := range ended {
		e.log.Warn("a node went silent for longer than its lease; the others take over", "node", int(n.Lease.Node), "name", n.Name, "until", n.Until)
	}
	wake(e.resharing)
	if err := e.table.Load(ctx); err != nil {
		return err
	}
	if err := e.dropAbandoned(ctx); err != nil {
		return err
	}
	if !e.alone() {
		if err := e.takeAnswers(ctx, e.listeners.Waiting()); err != nil {
			return err
		}
	}
	e.noteKeyUses(ctx, minuteOf(e.cfg.Now()))
	if err := e.noteOverdue(ctx); err != nil {
		return err
	}
	e.lanes.Wake()
	wake(e.owing)
	if e.keepsHouse() { // or each node would publish the same
		wake(e.reacting)
	}
	return nil
}

// noteOverdue tells the lanes what waits in the store for whoever comes first: what
// dead or other nodes left, and what was put off. It looks some heartbeats ahead, so
// that a retry is made when it is due and not with the heartbeat after that.
func (e *Engine) noteOverdue(ctx context.Context) error {
	return e.noteDue(ctx, e.ownBuckets(), e.cfg.Now().Add(e.cfg.Lease))
}

// noteDue tells the lanes what waits in the store for some buckets (nil: all) that is due
// before a time; zero: at any.
func (e *Engine) noteDue(ctx context.Context, of []bellhop.Bucket, until time.Time) error {
	backlog, err := e.store.Overdue(ctx, of, until)
	if err != nil {
		return fmt.Errorf("look for what is overdue: %w", err)
	}
	for _, b := range backlog {
		if of == nil || e.Owns(b.Endpoint) { // else somebody else was told meanwhile
			e.lanes.NoteDue(b)
		}
	}
	return nil
}

// LookForOverdue tells the lanes what waits in the store, after a change that may have
// made something due. Its failure is made good by the next heartbeat.
func (e *Engine) LookForOverdue(ctx context.Context) {
	e.failed(ctx, "looking for what is overdue", e.noteOverdue(context.WithoutCancel(ctx)))
}

// join gets a lease. Whoever asks for it and for ids sees both of the old, or both of
// the new.
func (e *Engine) join(ctx context.Context) error {
	asked := e.nowTrust()
	n, err := e.store.Join(ctx, bellhop.NodeAbout{Name: e.cfg.Name, Version: e.cfg.Version, Started: e.begun}, e.cfg.Lease, e.cfg.Now())
	if err != nil {
		return fmt.Errorf("join the store: %w", err)
	}
	e.followClock(n.Now, asked.elapsed)
	e.trust.Store(asked)
	floor, old := n.Floor, e.presence.Load()
	if old != nil {
		// What is under way has ids that the store does not know of yet.
		if last := id.Next[id.Attempt](old.ids, e.cfg.Now()); !last.Time().After(e.cfg.Now().Add(bellhop.ClockSlack)) {
			floor = max(floor, int64(last))
		}
	}
	e.presence.Store(&presence{
		lease: n.Lease, number: n.Lease, ids: id.NewGenerator(int(n.Lease.Node), floor), replaced: make(chan struct{}),
	})
	if old != nil {
		close(old.replaced)
	}
	return nil
}

// rejoin gets a lease instead of the one that was lost, unless somebody has done so.
func (e *Engine) rejoin(ctx context.Context, lost bellhop.Lease) error {
	e.joining.Lock()
	defer e.joining.Unlock()
	if e.Lease() != lost {
		return nil
	}
	// Others own what this node had in memory: sending it would repeat it.
	e.log.Warn("the lease was lost, after a pause longer than it; joining anew", "lease", e.cfg.Lease)
	e.lanes.LostLease()
	e.sharing.forget()
	if err := e.join(ctx); err != nil {
		return err
	}
	e.lanes.Joined(e.Lease())
	wake(e.resharing)
	return nil
}

// awaitLease waits until the node has another lease than the one that was lost. The
// heartbeat gets it; where none beats yet, nobody else would.
func (e *Engine) awaitLease(ctx context.Context, lost bellhop.Lease) error {
	if !e.started.Load() {
		return e.rejoin(ctx, lost)
	}
	timeout := time.NewTimer(e.cfg.Lease)
	defer timeout.Stop()
	me := e.presence.Load()
	if me.lease != lost {
		return nil
	}
	wake(e.beatNow)
	select {
	case <-me.replaced:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-e.stopping:
		return unavailable("Bellhop is shutting down")
	case <-timeout.C:
		return unavailable("This node has lost its lease, and has not got another one yet")
	}
}

// unavailable is why something cannot be done now that may be done in a moment.
func unavailable(why string) error {
	return &bellhop.Error{Code: bellhop.CodeUnavailable, Detail: why + "; nothing was done. Try again in a moment", RetryAfter: time.Second}
}

// What one transaction makes of what is owed: a first few, since most of the time there
// is nothing, and then as many as take about owedTime, since nobody else writes while it
// runs; at most owedStep.
const (
	owedFirst = 16
	owedStep  = 500
	owedTime  = 10 * time.Millisecond
)

// paced is how many come next where n took so long.
func paced(n int, took time.Duration) int {
	switch {
	case took > 2*owedTime:
		n /= 2
	case took < owedTime:
		n *= 2
	}
	return min(max(n, owedFirst), owedStep)
}

// catchUp does what was put off, whenever there may be some, until ctx ends: the
// deliveries of large fan-outs, and the last lines of deliveries that cannot be made
// any more, or have become too old. They take turns: none waits for all of another.
func (e *Engine) catchUp(ctx context.Context) {
	for {
		old, err := e.tooOld(ctx)
		e.failed(ctx, "looking for deliveries that are too old", err)
		for n, more := owedFirst, true; more && ctx.Err() == nil; {
			begun := e.cfg.Now()
			spread, err := e.spread(ctx, n)
			e.failed(ctx, "making the deliveries of a large fan-out", err)
			swept, err := e.sweep(ctx, n)
			e.failed(ctx, "ending deliveries that cannot be made", err)
			old, err = e.endOld(ctx, old, n)
			e.failed(ctx, "ending deliveries that are too old", err)
			more, n = spread || swept || len(old) > 0, paced(n, e.cfg.Now().Sub(begun))
		}
		select {
		case <-ctx.Done():
			return
		case <-e.owing:
		}
	}
}

// spread makes at most n of the deliveries that accepting left for later; it tells
// whether there was anything to do.
func (e *Engine) spread(ctx context.Context, n int) (bool, error) {
	me, now := e.presence.Load(), e.cfg.Now()
	backlog, err := e.store.Spread(ctx, me.lease, id.Take[id.Delivery](me.ids, n, now), now)
	for _, b := range backlog {
		e.lanes.NoteDue(b)
	}
	return len(backlog) > 0, err
}

// sweep ends at most n deliveries that can never be made; it tells whether there may be
// more.
func (e *Engine) sweep(ctx context.Context, n int) (bool, error) {
	now := e.cfg.Now()
	swept, err := e.store.Sweep(ctx, id.Take[id.Attempt](e.IDs(), n, now), now)
	return e.noteEnded(ctx, swept, n, err)
}

// noteEnded follows a step that was to end at most n deliveries, and has ended some; it
// tells whether there may be more. What waited for one of them, in its order, may go: after
// the last step the lanes are told, also where that one found nothing left.
func (e *Engine) noteEnded(ctx context.Context, ended, n int, err error) (more bool, _ error) {
	if ended > 0 {
		e.unblocked.Store(true)
	}
	if err != nil || ended == n {
		return err == nil, err
	}
	if e.unblocked.Swap(false) {
		err = e.noteOverdue(ctx)
	}
	return false, err
}

// SweepAll ends every delivery that can never be made, since its event was erased or
// its endpoint is gone. Maintenance does it as well; after an error it is done then.
func (e *Engine) SweepAll(ctx context.Context) error {
	for {
		if more, err := e.sweep(ctx, owedStep); err != nil || !more {
			return e.Wrote("end deliveries that cannot be made", err)
		}
	}
}

// failed logs what will be tried again. That the store is away is one line, whoever finds
// it so, and that there is no lease now is told by the heartbeat.
func (e *Engine) failed(ctx context.Context, doing string, err error) bool {
	if err != nil && ctx.Err() == nil {
		e.Failed(doing, err)
	}
	return err != nil
}

// Failed is for whoever works in the background and will try again: it logs the failure,
// unless the log has said already that the store is away.
func (e *Engine) Failed(doing string, err error) {
	switch {
	case errors.Is(err, bellhop.ErrUnavailable):
		e.storeAway(err)
	case !errors.Is(err, bellhop.ErrLeaseLost):
		e.log.Error(doing+" failed; trying again later", "err", err)
	}
}

// expireChunk bounds one deletion, so that it never holds the writer for long.
const expireChunk = 1000

// expire deletes history that is older than the retention, until ctx ends.
func (e *Engine) expire(ctx context.Context) {
	tick := time.NewTicker(max(min(time.Hour, e.cfg.Retention/2), time.Second))
	defer tick.Stop()
	for e.whileKeepingHouse(ctx) {
		total := 0
		for ctx.Err() == nil {
			n, err := e.store.Expire(ctx, e.clock.Settled().Add(-e.cfg.Retention), expireChunk, e.cfg.Now())
			total += n
			if e.failed(ctx, "deleting expired history", err) || n == 0 {
				break
			}
		}
		if total > 0 {
			e.log.Info("deleted expired history", "rows", total)
		}
		e.expireKeys(ctx)
		e.expireReplies(ctx)
		e.failed(ctx, "overwriting the remains of erased data", e.store.Wipe(ctx))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// whileKeepingHouse waits until this node keeps house; it answers false if ctx ends first.
func (e *Engine) whileKeepingHouse(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-e.housekeeping():
		return true
	}
}

// expireKeys deletes the portal links and sessions that have ended: they are made
// by the hundred. Keys that a person made stay, so that a store without any is a
// new one.
func (e *Engine) expireKeys(ctx context.Context) {
	some := false
	for ctx.Err() == nil {
		n, err := e.store.ExpireKeys(ctx, e.clock.Settled(), expireChunk)
		if some = some || n > 0; e.failed(ctx, "deleting expired portal links and sessions", err) || n == 0 {
			break
		}
	}
	if some {
		e.RefreshAccess(ctx)
	}
}

// expireReplies removes what was kept of requests with idempotency keys.
func (e *Engine) expireReplies(ctx context.Context) {
	for ctx.Err() == nil {
		n, err := e.store.ExpireReplies(ctx, e.cfg.Now(), expireChunk)
		if e.failed(ctx, "deleting expired replies", err) || n == 0 {
			return
		}
	}
}

// What statistics cost: every sampleEvery, a look at the backlog and, where there is
// any, the attempts of some minutes to roll up. An attempt is recorded by rollAfter
// its beginning, as a rule: no request may take longer than two minutes.
const (
	sampleEvery = 30 * time.Second
	rollAfter   = 5 * time.Minute
)

// count keeps the statistics, until ctx ends.
func (e *Engine) count(ctx context.Context) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for e.whileKeepingHouse(ctx) {
		e.eraseExpired(ctx)
		e.failed(ctx, "sampling the backlog", e.store.SampleBacklog(ctx, e.cfg.Now()))
		for ctx.Err() == nil {
			more, err := e.store.RollUp(ctx, e.clock.Settled().Add(-rollAfter))
			if e.failed(ctx, "rolling statistics up", err) || !more {
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

// eraseStep is how many events one call erases.
const eraseStep = 200

// eraseExpired erases the data of events that was to be kept until now. Its remains in files
// are overwritten with the rest (expire).
func (e *Engine) eraseExpired(ctx context.Context) {
	for ctx.Err() == nil {
		erased, err := e.store.Erase(ctx, bellhop.EraseSelector{ExpiredBy: e.clock.Settled(), Limit: eraseStep}, nil, e.cfg.Now())
		if len(erased) > 0 {
			gone := make(map[bellhop.EventID]bool, len(erased))
			for _, id := range erased {
				gone[id] = true
			}
			e.Forget(gone, "")
			wake(e.owing) // what was pending of them gets its last line
		}
		if errors.Is(err, bellhop.ErrUnknown) {
			// Some may be erased that nobody has named: lanes still hold them.
			e.failed(ctx, "looking for erased events", e.forgetErased(ctx))
		}
		if e.failed(ctx, "erasing data that has expired", err) || len(erased) < eraseStep {
			return
		}
	}
}

// verdicts are what lanes have said against endpoints, for maintenance to look into:
// the latest of each.
type verdicts struct {
	mu    sync.Mutex
	of    map[bellhop.EndpointID]lane.Verdict
	added chan struct{}
}

// maxVerdicts bounds what waits. What finds no room is said again at the endpoint's
// next failure.
const maxVerdicts = 10_000

func newVerdicts() *verdicts {
	return &verdicts{of: map[bellhop.EndpointID]lane.Verdict{}, added: make(chan struct{}, 1)}
}

func (vs *verdicts) add(v lane.Verdict) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	old, known := vs.of[v.Route.ID]
	if !known && len(vs.of) >= maxVerdicts || known && old.Gone && old.Route == v.Route {
		return // the receiver's own word is plainer than a long row of failures
	}
	vs.of[v.Route.ID] = v
	wake(vs.added)
}

func (vs *verdicts) take() (v lane.Verdict, ok bool) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	for e, v := range vs.of {
		delete(vs.of, e)
		return v, true
	}
	return v, false
}

// judge looks into what speaks against endpoints, until ctx ends.
func (e *Engine) judge(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.verdicts.added:
		}
		for v, ok := e.verdicts.take(); ok && ctx.Err() == nil; v, ok = e.verdicts.take() {
			e.failed(ctx, "disabling endpoint "+v.Route.ID.String(), e.carryOut(ctx, v))
		}
	}
}

// carryOut disables an endpoint, unless the log has a success: one that another node
// saw, or that was recorded out of turn, counts.
func (e *Engine) carryOut(ctx context.Context, v lane.Verdict) error {
	reason := "The receiver answered 410 Gone: it wants no more events."
	if !v.Gone {
		failedFor := e.cfg.Now().Sub(v.FailedSince) - e.clock.Unseen(v.FailedSince)
		if failedFor < e.cfg.DisableAfter {
			return nil // nobody saw so much time pass; the lane will say it again
		}
		successes, err := e.store.Attempts(ctx, bellhop.AttemptFilter{
			Scope: bellhop.Everything(), Endpoint: v.Route.ID, Status: bellhop.AttemptSucceeded, Since: v.FailedSince, Limit: 1,
		})
		if err != nil {
			return fmt.Errorf("look for successes: %w", err)
		}
		if len(successes) > 0 {
			e.lanes.Vindicate(v.Route.ID, v.FailedSince)
			return nil
		}
		reason = "Every attempt failed for " + bellhop.Duration(failedFor.Round(time.Minute)).String() +
			", since " + v.FailedSince.UTC().Format(time.RFC3339) + "."
	}
	disabled, err := e.disable(ctx, v.Route, reason)
	if err != nil || !disabled {
		return err
	}
	e.log.Warn("endpoint disabled", "endpoint", v.Route.ID.String(), "reason", reason)
	e.tellOwners(context.WithoutCancel(ctx), v.Route)
	return nil
}

// disable takes an endpoint out of service on Bellhop's own account. It does nothing
// if the endpoint was changed since the attempt that speaks against it: somebody may
// just have mended it.
func (e *Engine) disable(ctx context.Context, judged *routes.Route, reason string) (bool, error) {
	now := e.cfg.Now().UTC().Truncate(time.Millisecond)
	r := e.table.Routes().Endpoint(judged.ID)
	if r == nil || r.Revision != judged.Revision {
		return false, nil
	}
	changed := r.Endpoint
	changed.Status, changed.DisabledReason, changed.UpdatedAt = bellhop.EndpointDisabled, reason, now
	entry := e.AuditEntry(bellhop.System, "endpoint.disable", r.ID.String(), r.Apps, map[string]any{
		"url": r.URL, "name": r.Name, "reason": reason,
	})
	err := e.store.SaveEndpoint(ctx, changed, entry, now)
	switch {
	case err == nil:
		e.RefreshRoutes(ctx)
		return true, e.Wrote("disable an endpoint", nil)
	case errors.Is(err, bellhop.ErrRevision), errors.Is(err, bellhop.ErrUnknown):
		// Somebody has changed it, or we have, perhaps: look again.
		if err := e.table.LoadRoutes(ctx); err != nil {
			return false, err
		}
		r := e.table.Routes().Endpoint(judged.ID)
		return r != nil && r.UpdatedAt.Equal(now) && r.DisabledReason == reason, nil
	}
	return false, e.Wrote("disable an endpoint", err)
}

// tellOwners publishes that an endpoint was disabled: to its apps and to all.
func (e *Engine) tellOwners(ctx context.Context, r *routes.Route) {
	changed := e.table.Routes().Endpoint(r.ID)
	if changed == nil {
		return // deleted meanwhile
	}
	for _, app := range append([]string{bellhop.AllApps}, r.Apps...) {
		err := e.PublishOwn(ctx, app, OwnEvent{
			Type: TypeEndpointDisabled, Endpoint: r.ID, Since: changed.UpdatedAt, Data: e.DisabledData(app, changed),
		})
		if err != nil {
			e.Failed("telling "+app+" that endpoint "+r.ID.String()+" was disabled", err)
		}
	}
}
