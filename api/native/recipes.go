package native

import (
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/recipe"
)

func (n *native) listRecipes(c *api.Call, _ api.NoInput) (wire.List[recipe.Definition], error) {
	all, err := n.desk.Recipes(c.Context(), c.Principal())
	return whole(all, same), err
}

type recipeName struct {
	Name string `path:"name" noun:"recipe" doc:"The recipe's name." example:"slack"`
}

func (n *native) getRecipe(c *api.Call, in recipeName) (recipe.Definition, error) {
	return n.desk.Recipe(c.Context(), c.Principal(), in.Name)
}
