package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

func (p *program) inboxesVerb() *cobra.Command {
	return group("inboxes", "Temporary receivers inside Bellhop, with programmable answers",
		`An inbox is a receiver inside Bellhop: give an endpoint its URL, and see what arrives and whether
its signature verifies. It answers as you say: a status, a text, after a while, or failing at
first, to see what retries and circuits do. Every node has them, until they expire. The server
must offer them (--inbox, or --dev).`,
		p.inboxesList(), p.inboxesCreate(), p.inboxesShow(), p.inboxesWatch(), p.inboxesAnswer(), p.inboxesDelete())
}

func (p *program) inboxesList() *cobra.Command {
	var app string
	cmd := p.apiVerb("list", "List the inboxes, newest first", "", func(ctx context.Context, c *client.Client, _ []string) error {
		inboxes, err := c.Inboxes(ctx, app)
		return showList(p, whole(inboxes, err), page{all: true}, "No inbox. 'bellhop inboxes create APP' makes one.",
			[]string{"INBOX", "APP", "RECEIVED", "ANSWERS", "EXPIRES", "URL"},
			func(in client.Inbox) []cell {
				return []cell{text(in.Token), text(in.App), number(in.Received), text(inboxAnswer(in)), p.when(in.ExpiresAt), text(in.URL)}
			})
	})
	cmd.Flags().StringVar(&app, "app", "", "only this app's")
	return cmd
}

// inboxAnswer says shortly how an inbox answers.
func inboxAnswer(in client.Inbox) string {
	words := []string{fmt.Sprint(in.AnswerStatus)}
	if in.AnswerDelay > 0 {
		words = append(words, "after "+in.AnswerDelay.String())
	}
	if in.FailLeft > 0 {
		words = append(words, fmt.Sprintf("(%d, the next %d times)", in.FailStatus, in.FailLeft))
	}
	return strings.Join(words, " ")
}

func (p *program) inboxesCreate() *cobra.Command {
	var in client.InboxInput
	var life time.Duration
	var answer answerFlags
	cmd := p.apiVerb("create APP", "Make an inbox, and print its URL", "", func(ctx context.Context, c *client.Client, args []string) error {
		change, given, err := answer.change(p)
		if err != nil {
			return err
		}
		in.App, in.ExpiresIn = args[0], bellhop.Duration(life)
		made, err := c.CreateInbox(ctx, in)
		if err != nil {
			return err
		}
		if given {
			token := made.Token
			if made, err = c.AnswerInbox(ctx, token, change); err != nil {
				_ = c.DeleteInbox(ctx, token) // it expires by itself, too
				return err
			}
		}
		return p.show(made, func() { p.print("%s", made.URL) })
	})
	cmd.Example = `  bellhop inboxes create acme
  bellhop inboxes create acme --fail-first 3 --status 202`
	cmd.Flags().Var(durationOf(&life, time.Hour), "expires-in", "how long it lives, at most 24h")
	answer.add(cmd)
	return cmd
}

func (p *program) inboxesShow() *cobra.Command {
	return p.apiVerb("show INBOX", "Show an inbox and what it received", "INBOX is its token or its URL.",
		func(ctx context.Context, c *client.Client, args []string) error {
			content, err := c.Inbox(ctx, inboxToken(args[0]), 0)
			if err != nil {
				return err
			}
			return p.show(content, func() {
				p.showInbox(content.Inbox)
				for _, r := range slices.Backward(content.Requests) {
					p.print("")
					p.showInboxRequest(r)
				}
			})
		})
}

func (p *program) inboxesWatch() *cobra.Command {
	return p.apiVerb("watch INBOX", "Show what arrives at an inbox, as it arrives",
		"Show the requests that an inbox has, and then each new one, until interrupted or the inbox ends.",
		func(ctx context.Context, c *client.Client, args []string) error {
			token := inboxToken(args[0])
			last, first := int64(0), true
			for {
				content, err := c.Inbox(ctx, token, last)
				switch {
				case ctx.Err() != nil:
					return nil // interrupted: that is how this ends
				case client.CodeOf(err) == bellhop.CodeNotFound && !first:
					p.note("The inbox has ended.")
					return nil
				case err != nil:
					return err
				}
				if first && !p.json {
					p.note("%s", p.style.paint(faint, "Waiting for requests to "+content.URL+" (ends with Ctrl-C)"))
				}
				first = false
				for _, r := range slices.Backward(content.Requests) {
					last = max(last, r.ID)
					if p.json {
						if err := p.printJSON(r); err != nil {
							return err
						}
						continue
					}
					p.showInboxRequest(r)
					p.print("")
				}
				if !pause(ctx, time.Second) {
					return nil
				}
			}
		})
}

