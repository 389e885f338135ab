package match

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxSubject is the longest subject and subject pattern, in bytes.
const MaxSubject = 256

// CheckSubject tells whether subject can be an event's subject: 1 to 256 bytes of
// printable UTF-8, such as "ticket:damage-report:42". Control characters, line
// breaks, invisible characters and spaces other than the plain one are refused,
// because subjects end up in headers, logs and tables. (An event may have no
// subject; do not check the empty string then.)
func CheckSubject(subject string) error {
	return checkSubject("subject", subject)
}

// CheckSubjectPattern tells whether pattern can stand in an endpoint's list of
// subjects: an exact subject, or the beginning of subjects followed by one *; either
// may be the tail of a URN, as CutURN has it. A subject that itself contains a * can
// be matched by its beginning only.
func CheckSubjectPattern(pattern string) error {
	if _, _, ok := CutURN(pattern); ok {
		return CheckURN(pattern)
	}
	return checkPlainPattern(pattern)
}

func checkPlainPattern(pattern string) error {
	if err := checkSubject("subject pattern", pattern); err != nil {
		return err
	}
	if strings.Contains(strings.TrimSuffix(pattern, "*"), "*") {
		return fmt.Errorf("subject pattern %q has a * that is not at its end: leave it out, or end the pattern there", pattern)
	}
	return nil
}

func checkSubject(what, s string) error {
	if s == "" {
		return fmt.Errorf("%s is empty: give one such as ticket:42, or leave it out", what)
	}
	if len(s) > MaxSubject {
		return fmt.Errorf("%s has %d bytes: shorten it to %d", what, len(s), MaxSubject)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s %q is not UTF-8: encode it as UTF-8", what, s)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%s %q contains %q: use only printable characters", what, s, r)
		}
	}
	return nil
}

// Subjects is a compiled list of subject patterns. The zero Subjects matches
// every event.
type Subjects struct {
	set set
	// none matches no event: there were patterns, but none for the app.
	none bool
}

// CompileSubjects compiles patterns; an empty list matches every event. The error
// is that of CheckSubjectPattern.
func CompileSubjects(patterns []string) (Subjects, error) {
	s, err := compile(patterns, CheckSubjectPattern)
	return Subjects{set: s}, err
}

// Match tells whether one of the patterns is, or covers, subject. An event
// without a subject, "", is covered by "*" only.
func (s Subjects) Match(subject string) bool { return !s.none && s.set.match(subject) }
