package svix

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/svix-tests.md names every test of Svix's server, and says of each whether it holds;
// those that do are the cases here.
func TestTheTableIsTrue(t *testing.T) {
	file, err := os.Open(filepath.Join("..", "..", "docs", "svix-tests.md"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	row := regexp.MustCompile("^\\| `(\\w+)` \\| `(\\w+)` \\| (holds|holds, but|does not apply) \\|(.*)\\|$")
	told := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		m := row.FindStringSubmatch(line)
		if m == nil {
			if strings.HasPrefix(line, "| `") {
				t.Errorf("a row that says nothing: %s", line)
			}
			continue
		}
		name := m[1] + "/" + m[2]
		if told[name] != "" {
			t.Errorf("%s is told of twice", name)
		}
		if told[name] = m[3]; m[3] != "holds" && strings.TrimSpace(m[4]) == "" {
			t.Errorf("%s: there is no word of why", name)
		}
	}
	cases := map[string]bool{}
	for _, g := range groups() {
		for name := range g.cases {
			cases[g.name+"/"+name] = true
		}
	}
	for name := range cases {
		if !strings.HasPrefix(told[name], "holds") {
			t.Errorf("%s is a case here, and the table says %q", name, told[name])
		}
	}
	for name, how := range told {
		if strings.HasPrefix(how, "holds") && !cases[name] {
			t.Errorf("the table says that %s %s, and there is no such case", name, how)
		}
	}

	// No test of theirs is left out.
	files, err := filepath.Glob(filepath.Join(svixSources(t), "server", "svix-server", "tests", "it", "*.rs"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources of Svix's tests: %v", err)
	}
	test := regexp.MustCompile(`(?s)#\[(?:tokio::)?test\b.{0,400}?\bfn (\w+)`)
	found := 0
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range test.FindAllStringSubmatch(string(text), -1) {
			found++
			name := strings.TrimSuffix(filepath.Base(path), ".rs") + "/" + m[1]
			if told[name] == "" {
				t.Errorf("the table does not name %s", name)
			}
		}
	}
	if found < 90 {
		t.Errorf("only %d tests are found in Svix's sources", found)
	}
}

// The shapes ask for no less than the documents that Svix's clients are made from: what is
// required there is required here, and what is named here is named there.
func TestShapesAreNoWeaker(t *testing.T) {
	type definition struct {
		Required   []string       `json:"required"`
		Properties map[string]any `json:"properties"`
		Enum       []any          `json:"enum"`
	}
	var theirs struct {
		Components struct {
			Schemas map[string]definition `json:"schemas"`
		} `json:"components"`
	}
	var ours struct {
		Defs map[string]struct {
			definition
			OneOf []definition `json:"oneOf"`
		} `json:"$defs"`
	}
	read := func(path string, into any) {
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	read(filepath.Join(svixSources(t), "codegen", "lib-openapi.json"), &theirs)
	read("shapes.json", &ours)
	// What their server answers, and their document does not name.
	more := map[string][]string{"EndpointOut": {"eventTypes"}, "MessageEndpointOut": {"eventTypes"}}
	compared := 0
	for _, name := range slices.Sorted(maps.Keys(ours.Defs)) {
		their, ok := theirs.Components.Schemas[name]
		if !ok {
			continue
		}
		compared++
		forms := ours.Defs[name].OneOf
		if len(forms) == 0 {
			forms = []definition{ours.Defs[name].definition}
		}
		for _, our := range forms {
			for _, field := range their.Required {
				if !slices.Contains(our.Required, field) {
					t.Errorf("%s does not require %s", name, field)
				}
			}
			for field := range our.Properties {
				if _, ok := their.Properties[field]; !ok && !slices.Contains(more[name], field) {
					t.Errorf("%s has %s, which theirs has not", name, field)
				}
			}
			if len(their.Enum) != len(our.Enum) {
				t.Errorf("%s has the values %v, theirs has %v", name, our.Enum, their.Enum)
			}
		}
	}
	if compared < 30 {
		t.Errorf("only %d definitions are found in Svix's document", compared)
	}
}
