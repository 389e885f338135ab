// Command release makes what is downloaded: the program for each system, packed, Debian
// packages, a bill of materials for each, and the checksums of all. The same commit gives
// the same bytes, on whatever machine: nothing of the machine and no time but the
// commit's goes in.
package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop/bellhop/internal/thirdparty/shipped"
)

// target is a system and its processor.
type target struct{ system, arch string }

func (t target) String() string { return t.system + "-" + t.arch }

func main() {
	out := flag.String("out", "bin/release", "`folder` to write to; made anew")
	only := flag.String("only", "", "one `target`, such as linux-amd64 (default all)")
	version := flag.String("version", "", "`version` to release (default the tag of the commit, or one made of it)")
	flag.Parse()
	if err := run(*out, *only, *version); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release is one run.
type release struct {
	out, tools, version string
	// at is the commit's time.
	at    time.Time
	extra []file
}

// file is a file of an archive.
type file struct {
	name string
	mode os.FileMode
	data []byte
}

func run(out, only, version string) error {
	var targets []target
	for _, system := range shipped.Systems {
		for _, arch := range []string{"amd64", "arm64"} {
			if t := (target{system, arch}); only == "" || only == t.String() {
				targets = append(targets, t)
			}
		}
	}
	if len(targets) == 0 {
		return fmt.Errorf("there is no target %s", only)
	}
	seconds, err := output(nil, "git", "log", "-1", "--format=%ct")
	if err != nil {
		return err
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return err
	}
	if version == "" {
		if version, err = output(nil, "git", "describe", "--tags", "--exact-match"); err != nil {
			commit, err := output(nil, "git", "rev-parse", "--short=12", "HEAD")
			if err != nil {
				return err
			}
			version = "v0.0.0-" + time.Unix(unix, 0).UTC().Format("20060102150405") + "-" + commit
		}
	}
	if !regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`).MatchString(version) {
		return fmt.Errorf("the version %s is not one such as v1.2.3", version)
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "bellhop-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	r := &release{out: out, tools: filepath.Join(work, "tools"), version: version, at: time.Unix(unix, 0).UTC()}
	if _, err := output(nil, "go", "-C", "packaging/tools", "build", "-trimpath", "-o", r.tools+"/", "tool"); err != nil {
		return err
	}
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md", "internal/thirdparty/THIRD_PARTY.md"} {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		r.extra = append(r.extra, file{filepath.Base(name), 0o644, data})
	}
	manual := filepath.Join(work, "man")
	for _, t := range targets {
		fmt.Fprintln(os.Stderr, t)
		program := filepath.Join(work, t.String(), "bellhop")
		if err := r.build(t, program); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		if t.system == "linux" {
			if err := r.manual(manual); err != nil {
				return err
			}
			if err := r.debian(t, program, manual, work); err != nil {
				return fmt.Errorf("%s: %w", t, err)
			}
		}
		if err := errors.Join(r.pack(t, program), r.materials(t, program)); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	return checksums(out)
}

// environ is how the program is built for a target.
func (t target) environ() []string {
	return []string{"CGO_ENABLED=0", "GOOS=" + t.system, "GOARCH=" + t.arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOEXPERIMENT="}
}

func (r *release) build(t target, program string) error {
	_, err := output(t.environ(), "go", "build", "-trimpath", "-buildvcs=true", "-ldflags", "-s -w -buildid= -X main.released="+r.version, "-o", program, "./cmd/bellhop")
	return err
}

// manual writes the manual pages, which this machine's own build has within it.
func (r *release) manual(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	_, err := output([]string{"CGO_ENABLED=0"}, "go", "run", "-trimpath", "-buildvcs=true", "-ldflags", "-X main.released="+r.version, "./cmd/bellhop", "man", dir)
	if err != nil {
		return err
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(pages) == 0 {
		return errors.Join(errors.New("there are no manual pages"), err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err == nil {
			err = zip1(page+".gz", text)
		}
		if err != nil {
			return err
		}
	}
	return zip1(filepath.Join(dir, "changelog.Debian.gz"), fmt.Appendf(nil, "bellhop (%s-1) stable; urgency=medium\n\n  * See CHANGELOG.md of this version.\n\n -- Bellhop <%s>  %s\n",
		strings.TrimPrefix(r.version, "v"), maintainer, r.at.Format(time.RFC1123Z)))
}

// maintainer is whom Debian's tools name.
const maintainer = "bellhop@users.noreply.github.com"

// zip1 writes a file as Debian wants its manuals and changelogs: packed, and without a time.
func zip1(path string, text []byte) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = z.Write(text)
		err = errors.Join(err, z.Close())
	}
	if err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

// pack makes the archive of a target.
func (r *release) pack(t target, program string) error {
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	base := "bellhop-" + strings.TrimPrefix(r.version, "v") + "-" + t.String()
	name, pack := base+".tar.gz", r.tarball
	in := "bellhop"
	if t.system == "windows" {
		name, pack, in = base+".zip", r.zipped, "bellhop.exe"
	}
	files := append([]file{{in, 0o755, data}}, r.extra...)
	for i := range files {
		files[i].name = base + "/" + files[i].name
	}
	var b bytes.Buffer
	if err := pack(&b, files); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, name), b.Bytes(), 0o644)
}

func (r *release) tarball(to io.Writer, files []file) error {
	z, err := gzip.NewWriterLevel(to, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: int64(f.mode), Size: int64(len(f.data)), ModTime: r.at, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), z.Close())
}

func (r *release) zipped(to io.Writer, files []file) error {
	w := zip.NewWriter(to)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: r.at}
		h.SetMode(f.mode)
		part, err := w.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := part.Write(f.data); err != nil {
			return err
		}
	}
	return w.Close()
}

// debian makes the Debian package of a target.
func (r *release) debian(t target, program, manual, work string) error {
	config, err := os.ReadFile("packaging/deb/nfpm.yaml")
	if err != nil {
		return err
	}
	text := strings.NewReplacer("@ARCH@", t.arch, "@VERSION@", strings.TrimPrefix(r.version, "v"), "@PROGRAM@", program, "@MANUAL@", manual, "@MAINTAINER@", maintainer,
		"@TIME@", r.at.Format(time.RFC3339)).Replace(string(config))
	at := filepath.Join(work, t.String(), "nfpm.yaml")
	if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
		return err
	}
	_, err = output([]string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(r.at.Unix(), 10)}, filepath.Join(r.tools, "nfpm"), "package", "--config", at, "--packager", "deb", "--target", r.out)
	return err
}

// materials writes the bill of materials of a target, as CycloneDX: what Go links, and
// what is embedded beside it.
func (r *release) materials(t target, program string) error {
	name := filepath.Join(r.out, "bellhop-"+strings.TrimPrefix(r.version, "v")+"-"+t.String()+".cdx.json")
	if _, err := output(nil, filepath.Join(r.tools, "cyclonedx-gomod"), "bin", "-json", "-noserial", "-notimestamp", "-std", "-licenses", "-version", r.version, "-output", name, program); err != nil {
		return err
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var bill map[string]any
	if err := json.Unmarshal(b, &bill); err != nil {
		return err
	}
	components, ok := bill["components"].([]any)
	if !ok || len(components) == 0 {
		return errors.New("the bill of materials is empty")
	}
	packages, err := shipped.Packages(".")
	if err != nil {
		return err
	}
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		return err
	}
	pinned := regexp.MustCompile(`(?m)^(?:QUICKJS|REDOC) = (.+)@(\S+)$`).FindAllSubmatch(makefile, -1)
	if len(pinned) != 2 {
		return errors.New("QuickJS and Redoc are not pinned in the Makefile")
	}
	for _, m := range pinned {
		packages = append(packages, string(m[1])+" "+string(m[2]))
	}
	for _, p := range packages {
		name, version, _ := strings.Cut(p, " ")
		purl := "pkg:npm/" + strings.Replace(name, "@", "%40", 1) + "@" + version
		components = append(components, map[string]any{"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "scope": "required"})
	}
	bill["components"] = components
	if b, err = json.MarshalIndent(bill, "", "  "); err != nil {
		return err
	}
	return os.WriteFile(name, append(b, '\n'), 0o644)
}

// checksums writes those of all files, as sha256sum -c reads them.
func checksums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var lines []string
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		lines = append(lines, fmt.Sprintf("%x  %s\n", sha256.Sum256(b), e.Name()))
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(strings.Join(lines, "")), 0o644)
}

// output runs a command and gives what it says.
func output(environ []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), environ...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, said.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}
