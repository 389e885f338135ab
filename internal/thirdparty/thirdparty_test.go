package thirdparty

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/bellhop/bellhop/internal/thirdparty/shipped"
)

// TestNotices: whatever is linked into the program or bundled with its pages has its
// notice, in the version that it has, and nothing else has one.
func TestNotices(t *testing.T) {
	const root = "../.."
	section := func(name string) map[string]bool {
		_, after, ok := strings.Cut(Notices, "\n## "+name+"\n")
		if !ok {
			t.Fatalf("there is no section %s", name)
		}
		lines, inText := map[string]bool{}, false
		for line := range strings.SplitSeq(after, "\n") {
			switch {
			case strings.HasPrefix(line, "```"):
				inText = !inText
			case inText:
			case strings.HasPrefix(line, "## "):
				return lines
			case strings.HasPrefix(line, "- "):
				lines[line[2:]] = true
			}
		}
		return lines
	}
	same := func(what string, has map[string]bool, want []string) {
		for _, p := range want {
			if !has[p] {
				t.Errorf("%s: there is no notice of %s: run make licenses", what, p)
			}
			delete(has, p)
		}
		for p := range has {
			t.Errorf("%s: %s has a notice and is not shipped: run make licenses", what, p)
		}
	}
	modules, err := shipped.Modules(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Go standard library and runtime"}
	for _, m := range modules {
		want = append(want, m.String())
	}
	if len(want) < 20 {
		t.Errorf("only %d modules are linked", len(want))
	}
	same("Go modules", section("Go modules"), want)

	packages, err := shipped.Packages(root)
	if err != nil {
		t.Fatal(err)
	}
	same("npm packages", section("npm packages"), packages)
	var lock struct {
		Packages map[string]struct{ Version string }
	}
	b, err := os.ReadFile(root + "/web/package-lock.json")
	if err == nil {
		err = json.Unmarshal(b, &lock)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		if name, version, _ := strings.Cut(p, " "); lock.Packages["node_modules/"+name].Version != version {
			t.Errorf("the build has %s, the lock %s: run make web", p, lock.Packages["node_modules/"+name].Version)
		}
	}

	redoc := section("Redoc")
	for _, name := range []string{"react", "mobx", "prismjs", "lunr", "dompurify"} {
		if !strings.Contains(strings.Join(keys(redoc), "\n"), name+" ") {
			t.Errorf("Redoc: there is no notice of %s", name)
		}
	}
	for _, text := range []string{"Fabrice Bellard", "public domain", "Rebilly", "The Go Authors"} {
		if !strings.Contains(Notices, text) {
			t.Errorf("%q is not named", text)
		}
	}
}

func keys(m map[string]bool) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	return list
}
