package postgres

import (
	"strings"
	"unicode/utf8"
)

// storable is a text as a column can hold it. What comes from receivers and publishers may
// have bytes that are no UTF-8, or NUL, which PostgreSQL does not take: they become the
// replacement character, in what is stored as in what is looked for.
func storable(s string) string {
	if strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func storableList(list []string) []string {
	for i, s := range list {
		clean := storable(s)
		if clean != s {
			list = append([]string{}, list...) // it is the caller's
			for ; i < len(list); i++ {
				list[i] = storable(list[i])
			}
			break
		}
	}
	return list
}
