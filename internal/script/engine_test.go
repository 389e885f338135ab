package script

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// TestQuickJSIsPinned checks that the engine is the one whose exports engine.go knows.
func TestQuickJSIsPinned(t *testing.T) {
	sums, err := os.ReadFile("quickjs/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(sums)) {
		want, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		content, err := os.ReadFile("quickjs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != want {
			t.Errorf("quickjs/%s is not what SHA256SUMS says: run make quickjs", name)
		}
		n++
	}
	if n != 2 {
		t.Errorf("SHA256SUMS lists %d files; want the engine and its licence", n)
	}
}

// TestMeterRefuses gives the meter what is no module, or one cut off anywhere.
func TestMeterRefuses(t *testing.T) {
	for _, module := range [][]byte{nil, []byte("\x00asm"), []byte("GIF89a, certainly")} {
		if _, err := meter(module, importAsk, 256); err == nil {
			t.Errorf("%q was metered", module)
		}
	}
	for _, n := range []int{9, 100, 900, 1000, 3000, 100_000, len(quickjs) - 1} {
		if _, err := meter(quickjs[:n], importAsk, 256); err == nil {
			t.Errorf("%d of %d bytes were metered", n, len(quickjs))
		}
	}
}
