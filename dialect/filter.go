package dialect

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// filter rewrites a value for the place where it stands.
type filter uint8

const (
	filterJSON filter = iota
	filterEscape
	filterURL
	filterPercent
	filterSlashes
	filterNumber
	filterCount // filters that can be written in a template come before

	filterHeader // added to all values in headers and in signed content
)

func (f filter) String() string {
	return [filterCount]string{"json", "escape", "url", "percent", "slashes", "number"}[f]
}

func parseFilter(name string) (filter, error) {
	for f := range filterCount {
		if f.String() == name {
			return f, nil
		}
	}
	return 0, fmt.Errorf("there is no filter %q; use json, escape, url, percent, slashes or number", name)
}

func (f filter) append(dst []byte, text string) []byte {
	switch f {
	case filterJSON:
		dst = append(dst, '"')
		dst = appendEscaped(dst, text)
		return append(dst, '"')
	case filterEscape:
		return appendEscaped(dst, text)
	case filterSlashes:
		return append(dst, strings.ReplaceAll(text, ".", "/")...)
	case filterNumber:
		if !isNumber(text) {
			return append(dst, '0')
		}
		return append(dst, text...)
	case filterHeader:
		if isHeaderSafe(text) { // as most often
			return append(dst, text...)
		}
	}
	for i := range len(text) {
		if c := text[i]; f.keeps(text, i) {
			dst = append(dst, c)
		} else {
			const digits = "0123456789ABCDEF"
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// isNumber reports whether text is a number as JSON has it (RFC 8259 section 6).
func isNumber(text string) bool {
	digit := func(c byte) bool { return '0' <= c && c <= '9' }
	return text != "" && (text[0] == '-' || digit(text[0])) && digit(text[len(text)-1]) && json.Valid([]byte(text))
}

// keeps reports whether a percent-encoding filter leaves byte i of text alone.
func (f filter) keeps(text string, i int) bool {
	c := text[i]
	switch f {
	case filterURL: // RFC 3986 section 2.3
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			c == '-' || c == '.' || c == '_' || c == '~'
	case filterPercent:
		return 0x21 <= c && c <= 0x7e && c != '"' && c != '%'
	default:
		// HTTP cuts off white space around a header's value (RFC 9110 section
		// 5.5), so a space at either end would not survive the way.
		return 0x20 <= c && c <= 0x7e && (c != ' ' || i > 0 && i < len(text)-1)
	}
}

// isHeaderSafe reports whether filterHeader keeps all of text. It is asked of every value
// of every header, and so tells that by itself.
func isHeaderSafe(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c > 0x7e {
			return false
		}
	}
	return text == "" || text[0] != ' ' && text[len(text)-1] != ' '
}

// appendEscaped writes the inside of a JSON string (RFC 8259 section 7). Only
// what must be escaped is; bytes that are not UTF-8 become U+FFFD.
func appendEscaped(dst []byte, text string) []byte {
	done := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, text[done:i]...)
			if c < 0x20 {
				dst = fmt.Appendf(dst, `\u%04x`, c)
			} else {
				dst = append(dst, '\\', c)
			}
			i++
			done = i
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, text[done:i]...)
			dst = utf8.AppendRune(dst, r)
			done = i + 1
		}
		i += size
	}
	return append(dst, text[done:]...)
}
