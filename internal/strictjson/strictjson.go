// Package strictjson decides which request bodies the API accepts, and finds the
// parts of a publish envelope without decoding the event's data.
//
// encoding/json is lenient where a public API should not be: it replaces invalid
// UTF-8, and of two equal keys it silently takes the last, so that what one
// reader checked is not what another one uses. It also decodes, and accepting an
// event only needs to validate.
package strictjson

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may be nested; a scalar has depth 0.
const MaxDepth = 512

// How many keys an object may have whose keys are compared. Those inside of what is
// carried are not.
const (
	MaxKeys = 1000
	// MaxLargeKeys is for objects inside of what is large.
	MaxLargeKeys = 10_000
)

// The codes of an [Error].
const (
	CodeInvalidUTF8  = "invalid_utf8"
	CodeInvalidJSON  = "invalid_json"
	CodeDuplicateKey = "duplicate_key"
	CodeTooDeep      = "too_deep"
	CodeTooManyKeys  = "too_many_keys"
	CodeWrongType    = "wrong_type" // valid so far, but not the object or array that was asked for
	CodeSurrogate    = "surrogate"  // half of a surrogate pair
)

// Error is the one error type of this package.
type Error struct {
	Code   string // one of the Code constants
	Offset int    // byte in the document, from 0
	Line   int    // from 1
	Column int    // in characters, from 1
	Key    string // the repeated key, for CodeDuplicateKey
	// Pointer is where the text is, for CodeSurrogate: a JSON pointer (RFC 6901).
	Pointer string
	Detail  string // what is wrong and what to do, in one clause
}

func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d (byte %d): %s", e.Line, e.Column, e.Offset, e.Detail)
}

// Member is one member of an object.
type Member struct {
	// Key is unescaped; it may hold what CheckText refuses, and two different keys
	// never become one.
	Key   string
	Value []byte // the value as it was written, without the space around it; part of the document
}

// Parts names top-level members of a document that Check looks at in another way.
type Parts struct {
	// Carried are kept byte for byte for somebody else: repeated keys inside them are
	// let pass, and any number of keys.
	Carried []string
	// Large may hold objects of MaxLargeKeys keys.
	Large []string
}

// Bodies are the parts of the API's requests: what is somebody else's business is carried, and not
// read. Schemas are read, and may be larger than what anybody configures otherwise.
var Bodies = Parts{Carried: []string{"data", "example"}, Large: []string{"schema"}}

// Check validates a request body: one JSON value in UTF-8, nothing after it, not
// nested deeper than MaxDepth, and no object with the same key twice or with more than
// MaxKeys keys. It builds nothing of what it reads. The error is an *Error.
func Check(b []byte, parts Parts) error {
	s := scanner{b: b, everywhere: true, parts: parts}
	return s.document(func(i int) int { return s.value(i, 1, MaxKeys) })
}

// Valid validates any one JSON value in UTF-8, not nested deeper than MaxDepth;
// repeated keys are let pass. It is what an event's data must be. The error is an
// *Error.
func Valid(b []byte) error {
	s := scanner{b: b}
	return s.document(func(i int) int { return s.value(i, 1, 0) })
}

// Characters is Valid for a document whose strings somebody will decode: half of a
// surrogate pair in any of them is an error, since most decoders make every such half
// the same character. The error is an *Error.
func Characters(b []byte) error {
	s := scanner{b: b, characters: true}
	return s.document(func(i int) int { return s.value(i, 1, 0) })
}

// Members splits an object into its members, in the order written, validating
// all of it as Check does in the same pass. Repeated keys are refused among the
// members only, not inside their values. The values are parts of b, not copies.
// The error is an *Error.
func Members(b []byte) ([]Member, error) {
	s := scanner{b: b}
	var members []Member
	err := s.document(func(i int) int {
		if !s.is(i, '{') {
			return s.fail(i, CodeWrongType, "expected an object, found "+s.found(i))
		}
		room := new(struct { // for most objects, in one allocation
			members [8]Member
			keys    [8]keyAt
		})
		members, s.keys = room.members[:0], room.keys[:0]
		return s.object(i, 1, MaxKeys, &members)
	})
	if err != nil {
		return nil, err
	}
	return members, nil
}

