// The program bellhop: the service, its API from a shell, and tools for
// receivers. Package bellhop does the work; here is what a person types and
// reads. settings.go says what can be set and how, serve.go wires the service,
// and every other verb has a file of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// program is one run of bellhop: where it reads, writes and looks things up.
type program struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
	now      func() time.Time
	// inTerminal, outTerminal and errTerminal tell where a person sits.
	inTerminal, outTerminal, errTerminal bool
	// width is how wide tables may be, in columns; 0 is no bound.
	width int
	wide  bool // was asked for
	// sleep is pause; a test may have something happen meanwhile.
	sleep func(ctx context.Context, d time.Duration) bool
	// password reads a line without showing it.
	password func() (string, error)
	// raw has a terminal hand over each key as it is pressed, until restore; nil where
	// there is none. size is how wide and high it is.
	raw  func() (restore func(), err error)
	size func() (width, height int)

	// systemFile is the configuration file that is read where none is named; "" for none.
	systemFile string

	settings *settings
	style    style
	json     bool
}

func main() {
	// The first signal asks for an orderly end, the second one ends at once.
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		<-signals
		fmt.Fprintln(os.Stderr, "bellhop: ended at once by a second signal")
		os.Exit(exitInterrupted)
	}()
	p := &program{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ(), now: time.Now, sleep: pause, systemFile: systemFile,
		inTerminal:  term.IsTerminal(int(os.Stdin.Fd())),
		outTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		errTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		password: func() (string, error) {
			b, err := term.ReadPassword(int(os.Stdin.Fd()))
			return string(b), err
		},
	}
	p.raw = func() (func(), error) {
		before, err := term.MakeRaw(int(os.Stdin.Fd()))
		return func() { _ = term.Restore(int(os.Stdin.Fd()), before) }, err
	}
	p.size = func() (int, int) {
		w, h, err := term.GetSize(int(os.Stdout.Fd()))
		if err != nil || w <= 0 || h <= 0 {
			return 80, 24
		}
		return w, h
	}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitDifferences = 4
	exitInterrupted = 130
)

const exitCodes = `Exit codes:
  0    done
  1    not done: the server refused it, a check failed, something broke
  2    the command line, a variable or the configuration file is wrong
  3    the server could not be reached
  4    'apply --plan' found a difference
  130  interrupted`

// usageError is a mistake in what was typed or configured.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errSilent fails a run that has already said why.
var errSilent = errors.New("failed")

// errDifferences ends a run that was asked for differences, and has shown some.
var errDifferences = errors.New("there are differences")

// run does what args say and gives the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	p.settings = newSettings()
	p.settings.system = p.systemFile
	p.style = style{on: p.outTerminal && p.variable("NO_COLOR") == "" && p.variable("TERM") != "dumb"}
	if p.outTerminal && p.size != nil {
		p.width, _ = p.size()
		if n, err := strconv.Atoi(p.variable("COLUMNS")); err == nil && n > 0 {
			p.width = n
		}
	}
	root := p.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		p.note("bellhop: interrupted")
		return exitInterrupted
	}
	switch {
	case errors.Is(err, errSilent):
		return exitFailed
	case errors.Is(err, errDifferences):
		return exitDifferences
	}
	p.note("bellhop: %s", cleanText(err.Error()))
	if _, ok := errors.AsType[usageError](err); ok {
		p.note("Run '%s --help' for usage.", cmd.CommandPath())
		return exitUsage
	}
	if _, ok := errors.AsType[unreachableError](err); ok {
		return exitUnreachable
	}
	return exitFailed
}

// root is the tree of verbs.
func (p *program) root() *cobra.Command {
	root := group("bellhop", "Carry events to webhooks: signed, retried, logged",
		"Bellhop signs each event of a platform and POSTs it to every endpoint that asked\n"+
			"for it, tries again until it is taken, and keeps a log that explains every attempt.\n\n"+
			"Look at it:  bellhop demo\nStart with:  bellhop serve --dev\n\n"+
			"Every setting can be a flag, a variable (--public-url is BELLHOP_PUBLIC_URL) or a key\n"+
			"of the configuration file (public_url); flags win over variables, and variables\n"+
			"over the file. The file is the one that --config or BELLHOP_CONFIG names, or else\n"+
			systemFile+", if there is one.\n\n"+exitCodes)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().AddFlag(p.settings.flags.Lookup("config"))
	root.PersistentFlags().BoolVar(&p.wide, "wide", false, "show tables in full, also where the terminal is narrower")

	add := func(id, title string, verbs ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: id, Title: title})
		for _, v := range verbs {
			v.GroupID = id
			root.AddCommand(v)
		}
	}
	add("service", "The service:", p.serveVerb(), p.demoVerb(), p.backupVerb(), p.migrateVerb(), p.doctorVerb(), p.healthcheckVerb())
	add("api", "Its API from a shell:",
		p.publishVerb(), p.triggerVerb(), p.appsVerb(), p.endpointsVerb(), p.noticesVerb(), p.eventTypesVerb(), p.dialectsVerb(), p.recipesVerb(), p.transformVerb(),
		p.eventsVerb(), p.deliveriesVerb(), p.failuresVerb(), p.logsVerb(), p.tailVerb(), p.statsVerb(),
		p.resendVerb(), p.replayVerb(), p.outboxVerb(), p.nodesVerb(), p.holdVerb(), p.releaseVerb(), p.keysVerb(), p.portalLinksVerb(), p.auditVerb())
	add("documents", "Its configuration as a document:", p.exportDocVerb(), p.importVerb(), p.applyVerb())
	add("receiver", "For receivers:", p.checkVerb(), p.verifyVerb(), p.listenVerb(), p.replayLocalVerb(), p.inboxesVerb())
	root.AddCommand(p.openAPIVerb(), p.manVerb(), p.versionVerb(), p.licensesVerb())
	root.Version = version()
	root.SetVersionTemplate(thisBuild().String())
	helpVerb(root)
	completionVerb(root)
	p.completeWords(root)
	return root
}

