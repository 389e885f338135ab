package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

func (p *program) replayVerb() *cobra.Command {
	var in client.ReplayInput
	var yes bool
	cmd := p.endpointVerb("replay ENDPOINT", "Send events of the past to an endpoint",
		`Send events of a range of time to an endpoint again, oldest first: those that failed there
(what waits to be tried again is tried now, and not copied), those that succeeded or were canceled, those it never got (because it
did not exist or did not listen then), or all; or let go what is held there. First they are
counted; then this asks, and sends. If it is interrupted, it says how to go on.`,
		func(ctx context.Context, c *client.Client, e bellhop.EndpointID) error {
			return p.replay(ctx, c, e, in, yes)
		})
	cmd.Example = `  bellhop replay ep_01HZX3K2Q9F7A --since 2h --status failed`
	f := cmd.Flags()
	f.Var(p.moment(&in.Since), "since", "from this `time` on, or 2h for two hours ago")
	f.Var(p.moment(&in.Until), "until", "before this `time` (default now)")
	f.Var(oneOf((*string)(&in.Status), "failed", "given_up", "retrying", "held", "succeeded", "canceled", "missing", "all"), "status",
		"failed (given_up and retrying in one), given_up, retrying, held, succeeded, canceled, missing or all")
	f.StringVar(&in.Reason, "reason", "", "with failed, given_up or retrying: only what failed for this `reason`, such as timeout")
	f.IntVar(&in.ResponseStatus, "response-status", 0, "with failed, given_up or retrying: only what was answered with this `status`, such as 503")
	f.StringVar(&in.App, "app", "", "only events of this `app`, one of the endpoint's")
	f.StringSliceVar(&in.Types, "types", nil, "only these event `types`; may end in *, may be repeated")
	f.StringVar(&in.Channel, "channel", "", "only events in this `channel`")
	f.StringVar(&in.Tag, "tag", "", "only events with this `tag`")
	neverEmpty(f, "types", "channel", "tag")
	f.BoolVar(&in.DryRun, "dry-run", false, "count, but send nothing")
	f.StringVar(&in.Cursor, "cursor", "", "go on from here, as an interrupted replay said")
	yesFlag(cmd, &yes)
	return cmd
}

func (p *program) replay(ctx context.Context, c *client.Client, e bellhop.EndpointID, in client.ReplayInput, yes bool) error {
	if in.Since.IsZero() {
		return usage("replay needs --since: from when on are events sent again?")
	}
	if in.Until.IsZero() {
		// Counting and sending must cover the same events, whatever is published
		// meanwhile.
		in.Until = p.now()
	}
	defer p.progressEnd()
	if in.DryRun || !yes {
		counting := in
		counting.DryRun = true
		var counted client.ReplayResult
		var err error
		for counted, err = range c.ReplayAll(ctx, e, counting) {
			if err != nil {
				return err
			}
			p.progress("counting: %d", counted.Matched+counted.Waiting)
		}
		p.progressEnd()
		if in.DryRun {
			return p.show(counted, func() {
				p.print("%s would be sent again", count(counted.Matched, "event"))
				if counted.Waiting > 0 {
					p.print("%s that %s would be tried now", deliveriesOf(counted.Waiting), waiting(in.Status))
				}
			})
		}
		if counted.Matched+counted.Waiting == 0 {
			return p.show(counted, func() { p.print("No event to send again") })
		}
		if err := p.confirm(false, fmt.Sprintf("%s (%s) since %s: send to %s again?%s", count(counted.Matched, "event"), in.Status, p.when(in.Since).text, e, alsoWaiting(counted.Waiting, in.Status))); err != nil {
			return err
		}
	}
	var sent client.ReplayResult
	var err error
	for sent, err = range c.ReplayAll(ctx, e, in) {
		if err != nil {
			p.progressEnd()
			if sent.NextCursor != "" {
				p.note("%s on the way. To go on, repeat the command with --since %s --until %s --cursor %s", count(sent.Enqueued, "event"),
					in.Since.UTC().Format(time.RFC3339Nano), in.Until.UTC().Format(time.RFC3339Nano), sent.NextCursor)
			}
			return err
		}
		p.progress("%d events on the way", sent.Enqueued)
	}
	p.progressEnd()
	return p.show(sent, func() {
		p.print("%s %s on the way to %s", p.mark(true), count(sent.Enqueued, "event"), e)
		if sent.Moved > 0 {
			p.print("%s that %s are tried now", deliveriesOf(sent.Moved), waiting(in.Status))
		}
		if sent.AlreadyWaiting > 0 {
			p.print("%s not added, because they wait there already", count(sent.AlreadyWaiting, "event"))
		}
	})
}

// alsoWaiting says of a replay what it does besides.
func alsoWaiting(n int, status bellhop.ReplayStatus) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" %s that %s are tried now.", deliveriesOf(n), waiting(status))
}

// waiting says of deliveries of a status that wait why they do.
func waiting(status bellhop.ReplayStatus) string {
	if status == bellhop.ReplayHeld {
		return "were held"
	}
	return "failed and waited"
}

func deliveriesOf(n int) string {
	if n == 1 {
		return "1 delivery"
	}
	return fmt.Sprintf("%d deliveries", n)
}

func areOf(n int) string {
	if n == 1 {
		return "1 delivery is"
	}
	return fmt.Sprintf("%d deliveries are", n)
}
