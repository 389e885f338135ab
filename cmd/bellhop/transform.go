package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/id"
)

// transformFlags are how endpoints create and update take a transformation.
type transformFlags struct {
	flags                   *pflag.FlagSet
	file, onError, function string
	disabled                bool
}

func (t *transformFlags) register(f *pflag.FlagSet) {
	t.flags = f
	f.StringVar(&t.file, "transform", "", "`FILE` with JavaScript that makes the requests: function transform(event); \"\" takes it off")
	f.StringVar(&t.onError, "transform-on-error", "", "what becomes of an event that it fails on: hold or fail (default hold)")
	f.StringVar(&t.function, "transform-function", "", "the `function` that it defines: transform, or handler as Svix has it (default transform)")
	f.BoolVar(&t.disabled, "transform-disabled", false, "keep the transformation, and do not run it")
}

// change is the transformation that was asked for.
func (p *program) transformChange(t *transformFlags) (c bellhop.Field[*bellhop.Transform], err error) {
	if !t.flags.Changed("transform") {
		for _, name := range []string{"transform-on-error", "transform-function", "transform-disabled"} {
			if t.flags.Changed(name) {
				return c, usage("--%s goes with --transform", name)
			}
		}
		return c, nil
	}
	c.Set = true
	if t.file == "" {
		return c, nil
	}
	code, err := p.scriptFile(t.file)
	c.Value = &bellhop.Transform{Code: code, Function: bellhop.TransformFunction(t.function), Disabled: t.disabled, OnError: bellhop.OnError(t.onError)}
	return c, err
}

// scriptFile reads a script.
func (p *program) scriptFile(path string) (string, error) {
	code, err := p.textOrFile("@" + strings.TrimPrefix(path, "@"))
	return string(code), err
}

func (p *program) transformVerb() *cobra.Command {
	var in client.TransformTest
	var e client.TransformEvent
	var data, event, url, dialect, function string
	cmd := p.apiVerb("transform FILE", "Try a transformation",
		`Run a script on an event, as a delivery to an endpoint that has it would, and show the
request that it makes. Nothing is sent and nothing is saved.

The script defines function transform(event), which returns {method?, url?, headers?, body,
skip?}; or with --function handler the function handler(webhook), which changes the webhook
and returns it, as Svix has it. The event is one that happened (--event), or of a type and data that are given; else
a sample.`,
		func(ctx context.Context, c *client.Client, args []string) (err error) {
			if in.Code, err = p.scriptFile(args[0]); err != nil {
				return err
			}
			in.Function = bellhop.TransformFunction(function)
			if event != "" {
				if e.Type != "" || e.Subject != "" || data != "" {
					return usage("--event names an event with all that it has: leave out --type, --subject and --data")
				}
				if in.EventID, err = idArg[id.Event](event); err != nil {
					return err
				}
			} else {
				if data != "" {
					if e.Data, err = p.jsonOrFile("data", data); err != nil {
						return err
					}
				}
				in.Event = &e
			}
			if url != "" {
				in.Endpoint.URL = bellhop.Of(url)
			}
			if dialect != "" {
				in.Endpoint.Dialect = bellhop.Of(dialect)
			}
			t, err := c.TestTransformation(ctx, in)
			if err != nil {
				return err
			}
			if err := p.show(t, func() { p.showTransformed(t) }); err != nil {
				return err
			}
			if f := t.Error; f != nil {
				return fmt.Errorf("%s%s: %s", args[0], placeOf(f), f.Message)
			}
			return nil
		})
	cmd.Example = `  bellhop transform slack.js --type invoice.purchase --app acme
  bellhop transform slack.js --event evt_0dkq9j0e8m3f4
  bellhop endpoints update ep_0dkq9j0e8m3f4 --transform slack.js`
	f := cmd.Flags()
	f.StringVar(&function, "function", "", "the `function` that it defines: transform or handler (default transform)")
	f.StringVar(&event, "event", "", "an `event` that happened")
	f.StringVar(&e.Type, "type", "", "the event's `type`; its data is the catalogue's example, unless given")
	f.StringVar(&e.Subject, "subject", "", "the event's subject")
	f.StringVar(&data, "data", "", "the event's data: `JSON`, or @FILE")
	f.StringVar(&in.App, "app", "", "the event's `app`")
	f.StringVar(&url, "url", "", "`URL` of the endpoint")
	f.StringVar(&dialect, "dialect", "", "dialect of the endpoint, which signs what the script makes")
	return cmd
}

// placeOf is where a fault is, as compilers say it; "" if that is not known.
func placeOf(f *client.TransformError) string {
	switch {
	case f.Line > 0 && f.Column > 0:
		return fmt.Sprintf(":%d:%d", f.Line, f.Column)
	case f.Line > 0:
		return fmt.Sprintf(":%d", f.Line)
	}
	return ""
}

// showTransformed shows what a transformation made: the request on standard output, and
// beside it what the script printed and how long it took.
func (p *program) showTransformed(t client.TransformTested) {
	for _, line := range t.Logs {
		p.note("log: %s", line)
	}
	if t.Error == nil {
		p.note("It ran for %.2f ms, and used %.2g %% of what it may.", t.DurationMS, 100*t.Used)
	}
	switch r := t.Request; {
	case t.Skipped && t.SkipReason != "":
		p.print("skipped: %s", t.SkipReason)
	case t.Skipped:
		p.print("skipped")
	case r != nil:
		p.print("%s %s", r.Method, r.URL)
		for _, h := range r.Headers {
			p.print("%s: %s", h.Name, h.Value)
		}
		p.print("\n%s", r.Body)
	}
}
