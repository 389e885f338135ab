// Command generate makes the notices of what is shipped. It is run by make licenses and,
// with -redoc, by make redoc.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bellhop/bellhop/internal/thirdparty/shipped"
)

func main() {
	redoc := flag.String("redoc", "", "`folder` in which npm has installed redoc: make the notices of its bundle")
	flag.Parse()
	err := all()
	if *redoc != "" {
		err = ofRedoc(*redoc)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// notice is a part of the notices: some packages, and the text that is theirs.
type notice struct {
	packages []string
	text     string
}

func all() error {
	modules, err := shipped.Modules(".")
	if err != nil {
		return err
	}
	var ofGo []notice
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	text, err := licenses(strings.TrimSpace(string(goroot)))
	if err != nil {
		return fmt.Errorf("the Go standard library: %w", err)
	}
	ofGo = append(ofGo, notice{[]string{"Go standard library and runtime"}, text})
	for _, m := range modules {
		if text, err = licenses(m.Dir); err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
		ofGo = append(ofGo, notice{[]string{m.String()}, text})
	}
	packages, err := shipped.Packages(".")
	if err != nil {
		return err
	}
	var ofNPM []notice
	for _, p := range packages {
		name, _, _ := strings.Cut(p, " ")
		if text, err = npmLicense(filepath.Join("web/node_modules", name)); err != nil {
			return err
		}
		ofNPM = append(ofNPM, notice{[]string{p}, text})
	}
	quickjs, err := os.ReadFile("internal/script/quickjs/LICENSE")
	if err != nil {
		return err
	}
	redoc, err := os.ReadFile("api/redoc/PACKAGES.md")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `# What others wrote

Bellhop is under the Apache License 2.0. The program has within it the packages below, each under
its own license; these are the notices and texts that they come with. This file is made by
`+"`make licenses`"+`, and printed by `+"`bellhop licenses`"+`.

- [Go modules](#go-modules), linked into the program; for some systems not all of them
- [npm packages](#npm-packages), in the dashboard and the portal
- [SQLite](#sqlite), in modernc.org/sqlite
- [QuickJS](#quickjs), which runs transformations
- [Redoc](#redoc), which shows the API at /docs

## Go modules

%s
## npm packages

%s
## SQLite

The source of SQLite, which modernc.org/sqlite has as Go, is in the public domain:
"All of the code and documentation in SQLite has been dedicated to the public domain by the
authors." (sqlite.org/copyright.html)

## QuickJS

%s
%s`, list(ofGo), list(ofNPM), fenced(string(quickjs)), redoc)
	return os.WriteFile("internal/thirdparty/THIRD_PARTY.md", b.Bytes(), 0o644)
}

// list writes each text once, below all the packages that have it.
func list(notices []notice) string {
	var merged []notice
	at := map[string]int{}
	for _, n := range notices {
		if i, ok := at[n.text]; ok {
			merged[i].packages = append(merged[i].packages, n.packages...)
			continue
		}
		at[n.text] = len(merged)
		merged = append(merged, n)
	}
	var b strings.Builder
	for _, n := range merged {
		for _, p := range n.packages {
			fmt.Fprintf(&b, "- %s\n", p)
		}
		fmt.Fprintf(&b, "\n%s\n", n.text)
	}
	return b.String()
}

var licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|third[-_]party)`)

// licenses are the texts that a folder comes with, each under its file's name if there
// are several.
func licenses(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	files := slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !e.Type().IsRegular() || !licenseFile.MatchString(e.Name()) })
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return "", err
		}
		if len(files) > 1 {
			fmt.Fprintf(&b, "%s:\n\n", f.Name())
		}
		b.WriteString(fenced(string(text)))
	}
	if len(files) == 0 {
		return "", fmt.Errorf("%s has no text of its license", dir)
	}
	return b.String(), nil
}

// npmLicense is the text that a package comes with or, if it has none, what its
// package.json says.
func npmLicense(dir string) (string, error) {
	if text, err := licenses(dir); err == nil {
		return text, nil
	}
	var p struct {
		Name, License string
		Author        json.RawMessage
	}
	b, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return "", err
	}
	if p.License == "" {
		return "", fmt.Errorf("%s says nothing of its license", dir)
	}
	by := struct{ Name string }{}
	if json.Unmarshal(p.Author, &by.Name) != nil {
		_ = json.Unmarshal(p.Author, &by)
	}
	if by.Name != "" {
		by.Name = ", by " + by.Name
	}
	return fmt.Sprintf("It comes without a text. Its package.json says: license %s%s.\n", p.License, by.Name), nil
}

// fenced is a text as it is.
func fenced(text string) string {
	text = strings.ReplaceAll(strings.Trim(text, "\r\n"), "\r\n", "\n")
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "text\n" + text + "\n" + fence + "\n"
}

// ofRedoc makes the notices of Redoc's bundle, which has many packages within it: its map
// names them.
func ofRedoc(dir string) error {
	found := map[string]bool{}
	for _, name := range []string{"redoc.standalone.js.map", "*.worker.js.map"} {
		maps, err := filepath.Glob(filepath.Join(dir, "node_modules/redoc/bundles", name))
		if err != nil || len(maps) == 0 {
			return errors.Join(fmt.Errorf("redoc has no %s", name), err)
		}
		var m struct{ Sources []string }
		b, err := os.ReadFile(maps[0])
		if err == nil {
			err = json.Unmarshal(b, &m)
		}
		if err != nil {
			return err
		}
		for _, s := range m.Sources {
			if in := regexp.MustCompile(`node_modules/((?:@[^/]+/)?[^/]+)/`).FindStringSubmatch(s); in != nil {
				found[in[1]] = true
			}
		}
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	var notices []notice
	for _, name := range names {
		at := filepath.Join(dir, "node_modules", name)
		var p struct{ Version string }
		b, err := os.ReadFile(filepath.Join(at, "package.json"))
		if err == nil {
			err = json.Unmarshal(b, &p)
		}
		if err != nil {
			return err
		}
		text, err := npmLicense(at)
		if err != nil {
			return err
		}
		notices = append(notices, notice{[]string{name + " " + p.Version}, text})
	}
	own, err := licenses("api/redoc")
	if err != nil {
		return err
	}
	out := "## Redoc\n\n" + own + "\nIts bundle has the packages below within it. It names them and not their versions: these are those\nthat npm installs for it.\n\n" + list(notices)
	return os.WriteFile("api/redoc/PACKAGES.md", []byte(out), 0o644)
}
