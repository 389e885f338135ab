package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

func (p *program) outboxVerb() *cobra.Command {
	return group("outbox", "What programs published in their own transactions, and was refused",
		`Programs publish inside transactions of their own, into the outbox. What could not be accepted is
kept, with the reason that publishing by the API would have been answered.`,
		p.outboxRefused(), p.outboxShow(), p.outboxRetry(), p.outboxForget())
}

func (p *program) outboxRefused() *cobra.Command {
	var pg page
	var f client.RefusedFilter
	cmd := p.apiVerb("refused", "List what was refused, newest first", "", func(ctx context.Context, c *client.Client, _ []string) error {
		f.Limit = pg.size()
		return showList(p, c.Refused(ctx, f), pg, "Nothing was refused.",
			[]string{"ENTRY", "APP", "TYPE", "PUBLISHED", "REFUSED", "CODE", "WHY"},
			func(e client.RefusedEntry) []cell {
				return []cell{text(strconv.FormatInt(e.ID, 10)), text(e.App), text(e.Type), p.when(e.PublishedAt), p.when(e.RefusedAt), text(string(e.Code)), text(whyRefused(e))}
			})
	})
	cmd.Flags().StringVar(&f.App, "app", "", "only what was published to this `app`, whether there is one or not")
	pg.flags(cmd.Flags())
	return cmd
}

func whyRefused(e client.RefusedEntry) string {
	var why []string
	for _, f := range e.Errors {
		why = append(why, faultOf(f.Field, f.Detail))
	}
	if len(why) == 0 {
		return e.Detail
	}
	return strings.Join(why, "; ")
}

// faultOf names a field and what is wrong with it, once.
func faultOf(field, detail string) string {
	if field == "" || strings.HasPrefix(detail, field+" ") {
		return detail
	}
	return field + ": " + detail
}

func (p *program) outboxShow() *cobra.Command {
	return p.apiVerb("show ENTRY", "Show a refused entry with its data", "", func(ctx context.Context, c *client.Client, args []string) error {
		id, err := entryArg(args[0])
		if err != nil {
			return err
		}
		e, err := c.RefusedEntry(ctx, id)
		if err != nil {
			return err
		}
		return p.show(e, func() {
			p.print("%s %s, published %s, refused %s", e.App, e.Type, p.when(e.PublishedAt).text, p.when(e.RefusedAt).text)
			p.print("%s: %s", e.Code, e.Detail)
			for _, f := range e.Errors {
				p.print("  %s", faultOf(f.Field, f.Detail))
			}
			if e.Data != "" {
				p.print("%s", e.Data)
			} else {
				p.print("(its %d bytes of data are not kept)", e.Size)
			}
		})
	})
}

func entryArg(arg string) (int64, error) {
	id, err := strconv.ParseInt(arg, 10, 64)
	if err != nil || id < 1 {
		return 0, usage("%q is not the number of an entry: 'bellhop outbox refused' lists them", arg)
	}
	return id, nil
}

// entriesOf gives the entries that arguments name or, with all, those that are kept.
func entriesOf(ctx context.Context, c *client.Client, args []string, all bool, app string) ([]int64, error) {
	if all == (len(args) > 0) {
		return nil, usage("name entries, or add --all")
	}
	var ids []int64
	for _, arg := range args {
		id, err := entryArg(arg)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	if !all {
		return ids, nil
	}
	for e, err := range c.Refused(ctx, client.RefusedFilter{App: app, Limit: 250}) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, e.ID)
	}
	return ids, nil
}

func (p *program) outboxRetry() *cobra.Command {
	var all bool
	var app string
	cmd := p.apiVerb("retry [ENTRY…]", "Publish refused entries, once what was wrong is mended",
		`Publish refused entries once what they were refused for is mended: an app that was missing, an event
type that was not in the catalogue. What is still wrong is said, and the entry stays.`,
		func(ctx context.Context, c *client.Client, args []string) error {
			ids, err := entriesOf(ctx, c, args, all, app)
			if err != nil {
				return err
			}
			done, left := 0, 0
			for i := len(ids) - 1; i >= 0; i-- { // the oldest first
				receipt, err := c.RetryRefused(ctx, ids[i])
				var problem *client.Problem
				switch {
				case err == nil:
					done++
					if err := p.show(receipt, func() { p.print("%d is %s, bound for %d endpoints", ids[i], receipt.ID, receipt.Deliveries) }); err != nil {
						return err
					}
				case errors.As(err, &problem) && problem.Status < 500 && problem.Code != bellhop.CodeForbidden:
					left++
					_, _ = fmt.Fprintf(p.err, "%d is still refused: %v\n", ids[i], err)
				default:
					return err
				}
			}
			if left > 0 {
				return fmt.Errorf("%d of %d are still refused", left, left+done)
			}
			return nil
		})
	cmd.Flags().BoolVar(&all, "all", false, "all that are kept")
	cmd.Flags().StringVar(&app, "app", "", "with --all: only those of this `app`")
	cmd.Args = cobra.ArbitraryArgs
	return cmd
}

func (p *program) outboxForget() *cobra.Command {
	var all, yes bool
	var app string
	cmd := p.apiVerb("forget [ENTRY…]", "Remove refused entries for good", "", func(ctx context.Context, c *client.Client, args []string) error {
		if all == (len(args) > 0) {
			return usage("name entries, or add --all")
		}
		if all {
			question := "Forget everything that was refused?"
			if app != "" {
				question = "Forget everything of " + app + " that was refused?"
			}
			if err := p.confirm(yes, question); err != nil {
				return err
			}
			n, err := c.ForgetAllRefused(ctx, app)
			if err != nil {
				return err
			}
			return p.show(map[string]int{"forgotten": n}, func() { p.print("%d forgotten", n) })
		}
		ids, err := entriesOf(ctx, c, args, false, "")
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := c.ForgetRefused(ctx, id); err != nil {
				return err
			}
		}
		return p.show(map[string]int{"forgotten": len(ids)}, func() { p.print("%d forgotten", len(ids)) })
	})
	cmd.Flags().BoolVar(&all, "all", false, "all that are kept")
	cmd.Flags().StringVar(&app, "app", "", "with --all: only those of this `app`")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Args = cobra.ArbitraryArgs
	return cmd
}
