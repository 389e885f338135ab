package api

import (
	"github.com/bellhop/bellhop"
)

// unknown is the error for a name that is not known, with the known name that was
// probably meant.
func unknown(name, detail string, known []string) bellhop.FieldError {
	if near := nearest(name, known); near != "" {
		detail += `; did you mean "` + near + `"?`
	}
	return bellhop.FieldError{Field: clip(name), Code: "unknown_field", Detail: detail}
}

// nearest gives the known name that is at most two typing errors away, or "".
func nearest(name string, known []string) string {
	best, bestDistance := "", 3
	for _, k := range known {
		// Two errors make another word of a short one.
		if d := distance(name, k); d < bestDistance && d < len(k) {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance counts the insertions, deletions and replacements of bytes that turn
// a into b; names of very different length are just far away.
func distance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 3
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
