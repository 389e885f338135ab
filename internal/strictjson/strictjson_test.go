package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bellhop/bellhop/internal/strictjson"
)

func TestCheck(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	manyKeys := func(last string) string {
		var s strings.Builder
		for i := range 100 {
			fmt.Fprintf(&s, `"k%d":0,`, i)
		}
		return "{" + s.String() + last + ":0}"
	}
	for _, tc := range []struct {
		name, in string
		want     string // the error's code, byte and key; empty: accepted
	}{
		{"envelope", ` {"app":"acme","data":{"a":[1,2.5e-3,true,null,"\u00e9\n"]}} `, ``},
		{"scalar", `7`, ``},
		{"empty", ``, `invalid_json 0`},
		{"space only", "  ", `invalid_json 2`},
		{"trailing comma", `{"a":1,}`, `invalid_json 7`},
		{"trailing bytes", `{} x`, `invalid_json 3`},
		{"two documents", `{}{}`, `invalid_json 2`},
		{"unfinished string", `{"a":"b`, `invalid_json 7`},
		{"bare newline in string", "\"a\nb\"", `invalid_json 2`},
		{"leading zero", `01`, `invalid_json 1`},
		{"plus", `+1`, `invalid_json 0`},
		{"lone minus", `-`, `invalid_json 1`},
		{"dot without digits", `1.`, `invalid_json 2`},
		{"exponent without digits", `1e+`, `invalid_json 3`},
		{"bad literal", `trux`, `invalid_json 3`},
		{"bad escape", `"\x"`, `invalid_json 2`},
		{"short unicode escape", `"\u12g4"`, `invalid_json 5`},
		{"unquoted key", `{a:1}`, `invalid_json 1`},
		{"byte order mark", "\ufeff{}", `invalid_json 0`},
		{"latin-1", "{\"a\":\"\xe9\"}", `invalid_utf8 6`},
		{"encoded surrogate", "\"\xed\xa0\x80\"", `invalid_utf8 1`},
		{"duplicate key", `{"a":1,"b":2,"a":3}`, `duplicate_key 13 a`},
		{"duplicate key, escaped", `{"app":1,"\u0061pp":2}`, `duplicate_key 9 app`},
		{"duplicate key in an object", `{"retry":{"max":1,"max":2}}`, `duplicate_key 18 max`},
		{"duplicate key in an array", `{"a":[{},{"x":1,"x":2}]}`, `duplicate_key 16 x`},
		{"duplicate key in carried data", `{"data":{"a":1,"a":2,"b":[{"c":1,"c":1}]}}`, ``},
		{"data is carried at the top only", `{"x":{"data":{"a":1,"a":2}}}`, `duplicate_key 20 a`},
		{"same key in different objects", `{"a":{"a":{"a":1}}}`, ``},
		{"many keys", manyKeys(`"k100"`), ``},
		{"many keys, one twice", manyKeys(`"k3"`), `duplicate_key 791 k3`},
		{"many keys, last twice", manyKeys(`"k99"`), `duplicate_key 791 k99`},
		{"deep enough", nested(512), ``},
		{"too deep", nested(513), `too_deep 512`},
		{"too deep and endless", strings.Repeat(`{"a":`, 1<<20), `too_deep 2560`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := outcome(strictjson.Check([]byte(tc.in), strictjson.Parts{Carried: []string{"data"}, Large: []string{"schema"}})); got != tc.want {
				t.Errorf("Check = %q, want %q", got, tc.want)
			}
		})
	}
}

func outcome(err error) string {
	var e *strictjson.Error
	if !errors.As(err, &e) {
		return ""
	}
	return strings.TrimSpace(fmt.Sprint(e.Code, " ", e.Offset, " ", e.Key))
}

func TestErrorTellsWhereAndWhat(t *testing.T) {
	for in, want := range map[string]string{
		"{\n  \"é\": x}":       `line 2, column 8 (byte 10): invalid JSON: expected a value, found 'x'`,
		"{\"a\":1,\n\"a\":2}":  `line 2, column 1 (byte 8): the key "a" is there twice: send it once`,
		"{\"a\": 1\n \"b\":2}": `line 2, column 2 (byte 9): invalid JSON: expected a comma or }, found a string`,
		"[1, 2":                `line 1, column 6 (byte 5): invalid JSON: expected a comma or ], found the end of the document`,
	} {
		if err := strictjson.Check([]byte(in), strictjson.Parts{}); err == nil || err.Error() != want {
			t.Errorf("Check(%q)\n got %v\nwant %s", in, err, want)
		}
	}
}

