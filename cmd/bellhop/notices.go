package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
)

func (p *program) noticesVerb() *cobra.Command {
	return group("notices", "Whom to tell of what is broken, by mail and in chats",
		`Whom to tell of what is broken: the people of an app or, without --app, the operators, who are
told of every app and of the installation. Mail needs the server's --smtp-url.`,
		p.noticesShow(), p.noticesSet(), p.noticesTest())
}

func (p *program) showNotices(n client.Notices) error {
	return p.show(n, func() {
		var t table
		t.field("emails", list(n.Emails, "nobody"))
		for _, c := range n.Chats {
			t.field("chat", text(fmt.Sprintf("%s %s (%s)", c.Kind, c.URL, c.ID)))
		}
		after := n.After.String()
		if n.Failures > 0 {
			after += fmt.Sprintf(", or %d failures in a row", n.Failures)
		}
		t.field("after", text(after))
		digest := "every " + n.Digest.String()
		if n.Digest == 0 {
			digest = "none"
		}
		t.field("digest", text(digest))
		t.field("backlog", text(bound(n.Backlog)))
		if n.MaxPending > 0 {
			t.field("max pending", text(bound(n.MaxPending)))
		}
		t.field("page", text(n.Page))
		if len(n.Unsubscribed) > 0 {
			t.field("unsubscribed", list(n.Unsubscribed, ""))
		}
		if len(n.OwnersUnsubscribed) > 0 {
			t.field("owners unsubscribed", list(n.OwnersUnsubscribed, ""))
		}
		switch s := n.Status; {
		case !n.MailOn:
			t.field("mail", text("no mail server is set (serve --smtp-url): nobody is told by mail"))
		case s != nil:
			t.field("mail", text(s.MailServer+", from "+s.MailFrom))
		}
		if s := n.Status; s != nil {
			if s.Waiting > 0 {
				t.field("waiting", text(fmt.Sprint(s.Waiting)))
			}
			if s.Failed != nil {
				t.field("last failure", text(s.Failed.Channel+": "+s.Failed.Detail))
			}
		}
		p.table(&t)
	})
}

func bound(n int64) string {
	if n == 0 {
		return "any number"
	}
	return fmt.Sprintf("more than %d waiting", n)
}

func (p *program) noticesShow() *cobra.Command {
	var app string
	cmd := p.apiVerb("show", "Show whom to tell", "", func(ctx context.Context, c *client.Client, _ []string) error {
		n, err := getNotices(ctx, c, app)
		if err != nil {
			return err
		}
		return p.showNotices(n)
	})
	cmd.Flags().StringVar(&app, "app", "", "the `app` whose people are told (default the operators)")
	return cmd
}

func getNotices(ctx context.Context, c *client.Client, app string) (client.Notices, error) {
	if app == "" {
		return c.Notices(ctx)
	}
	return c.AppNotices(ctx, app)
}