// helpVerb has 'help nosuch' fail as 'nosuch' does.
func helpVerb(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	i := slices.IndexFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == "help" })
	help := root.Commands()[i]
	help.Short = "Help about any verb"
	help.Long = "Say what a verb does and which flags it has, as 'bellhop VERB --help' does."
	help.Use = "help [VERB…]"
	help.Run = nil
	help.RunE = func(_ *cobra.Command, args []string) error {
		cmd := root
		for _, name := range args {
			verbs := cmd.Commands()
			at := slices.IndexFunc(verbs, func(c *cobra.Command) bool { return c.Name() == name || c.HasAlias(name) })
			if at < 0 {
				return noVerb(cmd, name)
			}
			cmd = verbs[at]
		}
		cmd.InitDefaultHelpFlag()
		cmd.InitDefaultVersionFlag()
		return cmd.Help()
	}
}

// completionVerb has 'completion nosuch' fail as 'nosuch' does.
func completionVerb(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	i := slices.IndexFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == "completion" })
	completion := root.Commands()[i]
	completion.Args, completion.RunE = cobra.ArbitraryArgs, onlyVerbs
	for _, shell := range completion.Commands() {
		shell.Args = arguments(shell.Name())
	}
}

// noVerb says that there is no such verb below cmd, and what was probably meant.
func noVerb(cmd *cobra.Command, name string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usage("there is no verb %q%s", cmd.CommandPath()+" "+name, didYouMean(name, names))
}

// group is a verb that only has verbs below it.
func group(use, short, long string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.ArbitraryArgs,
		RunE: onlyVerbs,
	}
	cmd.AddCommand(verbs...)
	return cmd
}

// onlyVerbs runs a verb that does nothing but have others below it.
func onlyVerbs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return noVerb(cmd, args[0])
}

// verb is a verb that does something, with the settings loaded. The words of use
// after its name are its arguments; those in brackets may be left out, and the
// last may end in "…".
func (p *program) verb(use, short, long string, run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Args: arguments(use),
		RunE: func(cmd *cobra.Command, args []string) error {
			if p.wide {
				p.width = 0
			}
			if err := p.settings.load(p.environ); err != nil {
				return err
			}
			if cmd.Flags().Lookup("database") != nil || cmd.Flags().Lookup("listen") != nil {
				if err := p.settings.needsFile(); err != nil {
					return err
				}
			}
			return run(cmd, args)
		},
	}
}

// arguments refuses more or fewer arguments than the words of use say.
func arguments(use string) cobra.PositionalArgs {
	name, synopsis, _ := strings.Cut(use, " ")
	words := strings.Fields(synopsis)
	least, most := 0, len(words)
	for _, w := range words {
		if !strings.HasPrefix(w, "[") {
			least++
		}
		if strings.Contains(w, "…") {
			most = 1 << 10
		}
	}
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage("%s needs %s", name, strings.Join(words[len(args):least], " and "))
		case len(args) > most:
			return usage("%q is one argument too many: %s takes %s", args[most], name, orNothing(synopsis))
		}
		return nil
	}
}

func orNothing(synopsis string) string {
	if synopsis == "" {
		return "none"
	}
	return synopsis
}

// flagError says which flag was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() == "" {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		name := "--" + unknown.GetSpecifiedName()
		return usage("there is no flag %s%s", name, didYouMean(name, names))
	}
	return usageError{err}
}

// variable gives an environment variable, or "".
func (p *program) variable(name string) string {
	value := ""
	for _, v := range p.environ {
		if n, x, ok := strings.Cut(v, "="); ok && n == name {
			value = x
		}
	}
	return value
}
