package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/recipe"
)

func (p *program) recipesVerb() *cobra.Command {
	return group("recipes", "Ready-made requests for well-known targets", "", p.recipesList(), p.recipesGet())
}

func (p *program) recipesList() *cobra.Command {
	return p.apiVerb("list", "List the recipes that the server knows", "", func(ctx context.Context, c *client.Client, _ []string) error {
		recipes, err := c.Recipes(ctx)
		return showList(p, whole(recipes, err), page{all: true}, "No recipe.",
			[]string{"RECIPE", "FOR", "EVENTS", "FIELDS"},
			func(r recipe.Definition) []cell {
				var names []string
				for _, f := range r.Fields {
					if f.Required {
						names = append(names, f.Name)
					}
				}
				return []cell{text(r.Name), text(r.Title), list(r.Events, "all"), list(names, "–")}
			})
	})
}

func (p *program) recipesGet() *cobra.Command {
	var asYAML bool
	cmd := p.apiVerb("get RECIPE", "Show what a recipe asks for, or its definition",
		"Show what a recipe asks for. With --yaml, show its definition: a start for one of your own, under recipes in the configuration file.",
		func(ctx context.Context, c *client.Client, args []string) error {
			r, err := c.Recipe(ctx, args[0])
			switch {
			case err != nil:
				return err
			case p.json:
				return p.printJSON(r)
			case !asYAML:
				p.table(recipeTable(r))
				return nil
			}
			n, err := yamlNode(map[string]any{"recipes": []recipe.Definition{r}})
			if err != nil {
				return err
			}
			return p.printYAML(n)
		})
	cmd.Flags().BoolVar(&asYAML, "yaml", false, "print its definition as the configuration file would have it")
	return cmd
}

func recipeTable(r recipe.Definition) *table {
	t := &table{}
	t.field("recipe", text(r.Name))
	t.field("for", text(r.Title))
	t.field("does", text(r.Description))
	t.field("events", list(r.Events, "all"))
	t.field("url", text(strings.TrimSpace(cmp.Or(r.Address.Default, r.Address.Placeholder)+"  "+r.Address.Help)))
	for _, f := range r.Fields {
		what := cmp.Or(f.Title, f.Name)
		switch {
		case f.Required:
			what += " (required)"
		case f.Default != "":
			what += " (default " + strings.ReplaceAll(f.Default, "\n", " ") + ")"
		}
		if len(f.Choices) > 0 {
			what += ": one of " + strings.Join(f.Choices, ", ")
		}
		t.field("--field "+f.Name, text(strings.TrimSpace(what+". "+f.Help)))
	}
	if a := r.Auth; a != nil {
		what := a.Title
		if a.Optional {
			what += " (optional)"
		}
		for _, name := range a.Secrets() {
			t.field(name, text(strings.TrimSpace(what+". "+a.Help)))
		}
	}
	if l := r.RateLimit; l != nil {
		t.field("rate limit", text(fmt.Sprintf("%g a second, burst %d", l.PerSecond, max(l.Burst, 1))))
	}
	t.field("target's documentation", text(r.Docs))
	return t
}

// recipeFlags choose a recipe for an endpoint.
type recipeFlags struct {
	name   string
	fields []string
}

func (r *recipeFlags) register(f *pflag.FlagSet) {
	f.StringVar(&r.name, "recipe", "", "`recipe` that makes the requests; see 'bellhop recipes list'")
	f.StringArrayVar(&r.fields, "field", nil, "a field of the recipe, as `NAME=VALUE`; may be repeated")
}

// change sets what was given.
func (r *recipeFlags) change(given func(string) bool, c *bellhop.EndpointChange) error {
	word(given("recipe"), &c.Recipe, r.name)
	if given("field") {
		m, err := notes("field", without(r.fields, ""))
		if err != nil {
			return err
		}
		c.RecipeFields = bellhop.Of(m)
	}
	return nil
}

// readRecipes reads the configuration file's list of recipes and makes sure that each
// works.
func (s *settings) readRecipes(list *yaml.Node) error {
	if list.Kind == yaml.ScalarNode && list.Tag == "!!null" {
		return nil
	}
	if list.Kind != yaml.SequenceNode {
		return fmt.Errorf("line %d: recipes must be a list, each item with a name", list.Line)
	}
	taken := map[string]bool{}
	for _, d := range recipe.Builtin() {
		taken[d.Name] = true
	}
	for _, item := range list.Content {
		item = resolved(item)
		if err := unknownFields(item, reflect.TypeFor[recipe.Definition](), "recipe"); err != nil {
			return err
		}
		var d recipe.Definition
		if err := item.Decode(&d); err != nil {
			return errors.New(yamlError(err))
		}
		if taken[d.Name] {
			return fmt.Errorf("line %d: the recipe name %q is taken; give yours another", item.Line, d.Name)
		}
		if _, err := recipe.Compile(d); err != nil {
			return fmt.Errorf("line %d: recipe %q: %w", item.Line, d.Name, err)
		}
		taken[d.Name] = true
		s.recipes = append(s.recipes, d)
	}
	return nil
}
