package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/match"
	"github.com/bellhop/bellhop/internal/stage"
	"github.com/bellhop/bellhop/internal/strictjson"
)

// Publication is one event to publish.
type Publication struct {
	App     string
	Type    string
	Subject string
	// Data is any JSON; it is kept and sent byte for byte.
	Data bellhop.JSON
	// ExternalID, if given, makes publishing idempotent: the same id in the
	// same app again answers the first receipt.
	ExternalID string
	// Repeats, if not zero, is what a repeat has in common with the first of its ExternalID,
	// in place of all else that it says.
	Repeats [32]byte
	// Channels narrow which endpoints get it, and Tags are to find it by: sets of at most
	// MaxLabels each.
	Channels, Tags []string
	// Retain, if not 0, is for how long the data is kept, where that is shorter than history
	// is: an hour at least. Then it is erased.
	Retain time.Duration
	// DeliverAt, if not zero, is when deliveries may begin.
	DeliverAt time.Time

	// checked is Data if that is known to be JSON.
	checked strictjson.Value
}

// Carry sets Data to a text that need not be looked at again, since it was scanned.
func (p *Publication) Carry(data strictjson.Value) { p.Data, p.checked = data.Bytes(), data }

// MaxBatch is how many events one PublishBatch takes.
const MaxBatch = 1000

// MaxLabels is how many channels, and how many tags, an event has at most.
const MaxLabels = 10

const (
	maxExternalID = 256
	maxDeliverIn  = 366 * 24 * time.Hour
	minRetain     = time.Hour
)

// Publish accepts one event. When it returns without an error, the event and its
// deliveries are durable. The errors of the caller's making are *bellhop.Error; if the
// store cannot write now, errors.Is(err, bellhop.ErrUnavailable). If ctx ended before
// the store could say whether the event is durable, errors.Is(err, bellhop.ErrUnknown):
// to publish it again is safe with an ExternalID.
func (e *Engine) Publish(ctx context.Context, p Publication) (bellhop.Receipt, error) {
	receipts, err := e.publish(ctx, []Publication{p}, alone)
	if err != nil {
		return bellhop.Receipt{}, err
	}
	return receipts[0], nil
}

// PublishBatch accepts up to MaxBatch events, all or nothing. Fields at fault are
// named with their place: "events[3].type".
func (e *Engine) PublishBatch(ctx context.Context, ps []Publication) ([]bellhop.Receipt, error) {
	return e.publish(ctx, ps, inBatch)
}

// publish is PublishBatch, whose fields are named by names. It publishes once more where
// there was no such app or type, and is by now: another node may just have made it.
func (e *Engine) publish(ctx context.Context, ps []Publication, names func(int) string) ([]bellhop.Receipt, error) {
	receipts, err := e.publishOnce(ctx, ps, names)
	switch bellhop.CodeOf(err) {
	case bellhop.CodeUnknownApp, bellhop.CodeUnknownType:
		again, unknown := e.Missed(ctx)
		switch {
		case unknown != nil:
			return nil, unknown
		case again:
			return e.publishOnce(ctx, ps, names)
		}
	}
	return receipts, err
}

func (e *Engine) publishOnce(ctx context.Context, ps []Publication, names func(int) string) ([]bellhop.Receipt, error) {
	if err := e.checkBatch(ctx, ps, names); err != nil {
		return nil, err
	}
	return e.accept(ctx, ps, names)
}

// PublishIn accepts events as a part of the caller's own transaction: they are durable
// once that commits, and never were if it does not. Delivery begins after the commit.
//
// Receipts are answered before it, so they must not be passed on until then. After an
// error, the transaction is to be rolled back.
func (e *Engine) PublishIn(ctx context.Context, tx bellhop.Tx, ps ...Publication) ([]bellhop.Receipt, error) {
	names := inBatch
	if len(ps) == 1 {
		names = alone
	}
	if err := e.checkBatch(ctx, ps, names); err != nil {
		return nil, err
	}
	a := NewAcceptance(unowned{e.lanes}, ps...)
	a.maxPending = e.cfg.MaxPending
	err := e.carry(ctx, a, func(q Request, now time.Time) ([]bellhop.Receipt, error) {
		receipts, err := tx.Enqueue(q.Lease, q.Routes, q.Events, now)
		if errors.Is(err, bellhop.ErrLeaseLost) || errors.Is(err, bellhop.ErrUnknown) {
			// Nothing to wait for here: the new lease could need the very lock that
			// this transaction has.
			err = unavailable("This node has no lease now")
		}
		return receipts, err
	})
	if err != nil {
		return nil, err
	}
	receipts := a.Receipts()
	tx.AfterCommit(func() { e.settle(a) })
	return receipts, nil
}

