package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/foreign"
	"github.com/bellhop/bellhop/manifest"
)

const manifestLong = `A document has lists of apps, event_types, endpoints and keys, in YAML or JSON, with the
fields that the API gives them. Apps are found again by their id, event types by their name,
endpoints by their id, former_id or uid, and keys by the hash of their token.`

// exportDocVerb writes what an installation has as a document.
func (p *program) exportDocVerb() *cobra.Command {
	var to string
	var options manifest.ExportOptions
	cmd := p.apiVerb("export", "Write the configuration as a document: apps, event types, endpoints",
		"Write apps, event types and endpoints as a document that 'bellhop import' and 'bellhop apply'\n"+
			"read, here or at another server. What happened, events and logs, is not part of it: see\n"+
			"'bellhop backup' and 'bellhop migrate'.\n\n"+manifestLong,
		func(ctx context.Context, c *client.Client, _ []string) error {
			d, notes, err := manifest.Export(ctx, c, options)
			if err != nil {
				return err
			}
			for _, note := range notes {
				p.note("%s", cleanText(note))
			}
			if to == "" {
				content, err := d.YAML()
				if p.json {
					content, err = d.JSON()
				}
				if err == nil {
					_, err = p.out.Write(content)
				}
				return err
			}
			if err := d.Write(to); err != nil {
				return err
			}
			p.note("%s %d event types, %d apps and %d endpoints written to %s", p.mark(true),
				len(d.Objects[manifest.EventTypes]), len(d.Objects[manifest.Apps]), len(d.Objects[manifest.Endpoints]), to)
			return nil
		})
	f := cmd.Flags()
	f.StringVarP(&to, "output", "o", "", "write to this `file` (JSON if its name ends in .json), or to this folder, if it is one or ends in a slash; not to standard output")
	f.BoolVar(&options.Secrets, "secrets", false, "write the signing secrets of endpoints, too, and the values of headers, which may be passwords")
	f.BoolVar(&options.Keys, "keys", false, "write the API's keys, too, as hashes of their tokens")
	return cmd
}

// applied are the flags of verbs that make a server what a document says.
type applied struct {
	manifest.PlanOptions
	planOnly, yes bool
	// exitCode says by the exit code whether there is a difference.
	exitCode bool
	// odd are rows of another product that are not taken over as they are.
	odd []foreign.Odd
}

// tally counts what became of steps.
type tally struct{ done, refused, without int }

func (t *tally) add(s *manifest.Step, err error) {
	t.done++
	if err != nil {
		t.refused++
	} else if len(s.Without) > 0 {
		t.without++
	}
}

// shortfall is the error of a run that did not do all; nil if it did.
func (a *applied) shortfall(t tally, steps int) error {
	without, out := t.without, 0
	for _, o := range a.odd {
		if o.Field == "" {
			out++
		} else {
			without += 1 + o.More
		}
	}
	end := "correct what they say, and run it again"
	if a.planOnly {
		end = "correct what they say. Nothing was changed"
	}
	var parts []string
	switch {
	case t.refused > 0 && a.planOnly:
		parts = append(parts, fmt.Sprintf("%d of %d steps would be refused", t.refused, steps))
	case t.refused > 0:
		parts = append(parts, fmt.Sprintf("%d of %d steps were refused", t.refused, steps))
	}
	if out > 0 {
		parts = append(parts, fmt.Sprintf("%d rows are left out", out))
	}
	if without > 0 {
		parts = append(parts, fmt.Sprintf("%d parts of objects are left out", without))
	}
	if len(parts) == 0 {
		return nil
	}
	return fmt.Errorf("%s; %s", strings.Join(parts, ", "), end)
}

func (a *applied) credentialsFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.Credentials, "credentials", false, "set passwords and tokens also where the endpoint has some: they cannot be compared")
}

// followFlags are those of imports that are run again.
func (a *applied) followFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.Overwrite, "overwrite", false, "make what did not change there what it is there, too, if it was changed here; a pause stays")
	cmd.Flags().BoolVar(&a.DisableDeleted, "disable-deleted", false, "disable endpoints that were taken over earlier and are gone there since")
}

// importVerb reads a document, or another product's database.
func (p *program) importVerb() *cobra.Command {
	var a applied
	cmd := p.apiVerb("import [FILE]", "Take over a document, or what Svix or Convoy has",
		"Take over what a document, or a folder of them, says: what is missing is created, what differs\n"+
			"is changed, and nothing is deleted. It may be run again, and then changes only what has\n"+
			"changed. 'bellhop apply' deletes as well.\n\n"+manifestLong,
		func(ctx context.Context, c *client.Client, args []string) error {
			if len(args) == 0 {
				return usage("import needs a FILE, or one of the verbs svix and convoy")
			}
			d, err := manifest.Read(args[0])
			if err != nil {
				return usageError{err}
			}
			return p.makeSo(ctx, c, d, a)
		})
	cmd.ValidArgsFunction = nil // files
	cmd.Flags().BoolVar(&a.planOnly, "dry-run", false, "say what would be done, and do nothing")
	a.credentialsFlag(cmd)
	cmd.AddCommand(p.importSvixVerb(), p.importConvoyVerb())
	return cmd
}

