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

var (
	drivers = []string{"zombiezen.com/", "modernc.org/", "github.com/jackc/", "database/sql"}
	// heavy is what a client, a receiver or a store must not bring along.
	heavy = append([]string{"github.com/prometheus/", "github.com/santhosh-tekuri/", "github.com/danielgtaylor/", "github.com/spf13/"}, drivers...)
	// shells is what only the program and the API need.
	shells = append([]string{"github.com/danielgtaylor/", "github.com/spf13/"}, drivers...)
)

// The rooms, from the words inwards to the program: each sees those above it, and the
// arrows point one way.
//
//	bellhop ← engine/routes ← engine/send ← engine/lane ← engine ← notice ← desk ← api ← api/native, api/svix ← cmd
//
// arrows are looked through from the top; the first whose folder a file is in counts.
var arrows = []arrow{
	{folder: "dialect", may: []string{"dialect"}, never: []string{"github.com/", "golang.org/", "go.yaml.in/"}},
	{folder: "recipe", may: []string{"recipe"}, never: []string{"github.com/", "golang.org/", "go.yaml.in/"}},
	{folder: "internal/testpostgres", may: []string{"internal/testmemory", "internal/testport"}},
	{folder: "internal/column", may: []string{"."}, never: heavy},
	{folder: "internal/timeslice", may: []string{".", "internal/id"}, never: heavy},
	{folder: "internal/foreign", may: []string{".", "dialect", "internal/foreign", "internal/match", "manifest"}, never: []string{"zombiezen.com/", "modernc.org/", "database/sql", "github.com/spf13/"}},
	{folder: "internal", may: []string{"internal/"}, never: drivers},

	{folder: "sqlite", may: []string{".", "internal/"}, never: []string{"github.com/prometheus/", "github.com/spf13/"}},
	{folder: "postgres", may: []string{".", "internal/"}, never: []string{"github.com/prometheus/", "github.com/spf13/", "zombiezen.com/", "modernc.org/", "database/sql"}},
	{folder: "memstore", may: []string{".", "internal/"}, never: heavy},
	{folder: "storetest", may: []string{".", "internal/"}, never: heavy},
	{folder: "client", may: []string{".", "dialect", "internal/", "api/wire", "recipe"}, never: heavy},

	{folder: "manifest", may: []string{".", "client", "dialect", "engine/routes", "internal/strictjson", "internal/suggest"}, never: heavy},

	{folder: "engine/routes", may: []string{".", "dialect", "internal/", "recipe"}, never: append([]string{"net/http", "github.com/prometheus/"}, shells...)},
	{folder: "engine/send/inbox", may: []string{".", "dialect", "internal/", "engine/routes"}, never: heavy},
	{folder: "engine/send/auth", may: []string{".", "internal/"}, never: heavy},
	{folder: "engine/send/listen", may: []string{".", "internal/"}, never: heavy},
	{folder: "engine/send/smtp", may: []string{".", "internal/", "engine/routes", "engine/send"}, never: append([]string{"github.com/prometheus/"}, shells...)},
	{folder: "engine/send", may: []string{".", "dialect", "internal/", "engine/routes", "engine/send/auth", "engine/send/inbox", "engine/send/listen", "recipe"}, never: heavy},
	{folder: "engine/lane", may: []string{".", "internal/id", "engine/routes"}, never: append([]string{"net/http"}, heavy...)},
	{folder: "engine", may: []string{".", "dialect", "internal/", "engine/", "recipe"}, never: shells},
	{folder: "notice", may: []string{".", "internal/", "engine/"}, never: shells},
	{folder: "desk", may: []string{".", "dialect/", "internal/", "engine/", "notice", "recipe"}, never: shells},
	{folder: "sim", may: []string{".", "dialect", "internal/", "engine/", "memstore"}, never: shells},

	{folder: "source/outbox/outboxpgx", may: []string{"source/outbox"}, never: []string{"zombiezen.com/", "modernc.org/"}},
	{folder: "source/outbox/outboxsqlite", may: []string{"source/outbox"}, never: []string{"github.com/jackc/"}},
	{folder: "source/outbox", never: []string{"github.com/", "golang.org/", "zombiezen.com/", "modernc.org/"}},

	{folder: "api/wire", may: []string{".", "internal/"}, never: heavy},
	{folder: "api/native", may: []string{".", "dialect/", "internal/", "engine/", "notice", "desk", "api", "api/wire", "recipe"}, never: drivers},
	{folder: "api/svix", may: []string{".", "internal/", "engine/", "desk", "api", "api/wire"}, never: drivers},
	{folder: "api", may: []string{".", "internal/", "desk", "api/wire"}, never: drivers},
	{folder: "web", never: []string{"github.com/", "golang.org/", "go.yaml.in/"}},
	{folder: "cmd", may: []string{".", "dialect/", "internal/", "engine", "engine/send/smtp", "notice", "desk", "sqlite", "postgres", "api", "api/native", "api/svix", "api/wire", "client", "manifest", "web", "recipe", "examples/demo"}},

	{folder: "examples/embedded", may: []string{".", "desk", "engine", "api", "api/native", "sqlite", "postgres", "source/"}, never: []string{"github.com/spf13/"}},
	{folder: "examples", may: []string{".", "dialect", "internal/testsmtp", "client", "examples/"}, never: heavy},

	{folder: "packaging", may: []string{"internal/"}, never: heavy},
	{folder: "bench", may: []string{".", "dialect", "internal/", "sqlite", "postgres", "api/wire", "client"}, never: []string{"zombiezen.com/", "modernc.org/"}},
	{folder: "e2e", may: []string{".", "dialect", "internal/", "api/wire", "client", "recipe"}, never: drivers},
	{folder: ".", may: []string{"internal/"}, never: append([]string{"golang.org/"}, heavy...)},
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
	folder := filepath.ToSlash(filepath.Dir(path))
	i := slices.IndexFunc(arrows, func(a arrow) bool {
		return a.folder == folder || a.folder != "." && strings.HasPrefix(folder, a.folder+"/")
	})
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