func (p *program) noticesSet() *cobra.Command {
	var app, after, digest, page string
	var emails, chats []string
	var failures int
	var backlog, maxPending int
	f := pflag.NewFlagSet("notices", pflag.ContinueOnError)
	cmd := p.apiVerb("set", "Change whom to tell, and when",
		`Change whom to tell, and when. What is not given stays as it is. --email and --chat replace the
lists; an empty value empties them.

  bellhop notices set --app acme --email ann@example.com --email ben@example.com
  bellhop notices set --chat slack=@webhook-url.txt --digest 12h`,
		func(ctx context.Context, c *client.Client, _ []string) error {
			if !anyGiven(f) {
				return usage("say what to change: --email, --chat, --after, --failures, --digest, --backlog, --max-pending, or --page of an app")
			}
			n, err := getNotices(ctx, c, app)
			if err != nil {
				return err
			}
			in := client.AppNoticesPut{
				Emails: n.Emails, After: &n.After, Failures: n.Failures, Digest: &n.Digest, Backlog: new(int(n.Backlog)), Page: n.Page,
			}
			most := new(int(n.MaxPending))
			for _, x := range n.Chats {
				in.Chats = append(in.Chats, wire.ChatInput{ID: x.ID})
			}
			given := f.Changed
			if given("email") {
				in.Emails = without(emails, "")
			}
			if given("chat") {
				if in.Chats, err = chatInputs(without(chats, "")); err != nil {
					return err
				}
			}
			for name, to := range map[string]*bellhop.Duration{"after": in.After, "digest": in.Digest} {
				if !given(name) {
					continue
				}
				if *to, err = bellhop.ParseDuration(f.Lookup(name).Value.String()); err != nil {
					return usage("--%s: %w", name, err)
				}
			}
			if given("failures") {
				in.Failures = failures
			}
			if given("backlog") {
				in.Backlog = &backlog
			}
			if given("max-pending") {
				most = &maxPending
			}
			if given("page") {
				in.Page = page
			}
			switch {
			case app != "" && given("max-pending"):
				return usage("--max-pending: is for the operators: leave --app out")
			case app == "" && given("page"):
				return usage("--page: is for the people of an app: name it with --app")
			case app != "":
				n, err = c.PutAppNotices(ctx, app, in)
			default:
				n, err = c.PutNotices(ctx, client.NoticesPut{
					Emails: in.Emails, Chats: in.Chats, After: in.After, Failures: in.Failures, Digest: in.Digest, Backlog: in.Backlog, MaxPending: most,
				})
			}
			if err != nil {
				return err
			}
			return p.showNotices(n)
		})
	cmd.Flags().StringVar(&app, "app", "", "the `app` whose people are told (default the operators)")
	f.StringSliceVar(&emails, "email", nil, "`address` to tell by mail; may be repeated")
	f.StringArrayVar(&chats, "chat", nil, "incoming webhook to tell, as `KIND=URL` or KIND=@FILE, where KIND is slack or teams; may be repeated")
	f.StringVar(&after, "after", "", "how long an endpoint must have failed, such as 5m")
	f.IntVar(&failures, "failures", 0, "how many attempts in a row must have failed, if that comes first; 0 for any number")
	f.StringVar(&digest, "digest", "", "how often to tell again what is still broken, such as 1d; 0s for never")
	f.IntVar(&backlog, "backlog", 0, "how many deliveries may wait at an endpoint that works; 0 for any number")
	f.IntVar(&maxPending, "max-pending", 0, "how many deliveries may wait in all (operators only); 0 for any number")
	f.StringVar(&page, "page", "", "`URL` that the button of a message leads to, with {endpoint} for the endpoint's id (apps only)")
	cmd.Flags().AddFlagSet(f)
	return cmd
}

// chatInputs reads chats, whose URLs are secrets: rather from a file than for all to see.
func chatInputs(texts []string) (list []wire.ChatInput, err error) {
	for _, t := range texts {
		kind, target, ok := strings.Cut(t, "=")
		if !ok || kind != string(bellhop.ChatSlack) && kind != string(bellhop.ChatTeams) {
			return nil, usage("--chat: %q is not KIND=URL, where KIND is slack or teams", bellhop.Clip(t))
		}
		if file, ok := strings.CutPrefix(target, "@"); ok {
			b, err := os.ReadFile(file)
			if err != nil {
				return nil, usage("--chat: %w", err)
			}
			target = strings.TrimSpace(string(b))
		}
		list = append(list, wire.ChatInput{Kind: bellhop.ChatKind(kind), URL: target})
	}
	return list, nil
}

func (p *program) noticesTest() *cobra.Command {
	var app, email string
	cmd := p.apiVerb("test", "Send a test to all who are told", "", func(ctx context.Context, c *client.Client, _ []string) error {
		var tested []client.NoticeTested
		var err error
		switch {
		case app == "":
			tested, err = c.TestNotices(ctx, email)
		case email != "":
			return usage("--email: is for the test of the operators' mail: leave --app out")
		default:
			tested, err = c.TestAppNotices(ctx, app)
		}
		if err != nil {
			return err
		}
		failed := 0
		for _, t := range tested {
			if !t.OK {
				failed++
			}
		}
		err = p.show(wire.List[client.NoticeTested]{Data: tested}, func() {
			for _, t := range tested {
				if t.OK {
					p.print("%s %s %s", p.mark(true), t.Channel, clean(t.To))
				} else {
					p.print("%s %s %s: %s", p.mark(false), t.Channel, clean(t.To), clean(t.Detail))
				}
			}
		})
		if err == nil && failed > 0 {
			err = fmt.Errorf("%d of %s could not be sent", failed, count(len(tested), "test"))
		}
		return err
	})
	cmd.Flags().StringVar(&app, "app", "", "the `app` whose people are told (default the operators)")
	cmd.Flags().StringVar(&email, "email", "", "send to this `address` alone, to try the mail server")
	return cmd
}
