package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop/client"
)

func (p *program) nodesVerb() *cobra.Command {
	return p.apiVerb("nodes", "List the nodes that share the database: who is alive and does what",
		`List the processes that share the database, with what each says of itself at its heartbeat: since
when it runs, which part of the endpoints is its own, and what waits there. One node (*) answers.`,
		func(ctx context.Context, c *client.Client, _ []string) error {
			nodes, err := c.Nodes(ctx)
			if err != nil {
				return err
			}
			hold, err := c.Hold(ctx)
			if err != nil {
				return err
			}
			if p.json {
				for _, n := range nodes {
					if err := p.printJSON(n); err != nil {
						return err
					}
				}
				return nil
			}
			if hold.Held {
				p.print("All sending is held since %s: 'bellhop release' lets it go on.\n", p.when(hold.Since).text)
			}
			t := table{header: []string{"NODE", "NAME", "DOING", "BUCKETS", "BACKLOG", "IN FLIGHT", "QUEUED", "STARTED", "VERSION"}}
			for _, n := range nodes {
				number := fmt.Sprint(n.Node)
				if n.Answers {
					number += " *"
				}
				t.rows = append(t.rows, []cell{
					text(number), text(n.Name), text(string(n.Doing)), text(fmt.Sprint(n.Buckets)), text(fmt.Sprint(n.Backlog)),
					text(fmt.Sprint(n.InFlight)), text(fmt.Sprint(n.Queued)), p.when(n.StartedAt), text(n.Version),
				})
			}
			p.list(&t)
			return nil
		})
}
