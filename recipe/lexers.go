package recipe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// plain is text in which every place is the same slot.
type plain struct{ slot slot }

func (p plain) feed(text string) (lexer, error) {
	if p.slot == slotHeader || p.slot == slotLine {
		for i := range len(text) {
			if c := text[i]; c < 0x20 || c == 0x7f || c >= 0x80 && p.slot == slotHeader {
				return p, fmt.Errorf("has the byte %#x, which cannot stand in a header; remove it", c)
			}
		}
	}
	return p, nil
}

func (p plain) at(*expression) (slot, lexer, error) { return p.slot, p, nil }

// addressText follows addresses: names in quotes, and what is no name.
type addressText struct{ quoted bool }

func (a addressText) feed(text string) (lexer, error) {
	for i := range len(text) {
		switch c := text[i]; {
		case c < 0x20 || c == 0x7f || c == '\\':
			return a, fmt.Errorf("has %q, which cannot stand among addresses; remove it", c)
		case c == '"':
			a.quoted = !a.quoted
		}
	}
	return a, nil
}

func (a addressText) at(*expression) (slot, lexer, error) {
	if a.quoted {
		return slotName, a, nil
	}
	return slotAddress, a, nil
}

// jsonText follows JSON: a value stands within a string or is one.
type jsonText struct{ quoted, escaped bool }

func (j jsonText) feed(text string) (lexer, error) {
	for i := range len(text) {
		switch c := text[i]; {
		case j.escaped:
			j.escaped = false
		case j.quoted && c == '\\':
			j.escaped = true
		case c == '"':
			j.quoted = !j.quoted
		}
	}
	return j, nil
}

func (j jsonText) at(*expression) (slot, lexer, error) {
	switch {
	case j.escaped:
		return 0, j, errors.New(`behind a \; remove that`)
	case j.quoted:
		return slotJSONString, j, nil
	}
	return slotJSON, j, nil
}

// tidyJSON takes away commas that sections and loops have left over, and white space.
func tidyJSON(text []byte) ([]byte, error) {
	out := make([]byte, 0, len(text))
	comma, quoted := false, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if quoted {
			out = append(out, c)
			switch c {
			case '\\':
				if i++; i < len(text) {
					out = append(out, text[i])
				}
			case '"':
				quoted = false
			}
			continue
		}
		switch c {
		case ' ', '\t', '\n', '\r':
			continue
		case ',':
			comma = true
			continue
		case '}', ']':
			comma = false
		}
		if comma && len(out) > 0 && !bytes.ContainsAny(out[len(out)-1:], "{[:") {
			out = append(out, ',')
		}
		comma = false
		out = append(out, c)
		quoted = c == '"'
	}
	if !json.Valid(out) {
		return out, errors.New("does not make JSON")
	}
	return out, nil
}

// urlText follows a URL: ${url} at its beginning or, for an address, a scheme and a
// host; then a path, and a query.
type urlText struct{ in urlPart }

type urlPart uint8

const (
	urlStart urlPart = iota // only ${url} may stand here
	urlHost                 // behind https://
	urlPath
	urlQuery
)

func (u urlText) feed(text string) (lexer, error) {
	for text != "" {
		switch u.in {
		case urlStart:
			rest, ok := strings.CutPrefix(text, "https://")
			if !ok {
				return u, errors.New("must begin with ${url} or, where it is an address, with https://")
			}
			u.in, text = urlHost, rest
		case urlHost:
			host, rest, more := strings.Cut(text, "/")
			if strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-.:") != "" {
				return u, fmt.Errorf("has %q in its host; use lower-case letters, digits, hyphens and dots", clip(host))
			}
			if text = ""; more {
				u.in, text = urlPath, rest
			}
		default:
			if strings.ContainsFunc(text, func(r rune) bool { return r <= 0x20 || r >= 0x7f || strings.ContainsRune(`#"<>\^{|}`, r) }) {
				return u, fmt.Errorf("has characters in %q that cannot stand in a URL; percent-encode them", clip(text))
			}
			if strings.Contains(text, "?") {
				u.in = urlQuery
			}
			return u, nil
		}
	}
	return u, nil
}

