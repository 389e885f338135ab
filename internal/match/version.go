package match

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// versionParts are the numbers in a version, and what is between them.
var versionParts = regexp.MustCompile(`[0-9]+|[^0-9]+`)

// CompareVersions tells which of two versions of a schema is the higher one: by the numbers
// in them, so that 10 and v10 are above 9 and v9. Words, such as draft, are below numbers.
func CompareVersions(x, y string) int {
	parts := func(v string) []string { return versionParts.FindAllString(strings.TrimLeft(v, "vV"), -1) }
	return cmp.Or(slices.CompareFunc(parts(x), parts(y), compareParts), strings.Compare(x, y))
}

func compareParts(x, y string) int {
	switch isNumber(x) - isNumber(y) {
	case 1:
		return 1
	case -1:
		return -1
	}
	if isNumber(x) == 1 {
		x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y))
	}
	return strings.Compare(x, y)
}

// isNumber is 1 for a part that is a number, and else 0.
func isNumber(part string) int {
	if '0' <= part[0] && part[0] <= '9' {
		return 1
	}
	return 0
}
