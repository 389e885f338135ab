package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop/client"
)

func (p *program) holdVerb() *cobra.Command {
	return p.apiVerb("hold", "Hold the sending to all endpoints; none of it is dropped",
		`Hold the sending to all endpoints, on all nodes and over restarts, until 'bellhop release'.
Events are accepted meanwhile, and wait as at paused endpoints; what is in flight finishes.

A server that is started with 'serve --hold' does so before it sends anything: for a database
that was restored, or moved here, whose last deliveries may have been made elsewhere since.`,
		func(ctx context.Context, c *client.Client, _ []string) error {
			h, err := c.HoldSending(ctx)
			if err != nil {
				return err
			}
			return p.show(h, func() {
				p.print("%s all sending is held since %s: what is published waits for 'bellhop release'", p.mark(true), p.when(h.Since).text)
			})
		})
}

// noteHold says that all sending is held, where what waits is listed: else it looks as if it
// were about to be sent.
func (p *program) noteHold(ctx context.Context, c *client.Client) {
	if p.json {
		return
	}
	if h, err := c.Hold(ctx); err == nil && h.Held {
		p.note("%s", p.style.paint(wait, "! all sending is held since "+p.when(h.Since).text+": what waits goes out once the operator releases it ('bellhop release')"))
	}
}

func (p *program) releaseVerb() *cobra.Command {
	return p.apiVerb("release", "Let out what 'hold', or 'serve --hold', has held",
		`Let all endpoints be sent to again. What waited goes out, oldest first; what waits for a retry
is tried at its time. Nothing has grown too old meanwhile: the age of what waited counts from now.`,
		func(ctx context.Context, c *client.Client, _ []string) error {
			before, err := c.Hold(ctx)
			if err != nil {
				return err
			}
			h, err := c.ReleaseSending(ctx)
			if err != nil {
				return err
			}
			return p.show(h, func() {
				if !before.Held {
					p.print("Nothing was held.")
					return
				}
				p.print("%s sending goes on: what was held since %s goes out now, oldest first", p.mark(true), p.when(before.Since).text)
			})
		})
}
