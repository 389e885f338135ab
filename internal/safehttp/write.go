package safehttp

import (
	"errors"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// wholeRequest is the size up to which a request is written at once: the kernel
// takes that much without waiting for the receiver.
const wholeRequest = 16 << 10

// head is the head of a request that check has passed. The order of the headers
// is fixed, so that equal requests are equal bytes.
func (c *Client) head(s *scratch, u *url.URL, r Request) []byte {
	b := append(s.out[:0], r.Method...)
	b = append(b, ' ')
	b = append(b, u.RequestURI()...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, u.Host...)
	b = append(b, "\r\n"...)

	s.names = c.eachField(s.names, r, func(name, value string) { b = appendField(b, name, value) })
	return append(b, "\r\n"...)
}

// eachField calls emit with each header field but Host, in the order in which they
// are sent. It sorts in names, which it returns for the next request.
func (c *Client) eachField(names []string, r Request, emit func(name, value string)) []string {
	agent := c.userAgent
	names = names[:0]
	for name, values := range r.Header {
		if strings.EqualFold(name, "User-Agent") {
			agent = ""
			if len(values) > 0 {
				agent = values[0]
			}
		} else if !connectionHeader(name) {
			names = append(names, name)
		}
	}
	if agent != "" {
		emit("User-Agent", agent)
	}
	// A receiver may insist on a length where the method lets it expect a body
	// (RFC 9110, 8.6).
	if len(r.Body) > 0 || r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
		emit("Content-Length", strconv.Itoa(len(r.Body)))
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range r.Header[name] {
			emit(name, v)
		}
	}
	clear(names) // they are the caller's
	return names
}

// Field is one header field of a request.
type Field struct{ Name, Value string }

// Fields gives the header fields of a request as Do would send them, in order. It
// checks nothing: whether the request may be sent is Do's to say.
func (c *Client) Fields(r Request) ([]Field, error) {
	u, err := c.policy.parseURL(r.URL)
	if err != nil {
		// Not to be dialed, then, but its host may be asked for all the same.
		if u, err = url.Parse(r.URL); err != nil {
			return nil, errors.New("the URL cannot be read") // err would repeat it
		}
	}
	r.Method = orDefault(r.Method, http.MethodPost)
	fields := []Field{{"Host", u.Host}}
	c.eachField(nil, r, func(name, value string) {
		fields = append(fields, Field{name, textproto.TrimString(value)})
	})
	return fields, nil
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, textproto.TrimString(value)...)
	return append(b, "\r\n"...)
}

// writing is a request on its way.
type writing struct {
	done chan struct{} // closed when it is over, nil if it was over at once
	n    int64         // bytes taken, once done
	err  error
}

// write writes a request. A large one is written by a goroutine of its own:
// a receiver may answer before it has read all (413, 401), and would not be heard
// by somebody who is still waiting for it to read.
func (k *conn) write(s *scratch, head, body []byte, reused bool) *writing {
	w := &k.writing
	*w = writing{}
	k.wire.begin(reused && len(head)+len(body) <= wholeRequest)
	if len(head)+len(body) <= wholeRequest {
		s.out = append(head, body...) // one write, and with TLS one record
		n, err := k.Conn.Write(s.out)
		w.n, w.err = int64(n), err
		return w
	}
	s.out = head
	w.done = make(chan struct{})
	go func() {
		defer close(w.done)
		parts := net.Buffers{head, body}
		w.n, w.err = parts.WriteTo(k.Conn)
	}()
	return w
}

// wait waits until the writing is over, one way or the other. Only then are the
// caller's bytes his own again.
func (w *writing) wait() {
	if w.done != nil {
		<-w.done
	}
}

func (w *writing) unfinished() bool {
	if w.done == nil {
		return false
	}
	select {
	case <-w.done:
		return false
	default:
		return true
	}
}

// hungUp reports whether a write failed since the receiver ended the connection.
// What it said before, perhaps the answer, is still there to be read.
func hungUp(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}
