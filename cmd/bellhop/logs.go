package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/id"
)

func (p *program) logsVerb() *cobra.Command {
	var pg page
	var filter client.AttemptFilter
	cmd := p.apiVerb("logs [ATTEMPT]", "List the attempts, newest first, or show one in full",
		"List the HTTP requests that were made, newest first; or show one attempt with its headers and\nthe response.",
		func(ctx context.Context, c *client.Client, args []string) error {
			if len(args) == 1 {
				return p.logOf(ctx, c, args[0], false)
			}
			filter.Limit = pg.size()
			return showList(p, c.Attempts(ctx, filter), pg, "No attempt.",
				[]string{"TIME", "", "ATTEMPT", "ANSWER", "TOOK", "TRY", "APP", "TYPE", "ENDPOINT", "NEXT"}, p.attemptRow)
		})
	f := cmd.Flags()
	attemptFlags(f, &filter)
	p.spanFlags(f, &filter.Since, &filter.Until)
	pg.flags(f)
	cmd.AddCommand(p.logsShow(), p.logsExport())
	return cmd
}

func (p *program) logsExport() *cobra.Command {
	var filter client.AttemptFilter
	flags := func(f *pflag.FlagSet) {
		attemptFlags(f, &filter)
		p.spanFlags(f, &filter.Since, &filter.Until)
	}
	return p.exportVerb("attempts", flags, func(ctx context.Context, c *client.Client, w io.Writer, format client.Format) error {
		return c.ExportAttempts(ctx, w, format, filter)
	})
}

// spanFlags are the range of time that lists are filtered by.
func (p *program) spanFlags(f *pflag.FlagSet, since, until *time.Time) {
	f.Var(p.moment(since), "since", "not before this `time`, or 2h for two hours ago")
	f.Var(p.moment(until), "until", "before this `time`")
}

func (p *program) logsShow() *cobra.Command {
	var asCurl bool
	cmd := p.apiVerb("show ATTEMPT", "Show an attempt in full, or the command that repeats it",
		"Show an attempt with the request as it was sent, headers and body, and the response; or, with\n--curl, a command that makes that very request again. Receivers that check the time refuse it\nonce the signature is too old, mostly after five minutes.",
		func(ctx context.Context, c *client.Client, args []string) error {
			return p.logOf(ctx, c, args[0], asCurl)
		})
	cmd.Flags().BoolVar(&asCurl, "curl", false, "print a curl command that makes the request again, byte for byte")
	return cmd
}

// logOf shows one attempt.
func (p *program) logOf(ctx context.Context, c *client.Client, arg string, curl bool) error {
	attempt, err := idArg[id.Attempt](arg)
	if err != nil {
		return err
	}
	a, err := c.Attempt(ctx, attempt)
	if err != nil {
		return err
	}
	if !curl {
		return p.showAttempt(a)
	}
	command, err := asCurl(a)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.out, command)
	return err
}

// attemptFlags are the filters of logs and tail.
func attemptFlags(f *pflag.FlagSet, filter *client.AttemptFilter) {
	f.StringVar(&filter.App, "app", "", "only this app's")
	f.TextVar(&filter.Endpoint, "endpoint", filter.Endpoint, "only at this `endpoint`")
	f.TextVar(&filter.Event, "event", filter.Event, "only of this `event`")
	f.TextVar(&filter.Delivery, "delivery", filter.Delivery, "only of this `delivery`")
	f.StringVar(&filter.Type, "type", "", "only of this event type; may end in *")
	f.StringVar((*string)(&filter.Status), "status", "", "only succeeded, failed or canceled ones")
	f.TextVar(&filter.Response, "response-status", filter.Response, "only those answered so: a `status` such as 503, a class such as 5xx, or none")
	f.StringVar(&filter.Reason, "reason", "", "only those with this `reason`, such as timeout")
	neverEmpty(f, "type")
	labelFlags(f, &filter.Channel, &filter.Tag)
}

// labelFlags are the labels of events that lists of what was made of them are filtered by.
func labelFlags(f *pflag.FlagSet, channel, tag *string) {
	f.StringVar(channel, "channel", "", "only of events in this `channel`")
	f.StringVar(tag, "tag", "", "only of events with this `tag`")
	neverEmpty(f, "channel", "tag")
}

func (p *program) attemptRow(a client.Attempt) []cell {
	next := text("")
	switch {
	case !a.NextAt.IsZero():
		next = p.when(a.NextAt)
	case a.Status == bellhop.AttemptFailed && !a.Final:
		next = text("held")
	case a.Trigger == bellhop.TriggerTest:
		next = text("a test")
	case a.Status == bellhop.AttemptFailed:
		next = cell{text: "given up", style: bad}
	}
	return []cell{
		p.when(a.StartedAt), mark(a.Status), text(a.ID.String()), answer(a), took(a.DurationMS), number(int64(a.Number)),
		text(a.App), text(a.Type), text(a.Endpoint.String()), next,
	}
}

