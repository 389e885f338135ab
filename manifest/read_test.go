package manifest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellhop/bellhop"
)

const sampleYAML = `
# What acme has.
apps:
  - id: acme
    name: Acme
    metadata: {plan: "7"}
event_types:
  - name: invoice.paid
    validate: true
    schema: {type: object, properties: {total: {maximum: 99999999999999.99}}}
    example: {"b" : 1.0, "a": 1e400, "yes": "yes", "no": 'null'}
endpoints:
  - id: ep_01
    apps: [acme, {app: globex, events: []}]
    url: https://example.com/hooks
    events:
      - invoice.*
    timeout: 90s
    retry: [5s, 2m, 7d]
    rate_limit: {per_second: 0.5}
    locked: false
    filter:
      total: [{numeric: [">", 100]}]
---
apps:
- {id: globex}
`

func parsed(t *testing.T, text string) Document {
	t.Helper()
	d, err := Parse("a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDocumentsAreReadAsTheAPIHasThem(t *testing.T) {
	d := parsed(t, sampleYAML)
	want := map[Kind][]map[string]string{
		Apps:       {{"id": `"acme"`, "name": `"Acme"`, "metadata": `{"plan":"7"}`}, {"id": `"globex"`}},
		EventTypes: {{"name": `"invoice.paid"`, "validate": "true", "schema": `{"type":"object","properties":{"total":{"maximum":99999999999999.99}}}`, "example": `{"b":1.0,"a":"1e400","yes":"yes","no":"null"}`}},
		Endpoints: {{
			"id": `"ep_01"`, "apps": `["acme",{"app":"globex","events":[]}]`, "url": `"https://example.com/hooks"`, "events": `["invoice.*"]`,
			"timeout": `"1m30s"`, "retry": `["5s","2m","7d"]`, "rate_limit": `{"per_second":0.5}`, "locked": "false", "filter": `{"total":[{"numeric":[">",100]}]}`,
		}},
	}
	got := map[Kind][]map[string]string{}
	for kind, list := range d.Objects {
		for _, o := range list {
			fields := map[string]string{}
			for field, value := range o.Fields {
				fields[field] = string(value)
			}
			got[kind] = append(got[kind], fields)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s := d.Objects[Endpoints][0].Source; s != "a.yaml line 13" {
		t.Error(s)
	}
}

// TestWhatIsWrittenIsReadAgain: YAML and JSON say the same, numbers and texts byte for byte.
func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	const example = `{"n":1.0,"big":12345678901234567890123,"huge":1e400,"minus":-0.0,"text":"1e400","yes":"yes","null":"null","date":"2026-01-02","empty":{},"list":[],"deep":[{"a":[null,true,"x: #y"]}],"html":"<&> é\u2028","lines":"a\n b\n"}`
	d := Document{}
	o := Object{}
	o.Put("name", "a.b")
	o.Put("example", bellhop.JSON(example))
	d.Add(EventTypes, o)
	d.Objects[Endpoints] = []Object{}
	fromYAML, err := d.YAML()
	if err != nil {
		t.Fatal(err)
	}
	fromJSON, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"yaml": fromYAML, "json": fromJSON, "json with tabs": bytes.ReplaceAll(fromJSON, []byte("  "), []byte("\t"))} {
		again, err := Parse(name, text)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		if list, ok := again.Objects[Endpoints]; !ok || len(list) > 0 {
			t.Errorf("%s: an empty list became %v %v", name, list, ok)
		}
		if got := string(again.Objects[EventTypes][0].Fields["example"]); got != strings.ReplaceAll(example, `\u2028`, "\u2028") && got != example {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"apps:\n- id: a\n  nmae: x\n": `a.yaml line 3: an app has no field "nmae": did you mean name?`,
		"aps: []\n":                   `a.yaml line 1: there is no list "aps": did you mean apps?; a document has event_types, apps, endpoints, keys`,
		"- a\n":                       `a.yaml line 1: a document has lists of objects`,
		"apps: {a: 1}\n":              `a.yaml line 1: apps must be a list, not an object`,
		"apps:\n- a\n":                `a.yaml line 2: each of apps must be an object with fields, not a text`,
		"apps:\n- id: 7\n":            `a.yaml line 2: id must be a text (write it in quotes), not a number`,
		"apps:\n- name: a\n":          `a.yaml line 2: an object of apps needs the field id`,
		"apps:\n- id: a\n- id: a\n":   `a.yaml line 3: the app a is there twice: it stands at a.yaml line 2 already`,
		"apps:\n- id: a\n  id: b\n":   `a.yaml line 3: id is there twice: remove one`,
		"endpoints:\n- id: ep_1\n  timeout: soon\n":                          `a.yaml line 3: timeout cannot be read: "soon" is not a duration`,
		"endpoints:\n- id: ep_1\n  auth:\n    type: basic\n    pasword: x\n": `a.yaml line 5: auth has no field "pasword": did you mean password?`,
		"endpoints:\n- id: ep_1\n  retry: 5s\n":                              `a.yaml line 3: retry must be a list of delays`,
		"endpoints:\n- id: ep_1\n  events: invoice\n":                        `a.yaml line 3: events must be a list, not a text`,
		"endpoints:\n- id: ep_1\n  headers: {a: 1}\n":                        `a.yaml line 3: a must be a text (write it in quotes), not a number`,
		"endpoints:\n- id: ep_1\n  locked: maybe\n":                          `a.yaml line 3: locked must be true or false, not a text`,
		"endpoints:\n- id: ep_1\n  verify: true\n":                           `a.yaml line 3: verify asks for something once`,
		"endpoints:\n- url: https://example.com\n":                           `a.yaml line 2: an endpoint needs a uid, a former_id or an id`,
		"endpoints:\n- id: ep_1\n  filter: {a: [.inf]}\n":                    `a.yaml line 3: .inf is no number that JSON has`,
		"x: &x {id: a}\napps:\n- <<: *x\n":                                   `a.yaml line 1: there is no list "x"`,
		"apps:\n- &x {id: a}\n- <<: *x\n":                                    `a.yaml line 3: "<<" is not read here`,
		"apps:\n- id: a\n\tname: b\n":                                        `a.yaml: line`,
		"apps: &a\n- id: x\n  metadata: {a: *a}\n":                           `a.yaml`,
		"{\"apps\": [\n {\"id\": \"a\",\n  \"nmae\": 1}]}":                   `a.yaml line 3: an app has no field "nmae": did you mean name?`,
		"{\"apps\": [\n {\"id\": \"a\",\n}]}":                                `a.yaml line 3: the JSON is not valid`,
		"{\"apps\": []} x":                                                   `a.yaml line 1: `,
		"{\"apps\": [":                                                       `a.yaml line 1: the JSON`,
	} {
		_, err := Parse("a.yaml", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestAFolderIsOneDocument(t *testing.T) {
	dir := t.TempDir()
	d := parsed(t, sampleYAML)
	if err := d.Write(dir); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, "endpoints", "mine.yaml")
	for _, file := range []string{own, filepath.Join(dir, "readme.txt"), filepath.Join(dir, ".hidden.yaml")} {
		if err := os.WriteFile(file, []byte("endpoints: []\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Objects[Apps]) != 2 || len(again.Objects[EventTypes]) != 1 || len(again.Objects[Endpoints]) != 1 {
		t.Errorf("%v", again.Objects)
	}
	if s := again.Objects[Endpoints][0].Source; !strings.HasPrefix(s, filepath.Join(dir, "endpoints", "acme.yaml")) {
		t.Error(s)
	}

	// Of an app without endpoints, the file goes; what somebody else wrote stays.
	d.Objects[Endpoints][0].Put("apps", []string{"globex"})
	if err := d.Write(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "endpoints", "acme.yaml")); !os.IsNotExist(err) {
		t.Errorf("the file of an app that has no endpoints any more: %v", err)
	}
	if _, err := os.Stat(own); err != nil {
		t.Error(err)
	}
	if _, err := Read(t.TempDir()); err == nil || !strings.Contains(err.Error(), "there is no file") {
		t.Error(err)
	}

	// The same object in two files.
	if err := os.WriteFile(own, []byte("apps:\n- id: acme\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "is there twice") {
		t.Error(err)
	}
}

// TestANewFolderIsWhole: where not all of it can be written, nothing is left of it.
func TestANewFolderIsWhole(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "a", "config") + string(filepath.Separator)
	d := parsed(t, sampleYAML)
	d.Objects[Endpoints][0].Put("apps", []string{strings.Repeat("x", 300)}) // no file can be called so
	if err := d.Write(path); err == nil {
		t.Error("it was written")
	}
	if left, err := os.ReadDir(filepath.Join(parent, "a")); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	d.Objects[Endpoints][0].Put("apps", []string{"acme"})
	if err := d.Write(path); err != nil {
		t.Fatal(err)
	}
	if again, err := Read(path); err != nil || len(again.Objects[Endpoints]) != 1 {
		t.Errorf("%v, %v", again.Objects, err)
	}
}

// TestWhatIsTooMuchToRead: what never ends, or stands for more than memory holds, is refused
// before it is there; a pipe is read as a file is.
func TestWhatIsTooMuchToRead(t *testing.T) {
	dir := t.TempDir()
	sparse := filepath.Join(dir, "sparse.yaml")
	if err := os.WriteFile(sparse, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(sparse, 3<<30); err != nil {
		t.Skipf("no sparse file: %v", err)
	}
	refused := func(path, want string) {
		t.Helper()
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	refused(sparse, "sparse.yaml is larger than 128 MiB")
	refused(dir, "sparse.yaml is larger than 128 MiB")
	if runtime.GOOS == "windows" {
		return
	}
	refused("/dev/zero", "neither a file, a pipe nor a folder")

	pipe := func(write func(io.Writer)) string {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			write(w)
			_ = w.Close()
		}()
		t.Cleanup(func() {
			_ = r.Close() // nothing is written any more
			<-ended
		})
		return fmt.Sprint("/dev/fd/", r.Fd())
	}
	if d, err := Read(pipe(func(w io.Writer) { _, _ = io.WriteString(w, sampleYAML) })); err != nil || len(d.Objects[Apps]) != 2 {
		t.Errorf("through a pipe: %v, %v", d, err)
	}
	refused(pipe(func(w io.Writer) {
		for line := bytes.Repeat([]byte("# nothing\n"), 1000); ; {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	}), "is larger than 128 MiB")
}

// TestAliasesAreBounded: they may be used, and not stand for more than there could be.
func TestAliasesAreBounded(t *testing.T) {
	d := parsed(t, "apps: [{id: a, metadata: &m {plan: free}}, {id: b, metadata: *m}]")
	if got := string(d.Objects[Apps][1].Fields["metadata"]); got != `{"plan":"free"}` {
		t.Errorf("%s", got)
	}
	bomb := "event_types:\n- name: a\n  schema:\n    l0: &l0 [x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i <= 11; i++ {
		bomb += fmt.Sprintf("    l%d: &l%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d,", i-1), 9), ","))
	}
	// The same where each value is checked by its type.
	many := "endpoints:\n- events: &e [" + strings.Repeat("a.b,", 5000) + "]\n- apps: [&t {app: a, events: *e}" + strings.Repeat(",*t", 5000) + "]\n"
	for _, text := range []string{bomb, many} {
		if _, err := Parse("a.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), "aliases stand for more than 1048576 values") {
			t.Errorf("%v", err)
		}
	}
}
