package api

import (
	"math"
	"net/http"

	"github.com/bellhop/bellhop/api/wire"
)

// Answers writes the lines that answer those of an Uploading route.
type Answers struct {
	c       *Call
	control *http.ResponseController
}

// Answers begins to answer: the header is out before anything is read, unless the client
// waits to be told to send (RFC 9110, section 10.1.1).
func (c *Call) Answers() *Answers {
	h := c.w.Header()
	h.Set("Content-Type", linesTypes[0])
	h.Set("X-Accel-Buffering", "no") // nginx would keep lines back
	if c.r.ProtoMajor < 2 {
		// What is left of the body when this ends must not be taken for a request.
		h.Set("Connection", "close")
	}
	a := &Answers{c, http.NewResponseController(&c.w)}
	if c.r.Header.Get("Expect") == "" {
		c.w.WriteHeader(http.StatusOK)
		_ = a.control.Flush()
	}
	return a
}

// Send sends lines, each with its end, at once. It answers false once nobody reads them.
func (a *Answers) Send(lines []byte) bool {
	if len(lines) == 0 {
		return true
	}
	if _, err := a.c.w.Write(lines); err != nil {
		return false
	}
	return a.control.Flush() == nil
}

// Problem is the problem that answers a part of the request, and after how many seconds to
// try again, 0 if that is of no use. What Bellhop itself did wrong is in the log.
func (c *Call) Problem(err error) (p wire.Problem, again int) {
	p, wait := c.explained(err)
	return p, int(math.Ceil(wait.Seconds()))
}
