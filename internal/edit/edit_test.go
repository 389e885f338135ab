package edit

import (
	"strings"
	"testing"
)

const document = `{"z": 1.50, "a":{"b":"x","items":[{"n":1},2]}, "big":12345678901234567890}`

func TestSet(t *testing.T) {
	for _, tt := range []struct{ path, value, want string }{
		{"data.z", "2", `{"z":2,"a":{"b":"x","items":[{"n":1},2]},"big":12345678901234567890}`},
		{"data.z", "two", `{"z":"two","a":{"b":"x","items":[{"n":1},2]},"big":12345678901234567890}`},
		{"data.z", `"2"`, `{"z":"2","a":{"b":"x","items":[{"n":1},2]},"big":12345678901234567890}`},
		{"data.z", "", `{"z":"","a":{"b":"x","items":[{"n":1},2]},"big":12345678901234567890}`},
		{"data.z", "a=b <c>", `{"z":"a=b <c>","a":{"b":"x","items":[{"n":1},2]},"big":12345678901234567890}`},
		{"data.a.b", `{"c":[]}`, `{"z":1.50,"a":{"b":{"c":[]},"items":[{"n":1},2]},"big":12345678901234567890}`},
		{"data.a.items[0].n", "null", `{"z":1.50,"a":{"b":"x","items":[{"n":null},2]},"big":12345678901234567890}`},
		{"data.a.items[2]", "true", `{"z":1.50,"a":{"b":"x","items":[{"n":1},2,true]},"big":12345678901234567890}`},
		{`data.a["b"]`, "y", `{"z":1.50,"a":{"b":"y","items":[{"n":1},2]},"big":12345678901234567890}`},
		{`data["a.b"].c[0].d`, "1", `{"z":1.50,"a":{"b":"x","items":[{"n":1},2]},"big":12345678901234567890,"a.b":{"c":[{"d":1}]}}`},
		{"data", "[1]", `[1]`},
	} {
		got, err := Set([]byte(document), "data", tt.path, tt.value)
		want := strings.ReplaceAll(tt.want, "<c>", `<c>`)
		if err != nil || strings.ReplaceAll(strings.ReplaceAll(string(got), `\u003c`, "<"), `\u003e`, ">") != want {
			t.Errorf("%s=%s: %s, %v\nwant %s", tt.path, tt.value, got, err, want)
		}
	}
	if got, err := Set([]byte(`[1,{"a":2}]`), "data", "data[1].a", "3"); err != nil || string(got) != `[1,{"a":3}]` {
		t.Errorf("%s, %v", got, err)
	}
}

func TestPathsThatCannotBeFollowed(t *testing.T) {
	for path, want := range map[string]string{
		"":                                `does not begin with data`,
		"total":                           `write data.total`,
		"database.x":                      `does not begin with data`,
		"data.":                           "a name is missing",
		"data..a":                         "a name is missing",
		"data.a.":                         "cannot be read at data.a",
		"data[x]":                         "an element is written [0]",
		"data[-1]":                        "an element is written [0]",
		"data[0":                          "an element is written [0]",
		"data[99999999999999999999]":      "an element is written [0]",
		`data["a`:                         "has no end",
		`data["a"x`:                       "a ] is missing",
		"data.a[0]x":                      "after a ] comes a dot",
		"data.z.x":                        "data.z is a number, and only an object has members",
		"data.a.b[0]":                     "data.a.b is a string, and only an array has elements",
		"data.a.items.x":                  "data.a.items is an array, and only an object has members",
		"data[0]":                         "data is an object, and only an array has elements",
		"data.a.items[3]":                 "data.a.items has 2 elements: [2] would add one",
		"data.new[1]":                     "data.new has 0 elements: [0] would add one",
		"data" + strings.Repeat(".a", 65): "more than 64 parts",
	} {
		if got, err := Set([]byte(document), "data", path, "1"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, %v; want %q", path, got, err, want)
		}
	}
	for _, value := range []string{"1 2", "{", "nul"} {
		got, err := Set([]byte(`{}`), "data", "data.x", value)
		if err != nil || !strings.HasPrefix(string(got), `{"x":"`) {
			t.Errorf("what is no JSON is a string: %s, %v", got, err)
		}
	}
	if _, err := Set([]byte(`{"a":`), "data", "data.a", "1"); err == nil {
		t.Error("a document that breaks off is taken")
	}
}
