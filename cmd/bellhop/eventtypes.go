package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

func (p *program) eventTypesVerb() *cobra.Command {
	return group("event-types", "The catalogue of what can happen", "",
		p.eventTypesList(), p.eventTypesGet(), p.eventTypesPut(), p.eventTypesDelete())
}

func (p *program) eventTypesList() *cobra.Command {
	var pg page
	cmd := p.apiVerb("list", "List event types", "", func(ctx context.Context, c *client.Client, _ []string) error {
		return showList(p, c.EventTypes(ctx), pg, "The catalogue is empty.",
			[]string{"TYPE", "STATE", "DESCRIPTION"},
			func(t bellhop.EventType) []cell {
				state := text("")
				switch {
				case t.Archived:
					state = dim("archived")
				case t.Validate:
					state = text("validated")
				}
				return []cell{text(t.Name), state, text(t.Description)}
			})
	})
	pg.flags(cmd.Flags())
	return cmd
}

func (p *program) showEventType(t bellhop.EventType) error {
	return p.show(t, func() {
		var fields table
		fields.field("type", text(t.Name))
		fields.field("description", text(t.Description))
		if t.Archived {
			fields.field("archived", text("yes"))
		}
		if t.Validate {
			fields.field("validated", text("yes: data must fit the schema"))
		}
		fields.field("updated", p.when(t.UpdatedAt))
		p.table(&fields)
		if len(t.Schema) > 0 {
			p.print("\nSchema:\n%s", cleanText(rawJSON(t.Schema)))
		}
		if len(t.Example) > 0 {
			p.print("\nExample:\n%s", cleanText(rawJSON(t.Example)))
		}
	})
}

func (p *program) eventTypesGet() *cobra.Command {
	return p.apiVerb("get TYPE", "Show an event type", "", func(ctx context.Context, c *client.Client, args []string) error {
		t, err := c.EventType(ctx, args[0])
		if err != nil {
			return err
		}
		return p.showEventType(t)
	})
}

func (p *program) eventTypesPut() *cobra.Command {
	var in client.EventTypePut
	var schema, example string
	cmd := p.apiVerb("put TYPE", "Create or replace an event type", "Create an event type, or replace one as a whole.",
		func(ctx context.Context, c *client.Client, args []string) (err error) {
			if in.Schema, err = p.jsonOrFile("schema", schema); err != nil {
				return err
			}
			if in.Example, err = p.jsonOrFile("example", example); err != nil {
				return err
			}
			t, err := c.PutEventType(ctx, args[0], in)
			if err != nil {
				return err
			}
			return p.showEventType(t)
		})
	f := cmd.Flags()
	f.StringVar(&in.Description, "description", "", "what happened when this is sent, in a sentence")
	f.StringVar(&schema, "schema", "", "JSON Schema of the data, as `JSON` or @FILE")
	f.StringVar(&example, "example", "", "data as a receiver might see it, as `JSON` or @FILE")
	f.BoolVar(&in.Validate, "validate", false, "refuse to publish data that breaks the schema")
	f.BoolVar(&in.Archived, "archived", false, "keep it readable, but take no new events where the catalogue is enforced")
	return cmd
}

func (p *program) eventTypesDelete() *cobra.Command {
	return p.apiVerb("delete TYPE", "Take an event type out of the catalogue", "", func(ctx context.Context, c *client.Client, args []string) error {
		if err := c.DeleteEventType(ctx, args[0]); err != nil {
			return err
		}
		return p.done("event type %s deleted", args[0])
	})
}
