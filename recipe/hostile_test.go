package recipe

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestHostileTemplates: whoever may write a template, as editors may into some fields,
// costs no more than a moment.
func TestHostileTemplates(t *testing.T) {
	long := strings.Repeat("x", 60<<10)
	numbers := "[" + strings.Repeat("1,", 20_000) + "1]"
	data := fmt.Sprintf(`{"l":%s,"t":%q,"q":"\\\"","o":{"a":%s},"wide":{%q:{%s"z":1}},"deep":%s}`, numbers, strings.Repeat("y", 200<<10), numbers,
		strings.Repeat("n", 10<<10), manyMembers(1000),
		strings.Repeat(`{"a":`, 500)+"1"+strings.Repeat("}", 500))
	each := "${each data.l as a}"
	for name, text := range map[string]string{
		"loops in loops":             each + "${each data.l as b}${each data.l as c}x${/}${/}${/}",
		"empty loops":                each + "${/}",
		"long joins of a loop":       `${each data.l as a join "` + long + `"}${/}`,
		"long joins":                 `${data.l | join:"` + long + `"}`,
		"hashes of a long text":      each + "${data.t | sha256}${/}",
		"the whole data, each time":  each + "${data | flat | count}${/}",
		"objects as text, each time": each + "${data.o | json | count}${/}",
		"comparisons of objects":     each + `${?data.o == "x"}${/}${/}`,
		"lists that are not there":   each + "${data.l[*].a.b | count}${/}",
		"quotes of quotes":           "${data.q" + strings.Repeat(" | json", 16) + "}",
		"backslashes of backslashes": "${data.q" + strings.Repeat(" | markdown", 16) + "}",
		"replacements":               "${data.t" + strings.Repeat(` | replace:"y","yy"`, 16) + "}",
		"long separators":            `${data | flat:"` + long + `" | json}`,
		"names that grow":            "${data.wide | flat | json | count}${data.wide | flat | json | count}",
		"sums":                       each + "${data.l | sum}${/}",
		"texts that grow, each time": each + "${data.t | json | sha256 | cut:1}${/}",
		"many filters":               each + "${data.t" + strings.Repeat(" | upper", 15) + " | cut:1}${/}",
		"the whole data, growing":    "${data" + strings.Repeat(" | json", 15) + " | sha256}",
		"unique":                     each + "${data.l | unique | count}${/}",
		"conditions":                 each + strings.Repeat("${?data.l and data.t and data.o}x${/}", 1000) + "${/}",
	} {
		begun := time.Now()
		got, err := made(t, text, plain{slotText}, data)
		if took := time.Since(begun); took > 10*time.Second { // as a rule a tenth of a second
			t.Errorf("%s: took %s", name, took)
		}
		small := name == "quotes of quotes" || name == "backslashes of backslashes" // few filters of a short text
		if err == nil && (!small || len(got) > maxOutput) {
			t.Errorf("%s: made %d bytes", name, len(got))
		}
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"m%d":1,`, i)
	}
	return b.String()
}

func FuzzTemplates(f *testing.F) {
	for _, text := range []string{
		"${data.a}", "${?a}", "${each data.l as i}${i.n ?? \"x\" | upper}${:}${/}", `{"a":"${data.a}",${?data.b}"b":${data.b}${/}}`,
		`<a href="${data.a}">${data.a}</a>`, "${url}/${data.a}?q=${data.a}", "$${ ${data[\"a b\"][0][*]}",
	} {
		f.Add(text, `{"a":"x","l":[{"n":1}],"b":null}`)
	}
	f.Fuzz(func(t *testing.T, text, data string) {
		compiled, err := parse(text)
		if err != nil {
			return
		}
		for _, l := range []lexer{plain{slotText}, plain{slotHeader}, jsonText{}, htmlText{}, urlText{}, addressText{}} {
			if _, err := compiled.place(l); err != nil {
				continue
			}
			sc := &scope{event: &Event{ID: "evt_1", Data: []byte(data)}, url: "https://example.com", what: "fuzz", key: []byte("k")}
			b, err := compiled.append(nil, sc)
			if err == nil && len(b) > 2*maxOutput {
				t.Errorf("%q makes %d bytes", text, len(b))
			}
		}
	})
}
