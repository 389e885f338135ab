package main

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestCleanMappings(t *testing.T) {
	smaps := `00400000-01640000 r-xp 00000000 fe:00 1181 /usr/bin/bellhop
Size:              18688 kB
Rss:               14392 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
01640000-02c6a000 r--p 01240000 fe:00 1181                               /usr/bin/bellhop
Rss:               13608 kB
Anonymous:             0 kB
02c6a000-02ed1000 r--p 0286a000 fe:00 1181                               /usr/bin/bellhop
Rss:                 732 kB
Anonymous:             4 kB
02ed1000-02ee0000 rw-p 02ad1000 fe:00 1181                               /usr/bin/bellhop
Anonymous:             0 kB
7f64e8aa0000-7f64e8ba0000 rw-p 00000000 00:00 0 
Anonymous:             0 kB
7f64e9000000-7f64e9001000 r--p 00000000 fe:00 17                         /usr/lib/libc.so.6
Anonymous:             0 kB
7f64e9001000-7f64e9002000 r--p 00000000 fe:00 17                         /usr/bin/bellhop (deleted)
Anonymous:             0 kB
`
	for file, want := range map[string][]mapping{
		"/usr/bin/bellhop":           {{0x400000, 0x1640000}, {0x1640000, 0x2c6a000}},
		"/usr/bin/bellhop (deleted)": {{0x7f64e9001000, 0x7f64e9002000}},
		"/usr/bin":                   nil,
	} {
		if got := cleanMappings(strings.NewReader(smaps), file); !slices.Equal(got, want) {
			t.Errorf("of %q: %x, want %x", file, got, want)
		}
	}
}

// TestReleasePages: the program has fewer of its own pages afterwards, and goes on.
func TestReleasePages(t *testing.T) {
	before := fileKB(t)
	releasePages()
	if after := fileKB(t); after > before*3/4 {
		t.Errorf("%d kB of %d kB are still there", after, before)
	}
}

// fileKB is how much of files this process has in memory.
func fileKB(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`RssFile:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Skip("the system does not tell what is of files")
	}
	kb, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kb
}
