package recipe

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode/utf8"
)

// slot is where a value stands, which decides how it is written: nothing that a value
// holds can end the place that it was put into.
type slot uint8

const (
	slotText       slot = iota // plain text: a mail's, or the value of a field
	slotHeader                 // an HTTP header's value
	slotLine                   // a mail's subject or a name: one line
	slotAddress                // an address of a mail
	slotName                   // the name before it, in quotes
	slotJSON                   // a JSON value
	slotJSONString             // within a JSON string
	slotForm                   // a form's name or value
	slotHTML                   // HTML text
	slotAttribute              // a quoted HTML attribute
	slotLink                   // the beginning of an attribute that is a URL
	slotBase                   // ${url} at the beginning of a URL
	slotHost                   // a part of a host's name
	slotSegment                // a segment of a URL's path, or a part of one
	slotQuery                  // in a URL's query
)

// lexer follows the literal text of a template, so that it knows the slot at each
// place. Its values are comparable: at the end of a branch or loop the same lexer must
// stand as at its beginning.
type lexer interface {
	feed(text string) (lexer, error)
	// at gives the slot of a value that stands here, and the lexer behind it.
	at(x *expression) (slot, lexer, error)
}

// place decides the slot of each value of a template, and gives the lexer at its end.
func (t template) place(l lexer) (lexer, error) {
	var err error
	for i := range t {
		n := &t[i]
		switch {
		case n.value != nil:
			if n.slot, l, err = l.at(n.value); err != nil {
				return l, fmt.Errorf("has ${%s} %w", n.value, err)
			}
		case n.section != nil:
			if l, err = n.section.place(l); err != nil {
				return l, err
			}
		case n.loop != nil:
			after, err := template(n.loop.nodes).place(l)
			if err != nil {
				return l, err
			}
			if after, err = after.feed(n.loop.join); err != nil {
				return l, err
			}
			if after != l {
				return l, fmt.Errorf("has the loop over %s, which does not end where it began; close in it what it opens, such as quotes", &n.loop.over)
			}
		default:
			if l, err = l.feed(n.literal); err != nil {
				return l, err
			}
		}
	}
	return l, nil
}

func (s *section) place(l lexer) (lexer, error) {
	first := l
	for i, b := range s.branches {
		end, err := template(b.nodes).place(l)
		switch {
		case err != nil:
			return l, err
		case i == 0:
			first = end
		case end != first:
			return l, errors.New("has a section whose branches end in different places; close in each what it opens, such as quotes")
		}
	}
	if last := s.branches[len(s.branches)-1]; last.when.any != nil && first != l {
		return l, errors.New("has a section that does not end where it began; close in it what it opens, such as quotes")
	}
	return first, nil
}

// write appends a value to dst as its slot asks for.
func (s slot) write(dst []byte, v any, of string) ([]byte, error) {
	text := ""
	if s != slotJSON {
		text = strings.ToValidUTF8(textOf(v), "\uFFFD")
	}
	switch s {
	case slotText:
		return append(dst, text...), nil
	case slotLine:
		return append(dst, oneLine(text)...), nil
	case slotHeader:
		return percent(dst, text, func(i int) bool {
			c := text[i]
			return c >= 0x20 && c <= 0x7e && (c != ' ' || i > 0 && i < len(text)-1)
		}), nil
	case slotAddress:
		return appendAddress(dst, v, of)
	case slotName:
		return append(dst, strings.NewReplacer(`"`, "'", `\`, "/").Replace(oneLine(text))...), nil
	case slotJSON:
		text := jsonOf(v)
		if _, ok := v.(members); ok {
			text = text[1 : len(text)-1]
		}
		return append(dst, text...), nil
	case slotJSONString:
		quoted := jsonOf(text)
		return append(dst, quoted[1:len(quoted)-1]...), nil
	case slotHTML, slotAttribute:
		if m, ok := v.(markup); ok && s == slotHTML {
			return append(dst, m...), nil
		}
		return appendHTML(dst, text), nil
	case slotLink:
		if !safeLink(text) {
			return nil, problem(of, "%s is %s, which is no link of a mail or page: give one that begins with https://, http:// or mailto:", of, shown(v))
		}
		return appendHTML(dst, text), nil
	case slotBase:
		return append(dst, strings.TrimSuffix(text, "/")...), nil
	case slotHost:
		if text == "" || len(text) > 63 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return nil, problem(of, "%s is %s, which cannot be a part of a host's name: use lower-case letters, digits and hyphens", of, shown(v))
		}
		return append(dst, text...), nil
	case slotSegment:
		if strings.Trim(text, ".") == "" {
			return nil, problem(of, "%s is %s, which cannot be a part of a URL's path: the server would take it for a step", of, shown(v))
		}
	}
	return percent(dst, text, func(i int) bool {
		c := text[i]
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
	}), nil
}

func percent(dst []byte, text string, keep func(i int) bool) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(text) {
		if keep(i) {
			dst = append(dst, text[i])
		} else {
			dst = append(dst, '%', digits[text[i]>>4], digits[text[i]&15])
		}
	}
	return dst
}

// appendAddress appends addresses: one, or with a list several, separated by commas.
func appendAddress(dst []byte, v any, of string) ([]byte, error) {
	if made, ok := v.(addresses); ok {
		return append(dst, made...), nil
	}
	for i, one := range listOf(v) {
		text := strings.TrimSpace(textOf(one))
		if err := checkAddress(text); err != nil {
			return nil, problem(of, "%s is %s, which is no e-mail address", of, shown(one))
		}
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, text...)
	}
	return dst, nil
}

// maxAddress is the longest address, in bytes (RFC 5321 section 4.5.3.1.3).
const maxAddress = 254

var errAddress = errors.New("is no e-mail address; give one such as ada@example.com")

// checkAddress takes a bare address only: no name, no list, no quotes, no comment.
func checkAddress(text string) error {
	a, err := mail.ParseAddress(text)
	if err != nil || a.Address != text || a.Name != "" || len(text) > maxAddress ||
		strings.ContainsAny(text, "\"()<>,;:\\[] \t\r\n") || !utf8.ValidString(text) {
		return errAddress
	}
	return nil
}

func appendHTML(dst []byte, text string) []byte {
	for _, r := range text {
		switch r {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '"':
			dst = append(dst, "&#34;"...)
		case '\'':
			dst = append(dst, "&#39;"...)
		case 0:
			dst = append(dst, "\uFFFD"...)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// linkScheme tells whether text begins as a link that does no more than lead somewhere.
func linkScheme(text string) bool {
	text = strings.ToLower(text[:min(len(text), 8)])
	return strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "mailto:")
}

func safeLink(text string) bool {
	return linkScheme(text) && !strings.ContainsFunc(text, func(r rune) bool { return r <= 0x20 || r == 0x7f })
}