// Elements splits an array into its elements, validating all of it as Check does
// in the same pass, repeated keys excepted: call Members on the elements. They
// are parts of b, not copies. The error is an *Error, with positions in b.
func Elements(b []byte) ([][]byte, error) {
	elements, _, err := ElementsUpTo(b, len(b))
	return elements, err
}

// ElementsUpTo is Elements for an array that should have most elements at most. It
// stops at the first one beyond, and then tells that there are more: what follows is
// not looked at.
func ElementsUpTo(b []byte, most int) (list [][]byte, more bool, err error) {
	s := scanner{b: b}
	elements := elements{list: [][]byte{}, most: most}
	err = s.document(func(i int) int {
		if !s.is(i, '[') {
			return s.fail(i, CodeWrongType, "expected an array, found "+s.found(i))
		}
		return s.array(i, 1, 0, &elements)
	})
	if err != nil {
		return nil, false, err
	}
	return elements.list, elements.more, nil
}

// elements are those of an array, the first most of them.
type elements struct {
	list [][]byte
	most int
	more bool
}

// failed is what a scanning method returns instead of a position when it has set
// scanner.err.
const failed = -1

// scanner walks a document by recursive descent, which MaxDepth keeps shallow.
// Its methods take the position of a token's first byte and return the position
// after it, or failed.
type scanner struct {
	b          []byte
	everywhere bool  // look for repeated keys at every level…
	parts      Parts // …but inside of these as they say
	characters bool  // refuse halves of surrogate pairs
	// keys are those of the objects that are being scanned, the innermost's last.
	keys []keyAt
	err  *Error
}

