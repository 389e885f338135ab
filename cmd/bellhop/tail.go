package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bellhop/bellhop/client"
)

func (p *program) tailVerb() *cobra.Command {
	var filter client.AttemptFilter
	var last int
	var plain bool
	var flags *pflag.FlagSet
	cmd := p.apiVerb("tail", "Follow attempts as they happen",
		`Show the latest attempts and then each new one, until interrupted. A connection that breaks
is made anew.

On a terminal it is a screen: up and down (or j and k) choose an attempt, r sends its event again,
d shows request and response, o opens it in the browser, q ends. Elsewhere, or with --plain, it is a
line per attempt.`,
		func(ctx context.Context, c *client.Client, _ []string) error {
			// Asking for the latest first also finds out whether the server can be
			// reached and takes the key, which the stream would try for ever.
			if last < 0 || last > 250 {
				return usage("--last: %d is not between 0 and 250; 'bellhop logs' lists more", last)
			}
			filter.Limit = max(last, 1)
			if filter.Channel != "" || filter.Tag != "" {
				filter.Since = p.now().Add(-labelledBack)
			}
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
			if p.onScreen(plain) {
				return p.tailScreen(ctx, c, filter, latest, narrowedBy(flags))
			}
			return follow(ctx, c, filter, latest, plainTail{p})
		})
	flags = cmd.Flags()
	attemptFlags(flags, &filter)
	flags.IntVarP(&last, "last", "n", 10, "how many of the latest to begin with, at most 250")
	flags.BoolVar(&plain, "plain", false, "a line per attempt, no screen")
	return cmd
}

// labelledBack is how far back the latest attempts are looked for that have a label, which
// is in no index: few may have it.
const labelledBack = time.Hour

// tailView shows attempts as they happen, and news of gaps.
type tailView interface {
	attempt(client.Attempt) error
	news(text string)
}

// follow shows the latest attempts and then each new one, until ctx ends.
func follow(ctx context.Context, c *client.Client, filter client.AttemptFilter, latest []client.Attempt, v tailView) error {
	for _, a := range latest {
		if err := v.attempt(a); err != nil {
			return err
		}
	}
	for item, err := range c.Stream(ctx, filter) {
		switch {
		case err != nil:
			return err
		case item.Reconnected:
			v.news("the connection was made anew; 'bellhop logs' has what was missed")
		case item.Attempt == nil:
			v.news(count(item.Lost, "attempt") + " left out because they came too fast")
		default:
			if err := v.attempt(*item.Attempt); err != nil {
				return err
			}
		}
	}
	return nil // interrupted: that is how this ends
}

// plainTail is a line per attempt.
type plainTail struct{ p *program }

func (v plainTail) news(text string) { v.p.note("%s", v.p.style.paint(faint, "("+text+")")) }

// attempt is a line of logs whose columns have fixed widths, because what comes next is
// not known.
func (v plainTail) attempt(a client.Attempt) error {
	p := v.p
	if p.json {
		return p.printJSON(a)
	}
	row := p.attemptRow(a)
	if next := &row[len(row)-1]; next.text != "" && !a.NextAt.IsZero() {
		next.text, next.short = "next "+next.text, "next "+next.short
	}
	row = slices.Delete(row, 2, 3) // without the attempt's id
	fixed := table{
		header:  []string{"TIME", "", "ANSWER", "TOOK", "TRY", "APP", "TYPE", "ENDPOINT", "NEXT"},
		minimum: []int{8, 1, 8, 7, 2, 8, 20, 16, 0},
	}
	t := fixed
	t.add(row...)
	l := t.natural(false)
	if p.width > 0 && l.total() > p.width {
		fixed.minimum[8] = len("next 15:04:05")
		l = fixed.layout(p.width) // the same for each line
		l.short = true
	}
	var b strings.Builder
	t.line(&b, p.style, l, row, p.width)
	_, _ = fmt.Fprint(p.out, b.String())
	return nil
}

// narrowedBy says what flags leave out.
func narrowedBy(flags *pflag.FlagSet) string {
	var of []string
	for _, name := range []string{"app", "type", "status", "endpoint", "event", "delivery", "channel", "tag"} {
		if f := flags.Lookup(name); f.Changed {
			of = append(of, name+" "+f.Value.String())
		}
	}
	return strings.Join(of, ", ")
}

// screenTail shows attempts on a screen.
type screenTail struct {
	p *program
	c *client.Client
	s *liveScreen
}

// tailScreen follows attempts on a screen.
func (p *program) tailScreen(ctx context.Context, c *client.Client, filter client.AttemptFilter, latest []client.Attempt, narrowed string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s, err := p.startScreen(ctx, c, []string{"Attempts at " + p.settings.server}, narrowed, stop)
	if err != nil {
		return err
	}
	err = follow(ctx, c, filter, latest, screenTail{p, c, s})
	return errors.Join(err, s.end())
}

func (v screenTail) news(text string) { v.s.say("%s", text) }

func (v screenTail) attempt(a client.Attempt) error {
	row := v.p.attemptRow(a)
	what := fmt.Sprintf("%s  %s → %s", a.App, a.Event, a.Endpoint)
	if a.Number > 1 {
		what += fmt.Sprintf("  try %d", a.Number)
	}
	if !a.NextAt.IsZero() {
		what += "  next " + v.p.when(a.NextAt).text
	}
	e := &entry{
		key: a.ID.String(), at: a.StartedAt, event: a.Event, endpoint: a.Endpoint,
		cells: []cell{row[1], row[3], row[4], text(a.Type), text(what)},
		link:  strings.TrimRight(v.p.settings.server, "/") + "/logs?attempt=" + url.QueryEscape(a.ID.String()),
		full:  func() ([]string, error) { return v.p.attemptLines(v.s.ctx, v.c, a) },
	}
	v.s.change(func(m *screen) { m.put(e) })
	return nil
}

// attemptLines is an attempt as 'bellhop logs' shows it.
func (p *program) attemptLines(ctx context.Context, c *client.Client, a client.Attempt) ([]string, error) {
	whole, err := c.Attempt(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	var shown bytes.Buffer
	q := *p
	q.out, q.width = &shown, 0
	if err := q.showAttempt(whole); err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimRight(shown.String(), "\n"), "\n"), nil
}
