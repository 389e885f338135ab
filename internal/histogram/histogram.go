// Package histogram counts values by their magnitude, so that percentiles of many
// histograms together are as good as those of one: merging loses nothing.
package histogram

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
)

// Each power of two is cut into 16 bins of equal width: a value differs from the
// middle of its bin by 1/32 of itself at most.
const (
	binBits = 4
	bins    = 1 << binBits
	maxBin  = (63-binBits-1)*bins + 2*bins - 1
)

// Histogram counts values from 0 up. Its zero value is empty.
type Histogram struct {
	// filled are the bins that have values, in order. Most histograms have few.
	filled []bin
	count  uint64
}

type bin struct {
	number uint16
	count  uint64
}

// binOf: values below 2*bins have a bin of their own.
func binOf(v int64) uint16 {
	shift := max(bits.Len64(uint64(v))-binBits-1, 0)
	return uint16(shift*bins + int(v>>shift))
}

// middle is the value that stands for all in a bin.
func middle(number uint16) int64 {
	shift := max(int(number)/bins-1, 0)
	low := int64(int(number)-shift*bins) << shift
	return low + int64(1)<<shift/2
}

// Add counts a value; below 0 it counts as 0.
func (h *Histogram) Add(v int64) { h.add(bin{binOf(max(v, 0)), 1}) }

func (h *Histogram) add(b bin) {
	h.count += b.count
	// Written out, because it runs for every attempt that is counted.
	low, high := 0, len(h.filled)
	for low < high {
		if mid := (low + high) / 2; h.filled[mid].number < b.number {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(h.filled) && h.filled[low].number == b.number {
		h.filled[low].count += b.count
		return
	}
	h.filled = slices.Insert(h.filled, low, b)
}

// Merge adds all that o counted.
func (h *Histogram) Merge(o *Histogram) {
	for _, b := range o.filled {
		h.add(b)
	}
}

// Count is how many values were added.
func (h *Histogram) Count() uint64 { return h.count }

// Quantile is the value that the share q (0 … 1) of all values does not exceed,
// within 1/32 of itself; 0 if there are none.
func (h *Histogram) Quantile(q float64) int64 {
	rank := max(uint64(math.Ceil(q*float64(h.count))), 1)
	for _, b := range h.filled {
		if b.count >= rank {
			return middle(b.number)
		}
		rank -= b.count
	}
	return 0
}

// Append writes h in a compact form: for each bin that has values, the step from
// the bin before it, and how many it has. An empty histogram is no bytes.
func (h *Histogram) Append(buf []byte) []byte {
	last := uint64(0)
	for _, b := range h.filled {
		buf = binary.AppendUvarint(buf, uint64(b.number)-last)
		buf = binary.AppendUvarint(buf, b.count)
		last = uint64(b.number)
	}
	return buf
}

var errDamaged = errors.New("histogram: not what Append wrote")

// MergeEncoded adds what Append wrote; where that is damaged, it adds nothing.
func (h *Histogram) MergeEncoded(buf []byte) error {
	if err := check(buf); err != nil {
		return err
	}
	number := uint64(0)
	for len(buf) > 0 {
		step, n := binary.Uvarint(buf)
		count, m := binary.Uvarint(buf[n:])
		buf = buf[n+m:]
		number += step
		h.add(bin{uint16(number), count})
	}
	return nil
}

func check(buf []byte) error {
	number := uint64(0)
	for first := true; len(buf) > 0; first = false {
		step, n := binary.Uvarint(buf)
		if n <= 0 || step > maxBin || step == 0 && !first {
			return errDamaged
		}
		count, m := binary.Uvarint(buf[n:])
		if number += step; m <= 0 || count == 0 || number > maxBin {
			return errDamaged
		}
		buf = buf[n+m:]
	}
	return nil
}
