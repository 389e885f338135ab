package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/dialect"
)

func (p *program) dialectsVerb() *cobra.Command {
	return group("dialects", "How events can look on the wire", "", p.dialectsList(), p.dialectsGet())
}

func (p *program) dialectsList() *cobra.Command {
	return p.apiVerb("list", "List the dialects that the server knows", "", func(ctx context.Context, c *client.Client, _ []string) error {
		dialects, err := c.Dialects(ctx)
		return showList(p, whole(dialects, err), page{all: true}, "No dialect.",
			[]string{"DIALECT", "SIGNATURE", "DESCRIPTION"},
			func(d dialect.Definition) []cell {
				return []cell{text(d.Name), text(d.Signature.Header), text(d.Description)}
			})
	})
}

func (p *program) dialectsGet() *cobra.Command {
	return p.apiVerb("get DIALECT", "Show a dialect as the configuration file would have it",
		"Show a dialect's definition as YAML: a start for one of your own, under dialects in the configuration file.",
		func(ctx context.Context, c *client.Client, args []string) error {
			d, err := c.Dialect(ctx, args[0])
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(d)
			}
			n, err := yamlNode(map[string]any{"dialects": []dialect.Definition{d}})
			if err != nil {
				return err
			}
			return p.printYAML(n)
		})
}
