package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/strictjson"
)

// apiVerb is a verb that calls a running server.
func (p *program) apiVerb(use, short, long string, run func(ctx context.Context, c *client.Client, args []string) error) *cobra.Command {
	cmd := p.verb(use, short, long, func(cmd *cobra.Command, args []string) error {
		if err := notEmpty(cmd.Flags()); err != nil {
			return err
		}
		c, err := p.connect()
		if err != nil {
			return err
		}
		return p.explainFailure(run(cmd.Context(), c, args))
	})
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	p.settings.add(cmd.Flags(), "server", "key", "key-file")
	p.jsonFlag(cmd)
	return cmd
}

// clearing are the flags that an empty value clears.
var clearing = []string{"body", "name", "description", "filter", "events", "subjects", "header", "metadata"}

// notEmpty refuses flags that were given an empty value, mostly by a variable that is
// not set: without the flag, a command does something else. A key for no app would
// be one for all.
func notEmpty(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		text := f.Value.String()
		if _, list := f.Value.(pflag.SliceValue); list && text == "[]" {
			text = ""
		}
		if err == nil && text == "" && !slices.Contains(clearing, f.Name) {
			err = usage("--%s is empty: give it a value, or leave it out", f.Name)
		}
	})
	return err
}

func (p *program) jsonFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.json, "json", false, "print JSON, for programs; lists are one object a line")
}

func (p *program) connect() (*client.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	// A test of an endpoint takes as long as the endpoint may, two minutes.
	transport.ResponseHeaderTimeout = 3 * time.Minute
	return p.connectWith(&http.Client{Transport: transport})
}

func (p *program) connectWith(h *http.Client) (*client.Client, error) {
	key, err := p.settings.apiKey()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(p.settings.server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, usage("server: %q is not a URL such as http://127.0.0.1:8420", p.settings.server)
	}
	return client.New(p.settings.server, key, h), nil
}

// unreachableError: nobody answered.
type unreachableError struct{ error }

// explainFailure says what to do about the failures that everybody meets once.
func (p *program) explainFailure(err error) error {
	if problem, ok := errors.AsType[*client.Problem](err); ok {
		return instead(err, problem.Error(), p.explainProblem(problem))
	}
	if failed, ok := errors.AsType[*url.Error](err); ok && !errors.Is(err, context.Canceled) {
		explained := fmt.Errorf("no server could be reached at %s (%w). Is 'bellhop serve' running there? --server or BELLHOP_SERVER names another address", p.settings.server, failed.Err)
		return unreachableError{instead(err, "call Bellhop: "+failed.Error(), explained)}
	}
	return err
}

// instead is an error with a part of its text explained: what else it says, such as how much
// was done before, stays.
func instead(err error, part string, explained error) error {
	before, after, found := strings.Cut(err.Error(), part)
	if !found || part == "" || before == "" && after == "" {
		return explained
	}
	return fmt.Errorf("%s%w%s", before, explained, after)
}

func (p *program) explainProblem(problem *client.Problem) error {
	switch {
	case problem.Status == http.StatusUnauthorized && p.settings.key == "" && p.settings.keyFile == "":
		return errors.New("the server wants a key: set BELLHOP_KEY (or --key-file). The first start of 'bellhop serve' printed one, and 'bellhop keys create' makes more; if all are lost, stop the server and run 'bellhop keys recover'")
	case problem.Status == http.StatusUnauthorized:
		return fmt.Errorf("the server at %s does not know this key: it was deleted, has expired, belongs to another server, or was copied incompletely. If none works, stop the server and run 'bellhop keys recover'", p.settings.server)
	case len(problem.Errors) > 1:
		lines := []string{strings.TrimSuffix(problem.Detail, ".") + ":"}
		for _, f := range problem.Errors {
			lines = append(lines, "  "+f.Field+": "+f.Detail)
		}
		return linesError(lines)
	}
	return problem
}

// linesError is an error that takes several lines.
type linesError []string

func (e linesError) Error() string { return strings.Join(e, "\n") }

// page bounds how much of a list is shown.
type page struct {
	limit int
	all   bool
}

func (pg *page) flags(f *pflag.FlagSet) {
	f.IntVarP(&pg.limit, "limit", "n", 50, "show at most so many")
	f.BoolVar(&pg.all, "all", false, "show everything there is")
}

// size is what to ask for at once.
func (pg *page) size() int {
	const most = 250
	if pg.all {
		return most
	}
	return max(min(pg.limit, most), 1)
}

// showList writes a list: a table, or JSON lines.
func showList[T any](p *program, items iter.Seq2[T, error], pg page, empty string, header []string, row func(T) []cell) error {
	if pg.limit < 1 && !pg.all {
		return usage("--limit: %d is less than 1", pg.limit)
	}
	t := table{header: header}
	shown, more := 0, false
	for item, err := range items {
		if err != nil {
			return err
		}
		if shown == pg.limit && !pg.all {
			more = true
			break
		}
		shown++
		if p.json {
			if err := p.printJSON(item); err != nil {
				return err
			}
		} else {
			t.add(row(item)...)
		}
	}
	switch {
	case p.json:
	case shown == 0:
		p.note("%s", empty)
	default:
		p.list(&t)
		if more {
			p.note("There are more: --limit shows more of them, --all everything.")
		}
	}
	return nil
}

// whole makes a list that came whole look like one that comes in pages.
func whole[T any](items []T, err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// idArg reads an id from the command line.
func idArg[K id.Kind](text string) (id.ID[K], error) {
	v, err := id.Parse[K](text)
	if err != nil {
		return 0, usageError{err}
	}
	return v, nil
}

// confirm asks before something that cannot be undone, or is large.
func (p *program) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if !p.inTerminal || !p.errTerminal {
		return usage("%s Add --yes to do it without being asked", question)
	}
	_, _ = fmt.Fprintf(p.err, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(p.in).ReadString('\n')
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errors.New("nothing was done")
	}
	return nil
}

// textOrFile reads a value that may be given as a file: @FILE, or @- for standard input.
func (p *program) textOrFile(value string) ([]byte, error) {
	if path, ok := strings.CutPrefix(value, "@"); ok {
		b, err := p.readInput(path)
		if err != nil {
			return nil, err
		}
		return b, unmarked(path, b)
	}
	return []byte(value), nil
}

// jsonOrFile is textOrFile for JSON, which a file may end with a line break.
func (p *program) jsonOrFile(flag, value string) (bellhop.JSON, error) {
	b, err := p.textOrFile(value)
	if err != nil || value == "" {
		return nil, err
	}
	b = trimJSON(b)
	if err := strictjson.Valid(b); err != nil {
		if _, statErr := os.Stat(value); statErr == nil {
			return nil, usage("--%s: %q is not JSON; to read the file of that name, write @%s", flag, value, value)
		}
		return nil, usage("--%s is not valid JSON: %w", flag, err)
	}
	return b, nil
}

// notes reads repeated NAME=VALUE flags.
func notes(flag string, pairs []string) (map[string]string, error) {
	m := map[string]string{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usage("--%s: %q is not NAME=VALUE", flag, pair)
		}
		m[name] = value
	}
	return m, nil
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
