package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop/client"
)

func (p *program) tailVerb() *cobra.Command {
	var filter client.AttemptFilter
	var last int
	cmd := p.apiVerb("tail", "Follow attempts as they happen",
		"Show the latest attempts and then each new one, until interrupted. A connection that breaks\nis made anew.",
		func(ctx context.Context, c *client.Client, _ []string) error {
			// Asking for the latest first also finds out whether the server can be
			// reached and takes the key, which the stream would try for ever.
			if last < 0 || last > 250 {
				return usage("--last: %d is not between 0 and 250; 'bellhop logs' lists more", last)
			}
			filter.Limit = max(last, 1)
			var latest []client.Attempt
			for a, err := range c.Attempts(ctx, filter) {
				if err != nil {
					return err
				}
				if len(latest) == last {
					break
				}
				latest = append(latest, a)
			}
			slices.Reverse(latest)
			for _, a := range latest {
				if err := p.tailLine(a); err != nil {
					return err
				}
			}
			for item, err := range c.Stream(ctx, filter) {
				switch {
				case err != nil:
					return err
				case item.Reconnected:
					p.note("%s", p.style.paint(faint, "(the connection was made anew; 'bellhop logs' has what was missed)"))
				case item.Attempt == nil:
					p.note("%s", p.style.paint(faint, "("+count(item.Lost, "attempt")+" left out because they came too fast)"))
				default:
					if err := p.tailLine(*item.Attempt); err != nil {
						return err
					}
				}
			}
			return nil // interrupted: that is how this ends
		})
	attemptFlags(cmd.Flags(), &filter)
	cmd.Flags().IntVarP(&last, "last", "n", 10, "how many of the latest to begin with, at most 250")
	return cmd
}

// tailLine is a line of logs whose columns have fixed widths, because what comes
// next is not known.
func (p *program) tailLine(a client.Attempt) error {
	if p.json {
		return p.printJSON(a)
	}
	row := p.attemptRow(a)
	t := table{minimum: []int{12, 1, 8, 7, 2, 8, 20, 0, 0}}
	if next := &row[len(row)-1]; next.text != "" && !a.NextAt.IsZero() {
		next.text = "next " + next.text
	}
	t.add(slices.Delete(row, 2, 3)...) // without the attempt's id
	p.table(&t)
	return nil
}