// document scans b as space, what root scans, space.
func (s *scanner) document(root func(i int) int) error {
	if !utf8.Valid(s.b) {
		i := 0
		for {
			r, size := utf8.DecodeRune(s.b[i:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			i += size
		}
		s.fail(i, CodeInvalidUTF8, "this byte is not UTF-8: encode the body as UTF-8")
		return s.err
	}
	i := root(s.space(0))
	if i == failed {
		return s.err
	}
	if i = s.space(i); i < len(s.b) {
		s.invalid(i, "the end of the document")
		return s.err
	}
	return nil
}

func (s *scanner) fail(i int, code, detail string) int {
	before := s.b[:i]
	line := bytes.LastIndexByte(before, '\n') + 1
	s.err = &Error{
		Code:   code,
		Offset: i,
		Line:   bytes.Count(before, []byte("\n")) + 1,
		Column: utf8.RuneCount(before[line:]) + 1,
		Detail: detail,
	}
	return failed
}

func (s *scanner) invalid(i int, expected string) int {
	return s.fail(i, CodeInvalidJSON, "invalid JSON: expected "+expected+", found "+s.found(i))
}

// found describes what is at i.
func (s *scanner) found(i int) string {
	if i >= len(s.b) {
		return "the end of the document"
	}
	switch r, _ := utf8.DecodeRune(s.b[i:]); r {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '\ufeff':
		return "a byte order mark (send none)"
	default:
		return fmt.Sprintf("%q", r)
	}
}

func (s *scanner) is(i int, c byte) bool { return i < len(s.b) && s.b[i] == c }

func (s *scanner) space(i int) int {
	for i < len(s.b) {
		if c := s.b[i]; c > ' ' || (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
			break
		}
		i++
	}
	return i
}

// value scans any value. Its depth is that of the container it may turn out to
// be; with most, repeated keys are refused, and objects of more than most keys.
func (s *scanner) value(i, depth, most int) int {
	if i >= len(s.b) {
		return s.invalid(i, "a value")
	}
	switch c := s.b[i]; c {
	case '"':
		end := s.string(i)
		if s.characters && end != failed {
			return s.whole(i, end)
		}
		return end
	case '{':
		return s.object(i, depth, most, nil)
	case '[':
		return s.array(i, depth, most, nil)
	case 't':
		return s.literal(i, "true")
	case 'f':
		return s.literal(i, "false")
	case 'n':
		return s.literal(i, "null")
	default:
		if c == '-' || isDigit(c) {
			return s.number(i)
		}
		return s.invalid(i, "a value")
	}
}

// object scans an object, and with members collects them. See value for most.
func (s *scanner) object(i, depth, most int, members *[]Member) int {
	if depth > MaxDepth {
		return s.tooDeep(i)
	}
	outer := len(s.keys)
	i = s.space(i + 1)
	if s.is(i, '}') {
		return i + 1
	}
	for {
		if !s.is(i, '"') {
			return s.invalid(i, "a key in double quotes")
		}
		keyAt := i
		if i = s.string(i); i == failed {
			return failed
		}
		keyEnd := i
		if s.characters && s.whole(keyAt, i) == failed {
			return failed
		}
		if most > 0 && !s.newKey(outer, keyAt, keyEnd, most) {
			return failed
		}
		if i = s.space(i); !s.is(i, ':') {
			return s.invalid(i, "a colon")
		}
		i = s.space(i + 1)
		valueAt := i
		if i = s.value(i, depth+1, s.inside(keyAt, keyEnd, depth, most)); i == failed {
			if s.err.Code == CodeSurrogate {
				s.err.Pointer = "/" + pointerEscapes.Replace(unquote(s.b[keyAt:keyEnd])) + s.err.Pointer
			}
			return failed
		}
		if members != nil {
			*members = append(*members, Member{Key: unquote(s.b[keyAt:keyEnd]), Value: s.b[valueAt:i:i]})
		}
		i = s.space(i)
		switch {
		case s.is(i, ','):
			i = s.space(i + 1)
		case s.is(i, '}'):
			if !s.unique(outer) {
				return failed
			}
			return i + 1
		default:
			return s.invalid(i, "a comma or }")
		}
	}
}

// array scans an array, and with elements collects them.
func (s *scanner) array(i, depth, most int, elements *elements) int {
	if depth > MaxDepth {
		return s.tooDeep(i)
	}
	i = s.space(i + 1)
	if s.is(i, ']') {
		return i + 1
	}
	for index := 0; ; index++ {
		if elements != nil && index == elements.most {
			elements.more = true
			return len(s.b)
		}
		valueAt := i
		if i = s.value(i, depth+1, most); i == failed {
			if s.err.Code == CodeSurrogate {
				s.err.Pointer = "/" + strconv.Itoa(index) + s.err.Pointer
			}
			return failed
		}
		if elements != nil {
			elements.list = append(elements.list, s.b[valueAt:i:i])
		}
		i = s.space(i)
		switch {
		case s.is(i, ','):
			i = s.space(i + 1)
		case s.is(i, ']'):
			return i + 1
		default:
			return s.invalid(i, "a comma or ]")
		}
	}
}

// whole tells whether a string that was scanned has no half of a surrogate pair, and
// gives its end or failed.
func (s *scanner) whole(i, end int) int {
	if bytes.Contains(s.b[i:end], []byte(`\u`)) {
		if half, found := lone(unquote(s.b[i:end])); found {
			return s.fail(i, CodeSurrogate, half)
		}
	}
	return end
}

// pointerEscapes writes a key as a part of a JSON pointer.
var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func (s *scanner) tooDeep(i int) int {
	return s.fail(i, CodeTooDeep, fmt.Sprintf("nested deeper than %d levels: flatten the document", MaxDepth))
}

// ordinary marks the bytes that need no look inside a string: not the quote, the
// backslash or a control character.
var ordinary = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return t
}()

// ordinaryOf counts how many of eight bytes are ordinary and ASCII before the first that
// is not, all eight at once.
func ordinaryOf(w uint64) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	quote, backslash := w^ones*'"', w^ones*'\\'
	// A subtraction sets the top bit of a byte that is too small: of the first of them
	// for certain, and of those behind it perhaps.
	return bits.TrailingZeros64(((w-ones*' ')|(quote-ones)|(backslash-ones)|w)&tops) / 8
}

func (s *scanner) string(i int) int {
	b := s.b
	i++
	for {
		for i+8 <= len(b) {
			n := ordinaryOf(binary.LittleEndian.Uint64(b[i:]))
			if i += n; n < 8 {
				break
			}
		}
		for i < len(b) && ordinary[b[i]] {
			i++
		}
		switch {
		case i == len(b):
			return s.invalid(i, "the end of a string")
		case b[i] == '"':
			return i + 1
		case b[i] == '\\':
			if i = s.escape(i); i == failed {
				return failed
			}
		default:
			return s.invalid(i, "a string without bare control characters")
		}
	}
}

func (s *scanner) escape(i int) int {
	i++ // the backslash
	if i == len(s.b) {
		return s.invalid(i, "the rest of an escape")
	}
	switch s.b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		i++
		for end := i + 4; i < end; i++ {
			if i == len(s.b) || !isHex(s.b[i]) {
				return s.invalid(i, `four hexadecimal digits after \u`)
			}
		}
		return i
	}
	return s.invalid(i, `one of "\/bfnrtu after a backslash`)
}

