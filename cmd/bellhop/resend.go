package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

func (p *program) resendVerb() *cobra.Command {
	var endpoint bellhop.EndpointID
	cmd := p.eventVerb("resend EVENT", "Send an event again",
		"Send an event again: to one endpoint, or to every one that got it or would get it now. This\nleaves retries that are under way alone.",
		func(ctx context.Context, c *client.Client, e bellhop.EventID) error {
			deliveries, err := c.Resend(ctx, e, endpoint)
			if err != nil {
				return err
			}
			if p.json {
				return showList(p, whole(deliveries, nil), page{all: true}, "", nil, nil)
			}
			if len(deliveries) == 0 {
				p.print("%s no endpoint got the event or would get it now; 'bellhop events explain %s' says why", p.mark(false), e)
				return errSilent
			}
			for _, d := range deliveries {
				p.print("%s %s to %s", p.mark(true), d.ID, d.Endpoint)
			}
			return nil
		})
	cmd.Flags().TextVar(&endpoint, "endpoint", endpoint, "only to this `endpoint`")
	return cmd
}
