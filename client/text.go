package client

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// checkText refuses a request with a string that is not UTF-8, naming its field.
// encoding/json would replace the bytes at fault: two different ids would be sent as
// one, and the second event taken for a repetition.
func checkText(at string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return fmt.Errorf("the request was not sent: %s is not UTF-8", at)
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return checkText(at, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" { // embedded, or the value of a bellhop.Field
				name = at
			} else if at != "" {
				name = at + "." + name
			}
			if err := checkText(name, v.Field(i)); err != nil {
				return err
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return nil // JSON, which is sent as it is
		}
		for i := range v.Len() {
			if err := checkText(fmt.Sprintf("%s[%d]", at, i), v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		for name, value := range v.Seq2() {
			if !utf8.ValidString(name.String()) {
				return fmt.Errorf("the request was not sent: a name in %s is not UTF-8", at)
			}
			if err := checkText(at+"."+name.String(), value); err != nil {
				return err
			}
		}
	}
	return nil
}
