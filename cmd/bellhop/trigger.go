package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/edit"
)

func (p *program) triggerVerb() *cobra.Command {
	var in triggering
	cmd := p.apiVerb("trigger TYPE", "Publish an event like the catalogue's example",
		`Publish an event whose data is the catalogue's example of its type, with what --set changes, and say
where it goes. It takes a key with the role publisher (or admin).

--set PATH=VALUE changes a value of the data; VALUE is JSON or, if it is none, a string. A path begins
with data: data.total, data.items[0].price, data["odd.name"]. What is missing is added.`,
		func(ctx context.Context, c *client.Client, args []string) error {
			return p.trigger(ctx, c, args[0], in)
		})
	cmd.Example = `  bellhop trigger invoice.paid --set data.total='"99.00"'
  bellhop trigger invoice.paid --app acme --file invoice.json --set data.items[0].quantity=3`
	f := cmd.Flags()
	f.StringVar(&in.app, "app", "", "the app that it happened in (default: the only one there is)")
	f.StringArrayVar(&in.set, "set", nil, "change a value of the data: `PATH=VALUE`; may be repeated")
	f.BoolVar(&in.fromExample, "from-example", false, "begin with the catalogue's example: what happens without --file and --data, too")
	f.StringVar(&in.file, "file", "", "begin with the data in this `file`; - is standard input")
	f.StringVar(&in.data, "data", "", "begin with this `JSON`")
	f.StringVar(&in.subject, "subject", "", "what in the app it happened to, such as invoice:118")
	f.StringVar(&in.id, "id", "", "your own `id` of the event; publishing it again makes no second event")
	cmd.MarkFlagsMutuallyExclusive("from-example", "file", "data")
	cmd.ValidArgsFunction = p.completeTypes
	_ = cmd.RegisterFlagCompletionFunc("app", p.completeApps) // the flag is there, and once
	return cmd
}

// triggering is what trigger is asked for.
type triggering struct {
	app, file, data, subject, id string
	set                          []string
	fromExample                  bool
}

func (p *program) trigger(ctx context.Context, c *client.Client, eventType string, in triggering) error {
	data, err := p.triggerData(ctx, c, eventType, in)
	if err != nil {
		return err
	}
	for _, text := range in.set {
		path, value, ok := assignment(text)
		if !ok {
			return usage("--set: %q is not PATH=VALUE, such as data.total=99", text)
		}
		changed, err := edit.Set(data, "data", path, value)
		if err != nil {
			return usage("--set: %w", err)
		}
		data = changed
	}
	app := in.app
	if app == "" {
		who, err := c.Whoami(ctx)
		if err != nil {
			return err
		}
		if app, err = oneApp(ctx, c, who.Apps); err != nil {
			return err
		}
	}
	receipt, err := c.Publish(ctx, client.Publication{App: app, Type: eventType, Subject: in.subject, ID: in.id, Data: data})
	if err != nil {
		return err
	}
	return p.show(receipt, func() {
		p.print("%s %s, bound for %s%s", p.mark(true), receipt.ID, count(receipt.Deliveries, "endpoint"), again(receipt.Duplicate))
		p.showBound(ctx, c, receipt)
	})
}

// triggerData is the data to begin with.
func (p *program) triggerData(ctx context.Context, c *client.Client, eventType string, in triggering) (bellhop.JSON, error) {
	switch {
	case in.file != "":
		return p.jsonOrFile("file", "@"+in.file)
	case in.data != "":
		return p.jsonOrFile("data", in.data)
	}
	t, err := c.EventType(ctx, eventType)
	if client.CodeOf(err) == bellhop.CodeNotFound {
		return nil, fmt.Errorf("the catalogue does not have the type %s%s: 'bellhop event-types list' shows it; or give data with --data or --file", eventType, didYouMean(eventType, p.typeNames(ctx, c)))
	}
	if err != nil {
		return nil, err
	}
	if len(t.Example) == 0 {
		return nil, fmt.Errorf("the catalogue has no example of %s: add one with 'bellhop event-types put %s --example JSON', or give data with --data or --file", eventType, eventType)
	}
	return t.Example, nil
}

// assignment takes PATH=VALUE apart; a name in [""] may hold the sign.
func assignment(text string) (path, value string, ok bool) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '=' && !quoted:
			return text[:i], text[i+1:], true
		}
	}
	return "", "", false
}

// showBound lists where an event goes, as far as the key may see that.
func (p *program) showBound(ctx context.Context, c *client.Client, receipt client.Receipt) {
	if receipt.Deliveries == 0 {
		p.note("No endpoint listens to it: 'bellhop events explain %s' says why.", receipt.ID)
		return
	}
	const most = 20
	shown := 0
	for d, err := range c.EventDeliveries(ctx, receipt.ID) {
		if err != nil || shown == most {
			break
		}
		shown++
		line := "  → " + d.Endpoint.String()
		if e, err := c.Endpoint(ctx, d.Endpoint); err == nil {
			line += "  " + clean(strings.TrimSpace(e.Name+"  "+e.URL))
		}
		p.print("%s", line)
	}
	if more := receipt.Deliveries - shown; shown > 0 && more > 0 {
		p.print("  and %d more", more)
	}
}

// oneApp is the app that is meant where none was named: the only one of these or, if
// there are none, of all.
func oneApp(ctx context.Context, c *client.Client, apps []string) (string, error) {
	if len(apps) == 0 {
		for a, err := range c.Apps(ctx) {
			if err != nil {
				return "", err
			}
			if apps = append(apps, a.ID); len(apps) > 10 {
				break
			}
		}
	}
	switch len(apps) {
	case 0:
		return "", fmt.Errorf("there is no app yet: 'bellhop apps create' makes one")
	case 1:
		return apps[0], nil
	}
	return "", usage("name the app with --app: there are %s", strings.Join(apps[:min(len(apps), 10)], ", "))
}

func (p *program) typeNames(ctx context.Context, c *client.Client) (names []string) {
	for t, err := range c.EventTypes(ctx) {
		if err != nil {
			break
		}
		names = append(names, t.Name)
	}
	return names
}

// completeTypes lets shells complete the name of an event type, by the server's
// catalogue.
func (p *program) completeTypes(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || p.settings.load(p.environ) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, err := p.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return p.typeNames(cmd.Context(), c), cobra.ShellCompDirectiveNoFileComp
}

// completeApps does so for an app.
func (p *program) completeApps(cmd *cobra.Command, _ []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	if p.settings.load(p.environ) == nil {
		if c, err := p.connect(); err == nil {
			for a, err := range c.Apps(cmd.Context()) {
				if err != nil {
					break
				}
				names = append(names, a.ID)
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
