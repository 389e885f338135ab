package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/id"
)

func (p *program) deliveriesTry() *cobra.Command {
	return p.apiVerb("try DELIVERY", "Try a delivery that waits now",
		"It is moved, not copied: the receiver gets it once. One that has ended is sent again with 'bellhop resend'.",
		func(ctx context.Context, c *client.Client, args []string) error {
			delivery, err := idArg[id.Delivery](args[0])
			if err != nil {
				return err
			}
			d, err := c.TryDelivery(ctx, delivery)
			if err != nil {
				return err
			}
			return p.show(d, func() {
				p.note("It is tried now: 'bellhop logs --delivery %s' tells what comes of it.", d.ID)
			})
		})
}

func (p *program) endpointsTry() *cobra.Command {
	var cause bellhop.Cause
	cmd := p.endpointVerb("try ENDPOINT", "Try now what waits to be tried again",
		"The deliveries that failed and wait for a later time are made due now, oldest first. They are moved, not copied.\nBehind an open circuit, one is tried at once, and the others follow if it is taken.",
		func(ctx context.Context, c *client.Client, e bellhop.EndpointID) error {
			moved, err := c.TryEndpoint(ctx, e, cause)
			if err != nil {
				return err
			}
			return p.show(map[string]int{"moved": moved}, func() {
				if moved == 0 {
					p.note("Nothing waited for a later time. What is due already goes as soon as the endpoint takes it.")
					return
				}
				p.note("%s tried now.", areOf(moved))
			})
		})
	f := cmd.Flags()
	f.StringVar(&cause.Reason, "reason", "", "only what failed for this `reason`, such as timeout")
	f.IntVar(&cause.ResponseStatus, "response-status", 0, "only what was answered with this `status`, such as 503")
	return cmd
}

func (p *program) failuresVerb() *cobra.Command {
	var filter client.FailureFilter
	cmd := p.apiVerb("failures", "List what failed, by endpoint and cause", "Deliveries that wait to be tried again, and those given up in the last 24 hours whose events have not arrived since.",
		func(ctx context.Context, c *client.Client, _ []string) error {
			found, err := c.Failures(ctx, filter)
			if err != nil {
				return err
			}
			return p.show(found, func() {
				if len(found.Data) == 0 {
					p.note("Nothing that failed is left.")
					return
				}
				t := table{header: []string{"ENDPOINT", "CAUSE", "STATUS", "WAITING", "GIVEN UP", "LATEST", "NEXT", "DETAIL"}}
				for _, f := range found.Data {
					answered := ""
					if f.ResponseStatus != 0 {
						answered = fmt.Sprint(f.ResponseStatus)
					}
					t.add(text(f.Endpoint.String()), text(f.Reason), text(answered), number(f.Waiting), number(f.Failed),
						p.when(f.NewestAt), p.when(f.NextAt), dim(f.Detail))
				}
				p.table(&t)
				if found.Partial {
					p.note("There may be more of each: only the newest were looked at.")
				}
			})
		})
	f := cmd.Flags()
	f.StringVar(&filter.App, "app", "", "only this app's")
	f.TextVar(&filter.Endpoint, "endpoint", filter.Endpoint, "only at this `endpoint`")
	f.Var(p.moment(&filter.Since), "since", "of what was given up, not before this `time`, or 2h for two hours ago (default 24h)")
	return cmd
}

func goOf(n int64) string {
	if n == 1 {
		return "1 delivery goes"
	}
	return fmt.Sprintf("%d deliveries go", n)
}

func waitOf(n int64) string {
	if n == 1 {
		return "1 waits"
	}
	return fmt.Sprintf("%d wait", n)
}
