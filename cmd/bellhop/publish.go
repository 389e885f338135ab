package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/native"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/strictjson"
)

func (p *program) publishVerb() *cobra.Command {
	var data, subject, externalID, batch, stream string
	var channels, tags []string
	var deliverAt time.Time
	var retain bellhop.Duration
	cmd := p.apiVerb("publish [APP] [TYPE]", "Publish an event, or many",
		`Publish an event of an app. Its data is any JSON, from --data or standard input, and is
kept and sent byte for byte. When this returns, the event is durable.

With --batch, every line of a file is an event {"app", "type", "data", "id"?, "subject"?,
"channels"?, "tags"?, "deliver_at"?, "retain"?}. Up to 1000 lines are published at once, all or nothing; give each an id, and
after an interruption the file can be published again without doubling anything.

With --stream, every line is published by itself, and acknowledged once it is durable: one
that is refused is told of, and the others are published. What is refused for what passes,
such as a backlog that is full, waits and is sent again, before anything new. Where the connection breaks it is
made anew, and what was not acknowledged is sent again without doubling anything. This is
the fastest way for many events, and lines may come at any time.`,
		func(ctx context.Context, c *client.Client, args []string) error {
			ofOne := func() bool {
				return data != "" || subject != "" || externalID != "" || len(channels)+len(tags) > 0 || !deliverAt.IsZero() || retain != 0
			}
			if batch != "" && stream != "" {
				return usage("--batch and --stream are two ways to publish the same: give one")
			}
			if stream != "" {
				if len(args) > 0 || ofOne() {
					return usage("with --stream everything is in the file: leave out APP, TYPE and the other flags")
				}
				return p.publishStream(ctx, c, stream)
			}
			if batch != "" {
				if len(args) > 0 || ofOne() {
					return usage("with --batch everything is in the file: leave out APP, TYPE and the other flags")
				}
				return p.publishBatch(ctx, c, batch)
			}
			if len(args) != 2 {
				return usage("publish needs APP and TYPE, such as: bellhop publish acme invoice.purchase --data @sale.json")
			}
			body, err := p.publishData(data)
			if err != nil {
				return err
			}
			publication := client.Publication{App: args[0], Type: args[1], Subject: subject, ID: externalID, Channels: channels, Tags: tags, Retain: retain, Data: body}
			if !deliverAt.IsZero() {
				publication.DeliverAt = &deliverAt
			}
			receipt, err := c.Publish(ctx, publication)
			if err != nil {
				return err
			}
			return p.show(receipt, func() {
				p.print("%s %s, bound for %s%s", p.mark(true), receipt.ID, count(receipt.Deliveries, "endpoint"), again(receipt.Duplicate))
			})
		})
	cmd.Example = `  bellhop publish acme invoice.purchase --data '{"total":"123.90"}'
  bellhop publish acme invoice.purchase --data @sale.json --id order-118 --subject invoice:118
  produce | bellhop publish --batch -
  tail -f events.jsonl | bellhop publish --stream -`
	f := cmd.Flags()
	f.StringVar(&data, "data", "", "the payload: `JSON`, or @FILE (default: standard input)")
	f.StringVar(&subject, "subject", "", "what in the app it happened to, such as invoice:118")
	f.StringVar(&externalID, "id", "", "your own `id` of the event; publishing it again makes no second event")
	f.StringSliceVar(&channels, "channel", nil, "`channel` that it is in: endpoints that name channels get only what is in one of them; may be repeated")
	f.StringSliceVar(&tags, "tag", nil, "`tag` to find it by; may be repeated")
	f.TextVar(&retain, "retain", retain, "for how `long` its data is kept, such as 72h, if that is less than history is")
	f.Var(&momentValue{at: &deliverAt, now: p.now, ahead: true}, "deliver-at", "`time` at which deliveries begin, or 2h for in two hours")
	f.StringVar(&batch, "batch", "", "`file` with one event a line; - is standard input")
	f.StringVar(&stream, "stream", "", "`file` with one event a line, each published by itself; - is standard input")
	return cmd
}

func again(duplicate bool) string {
	if duplicate {
		return " (published before: this is the answer of that first time)"
	}
	return ""
}

