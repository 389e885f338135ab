package bellhop

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/match"
	"github.com/bellhop/bellhop/internal/strictjson"
)

// Publication is one event to publish.
type Publication struct {
	App     string
	Type    string
	Subject string
	// Data is any JSON; it is kept and sent byte for byte.
	Data JSON
	// ExternalID, if given, makes publishing idempotent: the same id in the
	// same app again answers the first receipt.
	ExternalID string
	// DeliverAt, if not zero, is when deliveries may begin.
	DeliverAt time.Time
}

// MaxBatch is how many events one PublishBatch takes.
const MaxBatch = 1000

const (
	maxExternalID = 256
	maxDeliverIn  = 366 * 24 * time.Hour
	// ownTypes are event types that Bellhop itself publishes.
	ownTypes = "bellhop."
)

// Publish accepts one event. When it returns without an error, the event and its
// deliveries are durable. The errors of the caller's making are *Error; if the
// store cannot write now, errors.Is(err, ErrUnavailable).
func (b *Bellhop) Publish(ctx context.Context, p Publication) (Receipt, error) {
	if err := b.checkPublication(&p, ""); err != nil {
		return Receipt{}, err
	}
	receipts, err := b.accept(ctx, []Publication{p}, alone)
	if err != nil {
		return Receipt{}, err
	}
	return receipts[0], nil
}

// PublishBatch accepts up to MaxBatch events, all or nothing. Fields at fault are
// named with their place: "events[3].type".
func (b *Bellhop) PublishBatch(ctx context.Context, ps []Publication) ([]Receipt, error) {
	if len(ps) == 0 || len(ps) > MaxBatch {
		return nil, invalid("events", "length", fmt.Sprintf("holds %d events; a batch holds 1 to %d", len(ps), MaxBatch))
	}
	for i := range ps {
		if err := b.checkPublication(&ps[i], inBatch(i)); err != nil {
			return nil, err
		}
	}
	return b.accept(ctx, ps, inBatch)
}

// How the fields of a publication are named.
func alone(int) string     { return "" }
func inBatch(i int) string { return fmt.Sprintf("events[%d].", i) }

// checkPublication says what is wrong with an event before anything is done.
func (b *Bellhop) checkPublication(p *Publication, at string) error {
	var fields []FieldError
	wrong := func(field, code, detail string) {
		fields = append(fields, FieldError{at + field, code, detail})
	}
	if err := match.CheckType(p.Type); err != nil {
		wrong("type", "type", err.Error())
	} else if strings.HasPrefix(p.Type, ownTypes) {
		wrong("type", "reserved", `types that begin with "bellhop." are published by Bellhop itself; choose another name`)
	}
	if err := match.CheckSubject(p.Subject); p.Subject != "" && err != nil {
		wrong("subject", "subject", err.Error())
	}
	if len(p.ExternalID) > maxExternalID || !utf8.ValidString(p.ExternalID) {
		wrong("id", "length", fmt.Sprintf("must be UTF-8 text of at most %d bytes", maxExternalID))
	}
	if in := p.DeliverAt.Sub(b.cfg.Now()); !p.DeliverAt.IsZero() && in > maxDeliverIn {
		wrong("deliver_at", "range", "is more than a year away")
	}
	switch {
	case len(p.Data) == 0:
		wrong("data", "required", "is missing: give the event's payload, any JSON")
	default:
		if err := strictjson.Valid(p.Data); err != nil {
			wrong("data", "json", "is not valid JSON: "+err.Error())
		}
	}
	if len(fields) > 0 {
		return &Error{Code: CodeInvalid, Detail: "The event is not valid", Fields: fields}
	}
	if len(p.Data) > b.cfg.MaxData {
		return &Error{
			Code: CodeTooLarge, Detail: "The event's data is too large",
			Fields: []FieldError{{at + "data", "length", fmt.Sprintf("is %d bytes; at most %d are allowed: publish a link to large content instead", len(p.Data), b.cfg.MaxData)}},
		}
	}
	return b.checkCatalogue(p, at)
}

// accept fans events out and commits them, again if the routing table moved on
// meanwhile: so the endpoints that exist when an event is accepted are exactly
// those that get it.
func (b *Bellhop) accept(ctx context.Context, ps []Publication, at func(i int) string) ([]Receipt, error) {
	for {
		now := b.cfg.Now()
		f, err := b.fanOut(ps, at, now)
		if err != nil {
			return nil, err
		}
		receipts, err := b.store.Enqueue(ctx, f.version, f.events, now)
		if errors.Is(err, ErrStaleRoutes) {
			f.abandon()
			if err := b.reload(ctx); err != nil {
				return nil, err
			}
			continue
		}
		if err := b.wrote("enqueue events", err); err != nil {
			f.abandon()
			return nil, err
		}
		f.admit(receipts)
		b.metrics.accepted(receipts)
		return receipts, nil
	}
}

// digest hashes what a publisher said, to tell a repeat from a conflict.
func (p *Publication) digest() [32]byte {
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
	h.Write(p.Data)
	return [32]byte(h.Sum(nil))
}

func (p *Publication) event(i EventID) Event {
	e := Event{ID: i, App: p.App, Type: p.Type, Subject: p.Subject, Data: p.Data, ExternalID: p.ExternalID}
	if !p.DeliverAt.IsZero() {
		at := p.DeliverAt.UTC()
		e.DeliverAt = &at
	}
	return e
}

// newDelivery binds an event for an endpoint.
func (b *Bellhop) newDelivery(e *Event, r *route, trigger Trigger, now time.Time) Delivery {
	d := Delivery{
		ID:       id.Next[id.Delivery](b.node.Load().ids, now),
		Event:    e.ID,
		Endpoint: r.ID,
		App:      e.App,
		Type:     e.Type,
		Trigger:  trigger,
		Status:   DeliveryPending,
		Due:      now,
		OrderKey: r.Ordering.OrderKey(e),
	}
	d.OrderPos = d.ID
	if trigger == TriggerPublish && e.DeliverAt != nil && e.DeliverAt.After(now) {
		d.Due = *e.DeliverAt
		// A scheduled event takes its place in the order when it is due.
		d.OrderPos = max(d.ID, id.First[id.Delivery](*e.DeliverAt))
	}
	return d
}
