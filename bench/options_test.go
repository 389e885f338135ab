package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellhop/bellhop/api"
)

func TestNumbersOutOfTheirBounds(t *testing.T) {
	for args, want := range map[string]string{
		"":                        "",
		"-quick":                  "",
		"-size 65536 -many 1":     "",
		"-flood 150":              "-flood must be whole hundreds, such as 100, not 150",
		"-flood 0":                "-flood must be at least 100, not 0",
		"-hang 199 -quick":        "-hang must be whole hundreds, such as 100, not 199",
		"-hang 1000000":           "-hang must be at most 400000, not 1000000: ",
		"-many 0":                 "-many must be at least 1, not 0",
		"-many -5":                "-many must be at least 1, not -5",
		"-many 100001":            "-many must be at most 100000, not 100001: ",
		"-pending 0":              "-pending must be at least 1, not 0",
		"-pending -3 -quick":      "-pending must be at least 1, not -3",
		"-history -1":             "-history must be at least 1, not -1",
		"-size 99":                "-size must be at least 100, not 99",
		"-size 300000":            "-size must be at most 65536, not 300000: ",
		"-rounds 0":               "-rounds must be at least 1, not 0",
		"-connections 0":          "-connections must be at least 1, not 0",
		"-connections 100000000":  "-connections must be at most 10000, not 100000000",
		"-in-flight -1":           "-in-flight must be at least 1, not -1",
		"-part 0s":                "-part must be at least 100ms, not 0s",
		"-steady -1s":             "-steady must be at least 100ms, not -1s",
		"-held -1s":               "-held must be at least 100ms, not -1s",
		"-part 1000000h":          "-part must be at most 24h0m0s, not 1000000h0m0s",
		"-nope":                   "flag provided but not defined: -nope: see -help",
		"-many 99999999999999999": "-many",
		"-part soon":              "-part",
	} {
		o, err := parse(strings.Fields(args))
		if err == nil {
			err = o.check()
		}
		if err == nil && want != "" || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}

// The largest batches that -size allows are ones that bellhop serve takes, on all connections.
func TestLargestBatchesFit(t *testing.T) {
	if n := batchConnections * 100 * (len(publication(mostSize)) + 1); n > api.DefaultMaxMemory/2 {
		t.Errorf("batches on all connections have %d bytes", n)
	}
}

func TestProgramIsLookedForAtTheStart(t *testing.T) {
	folder := t.TempDir()
	other := filepath.Join(folder, "other")
	if err := os.WriteFile(other, []byte("#!/bin/sh\necho something else\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for binary, want := range map[string]string{
		"": "", "/nope": "-binary: ", folder: "-binary: ", other: "is no Bellhop",
	} {
		o := options{binary: binary}
		if _, err := o.named(t.Context()); err == nil && want != "" || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
			t.Errorf("-binary %q: %v, want %q", binary, err, want)
		}
	}
	t.Chdir(folder)
	o := options{}
	if _, err := o.named(t.Context()); err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "source") {
		t.Errorf("outside of the source: %v", err)
	}
}

func TestWritable(t *testing.T) {
	folder := t.TempDir()
	there, missing := filepath.Join(folder, "there"), filepath.Join(folder, "missing")
	if err := os.WriteFile(there, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"": true, there: true, missing: true, folder: false, filepath.Join(missing, "x"): false, filepath.Join(there, "x"): false} {
		if err := writable(path); (err == nil) != want {
			t.Errorf("%q: %v", path, err)
		}
	}
	if b, err := os.ReadFile(there); string(b) != "kept" {
		t.Errorf("what was there is %q, %v", b, err)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("a file is left where none was")
	}
}