func (s *scanner) number(i int) int {
	if s.b[i] == '-' {
		i++
	}
	if s.is(i, '0') {
		i++ // nothing but 0 starts with 0
	} else if i = s.digits(i); i == failed {
		return failed
	}
	if s.is(i, '.') {
		if i = s.digits(i + 1); i == failed {
			return failed
		}
	}
	if s.is(i, 'e') || s.is(i, 'E') {
		i++
		if s.is(i, '+') || s.is(i, '-') {
			i++
		}
		return s.digits(i)
	}
	return i
}

// digits scans one or more digits.
func (s *scanner) digits(i int) int {
	if i >= len(s.b) || !isDigit(s.b[i]) {
		return s.invalid(i, "a digit")
	}
	for i < len(s.b) && isDigit(s.b[i]) {
		i++
	}
	return i
}

func (s *scanner) literal(i int, want string) int {
	for j := range len(want) {
		if !s.is(i+j, want[j]) {
			return s.invalid(i+j, want)
		}
	}
	return i + len(want)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || ('a' <= c|0x20 && c|0x20 <= 'f') }

// keyAt is a key of an object, where it is in the document, and its hash.
type keyAt struct {
	hash    uint64
	at, end int
}

var seed = maphash.MakeSeed()

// fewKeys are compared with each other, one by one. More are sorted by their hashes
// once all are known: to compare them takes no memory for each object, and no time
// that grows with their square.
const fewKeys = 16

// newKey remembers a key of the object whose keys begin at outer. It answers false,
// having failed, if the object has most keys already, or has the key among few.
func (s *scanner) newKey(outer, at, end, most int) bool {
	n := len(s.keys) - outer
	if n == most {
		s.fail(at, CodeTooManyKeys, fmt.Sprintf("an object has more than %d keys: send fewer", most))
		return false
	}
	k := keyAt{at: at, end: end}
	if text := s.b[at+1 : end-1]; bytes.IndexByte(text, '\\') < 0 {
		k.hash = maphash.Bytes(seed, text)
	} else {
		k.hash = maphash.String(seed, unquote(s.b[at:end]))
	}
	if n < fewKeys {
		for _, other := range s.keys[outer:] {
			if s.same(k, other) {
				s.twice(k)
				return false
			}
		}
	}
	if s.keys == nil {
		s.keys = make([]keyAt, 0, 8)
	}
	s.keys = append(s.keys, k)
	return true
}

// unique forgets the keys of an object that has ended. It answers false, having
// failed, if one of them is there twice.
func (s *scanner) unique(outer int) bool {
	keys := s.keys[outer:]
	s.keys = s.keys[:outer]
	if len(keys) <= fewKeys {
		return true
	}
	slices.SortFunc(keys, func(a, b keyAt) int { return cmp.Or(cmp.Compare(a.hash, b.hash), a.at-b.at) })
	var first keyAt // of those that repeat another
	for i, k := range keys {
		for j := i - 1; j >= 0 && keys[j].hash == k.hash; j-- {
			if s.same(k, keys[j]) {
				if first.end == 0 || k.at < first.at {
					first = k
				}
				break
			}
		}
	}
	if first.end == 0 {
		return true
	}
	s.twice(first)
	return false
}

func (s *scanner) same(a, b keyAt) bool {
	return a.hash == b.hash && (bytes.Equal(s.b[a.at:a.end], s.b[b.at:b.end]) || unquote(s.b[a.at:a.end]) == unquote(s.b[b.at:b.end]))
}

func (s *scanner) twice(k keyAt) {
	key := unquote(s.b[k.at:k.end])
	s.fail(k.at, CodeDuplicateKey, fmt.Sprintf("the key %.100q is there twice: send it once", key))
	s.err.Key = key
}

// inside is how many keys the objects inside of a member may have, 0 if theirs are not
// compared.
func (s *scanner) inside(at, end, depth, most int) int {
	if !s.everywhere || most == 0 {
		return 0
	}
	if depth > 1 {
		return most
	}
	switch key := unquote(s.b[at:end]); {
	case slices.Contains(s.parts.Carried, key):
		return 0
	case slices.Contains(s.parts.Large, key):
		return MaxLargeKeys
	}
	return most
}
