package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/id"
)

func (p *program) eventsVerb() *cobra.Command {
	return group("events", "What was published, and what became of it", "",
		p.eventsList(), p.eventsGet(), p.eventsExplain(), p.eventsExport(), p.eventsErase())
}

func (p *program) eventsList() *cobra.Command {
	var pg page
	var filter client.EventFilter
	cmd := p.apiVerb("list", "List events, newest first", "", func(ctx context.Context, c *client.Client, _ []string) error {
		filter.Limit = pg.size()
		p.noteHold(ctx, c)
		return showList(p, c.Events(ctx, filter), pg, "No event.",
			[]string{"TIME", "EVENT", "APP", "TYPE", "OUTCOME", "ENDPOINTS", "SUBJECT"},
			func(e client.Event) []cell {
				subject := text(e.Subject)
				if e.Erased {
					subject = dim("erased")
				}
				return []cell{p.when(e.CreatedAt), text(e.ID.String()), text(e.App), text(e.Type), eventState(e), number(int64(e.Deliveries)), subject}
			})
	})
	f := cmd.Flags()
	eventFlags(p, f, &filter)
	pg.flags(f)
	return cmd
}

func (p *program) eventsExport() *cobra.Command {
	var filter client.EventFilter
	return p.exportVerb("events", func(f *pflag.FlagSet) { eventFlags(p, f, &filter) },
		func(ctx context.Context, c *client.Client, w io.Writer, format client.Format) error {
			return c.ExportEvents(ctx, w, format, filter)
		})
}

// eventState is an event's outcome in a word.
func eventState(e client.Event) cell {
	if e.Outcome.State == bellhop.EventNone {
		return dim("no endpoint")
	}
	return status(e.Outcome.State)
}

// eventFlags are the filters of events.
func eventFlags(p *program, f *pflag.FlagSet, filter *client.EventFilter) {
	f.StringVar(&filter.App, "app", "", "only this app's")
	f.StringVar(&filter.Type, "type", "", "only of this type; may end in *")
	f.StringVar(&filter.Subject, "subject", "", "only of this subject; may end in *")
	f.StringVar(&filter.ExternalID, "id", "", "only the one published with this `id`")
	f.StringVar(&filter.UUID, "uuid", "", "only the one with this `UUID`, which showpass sends as webhook_event_uuid")
	f.StringVar(&filter.Channel, "channel", "", "only those in this channel")
	f.StringVar(&filter.Tag, "tag", "", "only those with this tag")
	neverEmpty(f, "type", "channel", "tag")
	p.spanFlags(f, &filter.Since, &filter.Until)
	f.StringVar((*string)(&filter.Outcome), "outcome", "", "only those that stand so: failed, held, waiting, canceled, delivered or none")
	f.StringArrayVar(&filter.Where, "where", nil, "only those whose data meets a `condition`, such as \"data.customer.id = 42\"; may be given several times")
}

// eventVerb is a verb whose one argument is an event.
func (p *program) eventVerb(use, short, long string, run func(context.Context, *client.Client, bellhop.EventID) error) *cobra.Command {
	return p.apiVerb(use, short, long, func(ctx context.Context, c *client.Client, args []string) error {
		e, err := idArg[id.Event](args[0])
		if err != nil {
			return err
		}
		return run(ctx, c, e)
	})
}

func (p *program) eventsGet() *cobra.Command {
	var dataOnly bool
	cmd := p.eventVerb("get EVENT", "Show an event with its data", "",
		func(ctx context.Context, c *client.Client, id bellhop.EventID) error {
			e, err := c.Event(ctx, id)
			if err != nil {
				return err
			}
			if dataOnly {
				_, err := p.out.Write(e.Data)
				return err
			}
			return p.show(e, func() {
				var t table
				t.field("event", text(e.ID.String()))
				t.field("app", text(e.App))
				t.field("type", text(e.Type))
				t.field("subject", text(e.Subject))
				t.field("id", text(e.ExternalID))
				t.field("uuid", text(e.UUID))
				if len(e.Channels) > 0 {
					t.field("channels", list(e.Channels, ""))
				}
				if len(e.Tags) > 0 {
					t.field("tags", list(e.Tags, ""))
				}
				t.field("accepted", p.when(e.CreatedAt))
				if e.DeliverAt != nil {
					t.field("deliver at", p.when(*e.DeliverAt))
				}
				if e.DataExpiresAt != nil && !e.Erased {
					t.field("data until", p.when(*e.DataExpiresAt))
				}
				t.field("endpoints", text(count(e.Deliveries, "endpoint")))
				if e.Test {
					t.field("test", text("of one endpoint"))
				}
				p.table(&t)
				if e.Erased {
					p.print("\n%s", p.style.paint(faint, "The data was erased."))
				} else {
					p.print("\n%s", cleanText(rawJSON(e.Data)))
				}
			})
		})
	cmd.Flags().BoolVar(&dataOnly, "data", false, "print nothing but the data, byte for byte")
	return cmd
}

func (p *program) eventsExplain() *cobra.Command {
	var pg page
	cmd := p.eventVerb("explain EVENT", "Say who got an event, and why or why not", "",
		func(ctx context.Context, c *client.Client, e bellhop.EventID) error {
			p.noteHold(ctx, c)
			return showList(p, c.Explain(ctx, e), pg, "No endpoint listens to the event's app.",
				[]string{"OUTCOME", "ENDPOINT", "NAME", "WHY"},
				func(x bellhop.Explanation) []cell {
					return []cell{status(x.Outcome), text(x.Endpoint.String()), text(x.Name), text(x.Detail)}
				})
		})
	pg.flags(cmd.Flags())
	return cmd
}

func (p *program) eventsErase() *cobra.Command {
	var app, subject string
	var yes bool
	cmd := p.apiVerb("erase [EVENT]", "Erase an event's data, or a subject's, for good",
		"Erase for good the data of an event, or of all events of a subject, and everything captured\nof their attempts; what is pending is canceled. The lines of the log stay.",
		func(ctx context.Context, c *client.Client, args []string) error {
			switch {
			case len(args) == 1 && app == "" && subject == "":
				e, err := idArg[id.Event](args[0])
				if err != nil {
					return err
				}
				if err := p.confirm(yes, "The data of "+e.String()+" is erased for good."); err != nil {
					return err
				}
				if err := c.Erase(ctx, e); err != nil {
					return err
				}
				return p.done("%s erased", e.String())
			case len(args) == 0 && app != "" && subject != "":
				if err := p.confirm(yes, "The data of all events of "+subject+" in "+app+" is erased for good."); err != nil {
					return err
				}
				n, err := c.EraseSubject(ctx, app, subject)
				if err != nil {
					return err
				}
				return p.show(map[string]int{"erased": n}, func() { p.print("%s %s erased", p.mark(true), count(n, "event")) })
			}
			return usage("name an EVENT, or a subject with --app and --subject")
		})
	cmd.Flags().StringVar(&app, "app", "", "`app` whose subject is erased")
	cmd.Flags().StringVar(&subject, "subject", "", "exact `subject` whose events are erased")
	yesFlag(cmd, &yes)
	return cmd
}