func (u urlText) at(x *expression) (slot, lexer, error) {
	base := len(x.sources) == 1 && x.sources[0].root == "url" && len(x.filters) == 0
	switch {
	case u.in == urlStart && base:
		return slotBase, urlText{urlPath}, nil
	case u.in == urlStart:
		return 0, u, errors.New("at the beginning of a URL; begin with ${url}")
	case u.in == urlHost:
		return slotHost, u, nil
	case u.in == urlPath:
		return slotSegment, u, nil
	}
	return slotQuery, u, nil
}

// htmlText follows HTML as far as is needed to know the few places where a value may
// stand: in text, and in quoted attributes that are neither scripts nor styles.
type htmlText struct {
	in    htmlPart
	name  string // of the tag or attribute, lower case
	tag   string // that an attribute is of
	empty bool   // at the beginning of an attribute's value
	link  bool   // the attribute's value begins as a link may
}

type htmlPart uint8

const (
	htmlContent htmlPart = iota
	htmlTag              // the name behind <
	htmlWithin           // within a tag, between attributes
	htmlName             // an attribute's name
	htmlEquals           // behind =
	htmlDouble           // within "
	htmlSingle           // within '
)

func (h htmlText) feed(text string) (lexer, error) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		space := c == ' ' || c == '\t' || c == '\n' || c == '\r'
		switch h.in {
		case htmlContent:
			if c != '<' {
				continue
			}
			if strings.HasPrefix(text[i:], "<!--") {
				end := strings.Index(text[i+4:], "-->")
				if end < 0 {
					return h, errors.New("has an HTML comment around a value or without an end; take it out")
				}
				i += 4 + end + 2
				continue
			}
			h = htmlText{in: htmlTag}
		case htmlTag:
			switch {
			case space || c == '>' || c == '/' && h.name != "":
				if h.name == "script" || h.name == "style" || h.name == "iframe" || h.name == "object" || h.name == "embed" || h.name == "base" || h.name == "meta" {
					return h, fmt.Errorf("has <%s>, which has no place in a mail; take it out", h.name)
				}
				h = htmlText{in: htmlWithin, tag: h.name}
				if c == '>' {
					h = htmlText{}
				}
			default:
				h.name += strings.ToLower(string(c))
			}
		case htmlWithin:
			switch {
			case c == '>':
				h = htmlText{}
			case space, c == '/':
			default:
				h = htmlText{in: htmlName, tag: h.tag, name: strings.ToLower(string(c))}
			}
		case htmlName:
			switch {
			case c == '=':
				h.in = htmlEquals
			case c == '>':
				h = htmlText{}
			case space:
				h = htmlText{in: htmlWithin, tag: h.tag}
			default:
				h.name += strings.ToLower(string(c))
			}
		case htmlEquals:
			switch c {
			case '"':
				h.in, h.empty, h.link = htmlDouble, true, linkScheme(text[i+1:])
			case '\'':
				h.in, h.empty, h.link = htmlSingle, true, linkScheme(text[i+1:])
			default:
				return h, fmt.Errorf("has the attribute %s without quotes; put its value in quotes", clip(h.name))
			}
		case htmlDouble, htmlSingle:
			if c == '"' && h.in == htmlDouble || c == '\'' && h.in == htmlSingle {
				h = htmlText{in: htmlWithin, tag: h.tag}
			} else {
				h.empty = false
			}
		}
	}
	return h, nil
}

func (h htmlText) at(*expression) (slot, lexer, error) {
	switch {
	case h.in == htmlContent:
		return slotHTML, h, nil
	case h.in != htmlDouble && h.in != htmlSingle:
		return 0, h, errors.New("within a tag; values may stand in text and in quoted attributes")
	case strings.HasPrefix(h.name, "on"), h.name == "style", h.name == "srcdoc", h.name == "srcset":
		return 0, h, fmt.Errorf("in the attribute %s, where no value is safe; take it out", clip(h.name))
	case urlAttribute(h.name) && h.empty:
		h.empty, h.link = false, true
		return slotLink, h, nil
	case urlAttribute(h.name) && !h.link:
		return 0, h, fmt.Errorf("in the attribute %s behind text that is no link; begin it with a scheme (https, http or mailto)", h.name)
	}
	h.empty = false
	return slotAttribute, h, nil
}

func urlAttribute(name string) bool {
	switch name {
	case "href", "src", "action", "formaction", "background", "cite", "poster", "data", "xlink:href", "longdesc":
		return true
	}
	return false
}
