package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testlong"
)

// peak is the most memory that a process has had, in MiB, or 0 if it is not there any more.
func peak(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmHWM:" {
			kib, _ := strconv.Atoi(f[1])
			return kib >> 10
		}
	}
	return 0
}

// TestALargeImport: thousands of apps and endpoints are taken over by a running server, in bounded
// memory and while others publish; killed in the middle, it goes on.
func TestALargeImport(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	// Ten times as many take ten times as long, and 107 MiB.
	const apps, types, endpoints = 200, 200, 1500
	s := serve(t)
	f := newForeign(t, svixTables)
	f.exec(fmt.Sprintf(`INSERT INTO application SELECT 'app_' || n, now(), now(), '%s', 'uid-' || n, 'App ' || n, NULL, false FROM generate_series(1, %d) n`, svixOrg, apps))
	f.exec(fmt.Sprintf(`INSERT INTO eventtype (created_at, updated_at, id, org_id, description, deleted, schemas, name)
		SELECT now(), now(), 'et' || n, '%s', repeat('d', 200), false, '{"1": {"type": "object"}}', 'type.' || n FROM generate_series(1, %d) n`, svixOrg, types))
	f.exec(fmt.Sprintf(`INSERT INTO endpoint (id, created_at, updated_at, app_id, key, url, description, version, deleted, disabled, event_types_ids, headers)
		SELECT 'ep_' || lpad(n::text, 6, '0'), now(), now(), 'app_' || (1 + n %% %d), decode(md5(n::text) || md5(n::text || 'x'), 'hex'), 'http://127.0.0.1:9/' || n, '', 1, false, false,
			'["type.1", "type.2"]', '{"X-A": "b"}' FROM generate_series(1, %d) n`, apps, endpoints))
	f.exec(`UPDATE endpoint SET key = '\x01' || key`)

	healthy := newReceiver(t, answers(http.StatusOK))
	s.app("quiet")
	e := s.endpoint("quiet", healthy.URL, nil)
	// slowest gives how long all but one in a hundred of publishes took: n of them, or those until
	// something has ended.
	slowest := func(until <-chan struct{}, n int) time.Duration {
		var all []time.Duration
		turn := time.NewTicker(5 * time.Millisecond) // as a neighbour who does not take all there is
		defer turn.Stop()
		for len(all) < n {
			select {
			case <-until:
				until, n = nil, len(all)+1
			case <-turn.C:
			}
			begun := time.Now()
			s.publish("quiet", "invoice.purchase", `1`)
			all = append(all, time.Since(begun))
		}
		slices.Sort(all)
		return all[len(all)*99/100]
	}
	idle := slowest(nil, 100)
	was := peak(s.cmd.Process.Pid)

	begin := time.Now()
	killAfter(t, s.command("import", "svix", "--from", f.url), types+apps+endpoints/2)
	t.Logf("half of it took %s", time.Since(begin))

	cmd := s.command("import", "svix", "--from", f.url)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended, exited := make(chan struct{}), make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	// Asked while it runs: what a process has used in the end (rusage) begins with what the one had
	// that started it.
	had, failed := 0, error(nil)
	go func() {
		defer close(ended)
		for look := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case failed = <-exited:
				look.Stop()
				return
			case <-look.C:
				had = max(had, peak(cmd.Process.Pid))
			}
		}
	}()
	beside := slowest(ended, 1<<30)
	<-ended
	if failed != nil {
		t.Fatalf("%v\n%s", failed, said.String())
	}
	server := peak(s.cmd.Process.Pid)
	t.Logf("it took %s; the import had %d MiB, the server %d MiB, and %d MiB before", time.Since(begin), had, server, was)
	if had == 0 || server == 0 {
		t.Error("the memory of a process could not be read")
	}
	if most := 128; had > most || server-was > most {
		t.Errorf("that is more than %d MiB", most)
	}
	if most := max(10*idle, noticed); beside > most {
		t.Errorf("publishes took %v beside an import, and %v without", beside, idle)
	}
	t.Logf("99 of 100 publishes took at most %v, and %v beside it", idle, beside)
	n := 0
	for _, err := range s.api.Endpoints(t.Context(), client.EndpointFilter{Limit: 250}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != endpoints+1 {
		t.Errorf("%d endpoints", n)
	}
	begin = time.Now()
	if r := s.run("", "import", "svix", "--from", f.url); r.code != 0 || r.stdout != "" {
		t.Errorf("%d\n%.1000s%.1000s", r.code, r.stdout, r.stderr)
	}
	t.Logf("once more took %s", time.Since(begin))
	s.waitDone(e.ID)
}
