// Package suggest finds what was probably meant by a name that nobody knows.
package suggest

// Nearest gives the known name that is the fewest typing errors away, or "" if none
// is near: two errors may be in any name, and one more in every eight letters. The
// first of several that are equally near counts.
func Nearest(name string, known []string) string {
	best, at := "", 3+len(name)/8
	for _, k := range known {
		if len(k)-len(name) >= at || len(name)-len(k) >= at {
			continue // each letter too many or too few is an error
		}
		// Two errors make another word of a short one.
		if d := distance(name, k); d < at && d < len(k) {
			best, at = k, d
		}
	}
	return best
}

// distance is how many bytes must be put in, taken out, changed or swapped with
// their neighbour to make one text of the other (optimal string alignment).
func distance(a, b string) int {
	before, last, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(last[j]+1, next[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, last, next = last, next, before
	}
	return last[len(b)]
}
