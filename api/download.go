package api

import (
	"errors"
	"net/http"
	"time"
)

// downloadPatience is how long one piece of a download may take to be sent before its
// reader counts as gone.
const downloadPatience = 30 * time.Second

// DownloadState is the trailer that says how a download ended: "complete", or what cut it
// off. Where it is missing, the connection broke.
const DownloadState = "Bellhop-Download"

// Download writes a long answer piece by piece.
type Download struct {
	c       *Call
	control *http.ResponseController
	begun   bool
	header  func(http.Header)
}

// Download begins the answer of a Downloading route, as a file. Nothing is sent before the
// first piece: until then, an error is answered as any other.
func (c *Call) Download(filename, content string) *Download {
	return &Download{c: c, control: http.NewResponseController(&c.w), header: func(h http.Header) {
		h.Set("Content-Type", content)
		h.Set("Content-Disposition", `attachment; filename="`+filename+`"`)
		h.Set("Trailer", DownloadState)
	}}
}

// Begun tells whether something was sent.
func (d *Download) Begun() bool { return d.begun }

// errReaderGone ends a download that nobody reads.
var errReaderGone = errors.New("the reader is gone")

// Piece has run gather what it writes next, in its account's turn among those who look
// through logs, and sends it.
func (d *Download) Piece(run func() ([]byte, error)) error {
	var piece []byte
	if err := d.c.inTurn(func() (err error) { piece, err = run(); return err }); err != nil {
		return err
	}
	if !d.begun {
		d.begun = true
		d.header(d.c.w.Header())
	}
	_ = d.control.SetWriteDeadline(time.Now().Add(downloadPatience)) // a recorder in a test has none
	if _, err := d.c.w.Write(piece); err != nil {
		return errReaderGone
	}
	if d.control.Flush() != nil {
		return errReaderGone
	}
	return nil
}

// End says in the trailer how it ended.
func (d *Download) End(state string) { d.c.w.Header().Set(DownloadState, state) }
