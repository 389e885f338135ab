package sim

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// trace is what has happened, as a hash of all and as the lines of the end. Lines are
// put into words only when somebody reads them.
type trace struct {
	out   io.Writer // gets every line, if not nil
	hash  uint64
	count int
	tail  [traceTail]line
	names map[int64]string
}

// traceTail is how many lines are kept to explain a broken promise.
const traceTail = 150

// line is one thing that happened: at which node, to which endpoint, and to which delivery
// or event (0: none).
type line struct {
	at       time.Duration
	node     int64
	what     string
	endpoint int64
	of       int64
	note     string
}

func newTrace(out io.Writer) trace {
	return trace{out: out, hash: 14695981039346656037, names: map[int64]string{}}
}

// name gives an id a short name, for people: in order of appearance.
func (t *trace) name(prefix string, id int64) {
	if _, known := t.names[id]; !known {
		t.names[id] = fmt.Sprintf("%s%d", prefix, len(t.names)+1)
	}
}

func (t *trace) add(l line) {
	t.mix(uint64(l.at))
	t.mix(uint64(l.node))
	t.mix(uint64(l.endpoint))
	t.mix(uint64(l.of))
	for i := range len(l.what) {
		t.mix(uint64(l.what[i]))
	}
	for i := range len(l.note) {
		t.mix(uint64(l.note[i]))
	}
	t.tail[t.count%traceTail] = l
	t.count++
	if t.out != nil {
		fmt.Fprintln(t.out, t.text(l))
	}
}

// detail adds what only a reader of the whole trace wants to know.
func (t *trace) detail(f func() string) {
	if t.out != nil {
		fmt.Fprintln(t.out, strings.Repeat(" ", 36), f())
	}
}

// mix is a step of FNV-1a, of words instead of bytes.
func (t *trace) mix(x uint64) {
	t.hash = (t.hash ^ x) * 1099511628211
	t.hash ^= t.hash >> 29
}

func (t *trace) text(l line) string {
	var b strings.Builder
	by := ""
	if l.node != 0 {
		by = fmt.Sprintf("n%d", l.node)
	}
	fmt.Fprintf(&b, "%12.4f %3s  %-22s", l.at.Seconds(), by, l.what)
	for _, id := range []int64{l.endpoint, l.of} {
		if id != 0 {
			fmt.Fprintf(&b, " %s", t.of(id))
		}
	}
	if l.note != "" {
		fmt.Fprintf(&b, "  %s", l.note)
	}
	return b.String()
}

func (t *trace) of(id int64) string {
	if name, ok := t.names[id]; ok {
		return name
	}
	return fmt.Sprintf("#%d", id)
}

// end is the last lines.
func (t *trace) end() string {
	var b strings.Builder
	if t.count > traceTail {
		fmt.Fprintf(&b, "… %d lines before these\n", t.count-traceTail)
	}
	for i := max(0, t.count-traceTail); i < t.count; i++ {
		b.WriteString(t.text(t.tail[i%traceTail]))
		b.WriteByte('\n')
	}
	return b.String()
}