func mark(s bellhop.AttemptStatus) cell {
	switch s {
	case bellhop.AttemptSucceeded:
		return cell{text: "✓", style: good}
	case bellhop.AttemptFailed:
		return cell{text: "✗", style: bad}
	}
	return cell{text: "–", style: faint}
}

// answer is the HTTP status or, where none came or none says enough, the reason.
func answer(a client.Attempt) cell {
	c := cell{style: mark(a.Status).style}
	switch {
	case a.ResponseStatus != 0 && (a.Reason == "" || a.Reason == "status"):
		c.text = fmt.Sprint(a.ResponseStatus)
	case a.ResponseStatus != 0:
		c.text = fmt.Sprintf("%d %s", a.ResponseStatus, a.Reason)
	default:
		c.text = a.Reason
	}
	return c
}

// showAttempt shows one attempt with everything that was captured.
func (p *program) showAttempt(a client.Attempt) error {
	return p.show(a, func() {
		var t table
		t.field("attempt", text(a.ID.String()))
		t.field("status", status(a.Status))
		t.field("reason", text(a.Reason))
		t.field("detail", text(a.Detail))
		t.field("started", p.when(a.StartedAt))
		t.field("took", cell{text: took(a.DurationMS).text})
		t.field("number", text(fmt.Sprintf("%d (%s)", a.Number, a.Trigger)))
		switch {
		case !a.NextAt.IsZero():
			t.field("next try", p.when(a.NextAt))
		case a.Final:
			t.field("next try", text("none: this attempt ended the delivery"))
		}
		t.field("event", text(a.Event.String()+" ("+a.Type+" in "+a.App+")"))
		t.field("endpoint", text(a.Endpoint.String()))
		t.field("delivery", text(a.Delivery.String()))
		p.table(&t)
		if a.URL != "" {
			p.print("\n%s", p.style.paint(strong, clean(cmp.Or(a.Method, http.MethodPost)+" "+a.URL)))
			p.showHeaders(a.RequestHeader)
			p.showBody(a.RequestBody, a.RequestBodyBase64, a.RequestTruncated)
			if say := bodyWords(a); say != "" {
				p.print("%s", p.style.paint(faint, "("+say+")"))
			}
		}
		if a.ResponseStatus != 0 {
			p.print("\n%s", p.style.paint(strong, strings.TrimSpace(fmt.Sprintf("%d %s", a.ResponseStatus, http.StatusText(a.ResponseStatus)))))
			p.showHeaders(a.ResponseHeader)
			p.showBody(a.ResponseBody, a.ResponseBodyBase64, a.ResponseTruncated)
		}
		if len(a.Captured) > 0 {
			p.print("\n%s", p.style.paint(strong, "captured"))
			for _, name := range sortedKeys(a.Captured) {
				p.print("%s %s", p.style.paint(faint, clean(name)+":"), clean(a.Captured[name]))
			}
		}
	})
}

// bodyWords says how the body of a request is known, where that is not plain.
func bodyWords(a client.Attempt) string {
	switch {
	case a.RequestBodyConcealed:
		return "the body is shown to those alone who may change the endpoint"
	case a.RequestBodyProof == "same":
		return "made again from the event; its SHA-256 is that of what was sent"
	case a.RequestBodyProof == "differs":
		return "this is NOT what was sent: the dialect or its options were changed since"
	case a.RequestBodyProof == "unknown" && a.RequestBody == "":
		return "what was sent is not known any more"
	case a.RequestBodyProof == "unknown":
		return "whether this was sent is not known: it is what the endpoint's present settings make"
	}
	return ""
}

func (p *program) showHeaders(h http.Header) {
	for _, name := range sortedKeys(h) {
		for _, value := range h[name] {
			p.print("%s %s", p.style.paint(faint, clean(name)+":"), clean(value))
		}
	}
}

func (p *program) showBody(body string, bytes []byte, truncated bool) {
	switch {
	case len(bytes) > 0:
		p.print("\n%s", p.style.paint(faint, fmt.Sprintf("(%d bytes that are not text; --json has them in base64)", len(bytes))))
	case body != "" && utf8.ValidString(body):
		p.print("\n%s", cleanText(body))
	}
	if truncated {
		p.print("%s", p.style.paint(faint, "(only the beginning of the body was kept)"))
	}
}
