package safehttp

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// nameserver is a DNS server on loopback whose answers a test chooses.
type nameserver struct {
	addr string

	mu      sync.Mutex
	answers map[string][]string // by name without final dot; "hang" never answers
	then    map[string][]string // what they become once asked for IPv4
}

func newNameserver(t *testing.T, answers map[string][]string) *nameserver {
	t.Helper()
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameserver{addr: pc.LocalAddr().String(), answers: answers, then: map[string][]string{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := s.reply(buf[:n]); reply != nil {
				pc.WriteTo(reply, from)
			}
		}
	}()
	t.Cleanup(func() { pc.Close(); <-done })
	return s
}

func (s *nameserver) reply(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	s.mu.Lock()
	defer s.mu.Unlock()
	answers, known := s.answers[name]
	if slices.Contains(answers, "hang") {
		return nil
	}
	m.Response, m.Authoritative, m.RecursionAvailable, m.Additionals = true, true, true, nil
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, ip := range answers {
		a := netip.MustParseAddr(ip)
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 0}
		switch {
		case a.Is4() && q.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: a.As4()}})
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	if next, ok := s.then[name]; ok && q.Type == dnsmessage.TypeA {
		s.answers[name] = next
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}

// receiver is a plain HTTP receiver on one loopback address that counts its connections.
type receiver struct {
	addr  string
	port  string
	conns atomic.Int64
}

func newReceiver(t *testing.T, addr string, h http.HandlerFunc) *receiver {
	t.Helper()
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		t.Skipf("no second loopback address here: %v", err)
	}
	r := &receiver{addr: l.Addr().String()}
	_, r.port, _ = net.SplitHostPort(r.addr)
	srv := &http.Server{Handler: h, ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			r.conns.Add(1)
		}
	}}
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(l) }()
	t.Cleanup(func() { srv.Close(); <-done })
	return r
}

func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	c := New(o)
	t.Cleanup(c.Close)
	return c
}

// plainHTTP is a policy that lets tests speak plain http to 127.0.0.1, while
// 127.0.0.2 stays as private as any other address. (Dev would open both, so
// tests of addresses allow the scheme by hand.)
func plainHTTP(dns string) Policy {
	return Policy{AllowCIDRs: prefixes("127.0.0.1/32"), DNS: dns}
}

// doPlain sends a request as Do does, but lets http pass the URL check.
func doPlain(t *testing.T, c *Client, url string, timeout time.Duration) Response {
	t.Helper()
	dev := *c
	dev.policy.Dev = true // for the URL; the guard in c's dialer keeps c's policy
	return dev.Do(context.Background(), Request{URL: url, Body: []byte("{}"), Timeout: timeout})
}

// patience outlasts the resolver's five seconds for a lost packet.
const patience = 20 * time.Second