// unowned are lanes without room, for what is committed by somebody else: whether the
// deliveries will ever be there is not known before.
type unowned struct{ Lanes }

func (unowned) Reserve(*routes.Route, int) bool { return false }

func (e *Engine) checkBatch(ctx context.Context, ps []Publication, names func(int) string) error {
	if len(ps) == 0 || len(ps) > MaxBatch {
		return bellhop.Wrong("events", "length", fmt.Sprintf("holds %d events; a batch holds 1 to %d", len(ps), MaxBatch))
	}
	budget := routes.NewBudget(ctx)
	for i := range ps {
		if err := onesOwn(&ps[i], names(i)); err != nil {
			return err
		}
		if err := e.checkPublication(budget, &ps[i], names(i)); err != nil {
			return err
		}
	}
	return nil
}

// onesOwn refuses to publish to AllApps: what is told there is Bellhop's own.
func onesOwn(p *Publication, at string) error {
	if p.App == bellhop.AllApps {
		return bellhop.UnknownApp(at+"app", p.App)
	}
	return nil
}

// CheckPublication says what is wrong with an event before anything is done.
func (e *Engine) CheckPublication(ctx context.Context, p *Publication) error {
	return e.checkPublication(routes.NewBudget(ctx), p, "")
}

// checkPublication names fields with their place in front: at is "" or "events[3].".
func (e *Engine) checkPublication(b *routes.Budget, p *Publication, at string) error {
	var fields []bellhop.FieldError
	wrong := func(field, code, detail string) {
		fields = append(fields, bellhop.FieldError{Field: at + field, Code: code, Detail: detail})
	}
	if err := match.CheckType(p.Type); err != nil {
		wrong("type", "type", err.Error())
	} else if strings.HasPrefix(p.Type, routes.OwnTypes) {
		wrong("type", "reserved", `types that begin with "bellhop." are published by Bellhop itself; choose another name`)
	}
	if p.Subject != "" {
		if err := match.CheckSubject(p.Subject); err != nil {
			wrong("subject", "subject", err.Error())
		}
	}
	p.Channels = checkLabels("channels", p.Channels, wrong)
	p.Tags = checkLabels("tags", p.Tags, wrong)
	if len(p.ExternalID) > maxExternalID || !utf8.ValidString(p.ExternalID) {
		wrong("id", "length", fmt.Sprintf("must be UTF-8 text of at most %d bytes", maxExternalID))
	}
	if !p.DeliverAt.IsZero() && p.DeliverAt.Sub(e.cfg.Now()) > maxDeliverIn {
		wrong("deliver_at", "range", "is more than a year away")
	} else if p.DeliverAt.UTC().Year() < 1 {
		wrong("deliver_at", "range", "is before the year 1; leave it out to deliver at once")
	}
	if p.Retain != 0 && (p.Retain < minRetain || p.Retain > e.cfg.Retention) {
		wrong("retain", "range", fmt.Sprintf("is %v; data is kept for 1h to %v, which is how long history is: leave it out for that", bellhop.Duration(p.Retain), bellhop.Duration(e.cfg.Retention)))
	} else if p.Retain != 0 && p.DeliverAt.Sub(e.cfg.Now()) >= p.Retain {
		wrong("deliver_at", "range", "is not before the data is erased: retain the data for longer")
	}
	switch {
	case len(p.Data) == 0:
		wrong("data", "required", "is missing: give the event's payload, any JSON")
	case p.checked.Is(p.Data):
	default:
		if err := strictjson.Valid(p.Data); err != nil {
			wrong("data", "json", "is not valid JSON: "+err.Error())
		}
	}
	if len(fields) > 0 {
		return bellhop.Invalid("The event is not valid", fields...)
	}
	if len(p.Data) > e.cfg.MaxData {
		return e.tooLarge(int64(len(p.Data)), at)
	}
	return e.checkCatalogue(b, p, at)
}

