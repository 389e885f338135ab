package main

import (
	"testing"

	"github.com/spf13/pflag"
)

// A flag that narrows is refused when it is empty: as when left out, it would ask for everything.
func TestNarrowingFlagsAreNeverEmpty(t *testing.T) {
	var channel string
	var types []string
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.StringVar(&channel, "channel", "", "")
	f.StringSliceVar(&types, "types", nil, "")
	neverEmpty(f, "channel", "types")
	for _, bad := range []string{"--channel=", "--types="} {
		if err := f.Parse([]string{bad}); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	if err := f.Parse([]string{"--channel=x", "--types=a.b,c.d", "--types=e.f"}); err != nil || channel != "x" || len(types) != 3 {
		t.Errorf("%v: %q %q", err, channel, types)
	}
}
