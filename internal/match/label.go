package match

import (
	"fmt"
	"slices"
	"strings"
)

// The longest channel or tag, and the longest uid, in bytes.
const (
	MaxLabel = 128
	MaxUID   = 256
)

// CheckLabel tells whether label can be a channel or a tag, which is what: 1 to 128 ASCII
// letters, digits, hyphens, underscores, dots and colons, such as "project:7".
func CheckLabel(what, label string) error {
	return checkName(what, label, MaxLabel, ":", "letters, digits, hyphens, underscores, dots and colons")
}

// CheckUID tells whether uid can be the id that a platform gives an object: 1 to 256 ASCII
// letters, digits, hyphens, underscores and dots, which fit a URL's path as they are; not dots
// alone, which are steps in a path.
func CheckUID(what, uid string) error {
	if uid != "" && strings.Trim(uid, ".") == "" {
		return fmt.Errorf("%s has nothing but dots, which no path can name: use letters or digits, too", what)
	}
	return checkName(what, uid, MaxUID, "", "letters, digits, hyphens, underscores and dots")
}

func checkName(what, name string, most int, besides, use string) error {
	if name == "" {
		return fmt.Errorf("%s is empty: give one of %s, or leave it out", what, use)
	}
	if len(name) > most {
		return fmt.Errorf("%s has %d bytes: shorten it to %d", what, len(name), most)
	}
	for _, r := range name {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '-', r == '_':
		case besides != "" && string(r) == besides:
		default:
			return fmt.Errorf("%s %q contains %q: use only %s", what, name, r, use)
		}
	}
	return nil
}

// LabelSet gives a list of labels as a set: sorted, each once. It leaves the list as it is.
func LabelSet(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(list)))
}