// applyVerb makes a server what a document says.
func (p *program) applyVerb() *cobra.Command {
	var a applied
	var from string
	cmd := p.apiVerb("apply", "Make the server what a document says",
		"Make the server what a document, or a folder of them, says, such as one that is kept in a\n"+
			"repository. With --plan it only shows the difference, and ends with exit code 4 if there is one.\n\n"+manifestLong,
		func(ctx context.Context, c *client.Client, _ []string) error {
			if from == "" {
				return usage("apply needs -f with a file or folder")
			}
			d, err := manifest.Read(from)
			if err != nil {
				return usageError{err}
			}
			a.exitCode = true
			return p.makeSo(ctx, c, d, a)
		})
	f := cmd.Flags()
	f.StringVarP(&from, "file", "f", "", "the `file` or folder")
	f.BoolVar(&a.planOnly, "plan", false, "show the difference, and change nothing: exit code 4 if there is one")
	f.BoolVar(&a.Prune, "prune", false, "delete what the document does not have, of the lists that it has")
	f.BoolVar(&a.PruneAll, "prune-all", false, "with --prune: delete all of a list, too, where the document's is empty")
	f.BoolVarP(&a.yes, "yes", "y", false, "delete without asking")
	a.credentialsFlag(cmd)
	return cmd
}

// makeSo shows the plan, and carries it out.
func (p *program) makeSo(ctx context.Context, c *client.Client, d manifest.Document, a applied) error {
	a.Progress = p.progressOf()
	plan, err := manifest.MakePlan(ctx, c, d, a.PlanOptions)
	p.progressEnd()
	if empty, ok := errors.AsType[*manifest.EmptyError](err); ok {
		remedy := "; with --prune-all, it is done"
		if empty.Kind == "" {
			remedy = "; leave out --prune"
		}
		return usage("%w%s. Nothing was changed", err, remedy)
	}
	if err != nil {
		return err
	}
	for _, note := range plan.Notes {
		p.remark("", note)
	}
	for _, o := range a.odd {
		if err := p.showOdd(o); err != nil {
			return err
		}
	}
	if a.planOnly {
		err := plan.Check(ctx, c)
		p.progressEnd()
		if err != nil {
			return err
		}
		var t tally
		for i := range plan.Steps {
			err := plan.Steps[i].Refused()
			t.add(&plan.Steps[i], err)
			if err := p.showStep(&plan.Steps[i], err); err != nil {
				return err
			}
		}
		p.note("%s", plan.Summary())
		if err := a.shortfall(t, len(plan.Steps)); err != nil {
			return err
		}
		if len(plan.Steps) > 0 && a.exitCode {
			return errDifferences
		}
		return nil
	}
	if n := countDeletions(plan); n > 0 {
		if err := p.confirm(a.yes, fmt.Sprintf("Delete %d objects, apps with all that happened in them?", n)); err != nil {
			return err
		}
	}
	var t tally
	err = plan.Apply(ctx, c, func(one manifest.Applied) {
		t.add(one.Step, one.Err)
		p.progressEnd()
		if e := p.showStep(one.Step, one.Err); e != nil && err == nil {
			err = e
		}
		p.progress("%d of %d", t.done, len(plan.Steps))
	})
	p.progressEnd()
	if err != nil {
		return fmt.Errorf("%w\n%d of %d steps were done; run it again to go on", p.explainFailure(err), t.done-t.refused, len(plan.Steps))
	}
	if err := a.shortfall(t, len(plan.Steps)); err != nil {
		return err
	}
	if t.done == 0 {
		p.note("%s", plan.Summary())
	} else {
		p.note("%s %d done, %d were as they are to be", p.mark(true), t.done, plan.Same)
	}
	return nil
}

// remark tells of what no step is about: a line of its own in JSON, too.
func (p *program) remark(indent, text string) {
	if p.json {
		_ = p.printJSON(struct { // who reads it no more finds out by the steps
			Note string `json:"note"`
		}{text})
		return
	}
	p.note("%s%s", indent, clean(text))
}

func countDeletions(plan *manifest.Plan) (n int) {
	for i := range plan.Steps {
		if plan.Steps[i].Action == manifest.Delete {
			n++
		}
	}
	return n
}

// maxShownName is how much of a name is shown: it may be anything.
const maxShownName = 160

// showStep says what a step does, or why it was not done.
func (p *program) showStep(s *manifest.Step, failed error) error {
	if p.json {
		line := struct {
			*manifest.Step
			Error string `json:"error,omitempty"`
		}{Step: s}
		if failed != nil {
			line.Error = p.explainFailure(failed).Error()
		}
		return p.printJSON(line)
	}
	name, where := clean(cut(s.Name, maxShownName)), ""
	if s.Source != "" {
		where = clean(cut(" ("+s.Source+")", maxShownName))
	}
	if failed != nil {
		p.note("%s %s %s%s: %s", p.mark(false), s.Kind, name, where, cleanText(p.explainFailure(failed).Error()))
		return nil
	}
	for _, lack := range s.Without {
		p.note("%s %s %s%s: it is without %s: %s", p.style.paint(wait, "!"), s.Kind, name, where, lack.Field, cleanText(lack.Why))
	}
	if s.Nothing() {
		return nil
	}
	mark := map[manifest.Action]string{
		manifest.Create: p.style.paint(good, "+"), manifest.Change: p.style.paint(wait, "~"), manifest.Delete: p.style.paint(bad, "-"),
	}[s.Action]
	p.print("%s %s %s", mark, s.Kind, name)
	if s.Action == manifest.Change {
		for _, f := range s.Fields {
			p.print("    %s: %s → %s", f.Field, clean(orNone(f.From)), clean(orNone(f.To)))
		}
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
