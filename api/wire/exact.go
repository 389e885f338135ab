package wire

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
)

// exact is an object that encodes itself, since encoding/json would compact what was
// given as JSON in it, and escape it.
type exact interface{ EncodeJSON() ([]byte, error) }

// Appender is an object whose JSON is appended to what is there already: one of which
// there are many, and fast ones.
type Appender interface{ AppendJSON(b []byte) []byte }

// AppendJSON appends the receipt as encoding/json would write it.
func (r Receipt) AppendJSON(b []byte) []byte {
	b, _ = r.ID.AppendText(append(b, `{"id":"`...)) // which never fails
	b = r.CreatedAt.AppendFormat(append(b, `","created_at":"`...), time.RFC3339Nano)
	b = strconv.AppendInt(append(b, `","deliveries":`...), int64(r.Deliveries), 10)
	return append(strconv.AppendBool(append(b, `,"duplicate":`...), r.Duplicate), '}')
}

// encode gives the JSON of a value, what was given as JSON byte for byte.
func encode(v any) ([]byte, error) {
	switch v := v.(type) {
	case exact:
		return v.EncodeJSON()
	case bellhop.JSON:
		return v.MarshalJSON()
	case []bellhop.AppTerms:
		return encodeList(v, bellhop.AppTerms.MarshalJSON)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func encodeList[T any](list []T, encode func(T) ([]byte, error)) ([]byte, error) {
	b := []byte{'['}
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		one, err := encode(v)
		if err != nil {
			return nil, err
		}
		b = append(b, one...)
	}
	return append(b, ']'), nil
}

// encodeData gives a list as the member data of an object.
func encodeData[T any](list []T) ([]byte, error) {
	if _, ok := any((*T)(nil)).(Appender); ok {
		b := append(make([]byte, 0, 16+112*len(list)), `{"data":[`...)
		for i := range list {
			if i > 0 {
				b = append(b, ',')
			}
			b = any(&list[i]).(Appender).AppendJSON(b)
		}
		return append(b, ']'), nil
	}
	b, err := encodeList(list, func(v T) ([]byte, error) { return encode(v) })
	return append([]byte(`{"data":`), b...), err
}

// EncodeJSON gives the page with its objects byte for byte.
func (p Page[T]) EncodeJSON() ([]byte, error) {
	b, err := encodeData(p.Data)
	if err != nil {
		return nil, err
	}
	if p.NextCursor != "" {
		b = append(b, `,"next_cursor":"`+p.NextCursor+`"`...) // of URL-safe letters and digits
	}
	if p.Total != nil {
		b = strconv.AppendInt(append(b, `,"total":`...), int64(*p.Total), 10)
	}
	if p.SearchedUntil != nil {
		b = p.SearchedUntil.UTC().AppendFormat(append(b, `,"searched_until":"`...), time.RFC3339Nano+`"`)
	}
	return append(b, '}'), nil
}

// EncodeJSON gives the list with its objects byte for byte.
func (l List[T]) EncodeJSON() ([]byte, error) {
	b, err := encodeData(l.Data)
	return append(b, '}'), err
}

// EncodeJSON gives the request with what is JSON in it byte for byte.
func (p EventTypePut) EncodeJSON() ([]byte, error) { return encodeStruct(p) }

// EncodeJSON gives the request with its data byte for byte.
func (t TestInput) EncodeJSON() ([]byte, error) { return encodeStruct(t) }

// EncodeJSON gives the request with what is JSON in it byte for byte.
func (p PreviewInput) EncodeJSON() ([]byte, error) { return encodeStruct(p) }

// EncodeJSON gives the fields that are set, filters byte for byte; zero values are
// null, which stands for the default.
func (e EndpointInput) EncodeJSON() ([]byte, error) { return marshalSet(e) }

// encodeStruct encodes a struct whose fields all have names, leaving out what is
// omitempty and zero.
func encodeStruct(v any) ([]byte, error) {
	rv := reflect.ValueOf(v)
	var o object
	for i := range rv.NumField() {
		name, options, _ := strings.Cut(rv.Type().Field(i).Tag.Get("json"), ",")
		if field := rv.Field(i); !strings.Contains(options, "omitempty") || !field.IsZero() {
			o.add(name, field.Interface())
		}
	}
	return o.end()
}

// marshalSet encodes a struct of bellhop.Fields, leaving out those not set.
func marshalSet(v any) ([]byte, error) {
	rv := reflect.ValueOf(v)
	var o object
	for i := range rv.NumField() {
		field := rv.Field(i)
		if !field.FieldByName("Set").Bool() {
			continue
		}
		name, _, _ := strings.Cut(rv.Type().Field(i).Tag.Get("json"), ",")
		if value := field.FieldByName("Value"); value.IsZero() {
			o.add(name, nil)
		} else {
			o.add(name, value.Interface())
		}
	}
	return o.end()
}

// object is a JSON object that is being written.
type object struct {
	b   []byte
	err error
}

func (o *object) add(name string, v any) {
	b, err := encode(v)
	if o.err == nil {
		o.err = err
	}
	glue := `,"`
	if len(o.b) == 0 {
		glue = `{"`
	}
	o.b = append(append(o.b, glue+name+`":`...), b...)
}

func (o *object) end() ([]byte, error) {
	if len(o.b) == 0 {
		o.b = []byte{'{'}
	}
	return append(o.b, '}'), o.err
}
