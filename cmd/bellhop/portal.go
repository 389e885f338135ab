package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

func (p *program) portalLinksVerb() *cobra.Command {
	return group("portal-links", "Short-lived access to one app, for the platform's own pages", "", p.portalLinksCreate())
}

func (p *program) portalLinksCreate() *cobra.Command {
	in := client.PortalInput{Role: bellhop.RoleEditor}
	var expires string
	cmd := p.apiVerb("create APP", "Create a portal link and show its token, this once", "",
		func(ctx context.Context, c *client.Client, args []string) error {
			in.App = args[0]
			if expires != "" {
				d, err := bellhop.ParseDuration(expires)
				if err != nil {
					return usage("--expires-in: %w", err)
				}
				in.ExpiresIn = d
			}
			link, err := c.CreatePortalLink(ctx, in)
			if err != nil {
				return err
			}
			return p.show(link, func() {
				var t table
				t.field("token", cell{text: link.Token, style: strong})
				t.field("id", text(link.ID.String()))
				t.field("app", text(link.App))
				t.field("role", text(string(link.Role)))
				t.field("expires", p.when(link.ExpiresAt))
				p.table(&t)
			})
		})
	cmd.Flags().StringVar((*string)(&in.Role), "role", string(in.Role), "editor or viewer")
	cmd.Flags().StringVar(&expires, "expires-in", "", "how long it is valid, at most 7d (default 1h)")
	return cmd
}
