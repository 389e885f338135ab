package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop/postgres"
	"github.com/bellhop/bellhop/sqlite"
)

// build is what this program was made of and for.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Changed  bool   `json:"changed,omitempty"` // since that commit
	Date     string `json:"date,omitempty"`    // of the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Schema   int    `json:"schema"` // of its databases in files
	// PostgresSchema is that of its databases on PostgreSQL.
	PostgresSchema int `json:"postgres_schema"`
}

func (p *program) versionVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use: "version", Short: "Show the version, and what this program was built of", Args: arguments("version"),
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			return p.show(b, func() { _, _ = fmt.Fprint(p.out, b) })
		},
	}
	p.jsonFlag(cmd)
	return cmd
}

// String is the build for people, in several lines.
func (b build) String() string {
	commit := cmp.Or(b.Commit, "unknown")
	if b.Date != "" {
		commit += " of " + b.Date
	}
	if b.Changed {
		commit += ", with changes"
	}
	return fmt.Sprintf("bellhop %s\n  commit    %s\n  go        %s\n  platform  %s\n  schema    %d (PostgreSQL: %d)\n", b.Version, commit, b.Go, b.Platform, b.Schema, b.PostgresSchema)
}

func thisBuild() build {
	b := build{Version: version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Schema: sqlite.Schema(), PostgresSchema: postgres.Schema()}
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			b.Changed = s.Value == "true"
		}
	}
	return b
}

// released is the version of a release, which its build sets.
var released string

// version is that of the release or the module or, in a build from a checkout, its commit.
func version() string {
	if released != "" {
		return released
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = fmt.Sprintf(" %.12s", s.Value)
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	return "devel" + revision + changed
}
