package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// newFailing mounts a file system on a disk that loses what is written to it as soon as
// another one, where it lies, is full.
func newFailing(t testing.TB) (path string, under *disk) {
	t.Helper()
	under = newDisk(t, "24m")
	image, path := filepath.Join(under.path, "image"), t.TempDir()
	for _, args := range [][]string{
		{"truncate", "-s", "64M", image},
		{"mkfs.ext4", "-q", "-O", "^has_journal", image},
		{"mount", "-o", "loop", image, path},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("a disk that fails cannot be made here: %v: %v: %s", args, err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", path).CombinedOutput(); err != nil {
			t.Errorf("unmount: %v: %s", err, out)
		}
	})
	return path, under
}

// TestADiskThatLosesWhatWasWritten: the process that cannot know any more what is durable
// says so and ends, and the next one has whatever was acknowledged.
func TestADiskThatLosesWhatWasWritten(t *testing.T) {
	ofAFile(t)
	path, under := newFailing(t)
	s := newServer(t, "--dev", "--drain-timeout", "1s")
	s.db = filepath.Join(path, "bellhop.db")
	s.start()
	s.app("acme")
	data := bellhop.JSON(`{"filler":"` + strings.Repeat("x", 100<<10) + `"}`)
	var acked []client.Receipt
	ballast := filepath.Join(under.path, "ballast")
	under.fill(ballast)
	for len(acked) < 1000 {
		receipt, err := s.api.Publish(t.Context(), client.Publication{App: "acme", Type: "invoice.purchase", Data: data})
		if err != nil {
			break
		}
		acked = append(acked, receipt)
	}
	if code := s.exit(); code != 1 {
		t.Errorf("it ended with %d", code)
	}
	for _, says := range []string{"the disk did not keep what was written to", "see to the disk"} {
		if !strings.Contains(s.output.String(), says) {
			t.Errorf("the log does not say that %s", says)
		}
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.start()
	for _, receipt := range acked {
		if _, err := s.api.Event(t.Context(), receipt.ID); err != nil {
			t.Errorf("%s, which was acknowledged: %v", receipt.ID, err)
		}
	}
	s.publish("acme", "invoice.purchase", `{}`)
	if ready := s.probe("/readyz"); ready != http.StatusOK {
		t.Errorf("/readyz is %d", ready)
	}
}
