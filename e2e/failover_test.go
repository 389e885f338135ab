package e2e

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testport"
	"github.com/bellhop/bellhop/internal/testpostgres"
)

// pair starts a primary and a standby that streams from it, and gives the URL that names
// both, of which the primary is wanted.
func pair(t *testing.T) (primary, standby *testpostgres.Cluster, url string) {
	t.Helper()
	_, a, _ := net.SplitHostPort(testport.Reserve(t))
	_, b, _ := net.SplitHostPort(testport.Reserve(t))
	primary = testpostgres.NewCluster(t, "listen_addresses = '127.0.0.1'", "port = "+a)
	standby = primary.Standby(t, "port = "+b)
	return primary, standby, fmt.Sprintf("postgres://postgres@127.0.0.1:%s,127.0.0.1:%s/postgres?target_session_attrs=read-write&sslmode=disable", a, b)
}

// TestFailover: the primary ends as on a loss of power, under load, and its synchronous
// standby is promoted. What was acknowledged is there, and both nodes go on by themselves.
func TestFailover(t *testing.T) {
	t.Parallel()
	primary, standby, url := pair(t)
	testpostgres.Exec(t, primary.URL("postgres"), "ALTER SYSTEM SET synchronous_standby_names = '*'")
	testpostgres.Exec(t, primary.URL("postgres"), "SELECT pg_reload_conf()")
	first := newNode(t, url)
	p := publishing(t, 200, first, first.another())
	from := first.output.len()
	if err := primary.Stop("immediate"); err != nil {
		t.Fatal(err)
	}
	p.refused()
	standby.Promote(t)
	promoted := time.Now()
	p.flows()
	t.Logf("events are acknowledged %s after the promotion", time.Since(promoted).Round(time.Millisecond))
	for _, n := range p.nodes {
		eventually(t, "each node is ready", func() bool { return n.probe("/readyz") == http.StatusOK })
	}
	t.Logf("all nodes are ready %s after the promotion", time.Since(promoted).Round(time.Millisecond))
	p.saysOnce(from, 8)
	p.allArrive()
}

// TestFailoverToAStandbyThatWasBehind: what the primary had acknowledged last has gone with
// it. The nodes go on with what there is: what was made since is unknown to all, and what
// was published before and after that arrives.
func TestFailoverToAStandbyThatWasBehind(t *testing.T) {
	t.Parallel()
	primary, standby, url := pair(t)
	first := newNode(t, url)
	p := publishing(t, 100, first, first.another())
	p.load.mu.Lock()
	kept := maps.Clone(p.load.acked)
	p.load.mu.Unlock()
	standby.Follows(t, primary)
	standby.Detach(t)
	first.app("lost")
	key, err := first.api.CreateKey(t.Context(), wire.KeyInput{Role: bellhop.RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
	p.flows()
	if err := primary.Stop("immediate"); err != nil {
		t.Fatal(err)
	}
	standby.Promote(t)
	promoted := time.Now()
	p.flows()
	t.Logf("events are acknowledged %s after the promotion", time.Since(promoted).Round(time.Millisecond))
	for _, n := range p.nodes {
		eventually(t, "an app that is lost is unknown", func() bool {
			_, err := n.api.App(t.Context(), "lost")
			return client.CodeOf(err) == bellhop.CodeNotFound
		})
		eventually(t, "a key that is lost is none", func() bool {
			_, err := client.New(n.url, key.Token, n.http).Whoami(t.Context())
			var refused *client.Problem
			return errors.As(err, &refused) && refused.Status == http.StatusUnauthorized
		})
	}
	p.finish()
	p.nodes[1].waitDone(p.endpoint)
	lost := 0
	for name, e := range p.load.acked {
		_, err := p.nodes[1].api.Event(t.Context(), e)
		switch _, before := kept[name]; {
		case client.CodeOf(err) == bellhop.CodeNotFound && !before:
			lost++
		case err != nil:
			t.Errorf("%s: %v", name, err)
		default:
			eventually(t, name+" arrives", func() bool { return p.arrived()[e.String()] })
		}
	}
	t.Logf("of %d events %d are lost, which were acknowledged after the standby had got its last", len(p.load.acked), lost)
	if lost == 0 {
		t.Error("none is lost: the standby was not behind")
	}
}
