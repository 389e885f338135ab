package sqlite

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bellhop/bellhop/internal/column"
)

func TestHeadersAreJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := http.Header(rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.String())).Draw(t, "header"))
		var got http.Header
		if err := json.Unmarshal([]byte(column.Header(h)), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(h, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestNoLimitIsABareParameter: SQLite would compile the statement each time that it runs.
func TestNoLimitIsABareParameter(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	limit, found := regexp.MustCompile(`LIMIT \?\d*( \+ 0)?`), 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, is := range limit.FindAllString(string(text), -1) {
			if found++; !strings.HasSuffix(is, "+ 0") {
				t.Errorf("%s: %s, want %s + 0", name, is, is)
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d were found", found)
	}
}
