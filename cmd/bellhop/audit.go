package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop/client"
)

func (p *program) auditVerb() *cobra.Command {
	var pg page
	var filter client.AuditFilter
	cmd := p.apiVerb("audit", "List who changed what, newest first", "", func(ctx context.Context, c *client.Client, _ []string) error {
		filter.Limit = pg.size()
		return showList(p, c.Audit(ctx, filter), pg, "No entry.",
			[]string{"TIME", "ACTOR", "ACTION", "OBJECT", "APPS", "DETAIL"},
			func(a client.AuditEntry) []cell {
				return []cell{p.when(a.At), text(a.Actor), text(a.Action), text(a.Object), list(a.Apps, ""), dim(string(a.Detail))}
			})
	})
	f := cmd.Flags()
	f.StringVar(&filter.App, "app", "", "only what concerns this app")
	f.StringVar(&filter.Actor, "actor", "", "only by this `key`, or system")
	f.StringVar(&filter.Action, "action", "", "only this action, such as endpoint.update")
	f.StringVar(&filter.Object, "object", "", "only on this object's `id` or name")
	f.Var(p.moment(&filter.Since), "since", "not before this `time`, or 2h for two hours ago")
	f.Var(p.moment(&filter.Until), "until", "before this `time`")
	pg.flags(f)
	return cmd
}
