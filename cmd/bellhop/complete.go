package main

import (
	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/recipe"
)

// completeWords lets shells complete the flags that take one of a few words, and what the
// server knows.
func (p *program) completeWords(cmd *cobra.Command) {
	dialects := []string{}
	for _, d := range dialect.Builtin() {
		dialects = append(dialects, d.Name)
	}
	words := map[string][]string{
		"code":       {"node", "python", "go", "php", "ruby", "java", "csharp"},
		"dialect":    dialects,
		"log-format": {"text", "json"},
		"log-level":  {"debug", "info", "warn", "error"},
		"kind":       {"key", "portal", "session"},
		"ordering":   {"none", "subject", "endpoint"},
		"role":       {"admin", "publisher", "editor", "viewer"},
		"theme":      {"auto", "light", "dark"},

		"transformations":    {"editors", "admins", "off"},
		"transform-on-error": {"hold", "fail"},
		"transform-function": {"transform", "handler"},
	}
	switch cmd.Name() {
	case "replay":
		words["status"] = []string{"failed", "missing", "all"}
	case "logs", "tail":
		words["status"] = []string{"succeeded", "failed", "canceled"}
	default:
		words["status"] = []string{"active", "paused", "disabled"}
	}
	if cmd.HasParent() && cmd.Parent().Name() == "deliveries" {
		words["status"] = []string{"pending", "succeeded", "failed", "held", "canceled"}
	}
	for flag, choices := range words {
		if cmd.Flags().Lookup(flag) != nil {
			_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp)) // the flag is there, and once
		}
	}
	if cmd.Flags().Lookup("recipe") != nil {
		_ = cmd.RegisterFlagCompletionFunc("recipe", completeRecipes)
	}
	p.completeNames(cmd)
	for _, c := range cmd.Commands() {
		p.completeWords(c)
	}
}

// completeRecipes makes the recipes only when somebody asks for their names: every start of
// the program would pay for them.
func completeRecipes(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, r := range recipe.Builtin() {
		names = append(names, r.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
