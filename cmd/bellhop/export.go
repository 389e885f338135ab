package main

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bellhop/bellhop/client"
)

// exportVerb is a verb that writes a list, as it is filtered, to a file or to standard
// output.
func (p *program) exportVerb(what string, flags func(*pflag.FlagSet), export func(context.Context, *client.Client, io.Writer, client.Format) error) *cobra.Command {
	format, to := "csv", ""
	cmd := p.apiVerb("export", "Write the "+what+" that are filtered as CSV or JSON lines",
		"Write the "+what+" that are filtered, all of them, newest first, as CSV or JSON lines. It fails if\nwhat it wrote is not all.",
		func(ctx context.Context, c *client.Client, _ []string) error {
			if format != "csv" && format != "jsonl" {
				return usage("--format is csv or jsonl, not %s", format)
			}
			if to == "" {
				return export(ctx, c, p.out, client.Format(format))
			}
			file, err := os.Create(to)
			if err != nil {
				return err
			}
			err = export(ctx, c, file, client.Format(format))
			if closed := file.Close(); err == nil {
				err = closed
			}
			if err != nil {
				return err
			}
			p.note("%s %s written to %s", p.mark(true), what, to)
			return nil
		})
	f := cmd.Flags()
	flags(f)
	f.StringVar(&format, "format", format, "csv, or jsonl: one JSON object a line")
	f.StringVar(&to, "output", "", "write to this `file`, not to standard output")
	return cmd
}
