package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// significant is the probability below which a difference is not taken for chance.
const significant = 0.05

// compareFiles says what has changed from one run to another: of figures that have a limit,
// the ratio to it, since machines differ and have moods.
func compareFiles(w io.Writer, oldPath, newPath string) error {
	before, err := loadResults(oldPath)
	if err != nil {
		return err
	}
	after, err := loadResults(newPath)
	if err != nil {
		return err
	}
	p := &printer{w: w}
	p.line("old: %s, %d rounds, %s", before.Commit, before.Rounds, before.Machine)
	p.line("new: %s, %d rounds, %s", after.Commit, after.Rounds, after.Machine)
	p.line("")
	p.line("%-42s %-12s %20s %20s %9s", "", "", "old", "new", "change")
	olds, news := before.inOrder(), after.inOrder()
	for _, f := range news {
		if b := keyed(olds, f.Key); b != nil {
			p.compared(b, f)
		} else {
			p.line("%-42s %-12s %20s %20s %9s", fitted(f.Title, 42), f.judgedUnit(), "", interval(f.judged()), "new only")
		}
	}
	for _, b := range olds {
		if keyed(news, b.Key) == nil {
			p.line("%-42s %-12s %20s %20s %9s", fitted(b.Title, 42), b.judgedUnit(), interval(b.judged()), "", "old only")
		}
	}
	p.comparedSpending(before.Spending, after.Spending)
	return p.err
}

// keyed finds a figure; nil: it is not there.
func keyed(list []*figure, key string) *figure {
	if i := slices.IndexFunc(list, func(f *figure) bool { return f.Key == key }); i >= 0 {
		return list[i]
	}
	return nil
}

// compared writes a figure that is in both files.
func (p *printer) compared(b, f *figure) {
	olds, news, unit := b.judged(), f.judged(), f.judgedUnit()
	if len(f.Limits) == 0 != (len(b.Limits) == 0) {
		olds, news, unit = b.Values, f.Values, f.Unit
	}
	title := f.Title
	if b.Title != f.Title { // of other sizes
		p.line("%s (old: %s)", f.Title, strings.TrimSpace(b.Title))
		title = ""
	}
	p.line("%-42s %-12s %20s %20s %9s %s", fitted(title, 42), unit, interval(olds), interval(news), change(olds, news), verdict(olds, news, f.LowerIsBetter))
}

// comparedSpending writes what a delivery costs.
func (p *printer) comparedSpending(before, after []*spending) {
	in := func(list []*spending, key string) int {
		return slices.IndexFunc(list, func(s *spending) bool { return s.Key == key })
	}
	var alone []string
	for _, s := range after {
		i := in(before, s.Key)
		if i < 0 {
			alone = append(alone, fmt.Sprintf("%s, a delivery: new only", strings.TrimSpace(s.Title)))
			continue
		}
		p.line("")
		p.line("%s, a delivery", strings.TrimSpace(s.Title))
		for _, c := range columns {
			olds, news := before[i].Values[c.name], s.Values[c.name]
			if median(olds) == 0 && median(news) == 0 {
				continue
			}
			p.line("%-42s %-12s %20s %20s %9s %s", "  "+c.long, c.unit, interval(olds), interval(news), change(olds, news), verdict(olds, news, c.name != "share"))
		}
	}
	for _, s := range before {
		if in(after, s.Key) < 0 {
			alone = append(alone, fmt.Sprintf("%s, a delivery: old only", strings.TrimSpace(s.Title)))
		}
	}
	if len(alone) > 0 {
		p.line("")
	}
	for _, text := range alone {
		p.line("%s", text)
	}
}

// judgedUnit says what judged gives.
func (f *figure) judgedUnit() string {
	if len(f.Limits) > 0 {
		return "ratio"
	}
	return f.Unit
}

