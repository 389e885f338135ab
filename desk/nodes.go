package desk

import (
	"context"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
)

// Nodes lists the nodes that are alive, with what each of them does.
func (d *Desk) Nodes(ctx context.Context, p bellhop.Principal) ([]engine.NodeView, error) {
	if err := Permits(p, "listNodes"); err != nil {
		return nil, err
	}
	return d.e.Nodes(ctx)
}
