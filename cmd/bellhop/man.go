package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (p *program) manVerb() *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write the manual pages into a folder",
		Long: "Write the manual pages, bellhop.1 and one for each verb, into a folder: for packages, or for\n" +
			"'bellhop man ~/.local/share/man/man1', after which 'man bellhop' shows them.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("man needs DIR, and nothing else")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("make the folder for the manual: %w", err)
			}
			head := &doc.GenManHeader{Section: "1", Source: "Bellhop " + version(), Manual: "Bellhop", Date: new(manDate())}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			if err := doc.GenManTree(root, head, args[0]); err != nil {
				return fmt.Errorf("write the manual: %w", err)
			}
			entries, err := os.ReadDir(args[0])
			if err != nil {
				return fmt.Errorf("look at the manual: %w", err)
			}
			return p.done("%d files are in %s", len(entries), args[0])
		},
	}
}

// manDate is the date of the pages: that of the source, so that what is built again is
// the same.
func manDate() time.Time {
	if t, err := time.Parse(time.RFC3339, thisBuild().Date); err == nil {
		return t
	}
	return writtenIn
}
