package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bellhop/bellhop"
)

// Published is what became of one of several publications: its receipt, or a
// *bellhop.Error that says why it was refused.
type Published struct {
	Receipt bellhop.Receipt
	Err     error
}

// PublishEach accepts up to MaxBatch events, each for itself, in their order: what is
// wrong with one is told of it, with fields named as if it were alone, and does not hold
// up the others. As a rule all are stored together.
//
// The error is for what concerns all, as that of [Engine.Publish]: then some may have been
// stored, and to publish them again is safe with an ExternalID.
func (e *Engine) PublishEach(ctx context.Context, ps []Publication) ([]Published, error) {
	if len(ps) > MaxBatch {
		return nil, bellhop.Wrong("events", "length", fmt.Sprintf("holds %d events; at once there are %d at most", len(ps), MaxBatch))
	}
	each := &publishingEach{e: e, ps: ps, done: make([]Published, len(ps))}
	left, err := each.check(ctx)
	if err != nil {
		return nil, err
	}
	if err := each.accept(ctx, left); err != nil {
		return nil, err
	}
	each.excuse()
	return each.done, nil
}

// publishingEach is the way of some publications. A list of places says which of them are
// meant.
type publishingEach struct {
	e    *Engine
	ps   []Publication
	done []Published
}

// check refuses what is wrong by itself, and answers the places of the others.
func (x *publishingEach) check(ctx context.Context) (left []int, err error) {
	looked := false
	for i := range x.ps {
		err := x.checkOne(ctx, &x.ps[i])
		if code := bellhop.CodeOf(err); !looked && (code == bellhop.CodeUnknownApp || code == bellhop.CodeUnknownType) {
			// Another node may just have made it.
			looked = true
			again, unknown := x.e.Missed(ctx)
			if unknown != nil {
				return nil, unknown
			}
			if again {
				err = x.checkOne(ctx, &x.ps[i])
			}
		}
		switch {
		case err == nil:
			left = append(left, i)
		case bellhop.CodeOf(err) == "":
			return nil, err
		default:
			x.done[i].Err = err
		}
	}
	return left, nil
}

func (x *publishingEach) checkOne(ctx context.Context, p *Publication) error {
	if err := onesOwn(p, ""); err != nil {
		return err
	}
	if err := x.e.CheckPublication(ctx, p); err != nil {
		return err
	}
	if !x.e.table.Routes().Has(p.App) {
		return bellhop.UnknownApp("app", p.App)
	}
	return nil
}

// accept stores publications together, without those that the store refuses.
func (x *publishingEach) accept(ctx context.Context, places []int) error {
	for len(places) > 0 {
		ps := make([]Publication, len(places))
		for i, place := range places {
			ps[i] = x.ps[place]
		}
		names := inBatch
		if len(ps) == 1 {
			names = alone
		}
		receipts, err := x.e.accept(ctx, ps, names)
		if err == nil {
			for i, place := range places {
				x.done[place].Receipt = receipts[i]
			}
			return nil
		}
		refused, ok := errors.AsType[*bellhop.Error](err)
		var left []int
		switch {
		case !ok:
			return err
		case refused.Code == bellhop.CodeBacklogFull:
			left = x.refuseFull(places, err)
		default:
			left = x.refuse(places, refused)
		}
		if len(left) == len(places) {
			return err // it says of nobody whose fault it is
		}
		places = left
	}
	return nil
}

// refuse refuses those that the fields of an error name, and answers the others.
func (x *publishingEach) refuse(places []int, e *bellhop.Error) (left []int) {
	left = slices.Clone(places)
	for _, f := range e.Fields {
		i, field := 0, f.Field
		if len(places) > 1 {
			if _, err := fmt.Sscanf(f.Field, "events[%d].%s", &i, &field); err != nil || i >= len(places) {
				continue
			}
		}
		own := *e
		own.Fields = []bellhop.FieldError{{Field: field, Code: f.Code, Detail: f.Detail}}
		x.done[places[i]].Err = &own
		left[i] = -1
	}
	return slices.DeleteFunc(left, func(place int) bool { return place < 0 })
}

// refuseFull refuses those for which there is no room, and answers the others: duplicates
// of what was accepted before, and events of other apps.
func (x *publishingEach) refuseFull(places []int, full error) (left []int) {
	left = slices.Clone(places)
	for _, i := range bellhop.BacklogFullAt(full) {
		x.done[places[i]].Err = full
		left[i] = -1
	}
	return slices.DeleteFunc(left, func(place int) bool { return place < 0 })
}

// excuse refuses what conflicts with an event beside it that found no room for want of room,
// too: nothing has its id yet, and who sends both again is told of the conflict then.
func (x *publishingEach) excuse() {
	var full map[[2]string]error
	for i := range x.ps {
		err := x.done[i].Err
		if err == nil || x.ps[i].ExternalID == "" {
			continue
		}
		id := [2]string{x.ps[i].App, x.ps[i].ExternalID}
		switch bellhop.CodeOf(err) {
		case bellhop.CodeBacklogFull:
			if full == nil {
				full = map[[2]string]error{}
			}
			full[id] = err
		case bellhop.CodeIDConflict:
			if full[id] != nil {
				x.done[i].Err = full[id]
			}
		}
	}
}
