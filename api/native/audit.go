package native

import (
	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
)

type listAuditInput struct {
	api.Paging
	span
	App    string `query:"app" doc:"Only changes that concern this app." example:"acme"`
	Actor  string `query:"actor" doc:"Only changes made with this key, or by system." example:"system"`
	Action string `query:"action" doc:"Only changes of this kind." example:"endpoint.update"`
	Object string `query:"object" doc:"Only changes of the object of this id or name." example:"invoice.purchase"`
}

func (n *native) listAudit(c *api.Call, in listAuditInput) (wire.Page[wire.AuditEntry], error) {
	var none wire.Page[wire.AuditEntry]
	before, err := cursorAudit.Number(in.Cursor)
	if err != nil {
		return none, err
	}
	entries, err := n.desk.Audit(c.Context(), c.Principal(), in.App, bellhop.AuditFilter{
		Actor: in.Actor, Action: in.Action, Object: in.Object,
		Since: in.Since, Until: in.Until, Before: bellhop.AuditID(before), Limit: in.More(),
	})
	if err != nil {
		return none, err
	}
	position := func(e bellhop.AuditEntry) string { return cursorAudit.AtNumber(int64(e.ID)) }
	show := func(e bellhop.AuditEntry) wire.AuditEntry { return wire.AuditEntry{AuditEntry: e, At: e.At()} }
	return page(in.Paging, entries, position, show), nil
}
