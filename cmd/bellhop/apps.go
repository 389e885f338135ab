package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
)

func (p *program) appsVerb() *cobra.Command {
	return group("apps", "The tenants of the platform, which own events", "",
		p.appsList(), p.appsGet(), p.appsCreate(), p.appsUpdate(), p.appsDelete())
}

func (p *program) appsList() *cobra.Command {
	var pg page
	cmd := p.apiVerb("list", "List apps", "", func(ctx context.Context, c *client.Client, _ []string) error {
		return showList(p, c.Apps(ctx), pg, "There are no apps yet: 'bellhop apps create acme' makes one.",
			[]string{"APP", "NAME", "CREATED"},
			func(a bellhop.App) []cell { return []cell{text(a.ID), text(a.Name), p.when(a.CreatedAt)} })
	})
	pg.flags(cmd.Flags())
	return cmd
}

func (p *program) showApp(a bellhop.App) error {
	return p.show(a, func() {
		var t table
		t.field("app", text(a.ID))
		if a.UID != "" {
			t.field("uid", text(a.UID))
		}
		t.field("name", text(a.Name))
		t.notes("metadata", a.Metadata)
		t.field("dialects", list(a.Dialects, "all"))
		for _, name := range sortedKeys(a.DialectOptions) {
			t.notes("options of "+name, a.DialectOptions[name])
		}
		if a.MaxEndpoints != 0 {
			t.field("max endpoints", text(strconv.Itoa(a.MaxEndpoints)))
		}
		if a.RateLimit != nil {
			t.field("rate limit", text(limitText(a.RateLimit)+", for each endpoint"))
		}
		t.field("created", p.when(a.CreatedAt))
		t.field("updated", p.when(a.UpdatedAt))
		p.table(&t)
	})
}

func (p *program) appsGet() *cobra.Command {
	return p.apiVerb("get APP", "Show an app", "", func(ctx context.Context, c *client.Client, args []string) error {
		a, err := c.App(ctx, args[0])
		if err != nil {
			return err
		}
		return p.showApp(a)
	})
}

func (p *program) appsCreate() *cobra.Command {
	var name, uid string
	var metadata, dialects, options []string
	var maxEndpoints int
	var limit appLimit
	cmd := p.apiVerb("create [APP]", "Create an app", "Create an app with an id of your choice, such as your own tenant's name, or with one that is made.",
		func(ctx context.Context, c *client.Client, args []string) error {
			in := wire.AppInput{Name: name, Dialects: dialects, MaxEndpoints: maxEndpoints, UID: uid, RateLimit: limit.of()}
			if len(args) == 1 {
				in.ID = args[0]
			}
			var err error
			if in.Metadata, err = notes("metadata", metadata); err != nil {
				return err
			}
			if in.DialectOptions, err = appOptions(options); err != nil {
				return err
			}
			a, err := c.CreateApp(ctx, in)
			if err != nil {
				return err
			}
			return p.show(a, func() { p.print("%s app %s created", p.mark(true), clean(a.ID)) })
		})
	cmd.Flags().StringVar(&name, "name", "", "name for people")
	cmd.Flags().StringVar(&uid, "uid", "", "another id by which you know it, and which may change")
	limit.flags(cmd.Flags())
	cmd.Flags().StringArrayVar(&metadata, "metadata", nil, "a note, as `NAME=VALUE`; may be repeated")
	appDialectFlags(cmd.Flags(), &dialects, &options)
	cmd.Flags().IntVar(&maxEndpoints, "max-endpoints", 0, "most endpoints that may listen to it (default what the server says)")
	return cmd
}

// appLimit are the flags of an app's rate limit.
type appLimit struct {
	rate  float64
	burst int
}

func (l *appLimit) flags(f *pflag.FlagSet) {
	f.Float64Var(&l.rate, "rate-limit", 0, "most deliveries a second to each of its endpoints; 0 is no limit")
	f.IntVar(&l.burst, "rate-burst", 0, "how many may go at once after a quiet time")
}

func (l *appLimit) of() *bellhop.RateLimit {
	if l.rate == 0 {
		return nil
	}
	return &bellhop.RateLimit{PerSecond: l.rate, Burst: l.burst}
}

