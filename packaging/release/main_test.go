package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bellhop/bellhop/internal/testport"
)

var (
	long   = flag.Bool("release", false, "make releases, which takes minutes")
	oneFor = flag.String("target", "", "the target to release (default all)")
)

// TestRelease: the same commit gives the same bytes from another folder and with nothing
// cached in common but the compiler's work; what comes out runs, and says of what it is.
func TestRelease(t *testing.T) {
	if !*long {
		t.Skip("it takes minutes: make release-test")
	}
	const version = "v9.8.7"
	sums := func(root string) string {
		t.Helper()
		t.Chdir(root)
		out := filepath.Join(t.TempDir(), "release")
		if err := run(out, *oneFor, version); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		inspect(t, out, version)
		return string(b)
	}
	here, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "elsewhere")
	if out, err := exec.Command("git", "clone", "-q", here, other).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	again := filepath.Join(t.TempDir(), "again")
	if out, err := exec.Command("git", "clone", "-q", here, again).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	first, second := sums(other), sums(again)
	if first != second {
		t.Errorf("the same commit gave\n%s\nand then\n%s", first, second)
	}
	t.Log("\n" + first)
}

// inspect looks at what is for this machine.
func inspect(t *testing.T, out, version string) {
	t.Helper()
	number := strings.TrimPrefix(version, "v")
	base := "bellhop-" + number + "-" + runtime.GOOS + "-" + runtime.GOARCH
	f, err := os.Open(filepath.Join(out, base+".tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	program, names := filepath.Join(t.TempDir(), "bellhop"), ""
	for archive := tar.NewReader(z); ; {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names += h.Name + "\n"
		if h.Name == base+"/bellhop" {
			b, err := io.ReadAll(archive)
			if err == nil {
				err = os.WriteFile(program, b, 0o755)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{"bellhop", "LICENSE", "THIRD_PARTY.md"} {
		if !strings.Contains(names, base+"/"+name+"\n") {
			t.Errorf("%s is not in the archive:\n%s", name, names)
		}
	}
	if said, err := exec.Command(program, "version").CombinedOutput(); err != nil || !bytes.Contains(said, []byte("bellhop "+version+"\n")) {
		t.Errorf("%v: %s", err, said)
	}
	serves(t, program)

	var bill struct {
		Components []struct{ Purl string }
	}
	b, err := os.ReadFile(filepath.Join(out, base+".cdx.json"))
	if err == nil {
		err = json.Unmarshal(b, &bill)
	}
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, c := range bill.Components {
		all += c.Purl + "\n"
	}
	for _, part := range []string{"pkg:golang/modernc.org/sqlite@", "pkg:npm/react@", "pkg:npm/redoc@", "pkg:npm/%40jitl/quickjs-wasmfile-release-sync@", "pkg:golang/std@"} {
		if !strings.Contains(all, part) {
			t.Errorf("the bill of materials has no %s:\n%s", part, all)
		}
	}

	debs, err := filepath.Glob(filepath.Join(out, "*_"+runtime.GOARCH+".deb"))
	if err != nil || len(debs) != 1 {
		t.Fatalf("Debian packages: %v %v", debs, err)
	}
	dpkg, err := exec.LookPath("dpkg-deb")
	if err != nil {
		t.Log("dpkg-deb is not there: the Debian package is not looked into")
		return
	}
	in := t.TempDir()
	for _, args := range [][]string{{"-x", debs[0], in}, {"-e", debs[0], filepath.Join(in, "DEBIAN")}} {
		if said, err := exec.Command(dpkg, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	for _, name := range []string{"usr/bin/bellhop", "usr/lib/systemd/system/bellhop.service", "etc/bellhop/bellhop.yaml", "usr/share/man/man1/bellhop.1.gz", "usr/share/man/man1/bellhop-serve.1.gz", "DEBIAN/postinst", "DEBIAN/conffiles"} {
		if _, err := os.Stat(filepath.Join(in, name)); err != nil {
			t.Error(err)
		}
	}
	if same, err := os.ReadFile(filepath.Join(in, "usr/bin/bellhop")); err != nil || !bytes.Equal(same, must(os.ReadFile(program))) {
		t.Errorf("the program in the Debian package is another one: %v", err)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// serves starts a program as the image does, asks it how it is, and ends it.
func serves(t *testing.T, program string, environ ...string) {
	t.Helper()
	dir := t.TempDir()
	environ = append(environ, "BELLHOP_LISTEN="+testport.Reserve(t), "BELLHOP_DATABASE="+filepath.Join(dir, "bellhop.db"), "PATH="+os.Getenv("PATH"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := exec.CommandContext(ctx, program, "serve")
	var said bytes.Buffer
	server.Dir, server.Env, server.Stdout, server.Stderr = dir, environ, &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	well := false
	for !well && ctx.Err() == nil {
		check := exec.CommandContext(ctx, program, "healthcheck")
		check.Dir, check.Env = dir, environ
		if well = check.Run() == nil; !well {
			time.Sleep(50 * time.Millisecond)
		}
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := server.Wait(); err != nil || !well {
		t.Errorf("well: %v, ended with %v:\n%s", well, err, &said)
	}
}

// TestDockerfile runs the steps of the image that need no image: what builds it, what it
// starts, and what says whether it is well; and checks what it must not be.
func TestDockerfile(t *testing.T) {
	b, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`\s*\\\n\s*`).ReplaceAllString(string(b), " ")
	steps := regexp.MustCompile(`(?m)^([A-Z]+) (.+)$`).FindAllStringSubmatch(text, -1)
	last, user, check, start := "", "", "", ""
	var builds []string
	for _, s := range steps {
		switch s[1] {
		case "FROM":
			last, user = s[2], ""
			if strings.Contains(s[2], ":latest") {
				t.Errorf("FROM %s names no version", s[2])
			}
		case "USER":
			user = s[2]
		case "HEALTHCHECK":
			check = s[2]
		case "ENTRYPOINT":
			start = s[2]
		case "RUN":
			builds = append(builds, s[2])
			if last == "scratch" {
				t.Errorf("RUN %s: there is no shell in the image", s[2])
			}
		case "COPY", "WORKDIR", "ARG", "ENV", "VOLUME", "EXPOSE", "STOPSIGNAL", "CMD":
		default:
			t.Errorf("%s is not looked at here", s[1])
		}
	}
	if last != "scratch" || user != "65532:65532" || start != `["/usr/bin/bellhop"]` || !strings.HasSuffix(check, `CMD ["/usr/bin/bellhop", "healthcheck"]`) {
		t.Errorf("the image is of %q, runs as %q, starts %s and asks %s", last, user, start, check)
	}
	if !*long {
		t.Skip("its steps take minutes: make release-test")
	}
	out := t.TempDir()
	for _, step := range builds {
		step = strings.ReplaceAll(step, "/out", out)
		if os.Getuid() != 0 {
			step = strings.ReplaceAll(step, "chown", "true")
		}
		sh := exec.Command("sh", "-euc", step)
		sh.Dir, sh.Env = "../..", append(os.Environ(), "VERSION=v9.8.7")
		if said, err := sh.CombinedOutput(); err != nil {
			t.Fatalf("RUN %s: %v\n%s", step, err, said)
		}
	}
	for _, name := range []string{"etc/ssl/certs/ca-certificates.crt", "etc/passwd", "tmp", "var/lib/bellhop"} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
	serves(t, filepath.Join(out, "usr/bin/bellhop"))
}

// TestSystemdUnit has systemd judge the unit, where it is there.
func TestSystemdUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not there")
	}
	for unit, most := range map[string]string{"bellhop.service": "20", "bellhop-backup.service": "40"} {
		said, err := exec.Command(analyze, "security", "--offline=true", "--threshold="+most, "../systemd/"+unit).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", unit, err, said)
		}
		lines := strings.Split(strings.TrimSpace(string(said)), "\n")
		t.Log(lines[len(lines)-1])
	}
}
