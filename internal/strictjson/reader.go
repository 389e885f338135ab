package strictjson

import (
	"bytes"
	"unicode/utf8"
	"unsafe"
)

// Value is JSON text that was scanned and is valid as [Valid] wants it: only this package
// makes one, so that whoever gets it need not look at the text again.
type Value struct{ text []byte }

// Bytes is the text, a part of the document that it was found in.
func (v Value) Bytes() []byte { return v.text }

// Is tells whether b is this very text: not only equal to it, but the same memory.
func (v Value) Is(b []byte) bool {
	return len(b) > 0 && len(b) == len(v.text) && unsafe.SliceData(b) == unsafe.SliceData(v.text)
}

// Reader goes once through a document whose shape is known, and validates it on the way
// as [Members] does. It finds the parts without a copy and without an allocation.
//
// It is for what documents are as a rule. Where one is not so, be it for a fault or for an
// escape in a name, the methods answer nothing from then on, and [Reader.End] false:
// Members and the like then tell what there is.
type Reader struct {
	s     scanner
	i     int // where it is; failed
	depth int
}

// NewReader begins to read a document.
func NewReader(b []byte) Reader {
	r := Reader{s: scanner{b: b}}
	if !utf8.Valid(b) {
		r.i = failed
		return r
	}
	r.i = r.s.space(0)
	return r
}

// Open goes into an object ('{') or an array ('['). One that is empty is not as it is
// as a rule.
func (r *Reader) Open(bracket byte) bool {
	if r.i == failed || !r.s.is(r.i, bracket) {
		r.i = failed
		return false
	}
	r.i, r.depth = r.s.space(r.i+1), r.depth+1
	return true
}

// More goes on to the next member or element, or behind the closing bracket: then it
// answers false.
func (r *Reader) More(closing byte) bool {
	if r.i == failed {
		return false
	}
	i := r.s.space(r.i)
	switch {
	case r.s.is(i, ','):
		r.i = r.s.space(i + 1)
		return true
	case r.s.is(i, closing):
		r.i, r.depth = i+1, r.depth-1
	default:
		r.i = failed
	}
	return false
}

// Key gives the name of the next member, a part of the document, and goes on to its value.
func (r *Reader) Key() []byte {
	if r.i == failed || !r.s.is(r.i, '"') {
		r.i = failed
		return nil
	}
	begin := r.i
	end := r.s.string(begin)
	if end == failed {
		r.i = failed
		return nil
	}
	colon := r.s.space(end)
	key := r.s.b[begin+1 : end-1]
	if !r.s.is(colon, ':') || bytes.IndexByte(key, '\\') >= 0 {
		r.i = failed
		return nil
	}
	r.i = r.s.space(colon + 1)
	return key
}

// Value goes over the next value, whatever it is.
func (r *Reader) Value() Value {
	if r.i == failed {
		return Value{}
	}
	begin := r.i
	if r.i = r.s.value(begin, r.depth+1, 0); r.i == failed {
		return Value{}
	}
	return Value{r.s.b[begin:r.i:r.i]}
}

// End tells whether the document ended here, and was as expected.
func (r *Reader) End() bool {
	return r.i != failed && r.s.space(r.i) == len(r.s.b)
}
