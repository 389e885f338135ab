package main

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Each power of two is cut into 64 bins of equal width: what is said of a value is off by
// less than a hundredth.
const (
	binBits = 6
	allBins = (64 - binBits) << binBits
)

// histogram counts times, from any number of goroutines at once. Its zero value is empty.
type histogram struct {
	bins    [allBins]atomic.Int64
	longest atomic.Int64
}

// binOf: times below 128 ns have a bin of their own.
func binOf(ns int64) int {
	shift := max(bits.Len64(uint64(ns))-binBits-1, 0)
	return shift<<binBits + int(ns>>shift)
}

// middleOf is the time that stands for all in a bin.
func middleOf(bin int) time.Duration {
	shift := max(bin>>binBits-1, 0)
	low := int64(bin-shift<<binBits) << shift
	return time.Duration(low + (int64(1)<<shift-1)/2)
}

func (h *histogram) add(d time.Duration) {
	ns := max(int64(d), 0)
	h.bins[min(binOf(ns), allBins-1)].Add(1)
	for {
		longest := h.longest.Load()
		if ns <= longest || h.longest.CompareAndSwap(longest, ns) {
			return
		}
	}
}

func (h *histogram) reset() {
	for i := range h.bins {
		h.bins[i].Store(0)
	}
	h.longest.Store(0)
}

// latency sums up a distribution of times.
type latency struct {
	Count int64         `json:"count"`
	P50   time.Duration `json:"p50"`
	P99   time.Duration `json:"p99"`
	P999  time.Duration `json:"p999"`
	Max   time.Duration `json:"max"`
}

func (h *histogram) latency() latency {
	l := latency{Max: time.Duration(h.longest.Load())}
	for i := range h.bins {
		l.Count += h.bins[i].Load()
	}
	at := func(share float64) time.Duration {
		rank, sum := int64(share*float64(l.Count)), int64(0)
		for i := range h.bins {
			if sum += h.bins[i].Load(); sum > rank {
				return min(middleOf(i), l.Max)
			}
		}
		return l.Max
	}
	if l.Count > 0 {
		l.P50, l.P99, l.P999 = at(0.5), at(0.99), at(0.999)
	}
	return l
}
