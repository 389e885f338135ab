package send

import (
	"bytes"
	"html"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/bellhop/bellhop"
)

const (
	// shortestHidden is how long a secret is at least that can be told from anything else.
	shortestHidden = 4
	// layers is how many times over a text may be escaped.
	layers = 2
	// longestSpelling is how many bytes stand for one of a secret at most: \u002b.
	longestSpelling = 6
	// mostBeyond bounds what is read of an answer beyond what is kept.
	mostBeyond = 64 << 10
)

// beyond is how much of an answer is read beyond what is kept of it: a secret that begins
// before the cut is seen whole, and hidden, before it is cut.
func (c *credentials) beyond() int64 {
	longest := 0
	for _, s := range c.secrets {
		longest = max(longest, len(s))
	}
	return int64(min(longest*longestSpelling, mostBeyond))
}

// hide takes secrets out of a text, be they written as they are, or as JSON, URLs or HTML
// write them. Whatever is hidden is whole: a part of a secret that is found, and so hidden,
// would tell whoever chose the text that he has guessed it.
func hide(text []byte, secrets []string) []byte {
	var found []span
	for _, v := range spellings(text) {
		for _, s := range secrets {
			if len(s) < shortestHidden {
				continue
			}
			for from := 0; ; {
				i := bytes.Index(v.text[from:], []byte(s))
				if i < 0 {
					break
				}
				found = append(found, span{v.at(from + i), v.at(from + i + len(s))})
				from += i + len(s)
			}
		}
	}
	if len(found) == 0 {
		return text
	}
	slices.SortFunc(found, func(x, y span) int { return x.from - y.from })
	var out []byte
	end := 0
	for _, f := range found {
		if f.from >= end {
			out = append(append(out, text[end:f.from]...), bellhop.Hidden...)
		}
		end = max(end, f.to)
	}
	return append(out, text[end:]...)
}

// hideText is hide for a string.
func hideText(text string, secrets []string) string { return string(hide([]byte(text), secrets)) }

// span is a part of a text.
type span struct{ from, to int }

// spelling is a text with its escapes resolved.
type spelling struct {
	text []byte
	// places are where each byte, and the end, come from in the original; nil where the
	// text is the original.
	places []int32
}

func (v *spelling) at(i int) int {
	if v.places == nil {
		return i
	}
	return int(v.places[i])
}

// spellings are a text and what it says to whoever reads it as JSON, as a URL, as HTML, or
// as one inside another.
func spellings(text []byte) []spelling {
	all := []spelling{{text: text}}
	for layer, begin := 0, 0; layer < layers; layer++ {
		end := len(all)
		for i := begin; i < end; i++ {
			for _, resolve := range []func([]byte) ([]byte, int){fromJSON, fromURL, fromHTML} {
				if v, changed := all[i].resolved(resolve); changed {
					all = append(all, v)
				}
			}
		}
		begin = end
	}
	return all
}

// resolved resolves one kind of escapes. A resolve gives what the beginning of a text
// stands for and how long it is, or 0 where it is no escape.
func (v *spelling) resolved(resolve func([]byte) ([]byte, int)) (out spelling, changed bool) {
	for i := 0; i < len(v.text); {
		b, n := []byte(nil), 0
		if c := v.text[i]; c == '\\' || c == '%' || c == '&' {
			b, n = resolve(v.text[i:])
		}
		if n > 0 && !changed {
			changed = true
			out.text = append(make([]byte, 0, len(v.text)), v.text[:i]...)
			out.places = make([]int32, i, len(v.text)+1)
			for j := range i {
				out.places[j] = int32(v.at(j))
			}
		}
		if n == 0 {
			b, n = v.text[i:i+1], 1
		}
		if changed {
			for _, c := range b {
				out.text, out.places = append(out.text, c), append(out.places, int32(v.at(i)))
			}
		}
		i += n
	}
	if changed {
		out.places = append(out.places, int32(v.at(len(v.text))))
	}
	return out, changed
}

func fromJSON(b []byte) ([]byte, int) {
	if b[0] != '\\' || len(b) < 2 {
		return nil, 0
	}
	switch b[1] {
	case '/', '"', '\\', '\'':
		return b[1:2], 2
	case 'u':
		r, n := rune16(b), 6
		if r < 0 {
			return nil, 0
		}
		if low := rune16(b[6:]); utf16.IsSurrogate(r) && low >= 0 {
			r, n = utf16.DecodeRune(r, low), 12
		}
		return utf8.AppendRune(nil, r), n
	}
	return nil, 0
}

// rune16 is what \uXXXX at the beginning of b stands for, or -1.
func rune16(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

func fromURL(b []byte) ([]byte, int) {
	if b[0] != '%' || len(b) < 3 {
		return nil, 0
	}
	n, err := strconv.ParseUint(string(b[1:3]), 16, 8)
	if err != nil {
		return nil, 0
	}
	return []byte{byte(n)}, 3
}

func fromHTML(b []byte) ([]byte, int) {
	if b[0] != '&' {
		return nil, 0
	}
	end := bytes.IndexByte(b[:min(len(b), 12)], ';')
	if end < 0 {
		return nil, 0
	}
	entity := string(b[:end+1])
	if plain := html.UnescapeString(entity); plain != entity {
		return []byte(plain), end + 1
	}
	return nil, 0
}