// checkLabels gives the channels or tags of an event as a set.
func checkLabels(field string, given []string, wrong func(field, code, detail string)) []string {
	if len(given) == 0 {
		return nil
	}
	if len(given) > MaxLabels {
		wrong(field, "length", fmt.Sprintf("has %d entries; an event has at most %d", len(given), MaxLabels))
		return given
	}
	for i, label := range given {
		if err := match.CheckLabel(strings.TrimSuffix(field, "s"), label); err != nil {
			wrong(fmt.Sprintf("%s[%d]", field, i), "label", err.Error())
		}
	}
	return match.LabelSet(given)
}

func (e *Engine) tooLarge(size int64, at string) error {
	return &bellhop.Error{
		Code: bellhop.CodeTooLarge, Detail: "The event's data is too large",
		Fields: []bellhop.FieldError{{
			Field: at + "data", Code: "length",
			Detail: fmt.Sprintf("is %d bytes; at most %d are allowed: publish a link to large content instead", size, e.cfg.MaxData),
		}},
	}
}

// checkCatalogue checks a publication against its event type.
func (e *Engine) checkCatalogue(b *routes.Budget, p *Publication, at string) error {
	t, known := e.table.Catalogue().Type(p.Type)
	if e.cfg.EnforceEventTypes {
		wrong := func(code bellhop.Code, what, detail string) error {
			return &bellhop.Error{Code: code, Detail: what, Fields: []bellhop.FieldError{{
				Field: at + "type", Code: string(code), Detail: fmt.Sprintf(detail, bellhop.Clip(p.Type)),
			}}}
		}
		switch {
		case !known:
			return wrong(bellhop.CodeUnknownType, "The event type is not in the catalogue",
				"there is no event type %q: add it with PUT /v1/event-types/{name} first")
		case t.Archived:
			return wrong(bellhop.CodeArchivedType, "The event type is archived",
				"%q is archived and takes no new events: publish another type, or unarchive it")
		}
	}
	if !known {
		return nil
	}
	fields, err := t.Violations(b, p.Data, at+"data")
	if err != nil {
		return fmt.Errorf("check an event: %w", err)
	}
	if len(fields) > 0 {
		return &bellhop.Error{Code: bellhop.CodeInvalidData, Detail: "The event's data breaks the schema of " + p.Type, Fields: fields}
	}
	return nil
}

// accept stores publications that were checked, and hands what is bound to the lanes.
// Names says how their fields are named.
func (e *Engine) accept(ctx context.Context, ps []Publication, names func(int) string) ([]bellhop.Receipt, error) {
	defer e.pace.Enter(ctx, ps[0].App, len(ps)).Leave()
	a := NewAcceptance(e.lanes, ps...)
	a.maxPending = e.cfg.MaxPending
	a.names = names
	if err := e.carry(ctx, a, e.enqueue(ctx)); err != nil {
		return nil, err
	}
	e.settle(a)
	return a.Receipts(), nil
}

func (e *Engine) enqueue(ctx context.Context) func(Request, time.Time) ([]bellhop.Receipt, error) {
	return func(q Request, now time.Time) ([]bellhop.Receipt, error) {
		return e.store.Enqueue(ctx, q.Lease, q.Routes, q.Events, now)
	}
}

// settle ends an acceptance whose events are stored.
func (e *Engine) settle(a *Acceptance) {
	defer stage.Accept.Begin().End(0)
	if a.Settle() {
		wake(e.owing)
	}
	e.metrics.accepted(a.Receipts())
	e.wroteWell()
}

// carry does the steps of an acceptance until it is done or has failed.
func (e *Engine) carry(ctx context.Context, a *Acceptance, enqueue func(Request, time.Time) ([]bellhop.Receipt, error)) error {
	var now time.Time // of the last fan-out, which is what is stored at once
	for {
		switch a.Next() {
		case StepFanOut:
			piece, me := stage.Accept.Begin(), e.presence.Load()
			now = e.cfg.Now()
			a.FanOut(e.table.Routes(), me.lease, me.ids, now)
			piece.End(len(a.ps))
		case StepEnqueue:
			receipts, err := enqueue(a.Request(), now)
			a.Enqueued(receipts, err)
		case StepLoadRoutes:
			// Others may have been told the same, and have loaded them.
			if e.table.Routes().Version() != a.Request().Routes {
				a.Loaded(nil)
				continue
			}
			a.Loaded(e.table.LoadRoutes(ctx))
		case StepAwaitLease:
			a.Joined(e.awaitLease(ctx, a.Request().Lease))
		case StepResolve:
			if err := e.resolve(ctx, a); err != nil {
				return err
			}
		case StepDone:
			return nil
		case StepFailed:
			return e.Wrote("enqueue events", a.Err())
		}
	}
}

