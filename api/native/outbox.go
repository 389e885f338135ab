package native

import (
	"strconv"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
)

type listRefusedInput struct {
	api.Paging
	App string `query:"app" doc:"Only what was published to this app, whether there is such an app or not." example:"acme"`
}

func (n *native) listRefused(c *api.Call, in listRefusedInput) (wire.Page[wire.RefusedEntry], error) {
	before, err := cursorRefused.Number(in.Cursor)
	if err != nil {
		return wire.Page[wire.RefusedEntry]{}, err
	}
	list, err := n.desk.Refused(c.Context(), c.Principal(), bellhop.RefusedFilter{App: in.App, Before: before, Limit: in.More()})
	if err != nil {
		return wire.Page[wire.RefusedEntry]{}, err
	}
	position := func(e bellhop.RefusedEntry) string { return cursorRefused.AtNumber(e.ID) }
	return page(in.Paging, list, position, refusedEntry), nil
}

type refusedID struct {
	ID string `path:"id" noun:"refused entry of the outbox" doc:"The entry's number." example:"1099511627776"`
}

// number reads it.
func (in refusedID) number() (int64, error) {
	id, err := strconv.ParseInt(in.ID, 10, 64)
	if err != nil || id < 1 {
		return 0, bellhop.NotFound("refused entry of the outbox", in.ID)
	}
	return id, nil
}

type refusedAction struct {
	refusedID
	api.Nothing
}

func (n *native) getRefused(c *api.Call, in refusedID) (wire.RefusedEntry, error) {
	id, err := in.number()
	if err != nil {
		return wire.RefusedEntry{}, err
	}
	e, err := n.desk.RefusedEntry(c.Context(), c.Principal(), id)
	return refusedEntry(e), err
}

func (n *native) retryRefused(c *api.Call, in refusedAction) (wire.Receipt, error) {
	id, err := in.number()
	if err != nil {
		return wire.Receipt{}, err
	}
	r, err := n.desk.RetryRefused(c.Context(), c.Principal(), id)
	return receipt(r), err
}

func (n *native) deleteRefused(c *api.Call, in refusedID) (api.None, error) {
	id, err := in.number()
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, n.desk.ForgetRefused(c.Context(), c.Principal(), id)
}

type clearRefusedInput struct {
	App string `query:"app" doc:"Only what was published to this app; without it, everything." example:"acme"`
}

func (n *native) clearRefused(c *api.Call, in clearRefusedInput) (wire.Forgotten, error) {
	count, err := n.desk.ForgetAllRefused(c.Context(), c.Principal(), in.App)
	return wire.Forgotten{Forgotten: count}, err
}

// refusedEntry shows what it can: data that is no JSON as text.
func refusedEntry(e bellhop.RefusedEntry) wire.RefusedEntry {
	out := wire.RefusedEntry{
		ID: e.ID, App: e.App, Type: e.Type, Subject: e.Subject, ExternalID: e.ExternalID, PublishedAt: e.At, RefusedAt: e.RefusedAt,
		Code: e.Code, Detail: e.Detail, Errors: e.Fields, Size: e.Size, Data: string(e.Data),
		Channels: e.Channels, Tags: e.Tags, Retain: bellhop.Duration(e.Retain),
	}
	if !e.DeliverAt.IsZero() {
		out.DeliverAt = &e.DeliverAt
	}
	return out
}