func appDialectFlags(f *pflag.FlagSet, dialects, options *[]string) {
	f.StringSliceVar(dialects, "dialect", nil, "`dialect` that its people may choose for endpoints, the default first; may be repeated (default all)")
	f.StringArrayVar(options, "dialect-option", nil, "an option of a dialect for its events, as `DIALECT.NAME=VALUE`; may be repeated")
}

// appOptions reads options of dialects.
func appOptions(texts []string) (map[string]map[string]string, error) {
	flat, err := notes("dialect-option", texts)
	if err != nil {
		return nil, err
	}
	options := map[string]map[string]string{}
	for name, value := range flat {
		dialect, option, ok := strings.Cut(name, ".")
		if !ok {
			return nil, usage("--dialect-option: %q is not DIALECT.NAME, such as shopify.shop_domain", name)
		}
		if options[dialect] == nil {
			options[dialect] = map[string]string{}
		}
		options[dialect][option] = value
	}
	return options, nil
}

func (p *program) appsUpdate() *cobra.Command {
	var name, uid string
	var metadata, dialects, options []string
	var maxEndpoints int
	var limit appLimit
	var cmd *cobra.Command
	cmd = p.apiVerb("update APP", "Change an app", "Change what is given; lists are replaced as a whole.",
		func(ctx context.Context, c *client.Client, args []string) error {
			var in client.AppPatch
			if cmd.Flags().Changed("name") {
				in.Name = bellhop.Of(name)
			}
			if cmd.Flags().Changed("uid") {
				in.UID = bellhop.Of(uid)
			}
			if cmd.Flags().Changed("rate-burst") && !cmd.Flags().Changed("rate-limit") {
				return usage("--rate-burst goes with --rate-limit")
			}
			if cmd.Flags().Changed("rate-limit") {
				in.RateLimit = bellhop.Of(limit.of())
			}
			if cmd.Flags().Changed("metadata") {
				m, err := notes("metadata", without(metadata, ""))
				if err != nil {
					return err
				}
				in.Metadata = bellhop.Of(m)
			}
			if cmd.Flags().Changed("dialect") {
				in.Dialects = bellhop.Of(without(dialects, ""))
			}
			if cmd.Flags().Changed("dialect-option") {
				m, err := appOptions(without(options, ""))
				if err != nil {
					return err
				}
				in.DialectOptions = bellhop.Of(m)
			}
			if cmd.Flags().Changed("max-endpoints") {
				in.MaxEndpoints = bellhop.Of(maxEndpoints)
			}
			a, err := c.PatchApp(ctx, args[0], in)
			if err != nil {
				return err
			}
			return p.showApp(a)
		})
	cmd.Flags().StringVar(&name, "name", "", "name for people")
	cmd.Flags().StringVar(&uid, "uid", "", "another id by which you know it, and which may change")
	limit.flags(cmd.Flags())
	cmd.Flags().StringArrayVar(&metadata, "metadata", nil, "a note, as `NAME=VALUE`; may be repeated")
	appDialectFlags(cmd.Flags(), &dialects, &options)
	cmd.Flags().IntVar(&maxEndpoints, "max-endpoints", 0, "most endpoints that may listen to it (default what the server says)")
	return cmd
}

func (p *program) appsDelete() *cobra.Command {
	var yes bool
	cmd := p.apiVerb("delete APP", "Delete an app with its events and log, for good", "",
		func(ctx context.Context, c *client.Client, args []string) error {
			if err := p.confirm(yes, "App "+args[0]+", its events, deliveries and log, and the endpoints that listen to it alone are deleted for good."); err != nil {
				return err
			}
			if err := c.DeleteApp(ctx, args[0]); err != nil {
				return err
			}
			return p.done("app %s deleted", args[0])
		})
	yesFlag(cmd, &yes)
	return cmd
}

func yesFlag(cmd *cobra.Command, yes *bool) {
	cmd.Flags().BoolVarP(yes, "yes", "y", false, "do it without asking")
}

// done reports what has no other answer; programs have the exit code.
func (p *program) done(format string, args ...any) error {
	if !p.json {
		for i, a := range args {
			if s, ok := a.(string); ok {
				args[i] = clean(s)
			}
		}
		p.print("%s "+format, append([]any{p.mark(true)}, args...)...)
	}
	return nil
}

func without(texts []string, unwanted string) []string {
	var out []string
	for _, t := range texts {
		if t != unwanted {
			out = append(out, t)
		}
	}
	return out
}