func ok(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok")) }

func TestNameLeadsToRefusedAddress(t *testing.T) {
	answers := map[string][]string{}
	for i, s := range refusedAddrs {
		if a := netip.MustParseAddr(s); a.Zone() == "" {
			answers[string(rune('a'+i%26))+string(rune('a'+i/26))+".test"] = []string{s}
		}
	}
	dns := newNameserver(t, answers)
	c := newClient(t, Options{Policy: Policy{DNS: dns.addr}})
	c.veilTime = 0
	for name, addr := range answers {
		res := c.Do(t.Context(), Request{URL: "https://" + name + "/", Timeout: patience})
		if res.Reason == ReasonDNS && len(res.Refused) == 0 && strings.Contains(addr[0], ":") && !hasIPv6() {
			continue // the resolver dropped the address before the guard saw it
		}
		if res.Reason != ReasonDNS || res.RemoteAddr != "" || res.Status != 0 {
			t.Errorf("%s: %q to %q: %s", addr[0], res.Reason, res.RemoteAddr, res.Detail)
		}
		if strings.Contains(res.Detail, addr[0]) || len(res.Refused) == 0 {
			t.Errorf("%s: detail %q, refused %v", addr[0], res.Detail, res.Refused)
		}
	}
}

func hasIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func TestOnePublicAndOnePrivateAnswer(t *testing.T) {
	public := newReceiver(t, "127.0.0.1:0", ok)
	private := newReceiver(t, "127.0.0.2:"+public.port, ok)
	dns := newNameserver(t, map[string][]string{
		"first.test":  {"127.0.0.2", "127.0.0.1"},
		"second.test": {"127.0.0.1", "127.0.0.2"},
		"only.test":   {"127.0.0.2", "127.0.0.3"},
	})
	c := newClient(t, Options{Policy: plainHTTP(dns.addr)})
	for _, name := range []string{"first.test", "second.test"} {
		res := doPlain(t, c, "http://"+name+":"+public.port+"/", patience)
		if res.Reason != "" || res.RemoteAddr != public.addr {
			t.Errorf("%s: %+v", name, res)
		}
	}
	res := doPlain(t, c, "http://only.test:"+public.port+"/", patience)
	if res.Reason != ReasonDNS || len(res.Refused) != 2 {
		t.Errorf("only.test: %+v", res)
	}
	if n := private.conns.Load(); n != 0 {
		t.Errorf("the private receiver saw %d connections", n)
	}
}

// The refused answer must not hide that the allowed one was tried, nor show up
// in the sentence about it.
func TestRefusedAndUnreachableAnswer(t *testing.T) {
	dns := newNameserver(t, map[string][]string{"mixed.test": {"127.0.0.2", "127.0.0.1"}})
	c := newClient(t, Options{Policy: plainHTTP(dns.addr)})
	res := doPlain(t, c, "http://mixed.test:"+closedPort(t)+"/", patience)
	if res.Reason != ReasonConnect || strings.Contains(res.Detail, "127.0.0.2") {
		t.Errorf("%+v", res)
	}
}

func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func TestRebinding(t *testing.T) {
	public := newReceiver(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // so that the next request looks the name up again
	})
	private := newReceiver(t, "127.0.0.2:"+public.port, ok)
	dns := newNameserver(t, map[string][]string{"rebind.test": {"127.0.0.1"}})
	dns.mu.Lock()
	dns.then["rebind.test"] = []string{"127.0.0.2"}
	dns.mu.Unlock()
	c := newClient(t, Options{Policy: plainHTTP(dns.addr)})

	url := "http://rebind.test:" + public.port + "/"
	if res := doPlain(t, c, url, patience); res.Reason != "" || res.Status != 200 {
		t.Fatalf("first: %+v", res)
	}
	if res := doPlain(t, c, url, patience); res.Reason != ReasonDNS {
		t.Errorf("after rebinding: %+v", res)
	}
	if n := private.conns.Load(); n != 0 {
		t.Errorf("the private receiver saw %d connections", n)
	}
}

func TestProxyOfTheEnvironmentIsIgnored(t *testing.T) {
	proxy := newReceiver(t, "127.0.0.1:0", ok)
	target := newReceiver(t, "127.0.0.1:0", ok)
	for _, v := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"} {
		t.Setenv(v, "http://"+proxy.addr)
	}
	dns := newNameserver(t, map[string][]string{"target.test": {"127.0.0.1"}})
	c := newClient(t, Options{Policy: plainHTTP(dns.addr)})
	res := doPlain(t, c, "http://target.test:"+target.port+"/", patience)
	if res.Reason != "" || proxy.conns.Load() != 0 || target.conns.Load() != 1 {
		t.Errorf("%+v, proxy saw %d connections", res, proxy.conns.Load())
	}
}

func TestDNSFailures(t *testing.T) {
	dns := newNameserver(t, map[string][]string{"hang.test": {"hang"}, "empty.test": nil})
	c := newClient(t, Options{Policy: Policy{DNS: dns.addr}})
	for _, name := range []string{"missing.test", "empty.test"} {
		res := c.Do(t.Context(), Request{URL: "https://" + name + "/", Timeout: patience})
		if res.Reason != ReasonDNS || strings.Contains(res.Detail, dns.addr) {
			t.Errorf("%s: %+v", name, res)
		}
	}
	res := c.Do(t.Context(), Request{URL: "https://hang.test/", Timeout: 100 * time.Millisecond})
	if res.Reason != ReasonTimeout || !strings.Contains(res.Detail, "DNS lookup of hang.test did not finish") {
		t.Errorf("hang.test: %+v", res)
	}
}

