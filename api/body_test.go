package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// TestMemoryIsShared: whoever take all that they can leave for the next a part that is
// like theirs, and when all is given back nothing is left in the books.
func TestMemoryIsShared(t *testing.T) {
	const most = 1 << 20
	for n := 1; n <= 10; n++ {
		m := newMemory(most)
		for more := true; more; {
			more = false
			for i := range n {
				more = m.take(share{app: string(rune('a' + i))}, 64) || more
			}
		}
		if part := int64(most / (n + 1) / 2); !m.take(share{key: 1}, part-64) {
			t.Errorf("after %d who took all they could, a newcomer finds less than a part like theirs", n)
		}
		for s, n := range m.of {
			m.give(s, n)
		}
		if m.used != 0 || len(m.of) != 0 {
			t.Errorf("%d bytes and %d shares are left", m.used, len(m.of))
		}
	}
}

func TestMemoryAddsUp(t *testing.T) {
	const most = 1 << 16
	random := rand.New(rand.NewPCG(1, 2))
	m := newMemory(most)
	held := map[share]int64{}
	for range 100_000 {
		s := share{key: bellhop.KeyID(random.IntN(20))}
		if n := int64(random.IntN(most)); random.IntN(2) == 0 {
			fits := m.fits(s, n)
			if m.take(s, n) != fits {
				t.Fatal("what fits is not taken, or the other way round")
			}
			if fits {
				held[s] += n
			}
		} else {
			m.give(s, held[s])
			delete(held, s)
		}
		if m.used > most || m.of[s] > most/2 || m.of[s] != held[s] {
			t.Fatalf("%d of %d are used, %d by one who has %d", m.used, most, m.of[s], held[s])
		}
	}
}

// TestRefusedBodyIsReadOn: a client that sends all of a body before it reads the answer gets
// the answer to one that is refused, and no broken connection; within bounds.
func TestRefusedBodyIsReadOn(t *testing.T) {
	srv := httptest.NewServer(newToy(Options{}))
	defer srv.Close()
	send := func(headers string, size int, chunked bool) (*http.Response, error) {
		t.Helper()
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		body := bytes.Repeat([]byte(" "), size)
		head := "PUT /umbrellas/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + headers
		if chunked {
			body = fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", size, body)
			head += "Transfer-Encoding: chunked\r\n\r\n"
		} else {
			head += fmt.Sprintf("Content-Length: %d\r\n\r\n", size)
		}
		if _, err := conn.Write(append([]byte(head), body...)); err != nil {
			return nil, err
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		_, err = io.ReadAll(res.Body)
		return res, err
	}
	for _, chunked := range []bool{false, true} {
		for headers, want := range map[string]int{"Authorization: Bearer guest1\r\n": 413, "": 401} {
			if res, err := send(headers, 15<<20, chunked); err != nil {
				t.Errorf("%q, chunked %t: %v", headers, chunked, err)
			} else if res.StatusCode != want || !res.Close {
				t.Errorf("%q, chunked %t: %d, close %t", headers, chunked, res.StatusCode, res.Close)
			}
		}
		if res, err := send("", 4*mostReadOn, chunked); err == nil {
			t.Errorf("chunked %t: all of a body of %d bytes was read: %d", chunked, 4*mostReadOn, res.StatusCode)
		}
	}
}
