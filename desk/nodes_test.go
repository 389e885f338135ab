package desk_test

import (
	"testing"

	"github.com/bellhop/bellhop"
)

// TestOperatorsSeeTheNodes, and nobody else does.
func TestOperatorsSeeTheNodes(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		nodes, err := h.Nodes(t.Context(), owner)
		if err != nil || len(nodes) != 1 || !nodes[0].Answers || !nodes[0].KeepsHouse || nodes[0].Buckets != bellhop.Buckets ||
			nodes[0].Status.Doing != bellhop.NodeDelivering || nodes[0].Started.IsZero() {
			t.Errorf("nodes: %+v, %v", nodes, err)
		}
		if _, err := h.Nodes(t.Context(), as(bellhop.RoleAdmin, "acme")); bellhop.CodeOf(err) != bellhop.CodeForbidden {
			t.Errorf("an admin of one app: %v", err)
		}
	})
}
