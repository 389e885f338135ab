package bellhop_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/bellhop/bellhop"

// arrow says what the code of one folder may import of this project, and what of
// other modules it must not: the arrows point one way, from the program inwards.
type arrow struct {
	folder string
	may    []string // packages of this project, or with a trailing "/" all below
	never  []string // prefixes of import paths
}

var drivers = []string{"zombiezen.com/", "modernc.org/", "github.com/jackc/", "database/sql"}

// arrows are looked through from the top; the first whose folder fits counts.
var arrows = []arrow{
	{folder: "dialect", may: []string{"dialect"}, never: []string{"github.com/", "golang.org/", "go.yaml.in/"}},
	{folder: "internal", may: []string{"internal/"}, never: drivers},
	{folder: "sqlite", may: []string{".", "internal/"}},
	{folder: "memstore", may: []string{".", "internal/"}, never: drivers},
	{folder: "storetest", may: []string{".", "internal/"}, never: drivers},
	{folder: "client", may: []string{".", "dialect", "internal/", "api/wire"}, never: drivers},
	{folder: "api", may: []string{".", "dialect/", "internal/", "api/"}, never: drivers},
	{folder: "web", never: []string{"github.com/", "golang.org/", "go.yaml.in/"}},
	{folder: "cmd", may: []string{".", "dialect/", "internal/", "sqlite", "api", "api/wire", "client", "web"}},
	{folder: "bench", may: []string{".", "dialect", "internal/", "api/wire", "client"}, never: drivers},
	{folder: "e2e", may: []string{".", "dialect", "internal/", "api/wire", "client"}, never: drivers},
	{folder: ".", may: []string{"dialect", "internal/"}, never: append([]string{"github.com/danielgtaylor/", "github.com/spf13/"}, drivers...)},
}

func TestImportsPointOneWay(t *testing.T) {
	checked := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "testdata" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		checked++
		return checkImports(t, filepath.ToSlash(path))
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 30 {
		t.Errorf("only %d files were checked: is this still the root folder?", checked)
	}
}

func checkImports(t *testing.T, path string) error {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	folder, _, below := strings.Cut(path, "/")
	if !below {
		folder = "."
	}
	i := slices.IndexFunc(arrows, func(a arrow) bool { return a.folder == folder })
	if i < 0 {
		t.Errorf("%s is in a folder that has no arrow: say above what it may import", path)
		return nil
	}
	for _, spec := range f.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		if !arrows[i].allows(name) {
			t.Errorf("%s must not import %s", path, name)
		}
	}
	return nil
}

func (a arrow) allows(name string) bool {
	own := "."
	if name != module {
		var ok bool
		if own, ok = strings.CutPrefix(name, module+"/"); !ok {
			return !slices.ContainsFunc(a.never, func(p string) bool { return strings.HasPrefix(name, p) })
		}
	}
	return slices.ContainsFunc(a.may, func(m string) bool {
		return own == m || strings.HasSuffix(m, "/") && strings.HasPrefix(own+"/", m)
	})
}
