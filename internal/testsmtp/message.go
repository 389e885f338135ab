package testsmtp

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// Message is a mail that was taken.
type Message struct {
	ID   int // counts from 1
	From string
	To   []string
	Data []byte // with CRLF, as it came
	At   time.Time
	User string // who it came from, if they authenticated
	TLS  bool
}

// Content is a message read.
type Content struct {
	Header            mail.Header
	From, To, Subject string // decoded
	MessageID         string // without its angle brackets
	Text, HTML        string
	Date              time.Time
	Encodings         []string
}

// Parse reads the message. What it cannot read is an error: this is a receiver that
// looks closely.
func (m Message) Parse() (Content, error) {
	var c Content
	read, err := mail.ReadMessage(bytes.NewReader(m.Data))
	if err != nil {
		return c, fmt.Errorf("read a mail: %w", err)
	}
	c.Header = read.Header
	words := new(mime.WordDecoder)
	for name, to := range map[string]*string{"From": &c.From, "To": &c.To, "Subject": &c.Subject} {
		if *to, err = words.DecodeHeader(read.Header.Get(name)); err != nil {
			return c, fmt.Errorf("read the header %s: %w", name, err)
		}
	}
	c.MessageID = strings.Trim(read.Header.Get("Message-ID"), "<>")
	if c.Date, err = read.Header.Date(); err != nil {
		return c, fmt.Errorf("read the header Date: %w", err)
	}
	return c, c.part(read.Header.Get("Content-Type"), read.Header.Get("Content-Transfer-Encoding"), read.Body, 0)
}

// part reads a body or, of several, each.
func (c *Content) part(contentType, encoding string, body io.Reader, depth int) error {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return fmt.Errorf("read the content type %q: %w", contentType, err)
	}
	if strings.HasPrefix(kind, "multipart/") && depth < 5 {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return fmt.Errorf("read a part: %w", err)
			}
			if err := c.part(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p, depth+1); err != nil {
				return err
			}
		}
	}
	c.Encodings = append(c.Encodings, encoding)
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("read a body: %w", err)
	}
	switch plain := strings.ReplaceAll(string(text), "\r\n", "\n"); kind {
	case "text/plain":
		c.Text = plain
	case "text/html":
		c.HTML = plain
	}
	return nil
}
