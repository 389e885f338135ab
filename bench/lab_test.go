package main

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
)

// A panic, in whichever goroutine of a scenario, is its failure; the others are measured.
func TestPanicIsTheFailureOfItsScenario(t *testing.T) {
	l := &lab{o: options{rounds: 1, silent: true}, results: newResults(options{rounds: 1})}
	stopped, measured := false, false
	err := l.run(t.Context(), []scenario{
		{name: "itself", run: func(context.Context, *lab) error {
			defer func() { stopped = true }()
			panic("a mistake")
		}},
		{name: "worker", run: func(context.Context, *lab) error {
			return parallel(2, func(i int) error {
				_ = 1 / i
				return nil
			})
		}},
		{name: "good", run: func(context.Context, *lab) error {
			measured = true
			return nil
		}},
	})
	if err == nil || !strings.Contains(err.Error(), "2 scenarios failed, the first: itself: panic: a mistake") {
		t.Errorf("the run: %v", err)
	}
	if want := "worker failed: panic: runtime error: integer divide by zero"; !slices.Contains(l.results.Notes, want) {
		t.Errorf("notes: %q, want %q", l.results.Notes, want)
	}
	if !stopped || !measured {
		t.Errorf("stopped %t, the next is measured %t", stopped, measured)
	}
}

func TestWhyBellhopHasEnded(t *testing.T) {
	for printed, want := range map[string]string{
		"bellhop: there is no flag --nope\nRun 'bellhop serve --help' for usage.\n": "bellhop: there is no flag --nope",
		"bellhop: cannot listen\n\n":                                       "bellhop: cannot listen",
		"starting\npanic: broken\n\ngoroutine 1 [running]:\nmain.main()\n": "panic: broken",
		"": "",
	} {
		said := make(chan string, 1)
		read(strings.NewReader(printed), make(chan string, 1), make(chan string, 1), said)
		if got := <-said; got != want {
			t.Errorf("%q: %q, want %q", printed, got, want)
		}
	}
}

// Nobody who prints is held up, whatever it prints.
func TestReadingGoesOnBehindALineThatIsTooLong(t *testing.T) {
	out, w := io.Pipe()
	go read(out, make(chan string, 1), make(chan string, 1), make(chan string, 1))
	if _, err := io.WriteString(w, strings.Repeat("x", 1<<20)); err != nil {
		t.Error(err)
	}
	_ = w.Close()
}
