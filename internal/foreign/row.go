package foreign

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bellhop/bellhop"
)

// Row is a row of a query, which holds until the next one. Nothing is expected of its values: what
// is wrong with one is an error that says what, in words that follow on the object's name.
type Row struct {
	columns map[string]int
	values  [][]byte
}

// Null tells whether a column has no value.
func (r Row) Null(column string) bool { return r.values[r.columns[column]] == nil }

// Text is a column's text; "" if it has no value.
func (r Row) Text(column string) (string, error) {
	v := r.values[r.columns[column]]
	if !utf8.Valid(v) {
		return "", fmt.Errorf("its %s is not valid UTF-8", column)
	}
	return string(v), nil
}

// Need is Text of a column that must have some.
func (r Row) Need(column string) (string, error) {
	text, err := r.Text(column)
	if err == nil && text == "" {
		err = fmt.Errorf("it has no %s", column)
	}
	return text, err
}

// Name is what an object is called in a report whatever its columns have: the first that has a
// text.
func (r Row) Name(columns ...string) string {
	for _, column := range columns {
		if v := r.values[r.columns[column]]; len(v) > 0 {
			return strings.ToValidUTF8(string(v), "\ufffd")
		}
	}
	return "without a name"
}

// Bool is a column that must say yes or no.
func (r Row) Bool(column string) (bool, error) {
	switch string(r.values[r.columns[column]]) {
	case "t":
		return true, nil
	case "f":
		return false, nil
	}
	return false, fmt.Errorf("its %s does not say yes or no", column)
}

// Int is a column's number; nil if it has no value.
func (r Row) Int(column string) (*int, error) {
	v := r.values[r.columns[column]]
	if v == nil {
		return nil, nil
	}
	n, err := strconv.Atoi(string(v))
	if err != nil {
		return nil, fmt.Errorf("its %s, %s, is no whole number, or too large", column, bellhop.Clip(strings.ToValidUTF8(string(v), "\ufffd")))
	}
	return &n, nil
}

// Bytes are those of a column of the type bytea; none if it has no value.
func (r Row) Bytes(column string) ([]byte, error) {
	text, ok := strings.CutPrefix(string(r.values[r.columns[column]]), "\\x")
	b, err := hex.DecodeString(text)
	if err != nil || !ok && text != "" {
		return nil, fmt.Errorf("its %s cannot be read", column)
	}
	return b, nil
}

// JSON reads a column into what a pointer leads to, and leaves that as it is if it has no value.
func (r Row) JSON(column string, into any) error {
	text, err := r.Text(column)
	if err != nil || text == "" {
		return err
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("its %s cannot be read: %w", column, plain(err))
	}
	return nil
}

// plain is an error of encoding/json in words for people: its own name the types of this program.
func plain(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		where := ""
		if e.Field != "" {
			where = " at " + bellhop.Clip(e.Field)
		}
		return fmt.Errorf("a value of the kind %s does not belong there%s", e.Value, where)
	}
	return err
}

// Metadata are the notes of a column that are texts, and the names of those that are not.
func (r Row) Metadata(column string) (metadata map[string]string, others []string, err error) {
	var all map[string]json.RawMessage
	if err := r.JSON(column, &all); err != nil {
		return nil, nil, err
	}
	metadata = map[string]string{}
	for name, value := range all {
		var text string
		if err := json.Unmarshal(value, &text); err != nil || string(value) == "null" {
			others = append(others, name)
			continue
		}
		metadata[name] = text
	}
	return metadata, others, nil
}
