package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// asset is one file, with the headers that it is served with. What it takes work
// to know of it is worked out when it is first asked for.
type asset struct {
	// content gives what is served. It is a part of the program, and no copy of it stays in
	// memory.
	content     func() []byte
	contentType string
	headers     map[string]string
	// hash is that of content and headers: a browser that keeps a page does not
	// learn of all headers that have changed unless the page seems to have.
	hash func() string
	// packed is the content compressed; nil if that is no smaller.
	packed func() []byte
}

func newAsset(content func() []byte, contentType string, headers map[string]string) *asset {
	a := &asset{content: content, contentType: contentType, headers: headers}
	a.hash = sync.OnceValue(func() string {
		h := sha256.New()
		for _, name := range slices.Sorted(maps.Keys(headers)) {
			h.Write([]byte(name + ": " + headers[name] + "\n"))
		}
		h.Write(content())
		return hex.EncodeToString(h.Sum(nil)[:16])
	})
	a.packed = sync.OnceValue(func() []byte {
		if !compressible(contentType) {
			return nil
		}
		var b bytes.Buffer
		content := content()
		w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err == nil {
			_, err = w.Write(content)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil || b.Len() >= len(content) {
			return nil
		}
		return b.Bytes()
	})
	return a
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for name, value := range a.headers {
		h.Set(name, value)
	}
	h.Set("Cache-Control", "no-cache") // keep it, but ask whether it has changed
	if compressible(a.contentType) {
		h.Set("Vary", "Accept-Encoding")
	}
	// The tag is a strong one, so it differs between the encodings.
	var body []byte
	tag, encoding := `"`+a.hash()+`"`, ""
	if takesGzip(r.Header) {
		if packed := a.packed(); packed != nil {
			body, tag, encoding = packed, `"`+a.hash()+`-gzip"`, "gzip"
		}
	}
	h.Set("ETag", tag)
	if has(r.Header, tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if encoding == "" {
		body = a.content()
	}
	h.Set("Content-Type", a.contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the caller hung up: nobody is left to tell
	}
}

// has tells whether the client keeps what has the tag (RFC 9110, section 13.1.2).
func has(h http.Header, tag string) bool {
	for _, line := range h.Values("If-None-Match") {
		for kept := range strings.SplitSeq(line, ",") {
			kept = strings.TrimSpace(kept)
			if kept == "*" || strings.TrimPrefix(kept, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// takesGzip reads Accept-Encoding (RFC 9110, section 12.5.3): gzip must be named,
// and not with the weight 0.
func takesGzip(h http.Header) bool {
	for _, line := range h.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(line, ",") {
			name, weight, _ := strings.Cut(coding, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			q, weighted := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(weight), " ", ""), "q=")
			value, err := strconv.ParseFloat(q, 64)
			return !weighted || err == nil && value > 0
		}
	}
	return false
}
