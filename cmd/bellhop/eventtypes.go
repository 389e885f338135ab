package main

import (
	"context"
	"strings"

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
				case t.Deprecated:
					state = dim("deprecated")
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
		if t.Deprecated {
			fields.field("deprecated", text("yes"))
		}
		if t.Group != "" {
			fields.field("group", text(t.Group))
		}
		if len(t.FeatureFlags) > 0 {
			fields.field("feature flags", list(t.FeatureFlags, ""))
		}
		if t.SchemaVersion != "" {
			fields.field("schema version", text(t.SchemaVersion))
		}
		if len(t.EarlierSchemas) > 0 {
			fields.field("earlier schemas", list(sortedKeys(t.EarlierSchemas), ""))
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
	var earlier []string
	cmd := p.apiVerb("put TYPE", "Create or replace an event type", "Create an event type, or replace one as a whole.",
		func(ctx context.Context, c *client.Client, args []string) (err error) {
			if in.Schema, err = p.jsonOrFile("schema", schema); err != nil {
				return err
			}
			if in.Example, err = p.jsonOrFile("example", example); err != nil {
				return err
			}
			for _, e := range earlier {
				version, text, ok := strings.Cut(e, "=")
				if !ok {
					return usage("--earlier-schema: %q is not VERSION=JSON, or VERSION=@FILE", e)
				}
				if in.EarlierSchemas == nil {
					in.EarlierSchemas = map[string]bellhop.JSON{}
				}
				if in.EarlierSchemas[version], err = p.jsonOrFile("earlier-schema", text); err != nil {
					return err
				}
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
	f.BoolVar(&in.Deprecated, "deprecated", false, "mark it where people choose types; its events go on")
	f.StringVar(&in.Group, "group", "", "`heading` under which catalogues show it")
	f.StringVar(&in.SchemaVersion, "schema-version", "", "which `version` the schema is, if there were others")
	f.StringArrayVar(&earlier, "earlier-schema", nil, "schema of another version, for readers, as `VERSION=JSON` or VERSION=@FILE; may be repeated")
	f.StringSliceVar(&in.FeatureFlags, "feature-flag", nil, "`flag` without which portal links do not see it; may be repeated, for one of several")
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
