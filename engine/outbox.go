package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// What one transaction takes from the outbox: so many entries, and of one app so many,
// and about so many bytes.
const (
	outboxStep  = 1000
	outboxShare = 200
	outboxBytes = 2 << 20
)

const (
	// outboxPatience is how long the entries of one app may be looked at before the
	// others go on without it.
	outboxPatience = 20 * time.Millisecond
	// outboxFull is for how long nothing is taken of an app whose backlog is full, and
	// outboxAgain how often it is looked whether that is over.
	outboxFull  = time.Second
	outboxAgain = 50 * time.Millisecond
)

// outboxReader takes what programs publish in transactions of their own. The apps take
// turns, and those that hold up the others are taken by themselves.
type outboxReader struct {
	e *Engine
	// after and apartAfter are the apps whose turn was last.
	after, apartAfter string
	// full are the apps whose backlog is full, and until when nothing is taken of them.
	full map[string]time.Duration
	// apart are those whose entries held up others.
	apart map[string]bool
	// logged is when a refusal was logged last.
	logged time.Duration
}

// readOutbox takes what is in the outbox, until ctx ends.
func (e *Engine) readOutbox(ctx context.Context) {
	r := &outboxReader{e: e, full: map[string]time.Duration{}, apart: map[string]bool{}, logged: -time.Minute}
	wait := firstWait
	for ctx.Err() == nil {
		if !e.keepsHouse() {
			if pause(ctx, outboxAgain) != nil {
				return
			}
			continue
		}
		some, err := r.round(ctx)
		if err == nil && !some {
			if len(r.full) == 0 {
				err = e.store.AwaitOutbox(ctx)
			} else if pause(ctx, outboxAgain) != nil {
				return
			}
		}
		if e.failed(ctx, "taking what is in the outbox", err) {
			if pause(ctx, wait) != nil {
				return
			}
			wait = min(2*wait, lastWait)
			continue
		}
		wait = firstWait
	}
}

// round takes a bounded number of entries: of the apps that go on together, and of one
// that goes by itself. It tells whether there were any.
func (r *outboxReader) round(ctx context.Context) (bool, error) {
	elapsed := r.e.cfg.Elapsed()
	maps.DeleteFunc(r.full, func(_ string, until time.Duration) bool { return elapsed >= until })
	request := bellhop.OutboxRequest{
		After: r.after, Limit: outboxStep, Each: outboxShare, MaxBytes: outboxBytes, MaxData: r.e.cfg.MaxData,
	}
	for app := range r.full {
		request.Without = append(request.Without, app)
	}
	var apart []string
	for _, app := range slices.Sorted(maps.Keys(r.apart)) {
		if _, full := r.full[app]; !full {
			request.Without, apart = append(request.Without, app), append(apart, app)
		}
	}
	b, err := r.e.store.ReadOutbox(ctx, request)
	if err != nil {
		return false, fmt.Errorf("read the outbox: %w", err)
	}
	some := len(b.Entries) > 0
	if some {
		r.after = b.Entries[len(b.Entries)-1].App
		if err := r.takeTogether(ctx, b); err != nil {
			return true, err
		}
	}
	if len(apart) == 0 {
		return some, nil
	}
	i, found := slices.BinarySearch(apart, r.apartAfter)
	if found {
		i++
	}
	r.apartAfter = apart[i%len(apart)]
	request.Only, request.Without = r.apartAfter, nil
	if b, err = r.e.store.ReadOutbox(ctx, request); err != nil {
		return some, fmt.Errorf("read the outbox: %w", err)
	}
	if len(b.Entries) == 0 {
		delete(r.apart, r.apartAfter)
		return true, nil
	}
	return true, r.takeApart(ctx, b)
}

// considered is an entry, and why it is refused if it is.
type considered struct {
	bellhop.OutboxEntry
	why *bellhop.Error
}

func (c *considered) publication() Publication {
	return Publication{App: c.App, Type: c.Type, Subject: c.Subject, Data: c.Data, ExternalID: c.ExternalID, DeliverAt: c.DeliverAt, Channels: c.Channels, Tags: c.Tags, Retain: c.Retain}
}

