package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bellhop/bellhop/client"
)

func (p *program) statsVerb() *cobra.Command {
	var filter client.StatsFilter
	cmd := p.apiVerb("stats", "Count attempts over time", "", func(ctx context.Context, c *client.Client, _ []string) error {
		s, err := c.Stats(ctx, filter)
		if err != nil {
			return err
		}
		return p.show(s, func() { p.showBuckets(s) })
	})
	f := cmd.Flags()
	f.StringVar(&filter.App, "app", "", "only this app's")
	f.TextVar(&filter.Endpoint, "endpoint", filter.Endpoint, "only this `endpoint`'s")
	f.StringVar(&filter.Type, "type", "", "only this event type's; may end in *")
	statsFlags(p, f, &filter)
	return cmd
}

func statsFlags(p *program, f *pflag.FlagSet, filter *client.StatsFilter) {
	f.Var(p.moment(&filter.Since), "since", "start of the range: a `time`, or 2h for two hours ago (default 24 hours ago)")
	f.Var(p.moment(&filter.Until), "until", "end of the range (default now)")
	f.Var((*durationValue)(&filter.Bucket), "bucket", "width of a line (default by the range)")
}

func (p *program) showBuckets(s client.Stats) {
	if len(s.Buckets) == 0 {
		p.note("No attempt from %s to %s.", p.when(s.Since).text, p.when(s.Until).text)
		return
	}
	t := table{header: []string{"FROM (" + s.Bucket.String() + ")", "SUCCEEDED", "FAILED", "GIVEN UP", "MEAN", "LONGEST"}}
	var succeeded, failed, exhausted, total, longest int64
	row := func(from cell, ok, failures, givenUp, sum, most int64) {
		mean := int64(0)
		if ok+failures > 0 {
			mean = sum / (ok + failures)
		}
		failed := number(failures)
		if failures > 0 {
			failed.style = bad
		}
		t.add(from, number(ok), failed, number(givenUp), took(mean), took(most))
	}
	for _, b := range s.Buckets {
		row(p.when(b.Start), b.Succeeded, b.Failed, b.Exhausted, b.DurationMS, b.MaxDurationMS)
		succeeded, failed, exhausted = succeeded+b.Succeeded, failed+b.Failed, exhausted+b.Exhausted
		total, longest = total+b.DurationMS, max(longest, b.MaxDurationMS)
	}
	row(text("all"), succeeded, failed, exhausted, total, longest)
	p.table(&t)
}