// resolve finds out whether events were stored, until there is an answer. If ctx ends
// first, the caller is told that it is not known; but room is reserved for what may
// be stored, so somebody goes on asking.
func (e *Engine) resolve(ctx context.Context, a *Acceptance) error {
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		if ctx.Err() == nil {
			lease := e.Lease()
			receipts, stored, err := e.store.Resolve(ctx, lease, a.Request().Events, e.cfg.Now())
			switch a.Resolved(lease, receipts, stored, err); a.Next() {
			case StepDone:
				return nil
			case StepFanOut:
				// Not at once: what loses one answer may lose the next.
				if err := pause(ctx, firstWait); err != nil {
					return fmt.Errorf("enqueue events: %w", err)
				}
				return nil
			}
			if errors.Is(err, bellhop.ErrUnavailable) {
				e.storeAway(err)
			} else {
				e.log.Warn("whether events were stored is not known; asking again", "err", err, "in", wait)
			}
			if errors.Is(err, bellhop.ErrLeaseLost) && e.awaitLease(ctx, lease) == nil {
				continue
			}
		}
		if err := pause(ctx, wait); err != nil {
			a.detach() // from what the publisher may use again
			if !e.lanes.Spawn(func(context.Context) { e.resolveAlone(a) }) {
				a.Abandon() // nothing is sent any more
			}
			return fmt.Errorf("enqueue events: %w: %w", err, bellhop.ErrUnknown)
		}
	}
}

// resolveAlone finds out whether events were stored whose publisher has gone. If they
// were, they go their way; if not, he was not told so, and nothing is left of them.
func (e *Engine) resolveAlone(a *Acceptance) {
	defer a.Abandon()
	e.lanes.Persist("find out whether events were stored", func(ctx context.Context, lease bellhop.Lease) error {
		receipts, stored, err := e.store.Resolve(ctx, lease, a.Request().Events, e.cfg.Now())
		a.Resolved(lease, receipts, stored, err)
		return err
	})
	if a.Next() == StepDone && a.Settle() {
		wake(e.owing)
	}
}

// digest hashes what a publisher said, to tell a repeat from a conflict.
func (p *Publication) digest() [32]byte {
	if p.Repeats != ([32]byte{}) {
		return p.Repeats
	}
	h := sha256.New()
	var n [8]byte
	part := func(s string) {
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	part(p.Type)
	part(p.Subject)
	if p.DeliverAt.IsZero() {
		part("")
	} else {
		part(p.DeliverAt.UTC().Format(time.RFC3339Nano))
	}
	// What an event has none of adds nothing: so digests from before there was any hold.
	// Data cannot be taken for one, since JSON begins with no zero byte.
	for _, labels := range []struct {
		of   string
		list []string
	}{{"channels", p.Channels}, {"tags", p.Tags}} {
		if len(labels.list) > 0 {
			part(labels.of)
			part(strings.Join(labels.list, ","))
		}
	}
	if p.Retain != 0 {
		part("retain")
		part(p.Retain.String())
	}
	h.Write(p.Data)
	return [32]byte(h.Sum(nil))
}

func (p *Publication) event(i bellhop.EventID) bellhop.Event {
	e := bellhop.Event{ID: i, App: p.App, Type: p.Type, Subject: p.Subject, Data: p.Data, ExternalID: p.ExternalID, Channels: p.Channels, Tags: p.Tags}
	if !p.DeliverAt.IsZero() {
		at := p.DeliverAt.UTC()
		e.DeliverAt = &at
	}
	if p.Retain != 0 {
		at := e.CreatedAt().Add(p.Retain).UTC().Truncate(time.Millisecond)
		e.DataExpiresAt = &at
	}
	return e
}
