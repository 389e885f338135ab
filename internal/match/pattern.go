// Package match decides what an endpoint wants to hear: by event type, by
// subject, and by a pattern over the event's data. Everything is compiled once,
// when an endpoint is loaded, and is then safe for concurrent use.
package match

import "strings"

// set is a compiled list of exact strings and prefixes with a trailing *.
// Without any, it holds everything.
type set struct {
	exact    map[string]bool
	prefixes []string
}

// compile checks every pattern before it adds it to the set.
func compile(patterns []string, check func(string) error) (set, error) {
	s := set{exact: map[string]bool{}}
	for _, p := range patterns {
		if err := check(p); err != nil {
			return set{}, err
		}
		if prefix, ok := strings.CutSuffix(p, "*"); ok {
			s.prefixes = append(s.prefixes, prefix)
		} else {
			s.exact[p] = true
		}
	}
	return s, nil
}

func (s *set) match(name string) bool {
	if len(s.exact) == 0 && len(s.prefixes) == 0 {
		return true
	}
	if s.exact[name] {
		return true
	}
	for _, p := range s.prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
