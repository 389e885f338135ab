package client_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestClientIsLight: who calls the API from Go gets neither the engine nor what only
// the engine and the server need. imports_test.go looks at what files import; this
// looks at what that brings along.
func TestClientIsLight(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "github.com/bellhop/bellhop/client").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 50 {
		t.Fatalf("only %d packages: %s", len(deps), out)
	}
	for _, dep := range deps {
		own, isOwn := strings.CutPrefix(dep, "github.com/bellhop/bellhop/")
		if isOwn {
			if own == "client" || own == "dialect" || own == "recipe" || own == "api/wire" || strings.HasPrefix(own, "internal/") {
				continue
			}
			t.Errorf("the client brings along %s", dep)
			continue
		}
		// Packages of the standard library have no dot in their first element.
		first, _, _ := strings.Cut(dep, "/")
		if strings.Contains(first, ".") && dep != "github.com/bellhop/bellhop" {
			t.Errorf("the client brings along %s", dep)
		}
	}
}
