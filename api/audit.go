package api

import (
	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

type listAuditInput struct {
	paging
	span
	App    string `query:"app" doc:"Only changes that concern this app." example:"acme"`
	Actor  string `query:"actor" doc:"Only changes made with this key, or by system." example:"system"`
	Action string `query:"action" doc:"Only changes of this kind." example:"endpoint.update"`
	Object string `query:"object" doc:"Only changes of the object of this id or name." example:"invoice.purchase"`
}

func (a *api) listAudit(c *call, in listAuditInput) (wire.Page[wire.AuditEntry], error) {
	var none wire.Page[wire.AuditEntry]
	before, err := cursorAudit.number(in.Cursor)
	if err != nil {
		return none, err
	}
	apps, err := c.apps(in.App)
	if err != nil {
		return none, err
	}
	if err := in.check(); err != nil {
		return none, err
	}
	entries, err := a.b.Logs().Audit(c.ctx(), bellhop.AuditFilter{
		Apps: apps, Actor: in.Actor, Action: in.Action, Object: in.Object,
		Since: in.Since, Until: in.Until, Before: bellhop.AuditID(before), Limit: in.more(),
	})
	if err != nil {
		return none, err
	}
	position := func(e bellhop.AuditEntry) string { return encodeNumber(cursorAudit, int64(e.ID)) }
	show := func(e bellhop.AuditEntry) wire.AuditEntry { return wire.AuditEntry{AuditEntry: e, At: e.At()} }
	return page(in.paging, entries, position, show), nil
}
