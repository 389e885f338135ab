package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/id"
)

func (p *program) keysVerb() *cobra.Command {
	return group("keys", "Who may use the API", "", p.keysList(), p.keysCreate(), p.keysDelete(), p.keysRecover())
}

func (p *program) keysList() *cobra.Command {
	var pg page
	cmd := p.apiVerb("list", "List keys and portal links", "", func(ctx context.Context, c *client.Client, _ []string) error {
		return showList(p, c.Keys(ctx), pg, "No key.",
			[]string{"KEY", "ROLE", "APPS", "CREATED", "EXPIRES", "NAME"},
			func(k bellhop.Key) []cell {
				expires, name := dim("never"), text(k.Name)
				if !k.ExpiresAt.IsZero() {
					expires = p.when(k.ExpiresAt)
				}
				if k.Portal {
					name = dim("portal link")
				}
				return []cell{text(k.ID.String()), text(string(k.Role)), list(k.Apps, "all"), p.when(k.CreatedAt), expires, name}
			})
	})
	pg.flags(cmd.Flags())
	return cmd
}

func (p *program) keysCreate() *cobra.Command {
	var in client.KeyInput
	var expires string
	cmd := p.apiVerb("create", "Create a key and show its token, this once",
		`Create a key. Its token is shown this once; only its hash is kept.

Roles: admin may do everything; publisher publishes events and reads what became of them;
editor manages endpoints and sees the logs; viewer looks.`,
		func(ctx context.Context, c *client.Client, _ []string) error {
			if in.Role == "" {
				return usage("keys create needs --role: admin, publisher, editor or viewer")
			}
			if expires != "" {
				d, err := bellhop.ParseDuration(expires)
				if err != nil {
					return usage("--expires-in: %w", err)
				}
				in.ExpiresIn = d
			}
			k, err := c.CreateKey(ctx, in)
			if err != nil {
				return err
			}
			return p.show(k, func() { p.print("%s", k.Token) })
		})
	f := cmd.Flags()
	f.StringVar((*string)(&in.Role), "role", "", "admin, publisher, editor or viewer")
	f.StringSliceVar(&in.Apps, "app", nil, "limit the key to this `app`; may be repeated")
	f.StringVar(&in.Name, "name", "", "name for people")
	f.StringVar(&expires, "expires-in", "", "how long it is valid, such as 90d (default until it is deleted)")
	return cmd
}

func (p *program) keysDelete() *cobra.Command {
	return p.apiVerb("delete KEY", "End a key or a portal link at once", "", func(ctx context.Context, c *client.Client, args []string) error {
		k, err := idArg[id.Key](args[0])
		if err != nil {
			return err
		}
		if err := c.DeleteKey(ctx, k); err != nil {
			return err
		}
		return p.done("key %s deleted", k.String())
	})
}
