package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"

	"github.com/bellhop/bellhop/dialect"
)

// ReadCapture takes a captured request apart: a request line (or a status line, or
// neither), headers, a blank line, and the body, byte for byte. Headers may be
// marked with "> ", as curl -v prints them.
func ReadCapture(dump []byte) (dialect.Received, error) {
	r := dialect.Received{Header: http.Header{}}
	rest, n := dump, 0
	marked := bytes.HasPrefix(dump, []byte("> "))
	for {
		n++
		if len(rest) == 0 {
			return r, fmt.Errorf("the captured request ends at line %d, within its headers: after them it needs a blank line and the body", n)
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
				return r, fmt.Errorf("the captured request begins with a blank line: it must begin with its headers")
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
	return len(words) == 3 && strings.HasPrefix(words[2], "HTTP/") || len(words) == 2 && isName(words[0]) && strings.HasPrefix(words[1], "/")
}

// isName tells whether a text can be a header's name (RFC 9110, section 5.6.2).
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

func readHeaderLine(line string, n int) (name, value string, err error) {
	name, value, ok := strings.Cut(line, ":")
	if !ok || !isName(name) {
		return "", "", fmt.Errorf("line %d of the headers is not \"Name: value\"; after the headers there must be a blank line, and then the body", n)
	}
	return name, strings.Trim(value, " \t"), nil
}

// ReadHeaders reads headers as people have them: lines "Name: value", as far as the first
// blank one, maybe marked with "> "; or a JSON object, as programs print it.
func ReadHeaders(content []byte) (http.Header, error) {
	h := http.Header{}
	if trimmed := bytes.TrimSpace(content); bytes.HasPrefix(trimmed, []byte("{")) {
		return headersOfJSON(trimmed)
	}
	marked := bytes.HasPrefix(content, []byte("> "))
	for i, line := range strings.Split(string(content), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if marked {
			line = strings.TrimPrefix(strings.TrimPrefix(line, ">"), " ")
		}
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

func headersOfJSON(content []byte) (http.Header, error) {
	var members map[string]any
	if err := json.Unmarshal(content, &members); err != nil {
		return nil, fmt.Errorf("the headers begin as a JSON object, but are none: %w", err)
	}
	h := http.Header{}
	for name, value := range members {
		switch v := value.(type) {
		case string:
			h.Add(name, v)
		case float64, bool:
			h.Add(name, fmt.Sprint(v))
		case []any:
			for _, each := range v {
				h.Add(name, fmt.Sprint(each))
			}
		case nil:
		default:
			return nil, fmt.Errorf("the header %q is neither a text nor a list of texts", name)
		}
	}
	return h, nil
}
