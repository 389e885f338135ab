// Package idlist writes lists of ids in few bytes.
package idlist

import (
	"encoding/binary"
	"math"
	"slices"
)

// Encode writes ids, which are above 0, in their order, each as the step from the one
// before (a varint).
func Encode[T ~int64](list []T) []byte {
	if !slices.IsSorted(list) {
		list = slices.Sorted(slices.Values(list))
	}
	buf := make([]byte, 0, 3*len(list))
	last := T(0)
	for _, id := range list {
		if id > last {
			buf = binary.AppendUvarint(buf, uint64(id-last))
			last = id
		}
	}
	return buf
}

// Decode reads what Encode wrote, as far as it can be read. It answers false if that is
// not all.
func Decode[T ~int64](buf []byte) (list []T, whole bool) {
	last := T(0)
	for len(buf) > 0 {
		step, n := binary.Uvarint(buf)
		if n <= 0 || step == 0 || step > uint64(math.MaxInt64-last) {
			return list, false
		}
		buf = buf[n:]
		last += T(step)
		list = append(list, last)
	}
	return list, true
}

// After gives where in a list the ids begin that are above another one.
func After[T ~int64](list []T, id T) int {
	i, found := slices.BinarySearch(list, id)
	if found {
		i++
	}
	return i
}
