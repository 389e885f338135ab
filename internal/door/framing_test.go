package door

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// twice is what net/http, by itself, makes of a stream: whether it takes a request that
// says its length in two ways, before it refuses one.
func twice(stream []byte) (bool, int) {
	all := bytes.NewReader(stream)
	in := bufio.NewReader(all)
	taken := 0
	for {
		if last, err := in.Peek(2); err == nil && taken > 0 && (last[0] == '\r' || last[0] == '\n') {
			_, _ = in.Discard(1) // as the server does after a POST
			continue
		}
		from := len(stream) - all.Len() - in.Buffered()
		r, err := http.ReadRequest(in)
		if err != nil || r.ProtoMajor != 1 { // the server takes no other
			return false, taken
		}
		header := stream[from : len(stream)-all.Len()-in.Buffered()]
		length, encoding := false, false
		for line := range bytes.Lines(header) {
			name, _, _ := bytes.Cut(line, []byte(":"))
			length = length || strings.EqualFold(string(name), "Content-Length")
			encoding = encoding || strings.EqualFold(string(name), "Transfer-Encoding")
		}
		if encoding && (length || !r.ProtoAtLeast(1, 1)) {
			return true, taken
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return false, taken
		}
		taken++
	}
}

// TestFraming sends streams in pieces of every size through a framing: where net/http
// would take a request that says its length twice, it refuses that one after the
// framing, and what it takes else stays as it is.
func TestFraming(t *testing.T) {
	for _, stream := range streams {
		for size := 1; size <= len(stream); size++ {
			checkFraming(t, []byte(stream), size)
		}
	}
}

func FuzzFraming(f *testing.F) {
	for _, stream := range streams {
		f.Add([]byte(stream), 7)
	}
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		checkFraming(t, stream, max(size, 1))
	})
}

func checkFraming(t *testing.T, stream []byte, size int) {
	t.Helper()
	bad, taken := twice(stream)
	var f framing
	seen := bytes.Clone(stream)
	for rest := seen; len(rest) > 0; {
		n := min(size, len(rest))
		f.see(rest[:n])
		rest = rest[n:]
	}
	if bad && !f.broken {
		t.Fatalf("%q in pieces of %d passes", stream, size)
	}
	if stillBad, after := twice(seen); stillBad || after != taken {
		t.Fatalf("%q in pieces of %d: of %d requests before, %d are taken of %q", stream, size, taken, after, seen)
	}
	if !f.broken && !bytes.Equal(seen, stream) {
		t.Fatalf("%q was changed to %q", stream, seen)
	}
}

const (
	get  = "GET / HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"
	post = "POST / HTTP/1.1\r\nHost: x\r\n"
	// decoy is a body that looks like a header with both.
	decoy = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
)

var streams = []string{
	get + get,
	post + "Content-Length: 5\r\n\r\nhello" + get,
	post + "Content-Length:    5 \t\r\n\r\nhello" + get,
	post + "Content-Length:\r\n 5\r\n\r\nhello" + get,
	post + "Content-Length: 00000000000000000000000000000000000000000000000000000000000000000000000000005\r\n\r\nhello" + get,
	post + "content-length: 5\r\nCONTENT-LENGTH: 5\r\n\r\nhello" + get,
	post + "Content-Length: 0\r\n\r\n" + get,
	post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + get,
	post + "Transfer-Encoding: Chunked\r\n\r\n0000000000000005 \t\r\nhello\r\n2;a=\"b\"\r\nab\r\n0\r\nA: b\r\n\r\n" + get,
	post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + get,
	strings.ReplaceAll(post+"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"+get, "\r\n", "\n"),
	post + "Content-Length: 50\r\n\r\n" + decoy + get,
	post + "Transfer-Encoding: chunked\r\n\r\n32\r\n" + decoy + "\r\n0\r\n\r\n" + get,
	post + "X-Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get,
	post + "X: a\r\n Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get,
	post + "X: a\r\n\tTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + get,
	"POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab" + get,
	post + "Content-Length: 1\r\n\r\na\r\n\r\n" + get,

	post + decoy + "0\r\n\r\n" + get,
	post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + get,
	post + "TRANSFER-ENCODING: chunked\r\nAccept: a\r\ncontent-length:5\r\n\r\n0\r\n\r\n" + get,
	post + "Content-Length:                                                                              5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get,
	post + "Content-Length:\r\n 5\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + get,
	post + "Content-Length: 5\r\n\r\nhello" + post + decoy + "0\r\n\r\n",
	post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + post + decoy + "0\r\n\r\n",
	get + "\r\n\r\n" + post + decoy + "0\r\n\r\n",
	"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + get,
	strings.ReplaceAll(post+decoy+"0\r\n\r\n", "\r\n", "\n"),
}
