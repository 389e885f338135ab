package strictjson_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/bellhop/bellhop/internal/strictjson"
)

// keys are n members of an object.
func keys(n int) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, `"k%d":0,`, i)
	}
	return strings.TrimSuffix(s.String(), ",")
}

// TestKeysAreBounded at every place where they are compared.
func TestKeysAreBounded(t *testing.T) {
	parts := strictjson.Parts{Carried: []string{"data"}, Large: []string{"schema"}}
	for _, tc := range []struct {
		name, in, want string
	}{
		{"as many as may", `{"x":{` + keys(1000) + `}}`, ``},
		{"one more", `{"x":{` + keys(1001) + `}}`, `too_many_keys`},
		{"at the top", `{` + keys(1001) + `}`, `too_many_keys`},
		{"in a list", `{"x":[[{` + keys(1001) + `}]]}`, `too_many_keys`},
		{"large", `{"schema":{"properties":{` + keys(10_000) + `}}}`, ``},
		{"larger", `{"schema":{"properties":{` + keys(10_001) + `}}}`, `too_many_keys`},
		{"large within another", `{"x":{"schema":{` + keys(1001) + `}}}`, `too_many_keys`},
		{"carried", `{"data":{` + keys(10_001) + `}}`, ``},
		{"large, one twice", `{"schema":{` + keys(5000) + `,"k7":0}}`, `duplicate_key`},
		{"an escape", `{` + keys(500) + `,"\u006b9":0}`, `duplicate_key`},
		{"objects of many keys in each other", `{` + keys(20) + `,"a":{` + keys(20) + `,"a":{` + keys(20) + `}},"b":[{` + keys(20) + `}]}`, ``},
		{"one twice, after another object", `{` + keys(20) + `,"a":{` + keys(20) + `},"k3":0}`, `duplicate_key`},
	} {
		err := strictjson.Check([]byte(tc.in), parts)
		if code, _, _ := strings.Cut(outcome(err), " "); code != tc.want {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
	if _, err := strictjson.Members([]byte(`{` + keys(1001) + `}`)); !strings.HasPrefix(outcome(err), strictjson.CodeTooManyKeys) {
		t.Errorf("Members: %v", err)
	}
}

// TestTheFirstRepeatedKeyIsNamed, also among many.
func TestTheFirstRepeatedKeyIsNamed(t *testing.T) {
	in := `{` + keys(100) + `,"k90":1,"k5":1,"k90":2}`
	want := fmt.Sprintf("duplicate_key %d k90", strings.Index(in, `"k90":1`))
	if got := outcome(strictjson.Check([]byte(in), strictjson.Parts{})); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestCheckTakesLittleMemory, however many keys a document has: less than the document.
func TestCheckTakesLittleMemory(t *testing.T) {
	for name, doc := range map[string]string{
		"one object":                `{"headers":{` + keys(80_000) + `}}`,
		"objects of as many as may": `{"x":[` + strings.Repeat(`{`+keys(1000)+`},`, 100) + `{}]}`,
		"empty objects":             `{"events":[` + strings.Repeat(`{},`, 300_000) + `{}]}`,
		"objects of a few keys":     `{"x":[` + strings.Repeat(`{`+keys(17)+`},`, 5000) + `{}]}`,
	} {
		b := []byte(doc)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_ = strictjson.Check(b, strictjson.Parts{})
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > uint64(len(b)/4) {
			t.Errorf("%s of %d KiB took %d KiB", name, len(b)>>10, took>>10)
		}
	}
}

func TestElementsUpToStops(t *testing.T) {
	for in, want := range map[string]string{
		`[1,2]`:          "2 false",
		`[1,2,3]`:        "2 true",
		`[1,2, not JSON`: "2 true",
		`[]`:             "0 false",
	} {
		list, more, err := strictjson.ElementsUpTo([]byte(in), 2)
		if got := fmt.Sprint(len(list), more); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", in, got, err, want)
		}
	}
}