// A name inside the operator's network looks like one that does not exist: in its
// reason, in its words, and in its time.
func TestNamesInsideAreNotTold(t *testing.T) {
	dns := newNameserver(t, map[string][]string{
		"ten.test": {"10.1.2.3"}, "own.test": {"127.0.0.1"}, "cloud.test": {"169.254.169.254"}, "six.test": {"fd00::1"},
		"several.test": {"10.1.2.3", "192.168.0.1", "fd00::1"}, "none.test": nil,
	})
	c := newClient(t, Options{Policy: Policy{DNS: dns.addr}})
	var wg sync.WaitGroup
	for _, name := range []string{"ten.test", "own.test", "cloud.test", "six.test", "several.test", "none.test", "unknown.test"} {
		wg.Go(func() {
			res := c.Do(context.Background(), Request{URL: "https://" + name + ":8443/", Timeout: patience})
			want := name + ":8443 leads to no public address: the name does not exist, or none of its addresses is public; check its spelling, or have the operator allow the address with --allow-cidr"
			if res.Reason != ReasonDNS || res.Detail != want || res.RemoteAddr != "" {
				t.Errorf("%s: %q, %q", name, res.Reason, res.Detail)
			}
			if res.Duration < veilTime {
				t.Errorf("%s took %s", name, res.Duration)
			}
			// The time of the request is kept all the same.
			res = c.Do(context.Background(), Request{URL: "https://" + name + "/", Timeout: veilTime / 2})
			if res.Duration > veilTime/2+slack {
				t.Errorf("%s, with less time, took %s", name, res.Duration)
			}
		})
	}
	wg.Wait()
}

// runShort, set in the environment to the URLs of two receivers, turns the test binary
// into a process without descriptors.
const runShort = "SAFEHTTP_SHORT"

// A process that has no descriptors left says that this is its own fault. It closes idle
// connections for new ones, and goes on once there are some.
func TestOutOfDescriptors(t *testing.T) {
	a, b := newReceiver(t, "127.0.0.1:0", ok), newReceiver(t, "127.0.0.1:0", ok)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), runShort+"=http://"+a.addr+"/ http://"+b.addr+"/")
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "" {
		t.Errorf("%v: %s", err, out)
	}
}

// beShort prints what it finds wrong.
func beShort(a, b string) {
	c := New(Options{Policy: Policy{Dev: true, DNS: "127.0.0.1:1"}}) // where nobody answers
	defer c.Close()
	do := func(url string) Response { return c.Do(context.Background(), post(url)) }
	if res := do(a); res.Status != 200 {
		fmt.Printf("before: %+v\n", res)
	}
	if res := do("http://name.example:1/"); res.Reason != ReasonDNS {
		fmt.Printf("by name, before: %+v\n", res)
	}
	limit := syscall.Rlimit{Cur: 64, Max: 64}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		fmt.Println(err)
	}
	var files []*os.File
	use := func() {
		for {
			f, err := os.Open(os.DevNull)
			if err != nil {
				return
			}
			files = append(files, f)
		}
	}
	use()
	if res := do(b); res.Status != 200 || res.Reused {
		fmt.Printf("an idle connection should have made way: %+v\n", res)
	}
	c.pool.shed()
	use()
	if res := do(b); res.Reason != ReasonResources || !strings.Contains(res.Detail, "too many open files") || res.RemoteAddr != "" {
		fmt.Printf("without descriptors: %+v\n", res)
	}
	if res := do("http://name.example:1/"); res.Reason != ReasonResources {
		fmt.Printf("without descriptors, by name: %+v\n", res)
	}
	files[0].Close()
	if res := do(b); res.Status != 200 {
		fmt.Printf("with one: %+v\n", res)
	}
}
