package histogram

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func random(r *rand.Rand) int64 { return int64(math.Exp(r.Float64() * 43)) }

func TestQuantilesAreClose(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 10, 1000, 50_000} {
		var h Histogram
		var values []int64
		for range n {
			v := random(r)
			values = append(values, v)
			h.Add(v)
		}
		slices.Sort(values)
		for _, q := range []float64{0.001, 0.5, 0.95, 0.99, 1} {
			want := values[max(int(math.Ceil(q*float64(n))), 1)-1]
			if got := h.Quantile(q); math.Abs(float64(got-want)) > float64(want)/32 {
				t.Errorf("of %d values, quantile %v is %d, want %d", n, q, got, want)
			}
		}
		if h.Count() != uint64(n) {
			t.Errorf("counted %d of %d", h.Count(), n)
		}
	}
}

func TestEveryValueHasItsBin(t *testing.T) {
	last := uint16(0)
	for shift := range 63 {
		for _, v := range []int64{1<<shift - 1, 1 << shift, 1<<shift + 1<<shift/3, 1<<shift + 1<<shift/2} {
			number := binOf(v)
			if number < last || number > maxBin {
				t.Errorf("%d is in bin %d, after bin %d", v, number, last)
			}
			last = number
			if m := middle(number); binOf(m) != number || math.Abs(float64(m-v)) > float64(v)/32 {
				t.Errorf("bin %d of %d has the middle %d", number, v, m)
			}
		}
	}
	if binOf(math.MaxInt64) != maxBin {
		t.Errorf("the last bin is %d", binOf(math.MaxInt64))
	}
	var h Histogram
	h.Add(-5)
	if h.Quantile(0.5) != 0 || new(Histogram).Quantile(0.99) != 0 {
		t.Error("what is below 0 counts as 0, and nothing has quantile 0")
	}
}

func TestMergingLosesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var whole, merged, decoded Histogram
	for range 20 {
		var part Histogram
		for range r.IntN(100) {
			v := random(r)
			whole.Add(v)
			part.Add(v)
		}
		merged.Merge(&part)
		if err := decoded.MergeEncoded(part.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	for name, h := range map[string]*Histogram{"merged": &merged, "decoded": &decoded} {
		if !slices.Equal(h.filled, whole.filled) || h.count != whole.count {
			t.Errorf("%s: %d values in %d bins, want %d in %d", name, h.count, len(h.filled), whole.count, len(whole.filled))
		}
	}
}

func FuzzMergeEncoded(f *testing.F) {
	var h Histogram
	h.Add(0)
	h.Add(120_000)
	h.Add(120_000)
	f.Add(h.Append(nil))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var h Histogram
		if err := h.MergeEncoded(b); err != nil {
			if h.Count() != 0 {
				t.Errorf("damaged, and counted %d", h.Count())
			}
			return
		}
		var again Histogram
		if err := again.MergeEncoded(h.Append(nil)); err != nil || !slices.Equal(again.filled, h.filled) {
			t.Errorf("%v: %v, want %v", err, again.filled, h.filled)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	values := make([]int64, 4096)
	for i := range values {
		values[i] = int64(20_000 * math.Exp(r.NormFloat64()))
	}
	var h Histogram
	for i := 0; b.Loop(); i++ {
		h.Add(values[i%len(values)])
	}
}
