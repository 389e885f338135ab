package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var crashes = flag.Int("crashes", 20, "how many times TestCrash kills the server")

var (
	chaosLasts = flag.Duration("chaos", 2*time.Minute, "how long TestChaos goes on")
	chaosSeed  = flag.Uint64("chaos-seed", 0, "what TestChaos does: the number that a run has told (default one at random)")
)

// binary is the program under test.
var binary string

// unwatched are the packages that the race detector leaves out, the same as in the Makefile,
// where it says why.
var unwatched = []string{
	"modernc.org/...",
	"github.com/tetratelabs/wazero/internal/engine/wazevo/ssa",
	"github.com/tetratelabs/wazero/internal/engine/wazevo/backend/...",
}

func TestMain(m *testing.M) {
	flag.Parse()
	if n, is := os.LookupEnv(alone); is {
		if err := publisherAlone(n, flag.Args()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := checkStorage(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bellhop-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "bellhop")
	args := []string{"build", "-o", binary}
	cgo := "CGO_ENABLED=0"
	if raceDetector {
		args, cgo = append(args, "-race"), "CGO_ENABLED=1"
		for _, packages := range unwatched {
			args = append(args, "-gcflags="+packages+"=-race=false")
		}
	}
	build := exec.Command("go", append(args, "../cmd/bellhop")...)
	build.Env = append(os.Environ(), cgo)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the binary: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}
