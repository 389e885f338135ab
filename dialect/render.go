package dialect

import (
	"crypto/ed25519"
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sync"
)

// Signer renders and signs with the secrets of one endpoint. It keeps decoded
// keys and prepared hash states, so make it once and use it often, also
// concurrently.
type Signer struct {
	dialect *Dialect
	keys    []key
	pool    sync.Pool // of *workspace
}

// scopes are those of requests that were made, for the next ones.
var scopes = sync.Pool{New: func() any { return new(scope) }}

// workspace is what one signing needs and the next can use again. Resetting an
// HMAC takes less than half the time of keying a new one.
type workspace struct {
	hashes     []hash.Hash // per key, nil for Ed25519
	sum        []byte
	content    []byte
	signatures []byte
}

// maxKept bounds a buffer that is kept for the next signing, in bytes, so that
// one huge event does not stay in memory.
const maxKept = 64 << 10

// errNothingToSign is returned where the signed member of the body is missing:
// a signature over nothing would fit every such request.
var errNothingToSign = errors.New("signature.content is empty because the body lacks the member to sign; give it a fallback in the body's template")

// NewSigner prepares secrets, newest first, for signing. Where the dialect
// carries one signature only, the newest secret makes it. Without secrets,
// requests are not signed and the signature's header is absent, as for the
// first call to an endpoint that has no secret yet. The error is that of
// [Dialect.CheckSecret].
func (d *Dialect) NewSigner(secrets []string) (*Signer, error) {
	if len(secrets) > 1 && !d.ManySignatures() {
		secrets = secrets[:1]
	}
	s := &Signer{dialect: d}
	for i, secret := range secrets {
		if err := d.CheckSecret(secret); err != nil {
			return nil, fmt.Errorf("secret %d of %d for dialect %s: %w", i+1, len(secrets), d.Name(), err)
		}
		k, err := d.key(secret)
		if err != nil {
			return nil, fmt.Errorf("secret %d of %d for dialect %s: %w", i+1, len(secrets), d.Name(), err)
		}
		s.keys = append(s.keys, k)
	}
	s.pool.New = func() any {
		w := &workspace{hashes: make([]hash.Hash, len(s.keys))}
		for i, k := range s.keys {
			if k.scheme.hash != nil {
				w.hashes[i] = hmac.New(k.scheme.hash, k.secret)
			}
		}
		return w
	}
	return s, nil
}

// Render makes the request of one attempt. It takes Data as it is and does not
// check it. It fails if the message has no ID, if its Timestamp is before 1970,
// or if the dialect signs a member of the body that this body lacks.
func (s *Signer) Render(m Message) (Request, error) {
	d := s.dialect
	m.Timestamp = m.Timestamp.Add(-d.rules.backdate)
	switch {
	case m.ID == "":
		return Request{}, fmt.Errorf("render %s: message has no ID; set it", d.Name())
	case m.Timestamp.Unix() < 0:
		return Request{}, fmt.Errorf("render %s: message has no Timestamp; set the time of the attempt", d.Name())
	}
	if as, ok := d.definition.Types[m.Type]; ok {
		m.Type = as
	}
	sc := scopes.Get().(*scope)
	defer sc.done()
	sc.message, sc.options = m, d.options
	if sc.body = m.Body; sc.body == nil {
		into := m.Into[:0]
		if n := d.literals + len(m.Data) + len(m.Type) + len(m.Subject) + 128; cap(into) < n {
			into = make([]byte, 0, n)
		}
		sc.body = d.body.append(into, sc)
	}

	headers := make([]Header, 1, len(d.headers)+2)
	headers[0] = Header{"Content-Type", d.contentType}
	for _, h := range d.headers {
		if text := h.value.text(sc); text != "" {
			headers = append(headers, Header{h.name, text})
		}
	}
	if len(s.keys) > 0 {
		text, err := s.sign(sc)
		if err != nil {
			return Request{}, fmt.Errorf("render %s: %w", d.Name(), err)
		}
		headers = append(headers, Header{d.rules.header, text})
	}
	return Request{Headers: headers, Body: sc.body}, nil
}

// sign returns the value of the signature's header for sc.body.
func (s *Signer) sign(sc *scope) (string, error) {
	r := &s.dialect.rules
	w := s.pool.Get().(*workspace)
	defer s.pool.Put(w)

	content, buf, err := r.contentOf(sc, w.content)
	if err != nil {
		return "", err
	}
	if w.content = buf; cap(buf) > maxKept {
		w.content = nil
	}

	w.signatures = w.signatures[:0]
	for i, k := range s.keys {
		if mac := w.hashes[i]; mac != nil {
			mac.Reset()
			mac.Write(content)
			w.sum = mac.Sum(w.sum[:0])
		} else {
			w.sum = append(w.sum[:0], ed25519.Sign(k.private, content)...)
		}
		if i > 0 {
			w.signatures = append(w.signatures, r.join...)
		}
		w.signatures = append(w.signatures, k.scheme.prefix...)
		w.signatures = appendEncoded(w.signatures, r.encoding, w.sum)
		w.signatures = append(w.signatures, k.scheme.suffix...)
	}
	sc.signatures = w.signatures
	return r.value.text(sc), nil
}

// contentOf returns the bytes to sign. They are the body itself or stand in
// buf, which is returned grown.
func (r *rules) contentOf(sc *scope, buf []byte) (content, grown []byte, err error) {
	if r.contentIsRaw {
		return sc.body, buf, nil
	}
	for _, seg := range r.content {
		if seg.sources != nil && seg.sources[0].path != nil && seg.text(sc) == "" {
			return nil, buf, errNothingToSign
		}
	}
	buf = r.content.append(buf[:0], sc)
	return buf, buf, nil
}

func appendEncoded(dst []byte, encoding string, sum []byte) []byte {
	switch encoding {
	case "hex":
		return hex.AppendEncode(dst, sum)
	case "base64url":
		return base64.RawURLEncoding.AppendEncode(dst, sum)
	}
	return base64.StdEncoding.AppendEncode(dst, sum)
}

func decodeSignature(encoding, text string) ([]byte, error) {
	switch encoding {
	case "hex":
		return hex.DecodeString(text)
	case "base64url":
		return base64.RawURLEncoding.Strict().DecodeString(text)
	}
	return decodeBase64(text)
}