// interval is a median with how far it may be off: the half of the interval that holds the
// true one with a probability of 95 %, as benchstat has it. From fewer than six values there
// is no such interval, and it is how far they lie apart.
func interval(values []float64) string {
	m := median(values)
	if m == 0 || len(values) == 1 {
		return short(m)
	}
	low, high := bounds(values)
	return fmt.Sprintf("%s ±%3.0f%%", short(m), 100*max(m-low, high-m)/m)
}

// bounds are those of the interval, by the ranks that a median of so many values has.
func bounds(values []float64) (low, high float64) {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	// With probability outside/2^n, fewer than k of n values are below the median, or above.
	outside, term, all := 0.0, 1.0, 1.0
	for range n {
		all *= 2
	}
	k := 0
	for ; k < n/2; k++ {
		if outside+2*term > significant*all {
			break
		}
		outside += 2 * term
		term = term * float64(n-k) / float64(k+1)
	}
	k = max(k, 1)
	return sorted[k-1], sorted[n-k]
}

// change is that of the median, or "~" where it may be chance.
func change(before, after []float64) string {
	if chance(before, after) >= significant || median(before) == 0 {
		return "~"
	}
	return fmt.Sprintf("%+.1f%%", 100*(median(after)/median(before)-1))
}

// verdict says of a change that is none of chance whether it is for the better.
func verdict(before, after []float64, lowerIsBetter bool) string {
	p := chance(before, after)
	if p >= significant {
		return fmt.Sprintf("(p=%.3f)", p)
	}
	if (median(after) < median(before)) == lowerIsBetter {
		return fmt.Sprintf("better (p=%.3f)", p)
	}
	return fmt.Sprintf("WORSE (p=%.3f)", p)
}

// chance is how probable it is that values which differ by nothing but chance differ as
// much (Mann and Whitney's U, exactly unless there are very many; ties count half).
func chance(before, after []float64) float64 {
	n, m := len(before), len(after)
	if n == 0 || m == 0 {
		return 1
	}
	u := 0.0
	for _, b := range before {
		for _, a := range after {
			switch {
			case a > b:
				u++
			case a == b:
				u += 0.5
			}
		}
	}
	if n*m > mostExact {
		return nearly(before, after, u)
	}
	// ways[i][u] is in how many orders of i old and some new values U is u.
	ways := make([][]float64, n+1)
	for i := range ways {
		ways[i] = make([]float64, n*m+1)
		ways[i][0] = 1
	}
	for j := 1; j <= m; j++ {
		for i := 1; i <= n; i++ {
			// The largest is an old value, with no new one above it; or a new one, above all i old ones.
			next := make([]float64, n*m+1)
			copy(next, ways[i-1]) // of i-1 old and j new
			for u := i; u <= n*m; u++ {
				next[u] += ways[i][u-i] // of i old and j-1 new
			}
			ways[i] = next
		}
	}
	all, extreme := 0.0, 0.0
	middle := float64(n*m) / 2
	for v, count := range ways[n] {
		all += count
		if abs(float64(v)-middle) >= abs(u-middle) {
			extreme += count
		}
	}
	return extreme / all
}

// mostExact is for how many pairs chance counts all orders: for ten times as many, it would
// take a hundred times the memory and a thousand times as long.
const mostExact = 10_000

// nearly is chance of so many values that U is normally distributed, with the correction
// for ties and that for steps of one.
func nearly(before, after []float64, u float64) float64 {
	n, m := float64(len(before)), float64(len(after))
	all := slices.Sorted(slices.Values(slices.Concat(before, after)))
	ties := 0.0
	for i := 0; i < len(all); {
		from := i
		for i < len(all) && all[i] == all[from] {
			i++
		}
		t := float64(i - from)
		ties += t*t*t - t
	}
	variance := n * m / 12 * (n + m + 1 - ties/((n+m)*(n+m-1)))
	if variance <= 0 { // all are the same
		return 1
	}
	return math.Erfc(max(abs(u-n*m/2)-0.5, 0) / math.Sqrt(2*variance))
}

func abs(v float64) float64 { return max(v, -v) }
