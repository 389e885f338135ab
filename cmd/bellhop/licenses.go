package main

import (
	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop/internal/thirdparty"
)

func (p *program) licensesVerb() *cobra.Command {
	return &cobra.Command{
		Use: "licenses", Short: "Show the notices of what others wrote", Args: arguments("licenses"),
		Long: "Show the licenses of all that is within this program and was written by others: Go modules, the\npackages of the dashboard, SQLite, QuickJS and Redoc.",
		RunE: func(*cobra.Command, []string) error {
			p.print("%s", thirdparty.Notices)
			return nil
		},
	}
}
