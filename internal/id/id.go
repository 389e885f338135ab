// Package id makes and prints Bellhop's identifiers: 63-bit integers that grow
// with time, shown as a prefix and 13 digits of Crockford base32.
//
// Integers, because integer keys on rowid tables tripled SQLite's throughput
// against 16-byte UUID keys; ordered by time, because then new rows land at the
// end of every table and index, "newest first" needs no extra column, and a
// range of time is a range of ids.
package id

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
)

// The 63 bits of an id, from the top: 42 bits of Unix milliseconds (until the
// year 2109), 9 bits of node, 12 bits of sequence within the millisecond.
const (
	nodeBits = 9
	seqBits  = 12

	// MaxNode is the highest node number an id can carry.
	MaxNode = 1<<nodeBits - 1

	maxMilli = 1<<(63-nodeBits-seqBits) - 1
)

// The range of times that ids can carry, and the last that is taken from a clock: the
// year that is left after it is room to count on.
var (
	endOfTime = time.UnixMilli(maxMilli + 1)
	lastClock = endOfTime.AddDate(-1, 0, 0)
)

// Kind names what an id belongs to; it is a type, so that the id of an event
// cannot be passed where the id of an endpoint is wanted.
type Kind interface{ Prefix() string }

// ID is the identifier of one object of kind K. The zero ID means "none".
type ID[K Kind] int64

// The kinds of objects that have generated ids.
type (
	Event    struct{}
	Endpoint struct{}
	Delivery struct{}
	Attempt  struct{}
	Key      struct{}
	Audit    struct{}
	Notice   struct{}
	// App is of apps whose id is generated.
	App struct{}
)

// Prefix tells whose id it is, in print.
func (Event) Prefix() string    { return "evt_" }
func (Endpoint) Prefix() string { return "ep_" }
func (Delivery) Prefix() string { return "dlv_" }
func (Attempt) Prefix() string  { return "att_" }
func (Key) Prefix() string      { return "key_" }
func (Audit) Prefix() string    { return "aud_" }
func (Notice) Prefix() string   { return "ntc_" }
func (App) Prefix() string      { return "app_" }

// String prints the id, such as "evt_01HZX3K2Q9F7A". The zero ID prints as "".
func (i ID[K]) String() string {
	if i == 0 {
		return ""
	}
	var k K
	return k.Prefix() + encode(int64(i))
}

// Time is the moment the id was made, in UTC, to the millisecond.
func (i ID[K]) Time() time.Time {
	return time.UnixMilli(int64(i) >> (nodeBits + seqBits)).UTC()
}

// AppendText appends what String gives.
func (i ID[K]) AppendText(b []byte) ([]byte, error) {
	if i == 0 {
		return b, nil
	}
	var k K
	digits := digitsOf(int64(i))
	return append(append(b, k.Prefix()...), digits[:]...), nil
}

// MarshalText prints the id as String does.
func (i ID[K]) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads what MarshalText printed; empty text is the zero ID.
func (i *ID[K]) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*i = 0
		return nil
	}
	v, err := Parse[K](string(b))
	if err != nil {
		return err
	}
	*i = v
	return nil
}

// Parse reads a printed id of kind K. Letters may be of either case, and the
// look-alikes O, I and L are read as 0, 1 and 1, as Crockford asks.
func Parse[K Kind](s string) (ID[K], error) {
	var k K
	digits, ok := strings.CutPrefix(s, k.Prefix())
	if !ok {
		return 0, fmt.Errorf("%q is not an id of this kind: it must begin with %q", clip(s), k.Prefix())
	}
	v, err := decode(digits)
	if err != nil {
		return 0, fmt.Errorf("%q is not an id: %w", clip(s), err)
	}
	return ID[K](v), nil
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// First is the lowest id that can be made at t or later: a bound for a range of
// time over a column of ids. Times before the first id have the lowest bound there is,
// and times after the last one the highest.
func First[K Kind](t time.Time) ID[K] {
	switch {
	case !t.Before(endOfTime):
		return math.MaxInt64
	case t.Unix() < 0:
		return 0
	}
	ms := t.UnixMilli()
	// A partial millisecond belongs to the one after it.
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		if ms++; ms > maxMilli {
			return math.MaxInt64
		}
	}
	return ID[K](ms << (nodeBits + seqBits))
}

// NodeOf is the number of the node that made an id.
func NodeOf[K Kind](i ID[K]) int { return int(i >> seqBits & MaxNode) }

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// length is how many base32 digits hold 63 bits.
const length = 13

func encode(v int64) string {
	b := digitsOf(v)
	return string(b[:])
}

func digitsOf(v int64) (b [length]byte) {
	for i := length - 1; i >= 0; i-- {
		b[i] = alphabet[v&31]
		v >>= 5
	}
	return b
}

var errDigits = errors.New("after the prefix come 13 digits of Crockford base32")

func decode(s string) (int64, error) {
	if len(s) != length {
		return 0, errDigits
	}
	var v int64
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		switch c {
		case 'O':
			c = '0'
		case 'I', 'L':
			c = '1'
		}
		d := strings.IndexByte(alphabet, c)
		if d < 0 {
			return 0, errDigits
		}
		// 13 digits hold 65 bits: what would overflow 63 is no id of ours.
		if i == 0 && d > 7 {
			return 0, errDigits
		}
		v = v<<5 | int64(d)
	}
	if v == 0 {
		return 0, errDigits
	}
	return v, nil
}

// Generator makes ids that only ever grow. It is safe for concurrent use.
type Generator struct {
	mu   sync.Mutex
	node int64
	last int64
}

// NewGenerator makes ids for the given node (0 … MaxNode), all of them above
// floor: pass the highest id stored so far, so that a clock that was set back
// across a restart cannot make an id twice.
func NewGenerator(node int, floor int64) *Generator {
	return &Generator{node: int64(node) & MaxNode, last: floor}
}

// next makes an id for the time now, or for the last that an id can carry. When the clock stands still or goes back,
// or 4096 ids were made in this millisecond, it counts on from the last id.
func (g *Generator) next(now time.Time) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count(now)
}

// count is next, for who holds the lock.
func (g *Generator) count(now time.Time) int64 {
	if now.After(lastClock) {
		now = lastClock
	}
	v := max(now.UnixMilli(), 0)<<(nodeBits+seqBits) | g.node<<seqBits
	if v <= g.last {
		ms, seq := g.last>>(nodeBits+seqBits), g.last&(1<<seqBits-1)
		if seq++; seq == 1<<seqBits {
			ms, seq = ms+1, 0
		}
		v = ms<<(nodeBits+seqBits) | g.node<<seqBits | seq
		if v <= g.last { // the floor came from a node with a higher number
			v = (ms+1)<<(nodeBits+seqBits) | g.node<<seqBits
		}
	}
	if v == 0 {
		v = 1
	}
	g.last = v
	return v
}

// Next makes the next id of kind K.
func Next[K Kind](g *Generator, now time.Time) ID[K] { return ID[K](g.next(now)) }

// Take makes the next n ids of kind K at once, none of another kind between them: a
// step that needs many does not ask for the lock each time.
func Take[K Kind](g *Generator, n int, now time.Time) []ID[K] {
	if n <= 0 {
		return nil
	}
	list := make([]ID[K], n)
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range list {
		list[i] = ID[K](g.count(now))
	}
	return list
}
