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
	cmd := p.apiVerb("create APP", "Create a portal link and show its URL, this once",
		`Create a portal link: a page where whoever has its URL manages the endpoints of one app and
sees their logs, for a while. Send your customer's browser there, or show it in a frame of a
page whose origin the server allows (serve --portal-origin).`,
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
				p.print("%s", link.URL)
				p.note("For app %s, as %s, until %s. 'bellhop keys delete %s' ends it early.", link.App, link.Role, p.when(link.ExpiresAt).text, link.ID)
			})
		})
	cmd.Flags().StringVar((*string)(&in.Role), "role", string(in.Role), "editor or viewer")
	cmd.Flags().StringVar(&expires, "expires-in", "", "how long it is valid, at most 7d (default 1h)")
	cmd.Flags().StringVar(&in.Theme, "theme", "", "how the page looks: auto, light or dark")
	cmd.Flags().StringVar(&in.Lang, "lang", "", "language of the page, as a tag such as de or fr-CH (default as the viewer's browser)")
	cmd.Flags().StringSliceVar(&in.FeatureFlags, "feature-flag", nil, "show event types that have this `flag`, too; may be repeated")
	return cmd
}
