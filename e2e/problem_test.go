package e2e

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
)

// problemOf is the problem that a call was answered with.
func problemOf(t testing.TB, err error) *client.Problem {
	t.Helper()
	var p *client.Problem
	if !errors.As(err, &p) {
		t.Fatalf("wanted a problem, got %v", err)
	}
	return p
}

// readProblem gives the status of an answer, the problem if it is one, and the body.
func readProblem(t testing.TB, resp *http.Response) (int, wire.Problem, []byte) {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var p wire.Problem
	if resp.StatusCode >= 400 {
		if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") || json.Unmarshal(body, &p) != nil || p.Code == "" {
			t.Errorf("status %d without a problem: %s", resp.StatusCode, body)
		}
	}
	return resp.StatusCode, p, body
}
