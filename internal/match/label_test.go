package match

import (
	"slices"
	"strings"
	"testing"
)

func TestCheckLabel(t *testing.T) {
	for _, good := range []string{"a", "project:7", "A-b_c.d:e", strings.Repeat("x", MaxLabel)} {
		if err := CheckLabel("channel", good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, why := range map[string]string{
		"": "channel is empty", strings.Repeat("x", MaxLabel+1): "shorten it to 128", "a b": `contains ' '`, "a\"": `contains '"'`,
		"é": "contains 'é'", "a\x00": `contains '\x00'`, "a/b": "contains '/'", "\xff": "contains", "a*": "contains '*'",
	} {
		if err := CheckLabel("channel", bad); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", bad, err, why)
		}
	}
}

func TestCheckUID(t *testing.T) {
	for _, good := range []string{"a", "A-b_c.d", ".a", "..-", strings.Repeat("x", MaxUID)} {
		if err := CheckUID("uid", good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", strings.Repeat("x", MaxUID+1), "a:b", "a/b", "a b", "ü", "\xff", ".", "..", "..."} {
		if err := CheckUID("uid", bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestLabelSet(t *testing.T) {
	given := []string{"b", "a", "b"}
	if got := LabelSet(given); !slices.Equal(got, []string{"a", "b"}) || !slices.Equal(given, []string{"b", "a", "b"}) {
		t.Errorf("%q of %q", got, given)
	}
	if LabelSet([]string{}) != nil {
		t.Error("none is not nil")
	}
}
