package safehttp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// parsed is what responseReader made of some bytes.
type parsed struct {
	status   int
	header   http.Header
	body     string
	consumed int
	clean    bool
	err      error
}

func parse(method string, data []byte, slow bool) parsed {
	src := bytes.NewReader(data)
	s := newScratch().(*scratch)
	s.in.reset(src)
	if slow {
		s.in.reset(iotest.OneByteReader(src))
	}
	p := parsed{}
	p.status, p.header, p.err = s.in.readHead(method)
	if p.err == nil && s.in.unframed != "" {
		p.err = errors.New(s.in.unframed)
	} else if p.err == nil {
		var body []byte
		body, p.err = io.ReadAll(&s.in)
		p.body = string(body)
	}
	p.consumed = len(data) - src.Len() - s.in.br.Buffered()
	p.clean = p.err == nil && s.in.clean()
	return p
}

const (
	okLine  = "HTTP/1.1 200 OK\r\n"
	chunked = okLine + "Transfer-Encoding: chunked\r\n\r\n"
)

func TestResponse(t *testing.T) {
	head := func(lines ...string) string { return okLine + strings.Join(lines, "\r\n") + "\r\n\r\n" }
	tests := []struct {
		in    string
		body  string
		clean bool
		err   string // part of it
	}{
		// Where the body ends.
		{head("Content-Length: 5") + "12345", "12345", true, ""},
		{head("Content-Length: 5") + "12345HTTP/1.1 200 OK\r\n", "12345", false, ""},
		{head("Content-Length: 5") + "1234", "1234", false, "unexpected EOF"},
		{head("Content-Length: 0"), "", true, ""},
		{head("Content-Length: 5", "content-length: 5") + "12345", "12345", true, ""},
		{okLine + "\r\nuntil the end", "until the end", false, ""},
		{"HTTP/1.1 204 No Content\r\n\r\n", "", true, ""},
		{"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", "", false, ""},
		{"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "", true, ""},
		{"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "", false, ""},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", "", true, ""},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + head("Content-Length: 1") + "x", "x", true, ""},
		{"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n" + head("Content-Length: 1") + "x", "x", true, ""},
		{chunked + "5\r\n12345\r\n00A\r\n0123456789\r\n0\r\n\r\n", "123450123456789", true, ""},
		{chunked + "5;a=b;c=\"d\"\r\n12345\r\n0;e\r\nX-Sum: 1\r\n\r\n", "12345", true, ""},
		{chunked + "0\r\n\r\n0\r\n\r\n", "", false, ""},
		{chunked + "5\r\n12345\r\n0\r\n", "12345", false, "unexpected EOF"},
		{chunked + "5\r\n123", "123", false, "unexpected EOF"},

		// Which allow no other response after them.
		{head("Content-Length: 0", "Connection: close"), "", false, ""},
		{head("Content-Length: 0", "Connection: keep-alive, Close"), "", false, ""},
		{head("Content-Length: 0", "Connection: keep-alive"), "", true, ""},
		{"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", "", false, ""},
		{"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok", false, ""},
		{"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok", false, ""},
		{okLine + "Content-Length: 2\n\r\nok", "ok", false, ""},

		// What could be read in two ways: the response is taken, its connection is not kept.
		{head("Content-Length: 5, 5") + "12345", "12345", false, ""},
		{head("Content-Length: 5,", "Content-Length: , 5") + "12345", "12345", false, ""},
		{head("Content-Length: 9223372036854775808") + "12345", "12345", false, "unexpected EOF"},
		{head("Content-Length: 5", "Transfer-Encoding: chunked") + "1\r\nx\r\n0\r\n\r\n", "x", false, ""},
		{head("Transfer-Encoding: chunked", "Content-Length: 5") + "1\r\nx\r\n0\r\n\r\n", "x", false, ""},
		{head("Transfer-Encoding: gzip, chunked") + "1\r\nx\r\n0\r\n\r\n", "x", false, ""},
		{head("Transfer-Encoding: gzip", "Transfer-Encoding: Chunked") + "1\r\nx\r\n0\r\n\r\n", "x", false, ""},
		{head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "1\r\nx\r\n0\r\n\r\n", "x", false, ""},
		{head("Transfer-Encoding: chunked, identity") + "1\r\nx\r\n0\r\n\r\n", "x", false, ""},
		{head("Transfer-Encoding: gzip") + "until the end", "until the end", false, ""},
		{head("Transfer-Encoding: x-new") + "until the end", "until the end", false, ""},
		{head("Transfer-Encoding: \"chunked\"") + "until the end", "until the end", false, ""},
		{head("Transfer-Encoding: identity") + "until the end", "until the end", false, ""},
		{head("Transfer-Encoding: identity", "Content-Length: 5") + "12345 and more", "12345", false, ""},
		{head("Transfer-Encoding:") + "until the end", "until the end", false, ""},
		{head("Transfer-Encoding:\vchunked") + "1\r\nx\r\n0\r\n\r\n", "x", false, ""},
		{head("Content-Length : 5") + "12345", "12345", false, ""},
		{head(" Content-Length: 5") + "until the end", "until the end", false, ""},
		{head("Content-Length:", "\t5") + "12345", "12345", false, ""},
		{head("X: a", "\tb", "Content-Length: 0"), "", false, ""},
		{head("X: a", " b: c", "Content-Length: 0"), "", false, ""},
		{head("X: a", " ", "Content-Length: 0"), "", false, ""},
		{head("Content-Length", "Content-Length: 0"), "", false, ""},
		{head(": 5", "Content-Length: 0"), "", false, ""},
		{head("X\x00: 5", "Content-Length: 0"), "", false, ""},
		{head("X: \x00", "Content-Length: 0"), "", false, ""},
		{head("X: a\rContent-Length: 5") + "until the end", "until the end", false, ""},
		{head("X: a\x7fb", "Content-Length: 0"), "", false, ""},
		{okLine + "X: a\r\r\nContent-Length: 0\r\n\r\n", "", false, ""},

		// Where nobody can say where the body ends, it is not read.
		{head("Content-Length: 5", "Content-Length: 6") + "12345", "", false, "several values of Content-Length"},
		{head("Content-Length: 5, 6") + "12345", "", false, "several values of Content-Length"},
		{head("Content-Length: +5") + "12345", "", false, "its Content-Length"},
		{head("Content-Length: -5") + "12345", "", false, "its Content-Length"},
		{head("Content-Length: 0x5") + "12345", "", false, "its Content-Length"},
		{head("Content-Length: 5_0") + "12345", "", false, "its Content-Length"},
		{head("Content-Length: 5", " 6") + "12345", "", false, "its Content-Length"},
		{head("Content-Length:") + "12345", "", false, "its Content-Length is empty"},

		// Chunks.
		{chunked + "5\n12345\r\n0\r\n\r\n", "", false, "bare LF"},
		{chunked + "5\r\n12345\n0\r\n\r\n", "12345", false, "malformed chunk"},
		{chunked + "5\r\n123456\r\n0\r\n\r\n", "12345", false, "malformed chunk"},
		{chunked + "0x5\r\n12345\r\n0\r\n\r\n", "", false, "invalid byte"},
		{chunked + "-5\r\n12345\r\n0\r\n\r\n", "", false, "invalid byte"},
		{chunked + " 5\r\n12345\r\n0\r\n\r\n", "", false, "invalid byte"},
		{chunked + "\r\n12345\r\n0\r\n\r\n", "", false, "chunk length"},
		{chunked + ";x\r\n12345\r\n0\r\n\r\n", "", false, "chunk length"},
		{chunked + "10000000000000005\r\n12345\r\n0\r\n\r\n", "", false, "too large"},
		{chunked + "ffffffffffffffff\r\n12345", "12345", false, "unexpected EOF"},
		{chunked + "5;\r;\r\n12345\r\n0\r\n\r\n", "", false, "invalid CR"},
		{chunked + "1;" + strings.Repeat("x", 8<<10) + "\r\nx\r\n0\r\n\r\n", "", false, "too long"},
		{chunked + "0\r\nX : y\r\n\r\n", "", false, ""},
		{chunked + "0\r\n" + strings.Repeat("X: y\r\n", maxHead/6) + "\r\n", "", false, "exceeded"},
		{chunked + "0\r\nX: y\n\r\n", "", false, ""},

		// Heads.
		{"", "", false, "unexpected EOF"},
		{"HTTP/1.1 200", "", false, "unexpected EOF"},
		{okLine, "", false, "unexpected EOF"},
		{"\r\n\n" + head("Content-Length: 0"), "", false, ""},
		{"HTTP/1.1  200  OK\r\nContent-Length: 0\r\n\r\n", "", false, ""},
		{" HTTP/1.1 200 OK \r\nContent-Length: 0\r\n\r\n", "", false, ""},
		{"HTTP/1.1\t200 OK\r\nContent-Length: 0\r\n\r\n", "", false, ""},
		{"HTTP/1.1 200 O\x00K\x1b[2J\r\nContent-Length: 0\r\n\r\n", "", false, ""},
		{"HTTP/1.1 200 \xff\xfe\r\nContent-Length: 0\r\n\r\n", "", true, ""},
		{"HTTP/1.10 200 OK\r\nContent-Length: 0\r\n\r\n", "", false, ""},
		{"HTTP/1 200 OK\r\nContent-Length: 0\r\n\r\n", "", false, ""},
		{"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "", false, ""},
		{"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", false, ""},
		{"HTTP/1.1 20 OK\r\n\r\n", "", false, "malformed status line"},
		{"HTTP/1.1 2000 OK\r\n\r\n", "", false, "malformed status line"},
		{"HTTP/1.1 +20 OK\r\n\r\n", "", false, "malformed status line"},
		{"HTTP/1.1 000 OK\r\n\r\n", "", false, "malformed status line"},
		{"HTTP/1.1 200OK\r\n\r\n", "", false, "malformed status line"},
		{"HTTP/1.1\r\n\r\n", "", false, "malformed status line"},
		{"HTTP/x.y 200 OK\r\n\r\n", "", false, "malformed status line"},
		{"HTP/1.1 200 OK\r\n\r\n", "", false, "malformed status line"},
		{"ICY 200 OK\r\n\r\n", "", false, "malformed status line"},
		{"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "", true, ""},
		{"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "", true, ""},
		{"HTTP/1.1 200 Ça va\r\nContent-Length: 0\r\n\r\n", "", true, ""},
		{head("X: "+strings.Repeat("x", maxHead-100), "Content-Length: 0"), "", true, ""},
		{head(strings.Repeat("X: y\r\n", 10_000) + "Content-Length: 0"), "", true, ""},
		{head(strings.Repeat("X: y\r\n", 10_000)+"Connection: close", "transfer-encoding : chunked") + "0\r\n\r\n", "", false, ""},
		{"\r\n" + strings.Repeat("\n", maxHead), "", false, "exceeded"},
		{head("X: " + strings.Repeat("x", maxHead)), "", false, "exceeded"},
		{strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxHead/25) + head("Content-Length: 0"), "", false, "exceeded"},
	}
	for _, tt := range tests {
		for _, slow := range []bool{false, true} {
			p := parse(http.MethodPost, []byte(tt.in), slow)
			clean := p.clean && p.consumed == len(tt.in) // one byte at a time, what follows is not in the buffer
			if p.body != tt.body || clean != tt.clean || (p.err == nil) != (tt.err == "") || p.err != nil && !strings.Contains(p.err.Error(), tt.err) {
				t.Errorf("%.100q (slow %v): body %q, clean %v, error %v", tt.in, slow, p.body, clean, p.err)
			}
		}
	}
	if p := parse(http.MethodHead, []byte(head("Content-Length: 5")), false); !p.clean || p.err != nil {
		t.Errorf("HEAD: %+v", p)
	}
}

// byNetHTTP reads a response as net/http does, 1xx responses left out.
func byNetHTTP(method string, data []byte) (p parsed) {
	src := bytes.NewReader(data)
	br := bufio.NewReader(src)
	for {
		res, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			return parsed{err: err}
		}
		if res.StatusCode < 200 && res.StatusCode != 101 {
			continue
		}
		body, err := io.ReadAll(res.Body)
		return parsed{res.StatusCode, res.Header, string(body), len(data) - src.Len() - br.Buffered(), !res.Close, err}
	}
}

// agree reports how two readings differ, "" if not at all.
func agree(ours, theirs parsed) string {
	// What net/http takes out of the headers, or adds to them.
	for _, h := range []http.Header{ours.header, theirs.header} {
		for _, name := range []string{"Transfer-Encoding", "Trailer", "Cache-Control", "Content-Length", "Connection"} {
			h.Del(name)
		}
	}
	switch {
	case theirs.err != nil:
		return "net/http refuses it: " + theirs.err.Error()
	case ours.status != theirs.status || ours.body != theirs.body || ours.consumed != theirs.consumed:
		return fmt.Sprintf("%+v, net/http %+v", ours, theirs)
	case !reflect.DeepEqual(ours.header, theirs.header):
		return fmt.Sprintf("headers %v, net/http %v", ours.header, theirs.header)
	}
	return ""
}

// Of long headers the beginning is kept, and what the response cannot be read without.
func TestLongHeaders(t *testing.T) {
	long := okLine
	for i := range 2_000 {
		long += fmt.Sprintf("X-%d: 123456789\r\n", i)
	}
	for name, tt := range map[string]struct {
		in   string
		cut  bool
		want string // kept, too
	}{
		"many":        {long + "Content-Length: 2\r\nX-Last: 1\r\n\r\nok", true, "Content-Length"},
		"one":         {okLine + "X: " + strings.Repeat("x", 20<<10) + "\r\nY: 1\r\nContent-Length: 2\r\n\r\nok", true, "Y"},
		"a fold":      {okLine + "X: 1\r\n" + strings.Repeat(" folded and folded\r\n", 1000) + "Content-Length: 2\r\n\r\nok", true, "X"},
		"framing":     {okLine + strings.Repeat("Connection: x\r\n", 2000) + "Content-Length: 2\r\n\r\nok", true, ""},
		"within":      {okLine + "X: " + strings.Repeat("x", keptHead-50) + "\r\nContent-Length: 2\r\n\r\nok", false, "X"},
		"after a 1xx": {"HTTP/1.1 103 Early Hints\r\n" + strings.TrimPrefix(long, okLine) + "\r\n" + okLine + "Content-Length: 2\r\n\r\nok", false, "Content-Length"},
	} {
		s := newScratch().(*scratch)
		s.in.reset(strings.NewReader(tt.in))
		status, header, err := s.in.readHead(http.MethodPost)
		if err != nil || status != 200 {
			t.Errorf("%s: %d, %v", name, status, err)
			continue
		}
		size := 0
		for name, values := range header {
			for _, v := range values {
				size += len(name) + len(v)
			}
		}
		if size > keptHead+slackHead || (s.in.remarks() != "") != tt.cut || tt.want != "" && header.Get(tt.want) == "" || cap(s.in.lines) > 64<<10 {
			t.Errorf("%s: %d bytes kept, in %d; %q", name, size, cap(s.in.lines), s.in.remarks())
		}
		if body, err := io.ReadAll(&s.in); name != "framing" && (string(body) != "ok" || err != nil) {
			t.Errorf("%s: %q, %v", name, body, err)
		}
	}
}

// What can be read of odd headers is kept.
func TestOddHeaders(t *testing.T) {
	p := parse(http.MethodPost, []byte(okLine+" lost: 1\r\nA: 1\r\n 2\r\n\t3\r\nB : 4\r\nno field\r\nC: 5\x00\x1b6\r\nA: 7\r\nContent-Length: 0\r\n\r\n"), false)
	want := http.Header{"A": {"1  2  3", "7"}, "B": {"4"}, "C": {"5  6"}, "Content-Length": {"0"}}
	for i, v := range p.header["A"] {
		p.header["A"][i] = strings.ReplaceAll(v, "\t", " ")
	}
	if p.err != nil || p.clean || !reflect.DeepEqual(p.header, want) {
		t.Errorf("%q, clean %v, %v", p.header, p.clean, p.err)
	}
}

func TestResponseAgreesWithNetHTTP(t *testing.T) {
	for _, in := range validResponses {
		ours := parse(http.MethodPost, []byte(in), false)
		theirs := byNetHTTP(http.MethodPost, []byte(in))
		if ours.err != nil || ours.clean != theirs.clean {
			t.Errorf("%q: %+v, net/http %+v", in, ours, theirs)
		}
		if d := agree(ours, theirs); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
}

var validResponses = []string{
	okLine + "Content-Length: 2\r\n\r\nok",
	okLine + "content-TYPE: text/plain;  charset=utf-8 \r\nX-A:1\r\nx-a: 2\r\nSet-Cookie: a\r\nset-cookie:\tb\t\r\nEmpty:\r\nContent-Length: 0\r\n\r\n",
	okLine + "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\nX: \xff\xc3\r\nContent-Length: 1\r\n\r\nx",
	chunked + "5\r\n12345\r\n0\r\n\r\n",
	chunked + "5;x=y\r\n12345\r\nB\r\n12345678901\r\n0\r\nX-Sum: 1\r\n\r\n",
	"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
	"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\ngone",
	"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 120\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 500\r\nContent-Length: 3\r\n\r\nerr",
	"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
	"HTTP/1.0 200 OK\r\n\r\nuntil the end",
}

// FuzzResponse holds for all bytes: the parser ends, without a panic, never reads
// more than the bytes of the response, does not care how they are cut into
// packets, and where it would use the connection again, net/http agrees on every
// byte. (Where it would not, a hostile response can mislead nobody but itself.)
func FuzzResponse(f *testing.F) {
	for _, in := range validResponses {
		f.Add([]byte(in))
	}
	for _, in := range []string{
		okLine + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		okLine + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n123456",
		okLine + "X: a\r\n b\r\n\r\n",
		okLine + "X: \x00\r\n\r\n",
		"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
		chunked + "ffffffffffffffff\r\n",
		chunked + "5;\r\n12345\r\n0\r\nX: y\n\n",
	} {
		f.Add([]byte(in))
	}
	const next = "HTTP/1.1 418 I'm a teapot\r\nContent-Length: 4\r\n\r\nnext"
	f.Fuzz(func(t *testing.T, in []byte) {
		p := parse(http.MethodPost, in, false)
		if slow := parse(http.MethodPost, in, true); p.status != slow.status || p.body != slow.body ||
			p.consumed != slow.consumed || fmt.Sprint(p.err) != fmt.Sprint(slow.err) || !reflect.DeepEqual(p.header, slow.header) {
			t.Fatalf("at once %+v, by the byte %+v", p, slow)
		}
		if !p.clean {
			return
		}
		if d := agree(p, byNetHTTP(http.MethodPost, in)); d != "" {
			t.Fatal(d)
		}
		// A second response behind it is neither read nor overlooked.
		first := in[:p.consumed]
		both := parse(http.MethodPost, append(first[:len(first):len(first)], next...), false)
		if both.body != p.body || both.status != p.status || both.consumed != len(first) || both.clean && len(first) < 3<<10 {
			t.Fatalf("alone %+v, followed %+v", p, both)
		}
	})
}
