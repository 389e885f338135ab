package strictjson

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Text decodes a string that was scanned before: raw begins with a double quote. It
// refuses what cannot be kept as text: half of a surrogate pair, which encoding/json
// would make the same character whichever half it is, and U+0000, which databases
// do not store. The error says what to do, to follow the name of the field.
func Text(raw []byte) (string, error) {
	s := unquote(raw)
	return s, CheckText(s)
}

// CheckText tells whether a string, such as the key of a [Member], can be kept as
// text; see [Text].
func CheckText(s string) error {
	if strings.IndexByte(s, 0) >= 0 {
		return errors.New("contains the character U+0000: leave it out")
	}
	if utf8.ValidString(s) {
		return nil
	}
	if detail, found := lone(s); found {
		return errors.New(detail)
	}
	return errors.New("contains a byte that is not UTF-8: encode it as UTF-8")
}

// lone finds the first half of a surrogate pair, in the three bytes that unquote makes
// of it, and says what to do.
func lone(s string) (detail string, found bool) {
	for i := range len(s) - 2 {
		if s[i] == 0xed && s[i+1] >= 0xa0 && s[i+1] <= 0xbf && s[i+2]&0xc0 == 0x80 {
			half := 0xd000 | uint16(s[i+1]&0x3f)<<6 | uint16(s[i+2]&0x3f)
			return fmt.Sprintf(`contains \u%04x, one half of a surrogate pair, which is no character: send both halves, or the character as UTF-8`, half), true
		}
	}
	return "", false
}

// unquote decodes a string that has been scanned. A lone half of a surrogate pair
// becomes the three bytes that UTF-8 would have for it if that were allowed: it stays
// different from the other ones, and CheckText finds it.
func unquote(quoted []byte) string {
	b := quoted[1 : len(quoted)-1]
	next := bytes.IndexByte(b, '\\')
	if next < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for next >= 0 {
		out = append(out, b[:next]...)
		c := b[next+1]
		b = b[next+2:]
		switch c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := hex4(b)
			b = b[4:]
			if !utf16.IsSurrogate(r) {
				out = utf8.AppendRune(out, r)
				break
			}
			if len(b) >= 6 && b[0] == '\\' && b[1] == 'u' {
				if both := utf16.DecodeRune(r, hex4(b[2:])); both != utf8.RuneError {
					out = utf8.AppendRune(out, both)
					b = b[6:]
					break
				}
			}
			out = append(out, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
		default: // the quote, the slash or the backslash itself
			out = append(out, c)
		}
		next = bytes.IndexByte(b, '\\')
	}
	return string(append(out, b...))
}

// hex4 reads four hexadecimal digits.
func hex4(b []byte) rune {
	var n [2]byte
	_, _ = hex.Decode(n[:], b[:4]) // they were scanned
	return rune(binary.BigEndian.Uint16(n[:]))
}
