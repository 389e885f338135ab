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
	var f client.KeyFilter
	cmd := p.apiVerb("list", "List keys, portal links and sessions of the dashboard", "", func(ctx context.Context, c *client.Client, _ []string) error {
		f.Limit = pg.size()
		return showList(p, c.Keys(ctx, f), pg, "No key.",
			[]string{"KEY", "KIND", "ROLE", "APPS", "CREATED", "EXPIRES", "NAME"},
			func(k client.Key) []cell {
				expires, name := dim("never"), text(k.Name)
				if !k.ExpiresAt.IsZero() {
					expires = p.when(k.ExpiresAt)
				}
				kind := text("key")
				switch {
				case k.Portal:
					kind = dim("portal link")
				case k.Session != 0:
					kind = dim("session of " + k.Session.String())
				}
				return []cell{text(k.ID.String()), kind, text(string(k.Role)), list(k.Apps, "all"), p.when(k.CreatedAt), expires, name}
			})
	})
	cmd.Flags().StringVar(&f.Kind, "kind", "", "only this kind: key, portal or session")
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
	return p.apiVerb("delete KEY", "End a key with its sessions, a portal link or a session at once", "", func(ctx context.Context, c *client.Client, args []string) error {
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
