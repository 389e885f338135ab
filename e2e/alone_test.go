package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// alone, in the environment, has the tests' program publish so many events, one after the
// other, and nothing else. Where a test makes load with hundreds of goroutines, whatever else
// it does waits for its turn among them, and times of its own would be those of the test.
const alone = "BELLHOP_TEST_ALONE"

// took is how long single publishes took.
type took struct{ Mean, Longest time.Duration }

// publishAlone has a process of its own publish n events to app, one after the other.
func (s *server) publishAlone(app string, n int) took {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], s.url, s.key, app)
	cmd.Env = append(os.Environ(), alone+"="+strconv.Itoa(n))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var t took
	if err == nil {
		err = json.Unmarshal(out, &t)
	}
	if err != nil {
		s.t.Fatalf("publish alone: %v\n%s", err, out)
	}
	return t
}

// publisherAlone is that process: what it is to do is in its arguments.
func publisherAlone(n string, args []string) error {
	events, err := strconv.Atoi(n)
	if err != nil || events < 1 || len(args) != 3 {
		return fmt.Errorf("%s=%s %q: want a number of events, and a server, a key and an app", alone, n, args)
	}
	api := client.New(args[0], args[1], &http.Client{Timeout: patience})
	var t took
	for i := range events {
		data := bellhop.JSON(fmt.Sprintf(`{"n":%d}`, i))
		began := time.Now()
		if _, err := api.Publish(context.Background(), client.Publication{App: args[2], Type: "invoice.purchase", Data: data}); err != nil {
			return err
		}
		d := time.Since(began)
		t.Mean += d / time.Duration(events)
		t.Longest = max(t.Longest, d)
	}
	return json.NewEncoder(os.Stdout).Encode(t)
}

// TestPublishAlone: the process of its own publishes as it is told to.
func TestPublishAlone(t *testing.T) {
	t.Parallel()
	s := serve(t)
	got := newReceiver(t, answers(http.StatusOK))
	s.endpoint(s.app("acme"), got.URL, nil)
	if took := s.publishAlone("acme", 3); took.Mean <= 0 || took.Longest < took.Mean {
		t.Errorf("took %+v", took)
	}
	got.wait(t, 3)
}
