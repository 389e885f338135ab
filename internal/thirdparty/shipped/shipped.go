// Package shipped says what is shipped in the program.
package shipped

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Systems are those that the program is built for.
var Systems = []string{"linux", "darwin", "windows"}

// Module is a Go module that is linked into the program.
type Module struct{ Path, Version, Dir string }

func (m Module) String() string { return m.Path + " " + m.Version }

// Modules gives the Go modules that are linked into the program on any of the systems.
// Root is the folder of the checkout.
func Modules(root string) ([]Module, error) {
	found := map[string]Module{}
	for _, system := range Systems {
		cmd := exec.Command("go", "list", "-deps", "-json=Module", "./cmd/bellhop")
		cmd.Dir, cmd.Stderr = root, os.Stderr
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH=amd64")
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("list what is linked for %s: %w", system, err)
		}
		for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
			var p struct {
				Module *struct {
					Module
					Main bool
				}
			}
			if err := decoder.Decode(&p); err != nil {
				return nil, fmt.Errorf("read what go list says: %w", err)
			}
			if p.Module != nil && !p.Module.Main {
				found[p.Module.Path] = p.Module.Module
			}
		}
	}
	var list []Module
	for _, m := range found {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Module) int { return strings.Compare(a.Path, b.Path) })
	return list, nil
}

// Packages gives the npm packages that are in the dashboard, each with its version.
func Packages(root string) ([]string, error) {
	b, err := os.ReadFile(filepath.Join(root, "web/dist/packages.txt"))
	return strings.Split(strings.TrimSpace(string(b)), "\n"), err
}