// consider checks entries, those of an app in their order. Of an app whose checks take
// long it looks at some only, and notes it.
func (r *outboxReader) consider(ctx context.Context, entries []bellhop.OutboxEntry) ([]considered, error) {
	var list []considered
	begun, app := time.Duration(0), ""
	loaded := false
	for i := range entries {
		c := considered{OutboxEntry: entries[i]}
		if i == 0 || c.App != app {
			app, begun = c.App, r.e.cfg.Elapsed()
		} else if r.e.cfg.Elapsed()-begun > outboxPatience {
			r.apart[app] = true
			continue // it would come behind one that was left
		}
		err := r.e.checkEntry(ctx, &c.OutboxEntry)
		if bellhop.CodeOf(err) != "" && !loaded {
			// What it needs may have just been made by another node.
			if err := r.e.table.Load(ctx); err != nil {
				return nil, err
			}
			loaded = true
			err = r.e.checkEntry(ctx, &c.OutboxEntry)
		}
		if err != nil && !errors.As(err, &c.why) {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// checkEntry says what an API's publish of the same would be answered. What is accepted has
// its labels as sets.
func (e *Engine) checkEntry(ctx context.Context, entry *bellhop.OutboxEntry) error {
	p := (&considered{OutboxEntry: *entry}).publication()
	if err := onesOwn(&p, ""); err != nil {
		return err
	}
	if entry.Data == nil && entry.Size > int64(e.cfg.MaxData) {
		return e.tooLarge(entry.Size, "")
	}
	if err := e.checkPublication(routes.NewBudget(ctx), &p, ""); err != nil {
		return err
	}
	if !e.table.Routes().Has(p.App) {
		return bellhop.UnknownApp("app", p.App)
	}
	entry.Channels, entry.Tags = p.Channels, p.Tags
	return nil
}

// takeTogether takes entries of several apps. What speaks against those of one does not
// hold up the others.
func (r *outboxReader) takeTogether(ctx context.Context, b bellhop.OutboxBatch) error {
	list, err := r.consider(ctx, b.Entries)
	if err != nil {
		return err
	}
	for len(list) > 0 {
		err := r.take(ctx, b.Mark, list)
		if at, conflict := refuseConflict(list, err); conflict {
			// Once for each app: the rest of its entries comes by itself.
			app := list[at].App
			r.apart[app] = true
			rest := slices.DeleteFunc(slices.Clone(list[at+1:]), func(c considered) bool { return c.App == app })
			list = slices.Concat(list[:at+1], rest)
			continue
		}
		if bellhop.CodeOf(err) != bellhop.CodeBacklogFull {
			return movedOn(err)
		}
		left, err := r.withoutFull(ctx, list)
		if err != nil {
			return err
		}
		if len(left) == len(list) { // who it is shows when each comes by itself
			for i := range list {
				r.apart[list[i].App] = true
			}
			return nil
		}
		list = left
	}
	return nil
}

// withoutFull leaves out the entries of apps whose backlog is full.
func (r *outboxReader) withoutFull(ctx context.Context, list []considered) (left []considered, err error) {
	full := map[string]bool{}
	for i := range list {
		app := list[i].App
		if _, known := full[app]; !known && app != "" {
			pending, _, err := r.e.store.Pending(ctx, bellhop.Only(app), 0)
			if err != nil {
				return nil, fmt.Errorf("count what an app has pending: %w", err)
			}
			if full[app] = pending >= r.e.cfg.MaxPending; full[app] {
				r.isFull(app)
			}
		}
		if !full[app] {
			left = append(left, list[i])
		}
	}
	return left, nil
}

func (r *outboxReader) isFull(app string) { r.full[app] = r.e.cfg.Elapsed() + outboxFull }

// takeApart takes entries of one app that has held up others. Once there is nothing against
// them any more, it goes on with the others.
func (r *outboxReader) takeApart(ctx context.Context, b bellhop.OutboxBatch) error {
	app := b.Entries[0].App
	delete(r.apart, app)
	list, err := r.consider(ctx, b.Entries)
	if err != nil {
		r.apart[app] = true
		return err
	}
	for {
		err := r.take(ctx, b.Mark, list)
		at, conflict := refuseConflict(list, err)
		switch {
		case conflict:
			r.apart[app], list = true, list[:at+1]
			continue
		case bellhop.CodeOf(err) == bellhop.CodeBacklogFull:
			r.isFull(app)
			return nil
		}
		return movedOn(err)
	}
}

// movedOn passes over what the next round does better.
func movedOn(err error) error {
	if errors.Is(err, bellhop.ErrOutboxMoved) || bellhop.CodeOf(err) == bellhop.CodeUnknownApp {
		return nil
	}
	return err
}

// refuseConflict refuses the entry whose id was used for different content, if that is
// what has failed, and answers which it is.
func refuseConflict(list []considered, err error) (at int, conflict bool) {
	n, ok := bellhop.IDConflictAt(err)
	conflicts, _ := errors.AsType[*bellhop.Error](err)
	if !ok {
		return 0, false
	}
	for i := range list {
		if list[i].why != nil {
			continue
		}
		if n--; n >= 0 {
			continue
		}
		why := *conflicts
		why.Fields = slices.Clone(why.Fields)
		why.Fields[0].Field = "id"
		list[i].why = &why
		return i, true
	}
	return 0, false
}

// take stores what was made of entries, and takes them out.
func (r *outboxReader) take(ctx context.Context, mark int64, list []considered) error {
	e := r.e
	taking := bellhop.OutboxTaking{Mark: mark}
	var ps []Publication
	for i := range list {
		c := &list[i]
		taking.Entries = append(taking.Entries, c.OutboxEntry)
		if c.why == nil {
			ps = append(ps, c.publication())
			continue
		}
		taking.Refused = append(taking.Refused, bellhop.RefusedEntry{
			OutboxEntry: c.OutboxEntry, RefusedAt: e.cfg.Now().UTC().Truncate(time.Microsecond), Code: c.why.Code, Detail: c.why.Detail, Fields: c.why.Fields,
		})
	}
	if err := e.takeOutbox(ctx, taking, ps); err != nil {
		return err
	}
	e.metrics.outbox.WithLabelValues("accepted").Add(float64(len(ps)))
	e.metrics.outbox.WithLabelValues("refused").Add(float64(len(taking.Refused)))
	if now := e.cfg.Elapsed(); len(taking.Refused) > 0 && now-r.logged >= time.Minute {
		r.logged = now
		x := &taking.Refused[0]
		e.log.Warn("an event in the outbox was refused, and is kept: see bellhop outbox refused", "id", x.ID, "app", bellhop.Clip(x.App), "type", bellhop.Clip(x.Type), "code", string(x.Code), "more", len(taking.Refused)-1)
	}
	return nil
}

func (e *Engine) takeOutbox(ctx context.Context, taking bellhop.OutboxTaking, ps []Publication) error {
	a := NewAcceptance(e.lanes, ps...)
	a.maxPending = e.cfg.MaxPending
	err := e.carry(ctx, a, func(q Request, now time.Time) ([]bellhop.Receipt, error) {
		taking.Events = q.Events
		return e.store.TakeOutbox(ctx, q.Lease, q.Routes, taking, now)
	})
	if err != nil {
		return err
	}
	e.settle(a)
	return nil
}

// AcceptRefused accepts an entry that was refused, once what it was refused for is mended.
// If it is not, the error is what speaks against it now, and it stays where it is.
func (e *Engine) AcceptRefused(ctx context.Context, id int64) (bellhop.Receipt, error) {
	entry, err := e.store.RefusedEntry(ctx, id)
	if err != nil {
		return bellhop.Receipt{}, err
	}
	if err := e.checkEntry(ctx, &entry.OutboxEntry); err != nil {
		return bellhop.Receipt{}, err
	}
	p := (&considered{OutboxEntry: entry.OutboxEntry}).publication()
	a := NewAcceptance(e.lanes, p)
	a.maxPending = e.cfg.MaxPending
	err = e.carry(ctx, a, func(q Request, now time.Time) ([]bellhop.Receipt, error) {
		return e.store.TakeOutbox(ctx, q.Lease, q.Routes, bellhop.OutboxTaking{Mended: []int64{id}, Events: q.Events}, now)
	})
	if errors.Is(err, bellhop.ErrOutboxMoved) {
		return bellhop.Receipt{}, bellhop.NoRefusedEntry(id)
	}
	if err != nil {
		return bellhop.Receipt{}, err
	}
	e.settle(a)
	return a.Receipts()[0], nil
}
