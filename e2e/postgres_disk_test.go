package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop/internal/testpostgres"
)

// TestPostgresOutOfDisk: the disk with the database is full, under load, and has room again.
func TestPostgresOutOfDisk(t *testing.T) {
	t.Parallel()
	c := testpostgres.NewCluster(t)
	d := newDiskOf(t, c, "64m")
	testpostgres.Exec(t, c.URL("postgres"), "CREATE TABLESPACE small LOCATION '"+d.path+"'")
	testpostgres.Exec(t, c.URL("postgres"), "CREATE DATABASE hooks TABLESPACE small TEMPLATE template0 ENCODING 'UTF8'")
	first := newNode(t, c.URL("hooks"))
	p := publishing(t, 200, first, first.another())
	from := first.output.len()
	ballast := filepath.Join(d.path, "ballast")
	d.fill(ballast)
	p.refused()
	if !strings.Contains(first.output.from(from), "no disk space") {
		t.Error("the log does not say that the disk is full")
	}
	if _, err := first.api.Endpoint(t.Context(), p.endpoint); err != nil {
		t.Errorf("reading on a full disk: %v", err)
	}
	for range 100 { // of which each could be said
		p.refused()
	}
	p.saysOnce(from, 8)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	room := time.Now()
	p.flows()
	t.Logf("events are acknowledged %s after there was room", time.Since(room).Round(time.Millisecond))
	for _, n := range p.nodes {
		eventually(t, "each node is ready", func() bool { return n.probe("/readyz") == http.StatusOK })
	}
	t.Logf("all nodes are ready %s after there was room", time.Since(room).Round(time.Millisecond))
	p.allArrive()
}
