package e2e

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bellhop/bellhop/internal/testlong"
)

// demo is bellhop demo with a folder of its own for what is temporary.
func demo(t *testing.T, args ...string) (cmd *exec.Cmd, temp string) {
	t.Helper()
	temp = t.TempDir()
	cmd = exec.Command(binary, append([]string{"demo"}, args...)...)
	cmd.Env = append(cleanEnv(), "TMPDIR="+temp)
	return cmd, temp
}

func leavesNothing(t *testing.T, temp string) {
	t.Helper()
	left, err := os.ReadDir(temp)
	if err != nil || len(left) != 0 {
		t.Errorf("it left %v (%v)", left, err)
	}
}

// TestDemoIsRight: every state of every sample receiver is as it must be.
func TestDemoIsRight(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	cmd, temp := demo(t, "--check")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "WRONG") || strings.Count(string(out), "right  ") < 25 {
		t.Errorf("%v\n%s", err, out)
	}
	leavesNothing(t, temp)
}

// TestDemoEnds: it prints a link that opens, and Ctrl-C leaves nothing behind.
func TestDemoEnds(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	cmd, temp := demo(t)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(2*patience, func() { _ = cmd.Process.Kill() }).Stop()
	link := ""
	for lines := bufio.NewScanner(out); link == "" && lines.Scan(); {
		if text := strings.TrimSpace(lines.Text()); strings.HasPrefix(text, "http://127.0.0.1:") {
			link = text
		}
	}
	browser := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer browser.CloseIdleConnections()
	resp, err := browser.Get(link)
	if err != nil {
		t.Errorf("%q does not open: %v", link, err)
	} else {
		if resp.StatusCode != http.StatusSeeOther || len(resp.Cookies()) != 2 {
			t.Errorf("%s with %d cookies", resp.Status, len(resp.Cookies()))
		}
		resp.Body.Close()
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Error(err)
	}
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v\n%s", err, complaints.String())
	}
	leavesNothing(t, temp)
}
