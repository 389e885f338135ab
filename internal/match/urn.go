package match

import (
	"fmt"
	"slices"
	"strings"
)

// urns is how the URNs begin that Allthings' documentation has for what happens in an
// app: urn:allthings:app:APP:SUBJECT. Of a URN, scheme and namespace may be in any case
// (RFC 8141, section 3.1).
const (
	namespace = "urn:allthings:"
	urns      = namespace + "app:"
)

// CutURN takes a URN pattern apart into the app and the pattern of subjects that it
// names; ok is false if it is none.
func CutURN(pattern string) (app, subject string, ok bool) {
	if len(pattern) < len(urns) || !strings.EqualFold(pattern[:len(namespace)], namespace) || pattern[len(namespace):len(urns)] != "app:" {
		return "", "", false
	}
	app, subject, ok = strings.Cut(pattern[len(urns):], ":")
	return app, subject, ok && app != "" && subject != "" && !strings.Contains(app, "*")
}

// CheckURN says what is wrong with a pattern that is meant as a URN.
func CheckURN(pattern string) error {
	if len(pattern) < len(namespace) || !strings.EqualFold(pattern[:len(namespace)], namespace) {
		return nil
	}
	_, subject, ok := CutURN(pattern)
	if !ok {
		return fmt.Errorf("subject pattern %q names no app and subject: write %sAPP:SUBJECT, or %sAPP:* for all of an app", pattern, urns, urns)
	}
	return checkPlainPattern(subject)
}

// CompileSubjectsOf compiles the patterns as they hold for the events of one app: its
// URNs with the others, while URNs of other apps match nothing there.
func CompileSubjectsOf(app string, patterns []string) (Subjects, error) {
	var own []string
	for _, p := range patterns {
		of, subject, isURN := CutURN(p)
		switch {
		case !isURN:
			own = append(own, p)
		case of == app:
			// Who publishes the whole URN as a subject means the same.
			own = append(own, subject, urns+app+":"+subject)
		}
	}
	s, err := CompileSubjects(own)
	s.none = len(patterns) > 0 && len(own) == 0
	return s, err
}

// SubjectsOf are those of the patterns that can match a subject of the app.
func SubjectsOf(app string, patterns []string) (own []string) {
	for _, p := range patterns {
		if of, _, isURN := CutURN(p); !isURN || of == app {
			own = append(own, p)
		}
	}
	return own
}

// WithoutURNs are the patterns without the URNs of apps that are gone.
func WithoutURNs(patterns []string, gone func(app string) bool) []string {
	return slices.DeleteFunc(slices.Clone(patterns), func(p string) bool {
		app, _, ok := CutURN(p)
		return ok && gone(app)
	})
}
