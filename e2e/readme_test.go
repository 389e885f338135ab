package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// TestReadme runs the README's blocks of shell commands, in their order and in one shell,
// beside the server that it says to start: no line fails, and what it promises is there.
func TestReadme(t *testing.T) {
	ofAFile(t)
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed, which the README's commands need")
	}
	text, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"go run -v ./cmd/bellhop serve --dev", "go run -v ./cmd/bellhop demo", "make test"} {
		if !strings.Contains(string(text), "\n    "+command+"\n") {
			t.Errorf("the README does not say %q", command)
		}
	}
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?s)\n```sh\n(.*?)\n```").FindAllStringSubmatch(string(text), -1) {
		script.WriteString(block[1] + "\n")
	}
	if !strings.Contains(script.String(), "./bellhop publish ") || !strings.Contains(script.String(), "/v1/events") {
		t.Fatalf("the README's blocks are not those that this test knows:\n%s", script.String())
	}

	s := newServer(t, "--dev")
	s.db = "bellhop.db"
	s.start()
	// What go build would make is the binary under test: it is in the folder, and the line
	// is left out.
	if err := os.Symlink(binary, filepath.Join(s.dir, "bellhop")); err != nil {
		t.Fatal(err)
	}
	lines := strings.ReplaceAll(script.String(), "go build ./cmd/bellhop\n", "")
	lines = strings.ReplaceAll(lines, "http://127.0.0.1:8420", s.url)
	shell := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", lines)
	shell.Dir = s.dir
	shell.Env = append(cleanEnv(), "BELLHOP_SERVER="+s.url, "BELLHOP_KEY="+s.key)
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\nsaid:\n%s", err, lines, out)
	}
	for _, said := range []string{"✗  att_", "✓  att_", "The signature verifies", `"total":"118.00"`} {
		if !strings.Contains(string(out), said) {
			t.Errorf("nothing says %q:\n%s", said, out)
		}
	}
	// One event from the shell; one over HTTP, for the two endpoints that there are by then.
	eventually(t, "both events are delivered", func() bool {
		taken := 0
		for a, err := range s.api.Attempts(t.Context(), client.AttemptFilter{Status: bellhop.AttemptSucceeded}) {
			if err != nil {
				t.Fatal(err)
			}
			if a.ResponseStatus == http.StatusOK {
				taken++
			}
		}
		return taken == 3
	})
}
