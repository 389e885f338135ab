package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/bellhop/bellhop/dialect"
)

// readDump takes a captured request apart: a request line (or a status line, or
// neither), headers, a blank line, and the body, byte for byte. Headers may be
// marked with "> ", as curl -v prints them.
func readDump(dump []byte) (dialect.Received, error) {
	r := dialect.Received{Header: http.Header{}}
	rest, n := dump, 0
	marked := bytes.HasPrefix(dump, []byte("> "))
	for {
		n++
		if len(rest) == 0 {
			return r, usage("the captured request ends at line %d, within its headers: after them it needs a blank line and the body", n)
		}
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if !ended {
			after = nil
		}
		rest = after
		if marked {
			line = bytes.TrimSuffix(bytes.TrimPrefix(bytes.TrimPrefix(line, []byte(">")), []byte(" ")), []byte("\r"))
		}
		if len(line) == 0 {
			if n == 1 {
				return r, usage("the captured request begins with a blank line: it must begin with its headers")
			}
			break
		}
		if n == 1 && isFirstLine(string(line)) {
			continue
		}
		name, value, err := readHeaderLine(string(line), n)
		if err != nil {
			return r, err
		}
		r.Header.Add(name, value)
	}
	r.Body = rest
	if strings.EqualFold(r.Header.Get("Transfer-Encoding"), "chunked") {
		// A dump of the wire has the body in chunks, one of a server in one piece.
		if whole, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(rest))); err == nil {
			r.Body = whole
		}
	}
	return r, nil
}

// isFirstLine knows "POST /hooks HTTP/1.1" and "HTTP/1.1 200 OK".
func isFirstLine(line string) bool {
	if strings.HasPrefix(line, "HTTP/") {
		return true
	}
	words := strings.Fields(line)
	return len(words) == 3 && strings.HasPrefix(words[2], "HTTP/") || len(words) == 2 && httpguts.ValidHeaderFieldName(words[0]) && strings.HasPrefix(words[1], "/")
}

func readHeaderLine(line string, n int) (name, value string, err error) {
	name, value, ok := strings.Cut(line, ":")
	if !ok || !httpguts.ValidHeaderFieldName(name) {
		return "", "", usage("line %d of the headers is not \"Name: value\"; after the headers there must be a blank line, and then the body", n)
	}
	return name, strings.Trim(value, " \t"), nil
}

// readHeaders reads lines "Name: value", as far as the first blank one.
func readHeaders(content []byte) (http.Header, error) {
	h := http.Header{}
	for i, line := range strings.Split(string(content), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" && i > 0 {
			break
		}
		if i == 0 && isFirstLine(line) {
			continue
		}
		name, value, err := readHeaderLine(line, i+1)
		if err != nil {
			return nil, err
		}
		h.Add(name, value)
	}
	return h, nil
}

// guessDialects gives the dialects that a request may be of, by its headers: those
// of which most headers are there and fewest missing.
func guessDialects(all []dialect.Definition, h http.Header) ([]*dialect.Dialect, error) {
	var best []*dialect.Dialect
	var bestScore int
	var looked []string
	for _, def := range all {
		d, err := dialect.Compile(def)
		if err != nil {
			return nil, fmt.Errorf("dialect %q: %w", def.Name, err)
		}
		names := d.HeaderNames()
		signature := names[len(names)-1]
		looked = append(looked, signature)
		score := 0
		for _, name := range names {
			if hasHeader(h, name) {
				score += 2
			} else {
				score -= 2
			}
		}
		if contentType := d.Definition().ContentType; contentType != "application/json" && strings.HasPrefix(headerOf(h, "Content-Type"), contentType) {
			score++
		}
		switch {
		case !hasHeader(h, signature) || len(best) > 0 && score < bestScore:
		case len(best) > 0 && score == bestScore:
			best = append(best, d)
		default:
			best, bestScore = []*dialect.Dialect{d}, score
		}
	}
	if best == nil {
		return nil, &dialect.VerifyError{
			Code:   dialect.CodeMissingHeader,
			Detail: "The request has none of the signature headers of the known dialects: " + strings.Join(unique(looked), ", ") + ".",
			Remedy: "Make sure that proxies pass on all headers and that the capture has them; or name the dialect with --dialect.",
		}
	}
	return best, nil
}

func hasHeader(h http.Header, name string) bool { return headerOf(h, name) != "" }

func headerOf(h http.Header, name string) string {
	for n, values := range h {
		if strings.EqualFold(n, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}
