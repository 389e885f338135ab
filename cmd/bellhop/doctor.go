package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/internal/seal"
	"github.com/bellhop/bellhop/sqlite"
)

// finding is what the doctor says of one thing.
type finding struct {
	Check string `json:"check"`
	// State is ok, warning, fault, or unknown for what cannot be told here.
	State  string `json:"state"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

const (
	isOK      = "ok"
	isWarning = "warning"
	isFault   = "fault"
	isUnknown = "unknown"
)

// maxDoctored is how many endpoints' hosts are tried.
const maxDoctored = 50

func (p *program) doctorVerb() *cobra.Command {
	var endpoints bool
	cmd := p.verb("doctor", "Look whether all is well on this machine, and say what to do where it is not",
		`Look at what the service needs: its configuration, the disk, the clock, the master key file, the
database, its address, memory, names and the way out; and say what to do about what is not well. Nothing is
changed, and nobody outside of this machine is asked anything, but for the database of a PostgreSQL
server. It may run beside the server.

With --endpoints, look up the hosts of the server's endpoints and connect to each, as a delivery
would, but send nothing. It needs a running server and a key.

Exit code 1 says that something is at fault; warnings alone give 0.`,
		func(cmd *cobra.Command, _ []string) error {
			d := doctor{p: p, s: p.settings, now: p.now()}
			d.configuration()
			d.certificate()
			if d.s.onPostgreSQL() {
				d.clock()
				d.keyFile(d.postgres(cmd.Context()))
			} else {
				d.disk()
				d.clock()
				_, err := os.Stat(d.s.database)
				d.keyFile(err == nil)
				d.database()
				d.backup()
			}
			d.server(cmd.Context())
			d.files()
			d.memory(containerMemory())
			d.names()
			d.wayOut()
			if endpoints {
				if err := d.endpoints(cmd.Context()); err != nil {
					return err
				}
			}
			return d.report()
		})
	p.settings.add(cmd.Flags(), "listen", "tls-cert", "tls-key", "database", "database-direct", "master-key-file", "server", "key", "key-file")
	cmd.Flags().BoolVar(&endpoints, "endpoints", false, "also look up the hosts of endpoints, and connect to them")
	p.jsonFlag(cmd)
	return cmd
}

// doctor looks at one thing after the other.
type doctor struct {
	p        *program
	s        *settings
	now      time.Time
	findings []finding
}

func (d *doctor) say(check, state, remedy, format string, args ...any) {
	d.findings = append(d.findings, finding{check, state, fmt.Sprintf(format, args...), remedy})
}

func (d *doctor) report() error {
	p, faults, warnings := d.p, 0, 0
	t := table{}
	for _, f := range d.findings {
		switch f.State {
		case isFault:
			faults++
		case isWarning:
			warnings++
		}
		if p.json {
			if err := p.printJSON(f); err != nil {
				return err
			}
			continue
		}
		mark := map[string]cell{
			isOK: {text: "✓", style: good}, isWarning: {text: "!", style: wait}, isFault: {text: "✗", style: bad}, isUnknown: {text: "–", style: faint},
		}[f.State]
		t.fields = true
		t.add(mark, text(f.Check), text(f.Detail))
		if f.Remedy != "" {
			t.add(text(""), text(""), cell{text: f.Remedy, style: strong})
		}
	}
	if !p.json {
		p.table(&t)
		switch {
		case faults > 0:
			p.print("\n%s", count(faults, "fault")+" to mend.")
		case warnings > 0:
			p.print("\nNothing is at fault; %s.", count(warnings, "warning"))
		default:
			p.print("\nAll is well.")
		}
	}
	if faults > 0 {
		return errSilent
	}
	return nil
}

func (d *doctor) configuration() {
	s := d.s
	from, set := "There is no configuration file", 0
	if s.config != "" {
		from = "It is read from " + s.config
	}
	for _, name := range serviceSettings() {
		if s.origin(name) != "default" {
			set++
		}
	}
	those := "all settings are the defaults"
	if set > 0 {
		those = count(set, "setting") + map[bool]string{true: " differs", false: " differ"}[set == 1] + " from the defaults"
	}
	d.say("configuration", isOK, "", "%s; %s. 'bellhop serve --print-config' shows each, and where it comes from.", from, those)
	if s.publicURL == "" && !s.dev {
		d.say("configuration", isWarning, "Set public_url to the address at which people reach this server.",
			"public_url is not set, so that portal links name whatever host a request asked for.")
	}
	host, _, _ := net.SplitHostPort(s.listen)
	if s.tlsCert == "" && !s.trustProxy && !isLoopback(host) && !strings.HasPrefix(s.publicURL, "https://") {
		d.say("configuration", isWarning, "Set tls_cert and tls_key, or put a proxy with TLS before Bellhop and say so with an https public_url.",
			"Plain http is served to other machines at %s: whoever is in between can read keys and data.", s.listen)
	}
	if s.dev && !isLoopback(host) {
		d.say("configuration", isFault, "Leave out dev, or listen on 127.0.0.1.",
			"Development mode (dev) lets endpoints reach programs on this machine, and the server listens for others at %s.", s.listen)
	}
}

// certificate looks at what serve shows over TLS.
func (d *doctor) certificate() {
	s := d.s
	if s.tlsCert == "" {
		return
	}
	c, err := loadCertificate(s.tlsCert, s.tlsKey, slog.New(slog.DiscardHandler))
	if err != nil {
		d.say("certificate", isFault, "", "%s.", strings.TrimSuffix(err.Error(), "."))
		return
	}
	leaf := c.current.Load().Leaf
	ends := leaf.NotAfter.Format(time.RFC3339)
	const remedy = "Renew it: it is read anew without a restart."
	switch left := leaf.NotAfter.Sub(d.now); {
	case left <= 0:
		d.say("certificate", isFault, remedy, "%s has expired at %s: clients refuse it.", s.tlsCert, ends)
	case left < expiresSoon:
		d.say("certificate", isWarning, remedy, "%s expires at %s.", s.tlsCert, ends)
	default:
		d.say("certificate", isOK, "", "%s is for %s, until %s.", s.tlsCert, strings.Join(leaf.DNSNames, ", "), ends)
	}
	if u, err := url.Parse(s.publicURL); err == nil && u.Hostname() != "" && leaf.VerifyHostname(u.Hostname()) != nil {
		d.say("certificate", isWarning, "Get one for that name, too, or correct public_url.", "%s is not for %s, the name in public_url.", s.tlsCert, u.Hostname())
	}
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Bounds of what a disk has left, in bytes.
const (
	lowSpace  = 1 << 30
	lastSpace = 100 << 20
)

func (d *doctor) disk() {
	folder, err := filepath.Abs(filepath.Dir(d.s.database))
	if err != nil {
		d.say("disk", isFault, "Name the database with its whole path.", "The folder of %s cannot be found: %v.", d.s.database, err)
		return
	}
	probe, err := os.CreateTemp(folder, ".bellhop-doctor-*")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.say("disk", isFault, "Make the folder, owned by the user that runs Bellhop, or correct database.", "There is no folder %s.", folder)
		return
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		d.say("disk", isFault, "Run this as the user that runs Bellhop, or give that user the folder.", "This user may not write to %s.", folder)
		return
	case errors.Is(err, syscall.ENOSPC):
		d.say("disk", isFault, "Make room, or give Bellhop a larger disk.", "There is no space left in %s.", folder)
		return
	case err != nil:
		d.say("disk", isFault, "See what is wrong with the disk.", "Nothing can be written to %s: %v.", folder, err)
		return
	}
	_, err = probe.WriteString("x")
	err = cmp.Or(err, probe.Sync(), probe.Close(), os.Remove(probe.Name()))
	if err != nil {
		d.say("disk", isFault, "Make room, and see what is wrong with the disk.", "Writing to %s failed: %v.", folder, err)
		return
	}
	if kind := oddDisk(folder); kind != "" {
		d.say("disk", isWarning, "Put the database on a disk of this machine.",
			"%s is on %s, where a database can be lost: at a reboot, or since locks do not hold.", folder, kind)
	}
	free, all, err := space(folder)
	const remedy = "Make room, keep less (retention), or give Bellhop a larger disk: without space it takes no events."
	switch {
	case err != nil:
		d.say("disk", isUnknown, "", "%s can be written to; how much room it has cannot be told here.", folder)
	case free < lastSpace:
		d.say("disk", isFault, remedy, "%s has only %s left of %s.", folder, size(int64(free)), size(int64(all)))
	case free < lowSpace:
		d.say("disk", isWarning, remedy, "%s has %s left of %s.", folder, size(int64(free)), size(int64(all)))
	default:
		d.say("disk", isOK, "", "%s can be written to, and has %s left of %s.", folder, size(int64(free)), size(int64(all)))
	}
}

func (d *doctor) clock() {
	shown := d.now.Format(time.RFC3339)
	const remedy = "Set the clock, and have it kept right by chrony or systemd-timesyncd: receivers refuse requests whose time is minutes off."
	if d.now.Before(writtenIn) {
		d.say("clock", isFault, remedy, "It is %s by this machine's clock, which is before this program was written.", shown)
		return
	}
	files := []string{d.s.database, d.s.database + "-wal"}
	if d.s.onPostgreSQL() {
		files = nil
	}
	for _, file := range files {
		if st, err := os.Stat(file); err == nil && st.ModTime().After(d.now.Add(time.Minute)) {
			d.say("clock", isFault, remedy, "It is %s by this machine's clock, but %s was written later, at %s: the clock was set back, or was ahead.", shown, file, st.ModTime().Format(time.RFC3339))
			return
		}
	}
	switch yes, known := clockSynchronised(); {
	case !known:
		d.say("clock", isUnknown, "", "It is %s; whether the clock is kept right cannot be told here.", shown)
	case !yes:
		d.say("clock", isWarning, "Have it kept right by chrony or systemd-timesyncd, here or, in a container, on the machine below: receivers refuse requests whose time is minutes off.",
			"It is %s, and the system says that nothing keeps its clock right.", shown)
	default:
		d.say("clock", isOK, "", "It is %s, and the clock is kept right.", shown)
	}
}

// keyFile looks at the master key; used says that there is a database already.
func (d *doctor) keyFile(used bool) {
	path := d.s.keyPath()
	_, err := seal.Load(path)
	switch {
	case err == nil:
		d.say("master key", isOK, "", "%s can be read. Keep a copy of it apart from the backups of the database.", path)
	case !errors.Is(err, fs.ErrNotExist):
		d.say("master key", isFault, "Without it, no secret of an endpoint can be opened.", "%s.", strings.TrimSuffix(err.Error(), "."))
	case used && d.s.onPostgreSQL():
		d.say("master key", isFault, "Copy it from another node or from its backup, or name its place with master_key_file.",
			"%s is missing, but the database was set up with a master key.", path)
	case used:
		d.say("master key", isFault, "Restore it from its backup, or name its place with master_key_file.",
			"%s is missing, but there is a database whose secrets it may have encrypted.", path)
	default:
		d.say("master key", isOK, "", "There is none yet: the first start makes %s.", path)
	}
}

func (d *doctor) database() {
	info, err := sqlite.Peek(d.s.database)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(d.s.database + "-wal"); err == nil {
			d.say("database", isFault, "Restore the database from a backup; do not remove the log before.", "%s is gone, but its log is there.", d.s.database)
			return
		}
		d.say("database", isOK, "", "There is none yet: the first start makes %s.", d.s.database)
		return
	case err != nil:
		d.say("database", isFault, "", "%s.", strings.TrimSuffix(err.Error(), "."))
		return
	}
	detail := fmt.Sprintf("%s has %s and a log of %s", d.s.database, size(info.Size), size(info.WALSize))
	if info.Schema > 0 { // else it is in the log still
		detail += fmt.Sprintf("; its schema is %d", info.Schema)
	}
	detail += "."
	if info.Schema < sqlite.Schema() && info.Schema > 0 {
		detail += fmt.Sprintf(" The next start brings it to %d; older programs cannot read it afterwards.", sqlite.Schema())
	}
	const large = 1 << 30
	if info.WALSize > large {
		d.say("database", isWarning, "Look in the server's log for checkpoints that fail, and for a backup or a reader that does not end.", "%s The log is large.", detail)
		return
	}
	d.say("database", isOK, "", "%s", detail)
}

// oldBackup is how old the last backup may be before one is reminded of it.
const oldBackup = 7 * 24 * time.Hour

// backup looks when the last one that Bellhop made was noted.
func (d *doctor) backup() {
	if _, err := os.Stat(d.s.database); err != nil {
		return // there is nothing to back up
	}
	const remedy = "Run 'bellhop backup' every day, and keep the copies on another machine; unless something else makes them."
	switch at, err := sqlite.LastBackup(d.s.database); {
	case err != nil:
		d.say("backup", isUnknown, "", "When the last one was made cannot be told: %v.", err)
	case at.IsZero():
		d.say("backup", isWarning, remedy, "None was made with 'bellhop backup' yet.")
	case d.now.Sub(at) > oldBackup:
		d.say("backup", isWarning, remedy, "The last one that 'bellhop backup' made is of %s.", at.Format(time.RFC3339))
	default:
		d.say("backup", isOK, "", "The last one is of %s.", at.Format(time.RFC3339))
	}
}

// server looks whether one runs with these settings, or could.
func (d *doctor) server(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	base := d.s.localBase()
	err := probe(ctx, base+"/readyz")
	if err == nil {
		d.say("server", isOK, "", "It runs at %s and takes events.", base)
		return
	}
	l, listenErr := net.Listen("tcp", d.s.listen)
	if listenErr == nil {
		_ = l.Close() // nobody came
		d.say("server", isOK, "", "It does not run; its address %s is free.", d.s.listen)
		return
	}
	if errors.Is(listenErr, syscall.EADDRINUSE) {
		d.say("server", isFault, "If it is Bellhop, look into its log; if it is another program, stop that or change listen.",
			"Something listens at %s that is not a Bellhop which takes events: %v.", d.s.listen, err)
		return
	}
	d.say("server", isFault, "", "%s.", listenError("listen", d.s.listen, listenErr))
}

func (d *doctor) files() {
	const few = 1024
	n := openFiles()
	detail := fmt.Sprintf("%d may be open, of which %d are for requests to endpoints and %d for connections to the API.", n, d.s.requestsInFlight(), d.s.connections())
	if err := d.s.checkFiles(n); err != nil {
		d.say("open files", isFault, "Raise the limit (ulimit -n, LimitNOFILE) to 16384 or so.", "Bellhop does not start: %v.", err)
		return
	}
	if n < few {
		d.say("open files", isWarning, "Raise the limit (ulimit -n, LimitNOFILE) to 16384 or so.", "%s", detail)
		return
	}
	d.say("open files", isOK, "", "%s", detail)
}

// memory looks at the bounds on memory in a container that may take so much; 0 is any.
func (d *doctor) memory(container uint64) {
	queue, bodies := d.s.queueMost(), int64(d.s.bodyBytes())
	detail := fmt.Sprintf("Deliveries may take %s, and requests and answers %s", api.ByteSize(queue), api.ByteSize(bodies))
	if container == 0 {
		d.say("memory", isOK, "", "%s; no container bounds what the process takes.", detail)
		return
	}
	share := goMemory(container)
	detail = fmt.Sprintf("%s; the container may take %s, of which %s are for them and what it takes to work with them.", detail, api.ByteSize(int64(min(container, 1<<62))), api.ByteSize(share))
	if queue+bodies > share {
		d.say("memory", isWarning, "Give the container more memory, or lower --queue-memory and --max-memory to a quarter of it each, which is their default.", "%s", detail)
		return
	}
	d.say("memory", isOK, "", "%s", detail)
}

func (d *doctor) names() {
	if d.s.dns != "" {
		d.say("names", isOK, "", "Endpoints' names are asked of %s (dns). --endpoints tries it.", d.s.dns)
		return
	}
	switch servers, err := nameservers(); {
	case errors.Is(err, errors.ErrUnsupported):
		d.say("names", isUnknown, "", "Endpoints' names are asked of the system. --endpoints tries it.")
	case err != nil:
		d.say("names", isFault, "Restore /etc/resolv.conf, or name a DNS server with dns.", "Which DNS servers to ask cannot be read: %v.", err)
	case len(servers) == 0:
		d.say("names", isFault, "Add one to /etc/resolv.conf, or name one with dns.", "/etc/resolv.conf names no DNS server.")
	default:
		d.say("names", isOK, "", "Endpoints' names are asked of %s (/etc/resolv.conf). --endpoints tries it.", strings.Join(servers, ", "))
	}
}

func (d *doctor) wayOut() {
	var proxies []string
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		if d.p.variable(name) != "" {
			proxies = append(proxies, name)
		}
	}
	if len(proxies) > 0 {
		d.say("way out", isWarning, "Let this machine connect to endpoints itself: which addresses are allowed can only be checked there.",
			"%s is set, but Bellhop sends through no proxy.", strings.Join(proxies, ", "))
	}
	switch yes, known := hasWayOut(); {
	case !known:
		d.say("way out", isUnknown, "", "Which ways lead out cannot be told here. --endpoints tries them.")
	case !yes:
		d.say("way out", isWarning, "Set a default route, unless all endpoints are in networks that are reached without one.", "No route leads beyond this machine's own networks.")
	default:
		d.say("way out", isOK, "", "There is a route. --endpoints tries it.")
	}
}

// endpoints connects to the hosts of the server's endpoints, as deliveries would.
func (d *doctor) endpoints(ctx context.Context) error {
	c, err := d.p.connect()
	if err != nil {
		return err
	}
	out := safehttp.New(safehttp.Options{Policy: safehttp.Policy{AllowCIDRs: d.s.allowCIDRs, Dev: d.s.dev, DNS: d.s.dns}})
	defer out.Close()
	seen, skipped := map[string]bool{}, 0
	for e, err := range c.Endpoints(ctx, client.EndpointFilter{Status: bellhop.EndpointActive, Limit: 250}) {
		if err != nil {
			return d.p.explainFailure(err)
		}
		addr, secure := addressOf(e.URL)
		if e.Listened() || addr == "" || seen[addr] {
			continue
		}
		if seen[addr] = true; len(seen) > maxDoctored {
			skipped++
			continue
		}
		// Its own authorities and certificate are the server's to show: what is
		// tried here is the way.
		own := e.TLS != nil
		l, failed := out.Dial(ctx, safehttp.Dialing{Addr: addr, Secure: secure && !own, Timeout: 5 * time.Second})
		if l == nil {
			d.say("endpoint", isFault, remedyOfWay(failed.Reason), "%s: %s.", addr, strings.TrimSuffix(failed.Detail, "."))
			continue
		}
		_ = l.Close() // nothing was said
		d.say("endpoint", isOK, "", "%s can be reached.", addr)
	}
	switch {
	case len(seen) == 0:
		d.say("endpoint", isOK, "", "There is no active endpoint that Bellhop sends to.")
	case skipped > 0:
		d.say("endpoint", isUnknown, "", "%d more hosts were not tried: %d are tried at a time.", skipped, maxDoctored)
	}
	return nil
}

// addressOf is where requests to a URL go; "" for what cannot be told from it.
func addressOf(raw string) (addr string, secure bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return "", false
	}
	ports := map[string]string{"https": "443", "http": "80", "smtps": "465", "smtp": "587"}
	port := cmp.Or(u.Port(), ports[u.Scheme])
	if port == "" {
		return "", false
	}
	return net.JoinHostPort(u.Hostname(), port), slices.Contains([]string{"https", "smtps"}, u.Scheme)
}

func remedyOfWay(reason safehttp.Reason) string {
	switch reason {
	case safehttp.ReasonDNS:
		return "Correct the endpoint's URL, or see whether the DNS server answers (dns, /etc/resolv.conf)."
	case safehttp.ReasonAddress:
		return "If endpoints may be there, open the network with allow_cidr."
	case safehttp.ReasonTLS:
		return "Have the receiver renew its certificate, or give the endpoint the authority that issued it."
	case safehttp.ReasonTimeout, safehttp.ReasonConnect:
		return "See whether a firewall holds it back, and whether the receiver runs."
	}
	return "See whether the receiver runs, and what is between."
}