func TestMembersAndElements(t *testing.T) {
	body := []byte(` { "events" : [ {"type":"a", "data": {"x":1, "x":2} } , 7 ] , "dry\u005frun":true}`)
	members, err := strictjson.Members(body)
	if err != nil {
		t.Fatal(err)
	}
	want := []strictjson.Member{
		{Key: "events", Value: []byte(`[ {"type":"a", "data": {"x":1, "x":2} } , 7 ]`)},
		{Key: "dry_run", Value: []byte(`true`)},
	}
	if diff := cmp.Diff(want, members); diff != "" {
		t.Errorf("Members (-want +got):\n%s", diff)
	}
	elements, err := strictjson.Elements(members[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	wantElements := [][]byte{[]byte(`{"type":"a", "data": {"x":1, "x":2} }`), []byte(`7`)}
	if diff := cmp.Diff(wantElements, elements); diff != "" {
		t.Errorf("Elements (-want +got):\n%s", diff)
	}
	// Appending to a part must not write over the rest of the document.
	if v := elements[0]; cap(v) != len(v) {
		t.Errorf("an element has room for %d bytes of its neighbour", cap(v)-len(v))
	}

	for in, want := range map[string]string{
		`[]`:                `wrong_type 0`,
		` null`:             `wrong_type 1`,
		``:                  `wrong_type 0`,
		`{"a":1,"a":2}`:     `duplicate_key 7 a`,
		`{"a":{"b":1,"b"}}`: `invalid_json 15`,
		`{"a":1} {}`:        `invalid_json 8`,
	} {
		if _, err := strictjson.Members([]byte(in)); outcome(err) != want {
			t.Errorf("Members(%s) = %v, want %s", in, err, want)
		}
	}
	if _, err := strictjson.Elements([]byte(`{}`)); outcome(err) != `wrong_type 0` {
		t.Errorf("Elements({}) = %v, want wrong_type", err)
	}
	for _, empty := range []string{`{}`, `[]`} {
		m, err1 := strictjson.Members([]byte(empty))
		e, err2 := strictjson.Elements([]byte(empty))
		if len(m)+len(e) != 0 || (err1 == nil) == (err2 == nil) {
			t.Errorf("%s: %v %v %v %v", empty, m, err1, e, err2)
		}
	}
}

// TestMembersAgreesWithUnmarshal writes random objects, with random space and
// escapes, and reads them both ways.
func TestMembersAgreesWithUnmarshal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space := rapid.SampledFrom([]string{"", "", " ", "\n\t", "\r\n  "})
		var doc bytes.Buffer
		doc.WriteString("{")
		keys := rapid.SliceOfNDistinct(rapid.String(), 0, 40, rapid.ID).Draw(t, "keys")
		for i, key := range keys {
			if i > 0 {
				doc.WriteString(",")
			}
			doc.WriteString(space.Draw(t, "space"))
			doc.WriteString(quote(t, key))
			doc.WriteString(space.Draw(t, "space") + ":" + space.Draw(t, "space"))
			doc.WriteString(value(t, 3))
			doc.WriteString(space.Draw(t, "space"))
		}
		doc.WriteString("}")

		var want map[string]json.RawMessage
		if err := json.Unmarshal(doc.Bytes(), &want); err != nil {
			t.Fatalf("the test wrote bad JSON: %v\n%s", err, doc.Bytes())
		}
		members, err := strictjson.Members(doc.Bytes())
		if err != nil {
			t.Fatalf("Members: %v\n%s", err, doc.Bytes())
		}
		got := map[string]json.RawMessage{}
		for i, m := range members {
			if m.Key != keys[i] {
				t.Fatalf("member %d is %q, want %q", i, m.Key, keys[i])
			}
			got[m.Key] = m.Value
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("members (-unmarshal +got):\n%s", diff)
		}
	})
}

func quote(t *rapid.T, s string) string {
	if rapid.Bool().Draw(t, "escaped") {
		var b strings.Builder
		for _, r := range s {
			if r > 0xffff { // as two surrogates
				r -= 0x10000
				fmt.Fprintf(&b, `\u%04x\u%04X`, 0xd800+r>>10, 0xdc00+r&0x3ff)
			} else {
				fmt.Fprintf(&b, `\u%04X`, r)
			}
		}
		return `"` + b.String() + `"`
	}
	quoted, _ := json.Marshal(s)
	return string(quoted)
}

