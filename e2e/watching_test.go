package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// packaging is what is shipped beside the program.
const packaging = "../packaging/"

// TestWatching: each metric that the shipped alerts and the dashboard ask for is one that
// the server has, with the values of labels that they ask for, and each alert says where
// its remedy is written.
func TestWatching(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	save(t, ca.certify(t, time.Now().Add(time.Hour), "127.0.0.1"), certFile, keyFile)
	s := newServer(t, "--dev", "--tls-cert", certFile, "--tls-key", keyFile)
	s.trust(ca)
	s.start()
	s.app("acme")
	r := newReceiver(t, answers(200))
	s.endpoint("acme", r.URL, nil)
	s.publish("acme", "invoice.purchase", `{}`)
	metrics := ""
	eventually(t, "the delivery is counted", func() bool {
		resp, err := s.http.Get(s.url + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		metrics = string(b)
		return strings.Contains(metrics, `bellhop_deliveries_total{status="succeeded"} 1`)
	})

	var shipped struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	read(t, packaging+"prometheus/bellhop.rules.yml", func(b []byte) error { return yaml.Unmarshal(b, &shipped) })
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	read(t, packaging+"grafana/bellhop.json", func(b []byte) error { return json.Unmarshal(b, &dashboard) })
	operating, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	ofFiles := []string{"bellhop_wal_bytes", "bellhop_disk_free_bytes", "bellhop_last_backup_timestamp_seconds"} // what PostgreSQL says of itself by its own exporter
	documented(t, metrics, string(operating), ofFiles)
	asked := map[string]string{} // expressions by who asks
	for _, rule := range shipped.Groups[0].Rules {
		asked[rule.Alert] = rule.Expr
		place := "docs/operating.md#" + strings.ToLower(rule.Alert)
		if !strings.HasSuffix(rule.Annotations["runbook_url"], place) || !strings.Contains(string(operating), "\n### "+rule.Alert+"\n") {
			t.Errorf("%s: its remedy is at %s, which must be a heading there", rule.Alert, rule.Annotations["runbook_url"])
		}
		if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" || rule.Labels["severity"] == "" {
			t.Errorf("%s lacks a summary, a description or a severity", rule.Alert)
		}
	}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			asked[p.Title] += " " + target.Expr
		}
	}
	if len(asked) < 30 {
		t.Fatalf("only %d expressions were found", len(asked))
	}
	name, label := regexp.MustCompile(`\b(bellhop|process)_[a-z0-9_]+`), regexp.MustCompile(`\b(health|state)=~?"([a-z_|]+)"`)
	for who, expr := range asked {
		for _, metric := range name.FindAllString(expr, -1) {
			there := strings.Contains(metrics, "\n"+metric+"{") || strings.Contains(metrics, "\n"+metric+" ")
			if want := *storage == onSQLite || !slices.Contains(ofFiles, metric); there != want {
				t.Errorf("%s asks for %s, which is there: %t", who, metric, there)
			}
		}
		for _, m := range label.FindAllStringSubmatch(expr, -1) {
			for value := range strings.SplitSeq(m[2], "|") {
				if !strings.Contains(metrics, m[1]+`="`+value+`"`) {
					t.Errorf("%s asks for %s %s, which is not there", who, m[1], value)
				}
			}
		}
	}

	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("promtool is not there: make rules tests the alerts")
		return
	}
	for _, args := range [][]string{{"test", "rules", packaging + "prometheus/bellhop.rules.test.yml"}, {"check", "rules", packaging + "prometheus/bellhop.rules.yml"}, {"check", "metrics"}} {
		cmd := exec.Command(promtool, args...)
		cmd.Stdin = strings.NewReader(metrics)
		if out, err := cmd.CombinedOutput(); err != nil || bytes.Contains(out, []byte("FAILED")) {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// documented: each metric of the server is in the list of docs/operating.md, and each that
// any document names is one of the server.
func documented(t *testing.T, metrics, operating string, ofFiles []string) {
	t.Helper()
	var there []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (bellhop_\w+) `).FindAllStringSubmatch(metrics, -1) {
		there = append(there, m[1])
		if !regexp.MustCompile("(?m)^\\| .*`" + m[1] + "[`{]").MatchString(operating) {
			t.Errorf("%s is not in the list of metrics in docs/operating.md", m[1])
		}
	}
	if len(there) < 30 {
		t.Fatalf("only %d metrics were found", len(there))
	}
	// These have no series until something has come of an outbox, or of a notice.
	for name, file := range map[string]string{"bellhop_outbox_events_total": "../engine/metrics.go", "bellhop_notices_total": "../notice/notice.go"} {
		if source, err := os.ReadFile(file); err != nil || !bytes.Contains(source, []byte(`"`+name+`"`)) {
			t.Errorf("%s is not in %s: %v", name, file, err)
		}
		there = append(there, name)
	}
	if *storage != onSQLite {
		there = append(there, ofFiles...)
	}
	there = append(there, "bellhop_session", "bellhop_bench_") // a cookie, and the benchmark's databases
	name := regexp.MustCompile(`\bbellhop_[a-z]\w*`)
	documents := 0
	err := filepath.WalkDir("../docs", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".md" {
			return err
		}
		documents++
		text, err := os.ReadFile(path)
		for _, metric := range name.FindAllString(string(text), -1) {
			if !slices.Contains(there, metric) {
				t.Errorf("%s names %s, which the server does not have", path, metric)
			}
		}
		return err
	})
	if err != nil || documents < 20 {
		t.Fatalf("%d documents were read: %v", documents, err)
	}
}

func read(t *testing.T, path string, decode func([]byte) error) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = decode(b)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