// publishData reads the payload and leaves its bytes alone, but for white space
// around it, which is not part of a JSON value.
func (p *program) publishData(flag string) (bellhop.JSON, error) {
	if flag != "" {
		return p.jsonOrFile("data", flag)
	}
	if p.inTerminal {
		return nil, usage("give the payload with --data, or pipe it in")
	}
	b, err := p.textOrFile("@-")
	if err != nil {
		return nil, err
	}
	b = trimJSON(b)
	if err := strictjson.Valid(b); err != nil {
		return nil, usage("standard input is not one JSON value: %w", err)
	}
	return b, nil
}

func trimJSON(b []byte) []byte { return bytes.Trim(b, " \t\r\n") }

// What one request of a batch carries at most; the server takes 16 MiB.
const (
	batchEvents = 1000
	batchBytes  = 8 << 20
)

// publishBatch publishes the lines of a file, chunk by chunk.
func (p *program) publishBatch(ctx context.Context, c *client.Client, path string) error {
	in, end, err := p.linesOf(path)
	if err != nil {
		return err
	}
	defer end()
	var chunk []client.Publication
	var size, line, first, published, duplicates int
	flush := func() error {
		if len(chunk) == 0 {
			return nil
		}
		receipts, err := c.PublishBatch(ctx, chunk)
		if err != nil {
			return fmt.Errorf("lines %d to %d of %s were not published (the %d events before them were): %w", first, line, path, published, err)
		}
		published += len(receipts)
		for _, r := range receipts {
			if r.Duplicate {
				duplicates++
			}
			if p.json {
				if err := p.printJSON(r); err != nil {
					return err
				}
			}
		}
		p.progress("%d events published", published)
		chunk, size = nil, 0
		return nil
	}
	defer p.progressEnd()
	wrong := func(line int, why error) error {
		return usage("line %d of %s: %w (the %d events before it were published)", line, path, why, published)
	}
	lines := newLineReader(in)
	for text, err := range lines.all() {
		text = bytes.TrimSpace(text)
		if len(text) > 0 && (len(chunk) == batchEvents || size+len(text) > batchBytes) {
			if err := flush(); err != nil {
				return err
			}
		}
		switch line = lines.number; {
		case bellhop.CodeOf(err) != "":
			return wrong(line, err)
		case err != nil:
			return fmt.Errorf("read %s after line %d: %w", path, line, err)
		}
		if line == 1 {
			if err := unmarked(path, text); err != nil {
				return err
			}
		}
		if len(text) == 0 {
			continue
		}
		publication, err := readPublication(text)
		if err != nil {
			return wrong(line, err)
		}
		if len(chunk) == 0 {
			first = line
		}
		chunk, size = append(chunk, publication), size+len(text)
	}
	if err := flush(); err != nil {
		return err
	}
	p.progressEnd()
	if !p.json {
		repeated := ""
		if duplicates > 0 {
			repeated = fmt.Sprintf(", %d of them published before", duplicates)
		}
		p.print("%s %s published%s", p.mark(true), count(published, "event"), repeated)
	}
	return nil
}

// linesOf opens a file that has one event a line.
func (p *program) linesOf(path string) (in io.Reader, end func(), err error) {
	if path == "-" {
		return p.in, func() {}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, usageError{err}
	}
	return f, func() { _ = f.Close() }, nil
}

// readPublication reads a line as strictly as the server does: what is lost here, such
// as the first of two ids, the server never sees.
func readPublication(line []byte) (client.Publication, error) {
	p, wrong, err := native.ReadPublication(line)
	if e, ok := errors.AsType[*strictjson.Error](err); ok {
		code := bellhop.Code(e.Code)
		if e.Code == strictjson.CodeWrongType {
			code = bellhop.CodeInvalid
		}
		return client.Publication{}, &bellhop.Error{Code: code, Detail: fmt.Sprintf("not an event: column %d: %s", e.Column, e.Detail)}
	}
	if len(wrong) > 0 {
		return client.Publication{}, &bellhop.Error{Code: bellhop.CodeInvalid, Detail: fmt.Sprintf("%q: %s", wrong[0].Field, wrong[0].Detail)}
	}
	publication := client.Publication{App: p.App, Type: p.Type, Subject: p.Subject, ID: p.ExternalID, Channels: p.Channels, Tags: p.Tags, Retain: bellhop.Duration(p.Retain), Data: bytes.Clone(p.Data)}
	if !p.DeliverAt.IsZero() {
		publication.DeliverAt = &p.DeliverAt
	}
	return publication, nil
}

// count puts a number and its noun together.
func count[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if noun == "delivery" {
		noun = "deliverie"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
