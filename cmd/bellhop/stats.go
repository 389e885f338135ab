package main

import (
	"context"
	"math"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bellhop/bellhop"
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
	neverEmpty(f, "type")
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
	t := table{header: []string{"FROM (" + s.Bucket.String() + ")", "SUCCEEDED", "FAILED", "GIVEN UP", "MEDIAN", "95%", "99%", "LONGEST"}}
	row := func(from cell, b bellhop.StatsBucket) {
		failed := number(b.Failed)
		if b.Failed > 0 {
			failed.style = bad
		}
		d, most := b.Duration, b.MaxDurationMS
		t.add(from, number(b.Succeeded), failed, number(b.Exhausted), within(d.P50, most), within(d.P95, most), within(d.P99, most), took(most))
	}
	for _, b := range s.Buckets {
		row(p.when(b.Start), b)
	}
	row(text("all"), s.Total)
	p.list(&t)
	if l := s.Total.Latency; l.P99 > 0 {
		p.sentence("From due to delivered, retries included: median %s, 95%% within %s, 99%% within %s.",
			measured(l.P50).text, measured(l.P95).text, measured(l.P99).text)
	}
}

// measured shows a percentile.
func measured(ms float64) cell { return took(int64(math.Round(ms))) }

// within shows a percentile that is at most the longest, as it must be: percentiles
// are counted in classes, and the longest is in whole milliseconds.
func within(ms float64, longest int64) cell { return took(min(int64(math.Round(ms)), longest)) }
