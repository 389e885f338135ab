package svix

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// What all tests share.
var (
	binary = flag.String("binary", "", "the program to test (default it is built)")
	// patience is how long anything may take on a slow machine.
	patience time.Duration
	record   *recorder
	js       *jsSDK
	// shared is the server of all cases that need none of their own.
	shared *server
)

func TestMain(m *testing.M) {
	flag.DurationVar(&patience, "patience", time.Minute, "how long to wait for what must happen")
	flag.Parse()
	if flag.Lookup("test.list").Value.String() != "" {
		os.Exit(m.Run())
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bellhop-svix-")
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(dir)
	if *binary == "" {
		*binary = filepath.Join(dir, "bellhop")
		build := exec.Command("go", "build", "-C", filepath.Join("..", ".."), "-o", *binary, "./cmd/bellhop")
		if out, err := build.CombinedOutput(); err != nil {
			return failed(fmt.Errorf("build the binary: %w\n%s", err, out))
		}
	}
	if record, err = newRecorder(); err != nil {
		return failed(err)
	}
	if js, err = startJS(); err != nil {
		return failed(err)
	}
	defer js.stop()
	if shared, err = startServer(filepath.Join(dir, "shared"), "--dev"); err != nil {
		return failed(err)
	}
	described, err := readDocument(shared.direct)
	if err != nil {
		return failed(err)
	}
	record.document.Store(described)
	code := m.Run()
	if err := shared.stop(); err != nil {
		code = failed(err)
	}
	for _, breach := range record.report() {
		code = failed(fmt.Errorf("an answer is not of its shape: %s", breach))
	}
	if all := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == ""; all && !testing.Short() {
		for _, what := range record.unseen() {
			code = failed(fmt.Errorf("no case has had %s", what))
		}
	}
	return code
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, "FAIL:", err)
	return 1
}
