package e2e

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// nameserver is a DNS server whose answers can change from one question to the
// next, as those of an attacker do.
type nameserver struct {
	address string

	mu    sync.Mutex
	names map[string]func(asked int) []string
	asked map[string]int
}

func newNameserver(t testing.TB) *nameserver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &nameserver{address: c.LocalAddr().String(), names: map[string]func(int) []string{}, asked: map[string]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.serve(c)
	}()
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return n
}

// leads makes a name lead to the same addresses always.
func (n *nameserver) leads(name string, to ...string) {
	n.rebinds(name, func(int) []string { return to })
}

// rebinds makes a name lead to what answer says; asked counts the questions from 1.
func (n *nameserver) rebinds(name string, answer func(asked int) []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[name] = answer
}

func (n *nameserver) serve(c net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		size, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		if reply, err := n.reply(buf[:size]); err == nil {
			_, _ = c.WriteTo(reply, from)
		}
	}
}

func (n *nameserver) reply(query []byte) ([]byte, error) {
	var p dnsmessage.Parser
	header, err := p.Start(query)
	if err != nil {
		return nil, err
	}
	q, err := p.Question()
	if err != nil {
		return nil, err
	}
	addresses, known := n.lookUp(strings.TrimSuffix(q.Name.String(), "."), q.Type)
	answer := dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true}
	if !known {
		answer.RCode = dnsmessage.RCodeNameError
	}
	b := dnsmessage.NewBuilder(nil, answer)
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(q); err != nil {
		return nil, err
	}
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	for _, a := range addresses {
		// A lifetime of 0, as those who rebind names choose it.
		if err := b.AResource(dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}, dnsmessage.AResource{A: a}); err != nil {
			return nil, err
		}
	}
	return b.Finish()
}

// lookUp gives the IPv4 addresses of a name; there are no others.
func (n *nameserver) lookUp(name string, kind dnsmessage.Type) (addresses [][4]byte, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	answer, known := n.names[name]
	if !known || kind != dnsmessage.TypeA {
		return nil, known
	}
	n.asked[name]++
	for _, text := range answer(n.asked[name]) {
		addresses = append(addresses, netip.MustParseAddr(text).As4())
	}
	return addresses, true
}