// pause waits, and answers false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *program) inboxesAnswer() *cobra.Command {
	var answer answerFlags
	cmd := p.apiVerb("answer INBOX", "Say how an inbox answers",
		`Change how an inbox answers from now on; what no flag names stays. The answer ends with the inbox.

--delay is bounded by 30s, and for a delivery by its endpoint's timeout: an answer that takes longer
is one that never came. At most 32 requests wait at the inboxes of an app at once, and 256 in all;
further ones are answered 503 at once, but that one of each app may wait in any case.`,
		func(ctx context.Context, c *client.Client, args []string) error {
			change, given, err := answer.change(p)
			switch {
			case err != nil:
				return err
			case !given:
				return usage("say what to change: --status, --body, --header, --delay, --fail-first, --fail-status or --reset")
			}
			in, err := c.AnswerInbox(ctx, inboxToken(args[0]), change)
			if err != nil {
				return err
			}
			return p.show(in, func() { p.showInbox(in) })
		})
	cmd.Example = `  bellhop inboxes answer TOKEN --status 503 --header "Retry-After: 30"
  bellhop inboxes answer TOKEN --fail-first 3
  bellhop inboxes answer TOKEN --delay 20s --body @answer.json --header "Content-Type: application/json"`
	answer.add(cmd)
	cmd.Flags().BoolVar(&answer.reset, "reset", false, "answer 200 at once again")
	return cmd
}

func (p *program) inboxesDelete() *cobra.Command {
	return p.apiVerb("delete INBOX", "End an inbox; endpoints with its URL will be answered 410 and be disabled", "",
		func(ctx context.Context, c *client.Client, args []string) error {
			if err := c.DeleteInbox(ctx, inboxToken(args[0])); err != nil {
				return err
			}
			return p.done("inbox deleted")
		})
}

// inboxToken takes a token, or the URL that ends in it.
func inboxToken(arg string) string {
	if _, after, ok := strings.Cut(arg, "/in/"); ok {
		arg, _, _ = strings.Cut(after, "/")
	}
	return arg
}

// answerFlags say how an inbox answers.
type answerFlags struct {
	cmd                           *cobra.Command
	status, failFirst, failStatus int
	body                          string
	headers                       []string
	delay                         string
	reset                         bool
}

func (a *answerFlags) add(cmd *cobra.Command) {
	a.cmd = cmd
	f := cmd.Flags()
	f.IntVar(&a.status, "status", 200, "the HTTP status that it answers with")
	f.StringVar(&a.body, "body", "", "the text of its answer, or @FILE; at most 16 KiB")
	f.StringArrayVar(&a.headers, "header", nil, "`header` of its answer, as \"Name: value\": Content-Type, Retry-After or X-…; may be repeated")
	f.StringVar(&a.delay, "delay", "", "how long its answer takes, at most 30s")
	f.IntVar(&a.failFirst, "fail-first", 0, "how many requests fail from now on, before the others")
	f.IntVar(&a.failStatus, "fail-status", 500, "the HTTP status that those are answered with")
}

// change is what the flags that were given ask for.
func (a *answerFlags) change(p *program) (c client.InboxPatch, given bool, err error) {
	if a.reset {
		c = client.InboxPatch{
			Status: bellhop.Of(200), Body: bellhop.Of(""), Headers: bellhop.Of(map[string]string{}),
			Delay: bellhop.Of(bellhop.Duration(0)), FailFirst: bellhop.Of(0), FailStatus: bellhop.Of(500),
		}
		given = true
	}
	is := func(flag string) bool {
		changed := a.cmd.Flags().Changed(flag)
		given = given || changed
		return changed
	}
	if is("status") {
		c.Status = bellhop.Of(a.status)
	}
	if is("fail-first") {
		c.FailFirst = bellhop.Of(a.failFirst)
	}
	if is("fail-status") {
		c.FailStatus = bellhop.Of(a.failStatus)
	}
	if is("body") {
		b, err := p.textOrFile(a.body)
		if err != nil {
			return c, false, err
		}
		c.Body = bellhop.Of(string(b))
	}
	if is("header") {
		headers, err := headerFlags(a.headers)
		if err != nil {
			return c, false, err
		}
		c.Headers = bellhop.Of(headers)
	}
	if is("delay") {
		d, err := bellhop.ParseDuration(a.delay)
		if err != nil {
			return c, false, usage("--delay: %w", err)
		}
		c.Delay = bellhop.Of(d)
	}
	return c, given, nil
}

func (p *program) showInbox(in client.Inbox) {
	var t table
	t.field("inbox", text(in.Token))
	t.field("url", text(in.URL))
	t.field("app", text(in.App))
	t.field("answers", text(inboxAnswer(in)))
	t.notes("header", in.AnswerHeaders)
	t.field("body", text(in.AnswerBody))
	t.field("received", text(fmt.Sprint(in.Received)))
	t.field("expires", p.when(in.ExpiresAt))
	p.table(&t)
}

func (p *program) showInboxRequest(r client.InboxRequest) {
	p.print("%s  %s  answered %d", p.style.paint(strong, clean(fmt.Sprintf("#%d %s %s", r.ID, r.Method, r.Path))), p.when(r.At).text, r.Answered)
	if s := r.Signature; s != nil {
		p.print("%s %s", p.mark(s.Verified), clean(s.Detail))
	}
	p.showHeaders(r.Headers)
	switch {
	case len(r.BodyBase64) > 0:
		p.print("\n%s", p.style.paint(faint, fmt.Sprintf("(%d bytes that are not text; --json has them in base64)", len(r.BodyBase64))))
	case r.Body != "":
		p.print("\n%s", cleanText(r.Body))
	}
	if r.Truncated {
		p.print("%s", p.style.paint(faint, "(only the beginning of the body was kept)"))
	}
}
