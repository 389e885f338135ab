package match_test

import (
	"path"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bellhop/bellhop/internal/match"
)

func TestCheckType(t *testing.T) {
	long := strings.Repeat("a", match.MaxType)
	for name, want := range map[string]string{ // want: a part of the error; empty: accepted
		"invoice.purchase": "", "a": "", "Order.Line-Item_2.created": "", long: "",
		"":               "empty",
		long + "a":       "129 bytes",
		"a..b":           "extra dot",
		".a":             "extra dot",
		"a.":             "extra dot",
		".":              "extra dot",
		"a b":            "letters, digits",
		"a\n":            "letters, digits",
		"orders/create":  `write a dot for it`,
		"user:created":   `contains ':'`,
		"rückzahlung":    `contains 'ü'`,
		"invoice.*":      "* that is not at the end of a pattern",
		"\xff":           "letters, digits",
		"*":              "* that is not at the end of a pattern",
		"a\u200bb":       `contains '\u200b'`,
		"invoice.\x00ab": "letters, digits",
	} {
		checkError(t, "CheckType", name, match.CheckType(name), want)
	}
}

func TestCheckTypePattern(t *testing.T) {
	for pattern, want := range map[string]string{
		"*": "", "invoice.*": "", "inv*": "", "invoice.p*": "", "invoice.purchase": "",
		"":                             "empty",
		".*":                           "extra dot",
		"a..*":                         "extra dot",
		"a..b*":                        "extra dot",
		"a.":                           "extra dot",
		"**":                           "not at the end",
		"*.a":                          "not at the end",
		"a*b":                          "not at the end",
		"a b*":                         "letters, digits",
		strings.Repeat("a", 128) + "*": "129 bytes",
	} {
		checkError(t, "CheckTypePattern", pattern, match.CheckTypePattern(pattern), want)
	}
}

func TestCheckSubject(t *testing.T) {
	for subject, want := range map[string]string{
		"ticket:damage-report:42": "", "Zürich / 東京 🎫": "", "a*b": "", strings.Repeat("é", 128): "",
		"":                        "empty",
		strings.Repeat("é", 129):  "258 bytes",
		"a\nb":                    "printable",
		"a\tb":                    "printable",
		"a\x7f":                   "printable",
		"a\u200bb":                "printable",
		"a\u202eb":                "printable",
		"\xff":                    "not UTF-8",
		"\u00a0 no-break space":   "printable",
		"line\u2028separator":     "printable",
		"byte order mark \ufeff.": "printable",
	} {
		checkError(t, "CheckSubject", subject, match.CheckSubject(subject), want)
	}
	for pattern, want := range map[string]string{
		"*": "", "ticket:*": "", "ticket:42": "", "": "empty", "a*b": "not at its end", "**": "not at its end", "\x01*": "printable",
	} {
		checkError(t, "CheckSubjectPattern", pattern, match.CheckSubjectPattern(pattern), want)
	}
}

func checkError(t *testing.T, what, in string, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%s(%q) = %v, want %q", what, in, err, want)
	}
}

func TestTypesMatch(t *testing.T) {
	for _, tc := range []struct {
		patterns string
		yes, no  string
	}{
		{"", "a invoice.purchase", ""},
		{"*", "a invoice.purchase", ""},
		{"invoice.*", "invoice.purchase invoice.line.added", "invoice invoices.a Invoice.a a.invoice.b"},
		{"invoice.purchase", "invoice.purchase", "invoice.purchased invoice.Purchase invoice"},
		{"inv*", "inv invoice.a", "in"},
		{"a.b c.* d*", "a.b c.x d dd.e", "a.bc c e"},
	} {
		types, err := match.CompileTypes(strings.Fields(tc.patterns))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields(tc.yes) {
			if !types.Match(name) {
				t.Errorf("%q does not match %q", tc.patterns, name)
			}
		}
		for _, name := range strings.Fields(tc.no) {
			if types.Match(name) {
				t.Errorf("%q matches %q", tc.patterns, name)
			}
		}
	}
	if !(match.Types{}).Match("a") || !(match.Subjects{}).Match("") {
		t.Error("the zero value does not match everything")
	}
	if _, err := match.CompileTypes([]string{"a", "b..c"}); err == nil {
		t.Error("CompileTypes accepted b..c")
	}
}

func TestSubjectsMatch(t *testing.T) {
	s, err := match.CompileSubjects([]string{"ticket:damage-report:*", "unit:7"})
	if err != nil {
		t.Fatal(err)
	}
	for subject, want := range map[string]bool{
		"ticket:damage-report:42": true, "ticket:damage-report:": true, "unit:7": true,
		"ticket:damage-report": false, "unit:77": false, "": false,
	} {
		if s.Match(subject) != want {
			t.Errorf("Match(%q) = %v", subject, !want)
		}
	}
	if all, _ := match.CompileSubjects([]string{"*"}); !all.Match("") {
		t.Error("* does not cover an event without a subject")
	}
	if _, err := match.CompileSubjects([]string{"a", ""}); err == nil {
		t.Error("CompileSubjects accepted an empty pattern")
	}
}

// TestTypesAgreeWithGlob uses path.Match as the reference: names hold no slash,
// so its * is ours.
func TestTypesAgreeWithGlob(t *testing.T) {
	segment := `[ab]{1,2}`
	pattern := rapid.OneOf(rapid.StringMatching(segment+`(\.`+segment+`){0,2}`), rapid.StringMatching(`(`+segment+`\.){0,2}(`+segment+`)?\*`))
	rapid.Check(t, func(t *rapid.T) {
		patterns := rapid.SliceOfN(pattern, 0, 4).Draw(t, "patterns")
		name := rapid.StringMatching(segment+`(\.`+segment+`){0,3}`).Draw(t, "name")
		types, err := match.CompileTypes(patterns)
		if err != nil {
			t.Fatal(err)
		}
		want := len(patterns) == 0
		for _, p := range patterns {
			ok, _ := path.Match(p, name)
			want = want || ok
		}
		if types.Match(name) != want {
			t.Fatalf("Match = %v, want %v", !want, want)
		}
	})
}

func FuzzTypes(f *testing.F) {
	for _, seed := range []string{"invoice.*", "*", "a..b", "", "a.*.b", "é*", "a."} {
		f.Add(seed, "invoice.purchase")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		types, err := match.CompileTypes([]string{pattern})
		if (err == nil) != (match.CheckTypePattern(pattern) == nil) {
			t.Fatal("CompileTypes and CheckTypePattern disagree")
		}
		if match.CheckType(pattern) == nil && (err != nil || !types.Match(pattern)) {
			t.Fatalf("the name %q is not a pattern for itself: %v", pattern, err)
		}
		if err != nil || match.CheckType(name) != nil {
			return
		}
		prefix, wild := strings.CutSuffix(pattern, "*")
		if got, want := types.Match(name), name == pattern || wild && strings.HasPrefix(name, prefix); got != want {
			t.Fatalf("%q matches %q: %v, want %v", pattern, name, got, want)
		}
	})
}