func value(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 {
		kind %= 4
	}
	switch kind {
	case 0:
		return quote(t, rapid.String().Draw(t, "string"))
	case 1:
		return rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?`).Draw(t, "number")
	case 2:
		return "true"
	case 3:
		return "null"
	case 4:
		return "[ " + value(t, depth-1) + "," + value(t, depth-1) + "]"
	default:
		return `{"a":` + value(t, depth-1) + `, "a" : ` + value(t, depth-1) + "}"
	}
}

// FuzzValid holds the scanner against encoding/json. They must agree on every
// document that is UTF-8 and not too deep; repeated keys, which are valid JSON,
// are found by decoding.
func FuzzValid(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-0.5e+7,true,false,null,"\u00e9\\\"\/\b"],"b":{}}`, `{"a":1,"a":2}`, `[[[]]]`, `01`, `-`, `1.`, `1e`,
		`"\ud800"`, `"\x"`, ` { "x" : [ ] } `, `{"a":1,}`, `[1,]`, `tru`, `nul`, "\"\x01\"", "\xff", "\x00", `{"a"}`, `""`, `{} {}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		err := strictjson.Check(b, strictjson.Parts{})
		members, membersErr := strictjson.Members(b)
		elements, elementsErr := strictjson.Elements(b)
		if !bytes.Equal(b, before) {
			t.Fatal("the document was changed")
		}
		valid := json.Valid(b)
		var e *strictjson.Error
		switch {
		case err == nil:
			if !valid || !utf8.Valid(b) {
				t.Fatalf("accepted %q", b)
			}
		case !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(b) || e.Line < 1 || e.Column < 1:
			t.Fatalf("bad error %#v for %q", err, b)
		case e.Code == strictjson.CodeInvalidUTF8:
			if utf8.Valid(b) {
				t.Fatalf("%q is UTF-8: %v", b, err)
			}
		case e.Code == strictjson.CodeInvalidJSON:
			if valid {
				t.Fatalf("%q is valid: %v", b, err)
			}
		case e.Code == strictjson.CodeDuplicateKey:
			if !bytes.Contains(b, []byte("{")) {
				t.Fatalf("%q has no keys: %v", b, err)
			}
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(b, &object) == nil && object != nil && membersErr == nil {
			if len(object) != len(members) {
				t.Fatalf("%d members, want %d in %q", len(members), len(object), b)
			}
			for _, m := range members {
				if !bytes.Equal(object[m.Key], m.Value) {
					t.Fatalf("member %q is %q, want %q", m.Key, m.Value, object[m.Key])
				}
			}
		}
		var array []json.RawMessage
		if json.Unmarshal(b, &array) == nil && array != nil && elementsErr == nil {
			if len(array) != len(elements) {
				t.Fatalf("%d elements, want %d in %q", len(elements), len(array), b)
			}
			for i, raw := range elements {
				if !bytes.Equal(array[i], raw) {
					t.Fatalf("element %d is %q, want %q", i, raw, array[i])
				}
			}
		}
		if (membersErr == nil || elementsErr == nil) && !valid {
			t.Fatalf("split %q", b)
		}
	})
}

// event is a publish envelope of about 1 KiB.
func event() []byte {
	var lines []string
	for i := range 7 {
		lines = append(lines, fmt.Sprintf(`{"sku":"SKU-%04d","name":"Garden chair, \"oak\"","quantity":%d,"price":{"amount":129.%02d,"currency":"CHF"},"gift":false}`, i, i+1, i))
	}
	return fmt.Appendf(nil, `{"app":"acme","type":"invoice.purchase","id":"inv-2024-000042","subject":"invoice:42","data":{"customer":{"name":"Zoë Müller","email":"zoe@example.com"},"lines":[%s]}}`, strings.Join(lines, ","))
}

func BenchmarkMembers(b *testing.B) {
	doc := event()
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := strictjson.Members(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	doc := event()
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if err := strictjson.Check(doc, strictjson.Parts{Carried: []string{"data"}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkJSONValid is the yardstick.
func BenchmarkJSONValid(b *testing.B) {
	doc := event()
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if !json.Valid(doc) {
			b.Fatal("invalid")
		}
	}
}

// TestEveryByteOfAStringIsLookedAt puts bytes that end a string, or that none may have,
// at each place of those that are looked at together.
func TestEveryByteOfAStringIsLookedAt(t *testing.T) {
	for _, c := range []byte{0, 1, '\n', 0x1f, ' ', '!', '"', '#', '[', '\\', ']', 'a', 0x7e, 0x7f, 0xc3} {
		for _, d := range []byte{0, 0x1f, '"', '\\', 'n', ' ', 0xa4} {
			for at := range 17 {
				b := []byte(`"abcdefghijklmnopqrst"`)
				b[at+1], b[at+2] = c, d
				if got, want := strictjson.Valid(b) == nil, json.Valid(b) && utf8.Valid(b); got != want {
					t.Errorf("%q is valid: %t, and not %t", b, got, want)
				}
			}
		}
	}
}
