package recipe_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellhop/bellhop/recipe"
)

// byHand begins the part of a page that people write.
const byHand = "<!-- What follows is written by hand. -->\n"

// TestPages: each recipe has a page that says what its definition says. -update writes
// them anew, down to the part that is written by hand.
func TestPages(t *testing.T) {
	folder := filepath.Join("..", "docs", "recipes")
	index, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, def := range recipe.Builtin() {
		path := filepath.Join(folder, def.Name+".md")
		page, err := os.ReadFile(path)
		if err != nil && !*update {
			t.Errorf("%v: make it with go test ./recipe -update", err)
			continue
		}
		_, own, _ := strings.Cut(string(page), byHand)
		want := pageOf(t, def) + byHand + own
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if string(page) != want {
			t.Errorf("%s is not what the recipe says: go test ./recipe -update", path)
		}
		if !strings.Contains(string(index), "("+def.Name+".md)") {
			t.Errorf("%s is not in docs/recipes/README.md", def.Name)
		}
	}
}

func pageOf(t *testing.T, def recipe.Definition) string {
	t.Helper()
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	say("# %s\n\n%s\n\n", def.Title, def.Description)
	say("| | |\n|---|---|\n| name | `%s` |\n", def.Name)
	events := "all"
	if len(def.Events) > 0 {
		events = "`" + strings.Join(def.Events, "`, `") + "`"
	}
	say("| events | %s |\n", events)
	if l := def.RateLimit; l != nil {
		say("| sent at most | %g a second, %d at once after a quiet time |\n", l.PerSecond, max(l.Burst, 1))
	}
	if def.Concurrency > 0 {
		say("| in flight | %d |\n", def.Concurrency)
	}
	if def.Signed {
		say("| signed | yes, in the endpoint's dialect |\n")
	}
	if def.Docs != "" {
		say("| the target's documentation | <%s> |\n", def.Docs)
	}

	say("\n## Set up\n\n| field | | |\n|---|---|---|\n")
	address := "`" + cmp.Or(def.Address.Default, def.Address.Placeholder) + "`"
	if def.Address.Default != "" {
		address = "default " + address
	} else {
		address = "such as " + address
	}
	say("| `url` | %s. %s | %s |\n", cmp.Or(def.Address.Title, "Address"), def.Address.Help, address)
	for _, f := range def.Fields {
		what := ""
		switch {
		case f.Required:
			what = "required"
		case f.Default != "":
			what = "default `" + strings.NewReplacer("\n", "⏎", "|", `\|`).Replace(f.Default) + "`"
		}
		if len(f.Choices) > 0 {
			what = strings.TrimPrefix(what+"; one of "+strings.Join(f.Choices, ", "), "; ")
		}
		say("| `recipe_fields.%s` | %s. %s | %s |\n", f.Name, cmp.Or(f.Title, f.Name), f.Help, what)
	}
	if a := def.Auth; a != nil {
		for _, name := range a.Secrets() {
			what := "required"
			if a.Optional {
				what = "where the target asks for it"
			}
			say("| `%s` | %s. %s | %s |\n", name, a.Title, a.Help, what)
		}
	}

	request, err := os.ReadFile(filepath.Join("testdata", def.Name+".golden"))
	if err != nil {
		t.Fatal(err)
	}
	say("\n## The request\n\nOf the event `%s` of the recipe's sample:\n\n```\n%s\n```\n", def.Sample.Type, strings.TrimRight(string(request), "\n"))

	if len(def.Skip) > 0 {
		say("\n## What is skipped\n\n| when | |\n|---|---|\n")
		for _, s := range def.Skip {
			say("| `%s` | %s |\n", s.When, s.Reason)
		}
	}
	if len(def.Capture) > 0 {
		say("\n## What is kept\n\n")
		for name := range def.Capture {
			say("`%s`, with each delivery that was taken.\n", name)
		}
	}
	if len(def.Answers) > 0 {
		say("\n## What answers mean\n\n| answer | |\n|---|---|\n")
		for _, a := range def.Answers {
			say("| %s | %s |\n", answerOf(a), strings.TrimSpace(a.Means+". "+a.Detail))
		}
		say("\nAll others go by their status, as for any endpoint.\n")
	}
	say("\n")
	return b.String()
}

func answerOf(a recipe.Answer) string {
	var parts []string
	for _, s := range a.Status {
		parts = append(parts, fmt.Sprint(s))
	}
	text := strings.Join(parts, " or ")
	if a.Text != "" {
		text += ", `" + a.Text + "`"
	}
	if a.Contains != "" {
		text += ", with `" + a.Contains + "`"
	}
	for name, v := range a.JSON {
		text += fmt.Sprintf(", with `%s` = `%s`", name, v)
	}
	if a.NotJSON {
		text += ", no JSON"
	}
	return strings.TrimPrefix(text, ", ")
}
