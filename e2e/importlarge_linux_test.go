package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testlong"
)

// peak is the most memory that a process has had, in MiB.
func peak(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmHWM:" {
			kib, _ := strconv.Atoi(f[1])
			return kib >> 10
		}
	}
	t.Fatal("there is no VmHWM")
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
	was := peak(t, s.cmd.Process.Pid)

	begin := time.Now()
	cmd := s.command("import", "svix", "--from", f.url)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; n < types+apps+endpoints/2 && lines.Scan(); n++ {
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	t.Logf("half of it took %s", time.Since(begin))

	cmd = s.command("import", "svix", "--from", f.url)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	ended := make(chan struct{})
	var failed error
	go func() {
		defer close(ended)
		failed = cmd.Run()
	}()
	beside := slowest(ended, 1<<30)
	<-ended
	if failed != nil {
		t.Fatalf("%v\n%s", failed, said.String())
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	t.Logf("it took %s; the import had %d MiB, the server %d MiB, and %d MiB before", time.Since(begin), usage.Maxrss>>10, peak(t, s.cmd.Process.Pid), was)
	if most := int64(128); usage.Maxrss>>10 > most || int64(peak(t, s.cmd.Process.Pid)-was) > most {
		t.Errorf("that is more than %d MiB", most)
	}
	if most := max(10*idle, 250*time.Millisecond); beside > most {
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
