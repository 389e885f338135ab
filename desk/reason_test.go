package desk

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// Every word that the sources have for a reason can be asked for.
func TestEveryReasonIsKnown(t *testing.T) {
	constant := regexp.MustCompile(`(?m)^\tReason\w+(?: +Reason)? += "(\w+)"`)
	found := 0
	for _, file := range []string{"../outcome.go", "../internal/safehttp/reason.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range constant.FindAllStringSubmatch(string(source), -1) {
			found++
			if !slices.Contains(reasons, c[1]) {
				t.Errorf("%s: %s is not among them", file, c[1])
			}
		}
	}
	if found < len(reasons) {
		t.Errorf("the sources have %d, and there are %d", found, len(reasons))
	}
}
