package safehttp

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// timedServer is a DNS server that says for how long its answers hold, and counts the
// questions.
type timedServer struct {
	addr string

	mu      sync.Mutex
	answers map[string]timed // by name with its final dot
	asked   map[string]int   // by name and type
}

type timed struct {
	alias string // the name is another one's, for aliasTTL
	ips   []string
	ttl   uint32
	aka   uint32
	rcode dnsmessage.RCode
}

func newTimedServer(t *testing.T, answers map[string]timed) *timedServer {
	t.Helper()
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &timedServer{addr: pc.LocalAddr().String(), answers: answers, asked: map[string]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			pc.WriteTo(s.reply(buf[:n]), from)
		}
	}()
	t.Cleanup(func() { pc.Close(); <-done })
	return s
}

func (s *timedServer) reply(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil {
		return nil
	}
	q := m.Questions[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[fmt.Sprint(q.Name, " ", q.Type)]++
	a, known := s.answers[q.Name.String()]
	m.Response, m.RecursionAvailable, m.Additionals, m.RCode = true, true, nil, a.rcode
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	name := q.Name
	if a.alias != "" {
		name = dnsmessage.MustNewName(a.alias)
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: a.aka}, Body: &dnsmessage.CNAMEResource{CNAME: name},
		})
	}
	for _, ip := range a.ips {
		if addr := netip.MustParseAddr(ip); q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: name, Class: q.Class, TTL: a.ttl}, Body: &dnsmessage.AResource{A: addr.As4()},
			})
		}
	}
	out, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return out
}

// An answer is believed for as long as it says, and no longer than a connection lasts; that
// there is none, for seconds; what went wrong, not at all.
func TestNamesAreRemembered(t *testing.T) {
	s := newTimedServer(t, map[string]timed{
		"long.test.":   {ips: []string{"192.0.2.1"}, ttl: 86400},
		"short.test.":  {ips: []string{"192.0.2.1"}, ttl: 10},
		"never.test.":  {ips: []string{"192.0.2.1"}, ttl: 0},
		"alias.test.":  {alias: "long.test.", aka: 20, ips: []string{"192.0.2.1"}, ttl: 86400},
		"empty.test.":  {},
		"broken.test.": {rcode: dnsmessage.RCodeServerFailure},
	})
	now := time.Now()
	n := &names{now: func() time.Time { return now }, of: map[dnsmessage.Question]name{}}
	r := resolver(s.addr, n)
	asked := func(host string) int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.asked[host+" TypeA"]
	}
	for _, tt := range []struct {
		host  string
		holds time.Duration
		fails bool
	}{
		{"long.test.", maxConnAge, false},
		{"short.test.", 10 * time.Second, false},
		{"alias.test.", 20 * time.Second, false},
		{"empty.test.", missingName, true},
		{"missing.test.", missingName, true},
		{"never.test.", 0, false},
		{"broken.test.", 0, true},
	} {
		look := func() {
			t.Helper()
			ips, err := r.LookupNetIP(t.Context(), "ip", tt.host)
			if (err != nil) != tt.fails || !tt.fails && !slices.Equal(ips, []netip.Addr{netip.MustParseAddr("192.0.2.1")}) {
				t.Errorf("%s: %v, %v", tt.host, ips, err)
			}
		}
		look()
		first := asked(tt.host)
		if tt.holds > 0 {
			now = now.Add(tt.holds - time.Millisecond)
			look()
			if got := asked(tt.host); got != first {
				t.Errorf("%s was asked for again within its time: %d, %d", tt.host, first, got)
			}
		}
		now = now.Add(time.Millisecond)
		look()
		if got := asked(tt.host); got <= first {
			t.Errorf("%s was not asked for again after its time", tt.host)
		}
	}

	// What has changed is followed.
	now = now.Add(time.Hour)
	r.LookupNetIP(t.Context(), "ip", "short.test.")
	s.mu.Lock()
	s.answers["short.test."] = timed{ips: []string{"192.0.2.2"}, ttl: 10}
	s.mu.Unlock()
	now = now.Add(10 * time.Second)
	if ips, err := r.LookupNetIP(t.Context(), "ip", "short.test."); err != nil || ips[0].String() != "192.0.2.2" {
		t.Errorf("after it moved: %v, %v", ips, err)
	}
	for i := range 2*maxNames + 10 {
		q := dnsmessage.Question{Name: dnsmessage.MustNewName(fmt.Sprintf("n%d.test.", i)), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
		m := dnsmessage.Message{Header: dnsmessage.Header{Response: true, RCode: dnsmessage.RCodeNameError}, Questions: []dnsmessage.Question{q}}
		answer, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if n.remember(q, answer); len(n.of) > maxNames || len(n.of) == 0 {
			t.Fatalf("%d names", len(n.of))
		}
	}
}

// What is no answer to the question is not remembered as one.
func TestForeignAnswersAreNotRemembered(t *testing.T) {
	q := dnsmessage.Question{Name: dnsmessage.MustNewName("a.test."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	other, aaaa := q, q
	other.Name, aaaa.Type = dnsmessage.MustNewName("b.test."), dnsmessage.TypeAAAA
	answer := func(h dnsmessage.Header, asked ...dnsmessage.Question) []byte {
		m := dnsmessage.Message{Header: h, Questions: asked, Answers: []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}, Body: &dnsmessage.AResource{},
		}}}
		out, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	yes := dnsmessage.Header{Response: true}
	good := answer(yes, q)
	if got := lifetime(q, good); got != time.Minute {
		t.Errorf("its own: %s", got)
	}
	upper := q
	upper.Name = dnsmessage.MustNewName("A.TEST.")
	if got := lifetime(upper, good); got != time.Minute {
		t.Errorf("in another case: %s", got)
	}
	for what, b := range map[string][]byte{
		"another name": answer(yes, other), "another type": answer(yes, aaaa), "no question": answer(yes), "a question": answer(dnsmessage.Header{}, q),
		"truncated": answer(dnsmessage.Header{Response: true, Truncated: true}, q), "refused": answer(dnsmessage.Header{Response: true, RCode: dnsmessage.RCodeRefused}, q),
		"cut off": good[:len(good)-1], "nothing": nil,
	} {
		if got := lifetime(q, b); got != 0 {
			t.Errorf("%s: %s", what, got)
		}
	}
}
