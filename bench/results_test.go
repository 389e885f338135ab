package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatIsNoFileOfResults(t *testing.T) {
	const about = `"time":"2026-11-30T14:59:00Z","rounds":3,"sizes":{}`
	path := filepath.Join(t.TempDir(), "found.json")
	for text, good := range map[string]bool{
		`{` + about + `}`: true,
		`{` + about + `,"figures":[{"key":"bare","values":[1]}],"spending":[{"key":"bare"}]}`: true,
		`{}`: false, `null`: false, `[]`: false, `7`: false, ``: false, `{"name":"x","version":"1"}`: false,
		`{` + about + `,"figures":[null]}`:                false,
		`{` + about + `,"figures":[{"key":"bare"},{}]}`:   false,
		`{` + about + `,"spending":[null]}`:               false,
		`{` + about + `,"figures":{"bare":1}}`:            false,
		`{"time":"2026-11-30T14:59:00Z","sizes":{}}`:      false,
		`{"time":"yesterday","rounds":3,"sizes":{}}`:      false,
		`{` + about + `} and more`:                        false,
		`{"rounds":3,"sizes":{},"figures":[]}`:            false,
		`{"time":"2026-11-30T14:59:00Z","rounds":3}`:      false,
		`{` + about + `,"figures":[{"title":"no key"}]}`:  false,
		`{` + about + `,"spending":[{"title":"no key"}]}`: false,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := loadResults(path)
		switch {
		case good && err != nil:
			t.Errorf("%s: %v", text, err)
		case !good && (err == nil || !strings.Contains(err.Error(), path+" is no file of -json: ")):
			t.Errorf("%s: %v", text, err)
		case good:
			var b strings.Builder
			if err := r.markdown(&b); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
}

func TestTitlesSayWhatWasMeasured(t *testing.T) {
	o, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	usual := map[string]string{
		"history": "batches, 5 million attempts, browsed", "pending": "batches beside a million that wait", "many": "batches to 10 000 endpoints",
		"memory.hanging": "memory, 5000 requests hang", "flood.p99": "others' p99 beside a flood of 100 000", "steady.p50": "arrival at 500/s over a minute, p50",
	}
	o.history = 1_234_500
	other := map[string]string{"history": "batches, 1 234 500 attempts, browsed"}
	for key, want := range usual {
		usualOptions, _ := parse(nil)
		if got := newResults(usualOptions).figure(key).Title; got != want {
			t.Errorf("%s is called %q, want %q", key, got, want)
		}
	}
	for key, want := range other {
		if got := newResults(o).figure(key).Title; got != want {
			t.Errorf("%s is called %q, want %q", key, got, want)
		}
	}
	for _, c := range catalogue {
		if got := newResults(o).figure(c.Key).Title; strings.ContainsAny(got, "{}?") {
			t.Errorf("%s is called %q", c.Key, got)
		}
	}
	// Files of before say how much it was, and have titles that don't.
	r := newResults(o)
	r.Sizes["pending"], r.Steady = 1000, 0
	r.Figures = []*figure{{Key: "pending", Title: "as it was"}, {Key: "steady.p50", Title: "over a minute"}}
	r.Spending = []*spending{{Key: "pending", Title: "as it was"}, {Key: "steady.p50", Title: "something else"}}
	r.entitle()
	if got := r.Figures[0].Title + "; " + r.Spending[0].Title + "; " + r.Figures[1].Title; got != "batches beside 1000 that wait; batches beside 1000 that wait; over a minute" {
		t.Errorf("titles of a file: %s", got)
	}
}
