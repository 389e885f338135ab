package client_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// fragile is a proxy that cuts each connection after so many bytes of its answers.
func fragile(t *testing.T, to string, most int64) (address string, cuts func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	n := 0
	var going sync.WaitGroup
	going.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			going.Go(func() {
				defer func() { _ = from.Close() }()
				server, err := net.Dial("tcp", to)
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = server.Close() }()
				ended := make(chan bool, 2)
				going.Go(func() {
					_, _ = io.Copy(server, from)
					ended <- false
				})
				going.Go(func() {
					passed, _ := io.CopyN(from, server, most)
					ended <- passed == most
				})
				if <-ended {
					mu.Lock()
					n++
					mu.Unlock()
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		going.Wait()
	})
	return l.Addr().String(), func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// TestAStreamGoesOnWhereTheConnectionBroke: each event is acknowledged once, in order, and
// none is doubled.
func TestAStreamGoesOnWhereTheConnectionBroke(t *testing.T) {
	const events = 3000
	c, server := open(t)
	if _, err := c.PutApp(t.Context(), "acme", client.AppPut{}); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	address, cuts := fragile(t, u.Host, 50<<10)
	key, err := c.CreateKey(t.Context(), client.KeyInput{Role: bellhop.RolePublisher})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	through := client.New("http://"+address, key.Token, &http.Client{Transport: transport})
	var last int64
	refused := 0
	stream := through.PublishStream(t.Context(), func(a client.Acknowledgement) {
		if a.Number != last+1 {
			t.Errorf("after event %d, event %d is acknowledged", last, a.Number)
		}
		last = a.Number
		switch {
		case a.Number%100 == 7:
			refused++
			if a.Err == nil || a.Err.Code != bellhop.CodeInvalid {
				t.Errorf("event %d is wrong, and was answered %+v", a.Number, a)
			}
		case a.Err != nil:
			t.Errorf("event %d: %v", a.Number, a.Err)
		case a.Receipt.ID == 0 || a.Number%3 == 0 && a.ID != fmt.Sprint(a.Number) || a.ID == "":
			t.Errorf("event %d has the id %q, and the receipt %+v", a.Number, a.ID, a.Receipt)
		}
	})
	for i := 1; i <= events; i++ {
		p := client.Publication{App: "acme", Type: "a.b", Data: bellhop.JSON("{\"n\":\n\"" + strings.Repeat("x", 100) + "\"}")}
		if i%3 == 0 {
			p.ID = fmt.Sprint(i)
		}
		if i%100 == 7 {
			p.Type = "not a type"
		}
		if err := stream.Publish(p); err != nil {
			t.Fatal(err)
		}
		if i == events/2 {
			if err := stream.Flush(); err != nil || last != int64(i) {
				t.Errorf("flushed after %d events, of which %d were acknowledged: %v", i, last, err)
			}
		}
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	if last != events || refused != events/100 {
		t.Errorf("%d events were acknowledged, %d of them refused", last, refused)
	}
	if n := cuts(); n < 3 {
		t.Errorf("the connection was cut %d times: this proves nothing", n)
	}
	stored := 0
	for _, err := range c.Events(t.Context(), client.EventFilter{App: "acme"}) {
		if err != nil {
			t.Fatal(err)
		}
		stored++
	}
	if stored != events-refused {
		t.Errorf("%d events are stored, of %d that were accepted", stored, events-refused)
	}
	if err := stream.Publish(client.Publication{}); err == nil {
		t.Error("a closed stream took an event")
	}
}

func TestAStreamThatIsRefusedEnds(t *testing.T) {
	_, server := open(t)
	stranger := client.New(server.URL, "bh_none", nil)
	stream := stranger.PublishStream(t.Context(), nil)
	deadline := time.Now().Add(20 * time.Second)
	for stream.Publish(client.Publication{App: "acme", Type: "a.b", Data: bellhop.JSON("1")}) == nil {
		if time.Now().After(deadline) {
			t.Fatal("a stream without a key goes on")
		}
	}
	if err := stream.Close(); client.CodeOf(err) != "unauthorized" {
		t.Errorf("it ended with %v", err)
	}
	idle := stranger.PublishStream(t.Context(), nil)
	if err := idle.Close(); err != nil {
		t.Errorf("a stream of nothing ended with %v", err)
	}
	if err := stream.Flush(); client.CodeOf(err) != "unauthorized" {
		t.Errorf("flushed after its end: %v", err)
	}
}

// A stream that reached nobody has nothing to resume: it says so, instead of trying for ever.
func TestStreamWithoutAServer(t *testing.T) {
	nobody := httptest.NewServer(http.NotFoundHandler())
	nobody.Close()
	s := client.New(nobody.URL, "bh_key", nil).PublishStream(t.Context(), nil)
	if err := s.Publish(client.Publication{App: "acme", Type: "a.b", Data: bellhop.JSON(`{}`)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err == nil {
		t.Error("a stream to nobody has ended well")
	}
}
