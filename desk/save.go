package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop/bellhop"
)

// maxSaves bounds how often a change is made anew because somebody else's came in
// between. Each time, at least one of those at it got through: it takes this many at
// once, on one object, to use it up.
const maxSaves = 100

// persist has change read, change and save an object, again while the save fails with
// ErrRevision: then somebody else's came in between, which reload brings here. So two
// changes at once both take effect. What another node has stored already is brought here
// first: by what is old, a change might be refused, or found to be made already.
func (d *Desk) persist(ctx context.Context, what string, reload func(context.Context) error, change func() error) error {
	if !d.e.Alone() {
		if err := reload(ctx); err != nil {
			return err
		}
	}
	for range maxSaves {
		err := change()
		if !errors.Is(err, bellhop.ErrRevision) {
			return err
		}
		if err := reload(ctx); err != nil {
			return err
		}
	}
	return &bellhop.Error{Code: bellhop.CodeConflict, Detail: "The " + what + " is being changed by others; try again"}
}

// How long to wait before a step whose answer was lost is done again.
const (
	firstWait = 50 * time.Millisecond
	lastWait  = 5 * time.Second
)

// answered has a step done until the store says what came of it: while the answer to
// its commit is lost, it is done again, as every step may be, or until ctx ends. It
// tells whether an answer was lost: then a step that finds its work done already
// fails, and has not failed.
func (d *Desk) answered(ctx context.Context, step func() error) (lost bool, err error) {
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		err = step()
		if lost && (errors.Is(err, bellhop.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)) { // whether the first time was stored, nobody can say
			return lost, fmt.Errorf("%w: %w", bellhop.ErrUnknown, err)
		}
		if !errors.Is(err, bellhop.ErrUnknown) {
			return lost, err
		}
		lost = true
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return lost, err
		}
	}
}

// save has an object saved that has a revision. Ours tells, once reload has brought
// what is stored, whether that is what step saved.
func (d *Desk) save(ctx context.Context, doing string, reload func(context.Context) error, ours func() bool, step func() error) error {
	lost, err := d.answered(ctx, step)
	if lost && errors.Is(err, bellhop.ErrRevision) && reload(ctx) == nil && ours() {
		err = nil
	}
	return d.e.Wrote(doing, err)
}

// remove has an object deleted.
func (d *Desk) remove(ctx context.Context, doing string, step func() error) error {
	lost, err := d.answered(ctx, step)
	if lost && bellhop.IsNotFound(err) {
		err = nil
	}
	return d.e.Wrote(doing, err)
}

// write has a step done that says the same whenever it is done.
func (d *Desk) write(ctx context.Context, doing string, step func() error) error {
	_, err := d.answered(ctx, step)
	return d.e.Wrote(doing, err)
}

// audit writes an entry for what changes nothing else in the store.
func (d *Desk) audit(ctx context.Context, entry *bellhop.AuditEntry) error {
	return d.write(ctx, "write the audit log", func() error { return d.store.AddAudit(ctx, entry) })
}
