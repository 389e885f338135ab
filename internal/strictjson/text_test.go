package strictjson

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestText(t *testing.T) {
	for raw, want := range map[string]string{
		`""`:                           "",
		`"plain"`:                      "plain",
		`"\"\\\/\b\f\n\r\t"`:           "\"\\/\b\f\n\r\t",
		`"é\u00e9\u4e2d"`:              "éé中",
		`"\ud83d\ude00 \uD83D\uDE00x"`: "😀 😀x",
		`"\ufffd�"`:                    "��",
		`"\u0001"`:                     "\x01",
	} {
		if got, err := Text([]byte(raw)); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", raw, got, err, want)
		}
	}
	for raw, say := range map[string]string{
		`"\ud800"`:                     `\ud800`,
		`"a\udfffb"`:                   `\udfff`,
		`"\udc00\ud800"`:               `\udc00`,
		`"\ud800\ud800"`:               `\ud800`,
		`"\ud83dx\ude00"`:              `\ud83d`,
		`"\ud83d\n"`:                   `\ud83d`,
		`"\ud83d\\ude00"`:              `\ud83d`,
		`"x\u0000y"`:                   "U+0000",
		"\"\xff\"":                     "not UTF-8",
		"\"\xed\xa0\"":                 "not UTF-8",
		`"😀 \ud83d\ude00 \ud83d` + `"`: `\ud83d`,
	} {
		if got, err := Text([]byte(raw)); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%s: %q, %v; want an error with %s", raw, got, err, say)
		}
	}
}

// Keys that differ stay different, so that none is taken for a repetition.
func TestKeysThatAreNoTextStayApart(t *testing.T) {
	members, err := Members([]byte(`{"\ud800":1,"\ud801":2,"\udc00":3,"\ufffd":4,"\u0000":5,"":6}`))
	if err != nil || len(members) != 6 {
		t.Fatalf("%v, %v", members, err)
	}
	for i, m := range members {
		if bad := CheckText(m.Key) != nil; bad != (i != 3 && i != 5) {
			t.Errorf("key %d, %q: refused is %v", i, m.Key, bad)
		}
	}
	if err := Check([]byte(`{"\ud83d\ude00":1,"😀":2}`), Parts{}); err == nil {
		t.Error("the same key in two spellings passed")
	}
}

// Wherever encoding/json does not change the text, both decode alike.
func TestTextIsWhatOthersRead(t *testing.T) {
	pieces := rapid.SampledFrom([]string{
		`\ud800`, `\uDBFF`, `\udc00`, `\uDFFF`, `\u0041`, `\u0000`, `\ufffd`, `\u00e9`, `\\`, `\"`, `\/`, `\n`, "u", "d800", "é", "😀", "\ufffd",
	})
	rapid.Check(t, func(t *rapid.T) {
		raw := []byte(`"` + strings.Join(rapid.SliceOfN(pieces, 0, 6).Draw(t, "pieces"), "") + `"`)
		if err := Valid(raw); err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		var want string
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		got, err := Text(raw)
		switch {
		case err == nil && got != want:
			t.Errorf("%q: %q, want %q", raw, got, want)
		case err == nil && (!utf8.ValidString(got) || strings.ContainsRune(got, 0)):
			t.Errorf("%q: %q is no text", raw, got)
		case err != nil && !strings.ContainsRune(want, utf8.RuneError) && !strings.ContainsRune(want, 0):
			t.Errorf("%q: %v", raw, err)
		}
	})
}
