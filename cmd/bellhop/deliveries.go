package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/id"
)

func (p *program) deliveriesVerb() *cobra.Command {
	return group("deliveries", "One line per event and endpoint, and how it stands", "", p.deliveriesList(), p.deliveriesGet(), p.deliveriesExport(), p.deliveriesTry())
}

func (p *program) deliveriesList() *cobra.Command {
	var pg page
	var filter client.DeliveryFilter
	cmd := p.apiVerb("list", "List deliveries, newest first", "", func(ctx context.Context, c *client.Client, _ []string) error {
		filter.Limit = pg.size()
		p.noteHold(ctx, c)
		return showList(p, c.Deliveries(ctx, filter), pg, "No delivery.",
			[]string{"CREATED", "STATUS", "DELIVERY", "TRIES", "APP", "TYPE", "EVENT", "ENDPOINT", "DUE"},
			func(d client.Delivery) []cell {
				return []cell{
					p.when(d.CreatedAt), status(d.Status), text(d.ID.String()), number(int64(d.Attempts)),
					text(d.App), text(d.Type), text(d.Event.String()), text(d.Endpoint.String()), p.when(d.Due),
				}
			})
	})
	p.deliveryFlags(cmd.Flags(), &filter)
	pg.flags(cmd.Flags())
	return cmd
}

func (p *program) deliveriesExport() *cobra.Command {
	var filter client.DeliveryFilter
	return p.exportVerb("deliveries", func(f *pflag.FlagSet) { p.deliveryFlags(f, &filter) },
		func(ctx context.Context, c *client.Client, w io.Writer, format client.Format) error {
			return c.ExportDeliveries(ctx, w, format, filter)
		})
}

// deliveryFlags are the filters of deliveries.
func (p *program) deliveryFlags(f *pflag.FlagSet, filter *client.DeliveryFilter) {
	f.StringVar(&filter.App, "app", "", "only this app's")
	f.TextVar(&filter.Endpoint, "endpoint", filter.Endpoint, "only to this `endpoint`")
	f.TextVar(&filter.Event, "event", filter.Event, "only of this `event`")
	f.StringVar(&filter.Type, "type", "", "only of this event type; may end in *")
	neverEmpty(f, "type")
	f.StringVar((*string)(&filter.Status), "status", "", "only pending, succeeded, failed, held or canceled ones")
	labelFlags(f, &filter.Channel, &filter.Tag)
	p.spanFlags(f, &filter.Since, &filter.Until)
}

func (p *program) deliveriesGet() *cobra.Command {
	return p.apiVerb("get DELIVERY", "Show a delivery", "", func(ctx context.Context, c *client.Client, args []string) error {
		delivery, err := idArg[id.Delivery](args[0])
		if err != nil {
			return err
		}
		d, err := c.Delivery(ctx, delivery)
		if err != nil {
			return err
		}
		return p.show(d, func() {
			var t table
			t.field("delivery", text(d.ID.String()))
			t.field("status", status(d.Status))
			t.field("event", text(d.Event.String()+" ("+d.Type+" in "+d.App+")"))
			t.field("endpoint", text(d.Endpoint.String()))
			t.field("made by", text(string(d.Trigger)))
			t.field("created", p.when(d.CreatedAt))
			t.field("attempts", text(count(d.Attempts, "attempt")))
			t.field("last attempt", text(d.LastAttempt.String()))
			if !d.Due.IsZero() {
				t.field("due", p.when(d.Due))
			}
			p.table(&t)
		})
	})
}
