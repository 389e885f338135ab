package match_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/bellhop/bellhop/internal/match"
)

func TestFilterMatch(t *testing.T) {
	for _, tc := range []struct{ pattern, yes, no string }{ // yes, no: data, one a line
		{`{}`, "{}\n[]\n1\nnull", ``},
		{`{"a":["x"]}`, `{"a":"x","b":1}`, "{\"a\":\"X\"}\n{\"a\":null}\n{}\n[]\n\"x\"\n{\"a\":{\"a\":\"x\"}}\n{\"b\":\"x\"}"},
		{`{"a":["x",1,true,null]}`, "{\"a\":1}\n{\"a\":1.0}\n{\"a\":10e-1}\n{\"a\":true}\n{\"a\":null}", "{\"a\":false}\n{\"a\":\"1\"}\n{\"a\":\"null\"}\n{}\n{\"a\":1.01}"},
		{`{"a":["\u0041"]}`, `{"\u0061":"A"}`, `{"a":"\\u0041"}`},
		{`{"a":{"b":["x"],"c":[1]}}`, `{"a":{"b":"x","c":1}}`, "{\"a\":{\"b\":\"x\"}}\n{\"a\":\"x\"}\n{\"b\":\"x\",\"c\":1}"},
		{`{"a":[{"prefix":"x"}]}`, "{\"a\":\"x\"}\n{\"a\":\"xy\"}", "{\"a\":\"yx\"}\n{\"a\":1}"},
		{`{"a":[{"suffix":".png"}]}`, `{"a":"b.png"}`, `{"a":"png"}`},
		{`{"a":[{"equals-ignore-case":"Straße"}]}`, `{"a":"STRAßE"}`, `{"a":"strasse"}`},
		{`{"a":[{"exists":true}]}`, "{\"a\":1}\n{\"a\":null}\n{\"a\":[]}\n{\"a\":{}}", `{"b":1}`},
		{`{"a":[{"exists":false}]}`, "{}\n{\"b\":1}\n7\n[]", `{"a":null}`},
		{`{"a":[{"exists":false},"x"]}`, "{}\n{\"a\":\"x\"}", `{"a":"y"}`},
		{`{"a":{"b":[{"exists":false}]}}`, "{}\n{\"a\":1}\n{\"a\":{}}\n{\"a\":[]}\n{\"a\":null}", `{"a":{"b":1}}`},
		{`{"a":[{"anything-but":["x",1]}]}`, "{\"a\":\"y\"}\n{\"a\":2}\n{\"a\":null}\n{\"a\":[\"x\",\"y\"]}", "{\"a\":\"x\"}\n{\"a\":1.0}\n{}\n{\"a\":{}}\n{\"a\":[]}\n{\"a\":[\"x\",1]}"},
		{`{"a":[{"anything-but":"x"}]}`, `{"a":"y"}`, `{"a":"x"}`},
		{`{"a":[{"anything-but":{"prefix":"x"}}]}`, "{\"a\":\"yx\"}\n{\"a\":1}", `{"a":"xy"}`},
		{`{"a":[{"anything-but":[{"suffix":"x"},"b"]}]}`, `{"a":"xy"}`, "{\"a\":\"yx\"}\n{\"a\":\"b\"}"},
		{`{"a":[{"numeric":[">",0,"<=",5]}]}`, "{\"a\":5}\n{\"a\":0.001}\n{\"a\":5.000}", "{\"a\":0}\n{\"a\":-0.0}\n{\"a\":5.0001}\n{\"a\":\"3\"}\n{\"a\":-1}"},
		{`{"a":[{"numeric":["=",100]}]}`, "{\"a\":1e2}\n{\"a\":100.0}\n{\"a\":0.01E+4}", `{"a":99}`},
		{`{"a":[{"numeric":["<",-1.5]}]}`, "{\"a\":-2}\n{\"a\":-1e9}", "{\"a\":-1.5}\n{\"a\":0}\n{\"a\":-1}"},
		{`{"a":[{"numeric":[">=",0]}]}`, "{\"a\":0}\n{\"a\":-0}\n{\"a\":0e99999999999}", `{"a":-1e-9}`},
		{`{"a":[{"decimal":[">",100]}]}`, "{\"a\":\"118.00\"}\n{\"a\":118}\n{\"a\":\"100.000000000000000000000001\"}\n{\"a\":[\"1\",\"1e3\"]}", "{\"a\":\"100.00\"}\n{\"a\":99.9}\n{\"a\":\"118 CHF\"}\n{\"a\":\" 118\"}\n{\"a\":\"0118\"}\n{\"a\":\"\"}\n{\"a\":null}\n{\"a\":true}\n{\"a\":\"+118\"}"},
		{`{"a":[{"decimal":["=","118.00"]}]}`, "{\"a\":\"118\"}\n{\"a\":118.0}", `{"a":"118.01"}`},
		{`{"a":[9007199254740993]}`, `{"a":9007199254740993}`, "{\"a\":9007199254740992}\n{\"a\":9007199254740994}"},
		{`{"a":[1e999999999]}`, `{"a":10e999999998}`, "{\"a\":1e999999998}\n{\"a\":1e99999999999999999999}"},
		{`{"a":[{"numeric":[">",0]}]}`, `{"a":1e-999999999}`, "{\"a\":1e9999999999}\n{\"a\":-1e9999999999}"},
		{`{"a":[{"anything-but":1}]}`, `{"a":1e9999999999}`, ``},
		// Arrays.
		{`{"a":["x"]}`, "{\"a\":[\"y\",\"x\"]}\n{\"a\":[[\"x\"]]}\n[{\"b\":1},{\"a\":\"x\"}]", "{\"a\":[]}\n{\"a\":[\"y\"]}\n{\"a\":[{\"a\":\"x\"}]}"},
		{`{"l":{"sku":["s"],"n":[1]}}`, `{"l":[{"sku":"r","n":2},{"sku":"s","n":1}]}`, `{"l":[{"sku":"s","n":2},{"sku":"r","n":1}]}`},
		// Equal keys: the last.
		{`{"a":["x"]}`, `{"a":"y","a":"x"}`, `{"a":"x","a":"y"}`},
		// $or.
		{`{"t":[1],"$or":[{"a":["x"]},{"b":["y"],"c":["z"]}]}`, "{\"t\":1,\"a\":\"x\"}\n{\"t\":1,\"b\":\"y\",\"c\":\"z\"}", "{\"a\":\"x\"}\n{\"t\":1,\"b\":\"y\"}\n{\"t\":1}"},
		{`{"o":{"$or":[{"a":[1]},{"b":[1]}]}}`, "{\"o\":{\"b\":1}}\n{\"o\":[{},{\"a\":1}]}", `{"o":{"c":1}}`},
		{`{"$or":[{"$or":[{"a":[1]},{"b":[1]}]},{"c":[1]}]}`, "{\"b\":1}\n{\"c\":1}", `{}`},
		// Odd keys.
		{`{"":["x"],"a/b~":[1]}`, `{"":"x","a/b~":1}`, `{}`},
		{`{"prefix":["x"],"exists":[true]}`, `{"prefix":"x","exists":true}`, `{}`},
	} {
		f, err := match.CompileFilter([]byte(tc.pattern))
		if err != nil {
			t.Errorf("CompileFilter(%s): %v", tc.pattern, err)
			continue
		}
		for _, data := range strings.Split(tc.yes, "\n") {
			if ok, why := f.Match([]byte(data)); data != "" && !ok {
				t.Errorf("%s does not match %s: %v", tc.pattern, data, why)
			}
		}
		for _, data := range strings.Split(tc.no, "\n") {
			if ok, _ := f.Match([]byte(data)); data != "" && ok {
				t.Errorf("%s matches %s", tc.pattern, data)
			}
		}
	}
}

func TestNilFilterMatchesEverything(t *testing.T) {
	var f *match.Filter
	if ok, _ := f.Match([]byte("1")); !ok || !f.MatchData(match.Data{}) {
		t.Error("the nil filter does not match")
	}
}

func TestMismatch(t *testing.T) {
	long := strings.Repeat("ü", 300)
	for _, tc := range []struct{ pattern, data, want string }{
		{`{"status":["paid",{"prefix":"part"}]}`, `{"status":"draft"}`, `/status: wanted "paid" or text starting with "part", found "draft"`},
		{`{"a":{"b/c":[1,null]}}`, `{"a":{}}`, `/a/b~1c: wanted 1 or null, found nothing`},
		{`{"a":{"b":[{"suffix":"x"},{"equals-ignore-case":"y"}]}}`, `{"a":7}`, `/a/b: wanted text ending with "x" or "y" in any case, found nothing`},
		{`{"a":[{"numeric":[">",0,"<=",5]}]}`, `{"a":7.50}`, `/a: wanted a number > 0 and <= 5, found 7.50`},
		{`{"a":[{"decimal":[">",100]}]}`, `{"a":"99.00"}`, `/a: wanted a number or a decimal in text > 100, found "99.00"`},
		{`{"a":[{"anything-but":["x",{"prefix":"y"}]}]}`, `{"a":"x"}`, `/a: wanted anything but "x", text starting with "y", found "x"`},
		{`{"a":[{"exists":false}]}`, `{"a":null}`, `/a: wanted no such field, found null`},
		{`{"a":[{"exists":true}]}`, `{}`, `/a: wanted any value, found nothing`},
		{`{"a":[true]}`, `{"a":["x","y"]}`, `/a: wanted true, found an array of 2 elements`},
		{`{"a":[true]}`, `{"a":{}}`, `/a: wanted true, found an object`},
		{`{"a":{"b":["x"]}}`, `{"a":[{"b":"y"}]}`, `/a/0/b: wanted "x", found "y"`},
		{`{"a":{"b":["x"]}}`, `{"a":[{"b":"y"},{}]}`, `/a: wanted an element that meets the whole pattern at this place, found an array of 2 elements`},
		{`{"$or":[{"a":[1]},{"b":[1]}]}`, `{}`, `data: wanted one of the patterns of $or, found an object`},
		{`{"a":["x"]}`, `{"a":"` + long + `"}`, `/a: wanted "x", found "` + long[:2*98] + `…`},
		{`{"a":["` + long + `"]}`, `{"a":"x"}`, `/a: wanted "` + long[:2*98] + `…, found "x"`},
		{`{"a":["x"]}`, `{"a"`, `data: wanted JSON, found decode the event's data: unexpected EOF`},
		{`{"a":["x"]}`, `{"a":"x"} {}`, `data: wanted JSON, found decode the event's data: there is more after byte 11: send one JSON value`},
	} {
		f, err := match.CompileFilter([]byte(tc.pattern))
		if err != nil {
			t.Fatal(err)
		}
		if ok, why := f.Match([]byte(tc.data)); ok || why.String() != tc.want {
			t.Errorf("%s on %s: %v\n got %s\nwant %s", tc.pattern, tc.data, ok, why, tc.want)
		}
	}
}

func TestCompileFilterRefuses(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 10) + `{"a":[1]}` + strings.Repeat(`}`, 10)
	for _, tc := range []struct{ pattern, pointer, detail string }{
		{``, "", "invalid JSON"},
		{`{"a":[1],}`, "", "invalid JSON at byte 10"},
		{`{"a":[1]} {}`, "", "invalid JSON"},
		{"{\"a\":[\"\xff\"]}", "", "not UTF-8"},
		{`null`, "", "a pattern is an object"},
		{`[{"a":[1]}]`, "", "a pattern is an object"},
		{`{"a":"paid"}`, "/a", `write ["paid"]`},
		{`{"a":{"b":1.50}}`, "/a/b", `write [1.50]`},
		{`{"a":null}`, "/a", `write [null]`},
		{`{"a":[]}`, "/a", "nothing would match"},
		{`{"a":{}}`, "/a", "pattern is empty"},
		{`{"a":[["x"]]}`, "/a/0", "list its elements"},
		{`{"a":[1],"a":[2]}`, "/a", "there twice"},
		{`{"a":["x",{"prefx":"x"}]}`, "/a/1/prefx", "no such operator"},
		{`{"a":[{"prefix":"x","suffix":"y"}]}`, "/a/0", "one operator"},
		{`{"a":[{"prefix":"x","prefix":"y"}]}`, "/a/0/prefix", "there twice"},
		{`{"a":[{}]}`, "/a/0", "one operator"},
		{`{"a":[{"prefix":1}]}`, "/a/0/prefix", "takes a string"},
		{`{"a":[{"exists":"yes"}]}`, "/a/0/exists", "true or false"},
		{`{"a":[{"anything-but":[]}]}`, "/a/0/anything-but", "excludes nothing"},
		{`{"a":[{"anything-but":{"exists":true}}]}`, "/a/0/anything-but", "turn the condition around"},
		{`{"a":[{"anything-but":["x",{"numeric":["=",1]}]}]}`, "/a/0/anything-but/1", "turn the condition around"},
		{`{"a":[{"numeric":[]}]}`, "/a/0/numeric", "pairs"},
		{`{"a":[{"numeric":[">"]}]}`, "/a/0/numeric", "pairs"},
		{`{"a":[{"numeric":[">","5"]}]}`, "/a/0/numeric", "pairs"},
		{`{"a":[{"decimal":[">","5 CHF"]}]}`, "/a/0/decimal", "decimal takes pairs"},
		{`{"a":{"decimal":[">",5]}}`, "/a", "an operator stands among alternatives"},
		{`{"a":[{"numeric":["!=",5]}]}`, "/a/0/numeric", "pairs"},
		{`{"a":[{"numeric":[">",1,">",1,">",1,">",1,">",1]}]}`, "/a/0/numeric", "at most four"},
		{`{"a":{"numeric":[">",5]}}`, "/a", `write [{"numeric": …}]`},
		{`{"a":{"anything-but":["x"]}}`, "/a", `write [{"anything-but": …}]`},
		{`{"a":[1e9999999999]}`, "/a/0", "exponent"},
		{`{"$or":{"a":[1]}}`, "/$or", "array of patterns"},
		{`{"$or":[]}`, "/$or", "array of patterns"},
		{`{"x":{"$or":[{"a":[1]},{}]}}`, "/x/$or/1", "ask for something"},
		{`{"a/b":{"c~d":7}}`, "/a~1b/c~0d", "write [7]"},
		{deep, strings.Repeat("/a", 10), "nested deeper than 10"},
		{strings.Repeat("[", 4000) + strings.Repeat("]", 4000), strings.Repeat("/0", 25), "nested deeper"},
		{`{"a":[0` + strings.Repeat(`,1`, 100) + `]}`, "/a/100", "more than 100"},
		{`{"a":["` + strings.Repeat("x", match.MaxFilterSize) + `"]}`, "", "shorten it to 8192"},
	} {
		_, err := match.CompileFilter([]byte(tc.pattern))
		var e *match.FilterError
		if !errors.As(err, &e) || e.Pointer != tc.pointer || !strings.Contains(e.Detail, tc.detail) {
			t.Errorf("CompileFilter(%.80s) = %v\nwant %q at %s", tc.pattern, err, tc.detail, tc.pointer)
		}
	}
}

// TestHostileData matches what is made to be slow or deep.
func TestHostileData(t *testing.T) {
	f, err := match.CompileFilter([]byte(`{"a":{"b":["x",1,{"numeric":[">",1e300,"<",1e400]}]},"$or":[{"a":[{"exists":true}]},{"c":[1]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for name, data := range map[string]string{
		"deep arrays":  `{"a":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`,
		"deep objects": strings.Repeat(`{"a":`, 9000) + `1` + strings.Repeat("}", 9000),
		"too deep":     strings.Repeat(`{"a":`, 1<<18),
		"wide":         `{"a":[` + strings.Repeat(`{"b":2},`, 1<<16) + `0]}`,
		"exponent":     `{"a":{"b":1e999999999}}`,
		"digits":       `{"a":{"b":` + strings.Repeat("9", 1<<20) + `}}`,
		"zeros":        `{"a":{"b":0.` + strings.Repeat("0", 1<<20) + `1}}`,
		"long exp":     `{"a":{"b":1e` + strings.Repeat("9", 1<<20) + `}}`,
	} {
		if ok, why := f.Match([]byte(data)); ok || len(why.String()) > 1000 {
			t.Errorf("%s: %v, %.200s", name, ok, why)
		}
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestNumbersAgreeWithRat compares numbers of all shapes with exact fractions.
func TestNumbersAgreeWithRat(t *testing.T) {
	number := rapid.OneOf(
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,2})(\.[0-9]{1,3})?([eE][+-]?[0-9])?`),
		rapid.StringMatching(`-?[1-9][0-9]{15,25}(\.0{1,3})?`),
		rapid.SampledFrom([]string{"0", "-0", "0.0", "1", "1.0", "10e-1", "0.1e1", "100", "1E2", "9007199254740992", "9007199254740993"}),
	)
	rapid.Check(t, func(t *rapid.T) {
		a, b := number.Draw(t, "data"), number.Draw(t, "pattern")
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		for pattern, want := range map[string]bool{
			`[` + b + `]`:                          x.Cmp(y) == 0,
			`[{"anything-but":` + b + `}]`:         x.Cmp(y) != 0,
			`[{"numeric":["=",` + b + `]}]`:        x.Cmp(y) == 0,
			`[{"numeric":["<",` + b + `]}]`:        x.Cmp(y) < 0,
			`[{"numeric":["<=",` + b + `]}]`:       x.Cmp(y) <= 0,
			`[{"numeric":[">",` + b + `]}]`:        x.Cmp(y) > 0,
			`[{"numeric":[">=",` + b + `]}]`:       x.Cmp(y) >= 0,
			`[{"numeric":[">=",0,"<",` + b + `]}]`: x.Sign() >= 0 && x.Cmp(y) < 0,
		} {
			f, err := match.CompileFilter([]byte(`{"n":` + pattern + `}`))
			if err != nil {
				t.Fatal(err)
			}
			if got, why := f.Match([]byte(`{"n":` + a + `}`)); got != want {
				t.Fatalf("%s on %s: %v (%v), want %v", pattern, a, got, why, want)
			}
		}
	})
}

// TestFilterAgreesWithReference draws patterns and data over few keys and values,
// so that they often meet.
func TestFilterAgreesWithReference(t *testing.T) {
	scalar := rapid.SampledFrom([]any{"x", "X", "xy", "yx", "", 0, 1, 2, true, false, nil})
	key := rapid.SampledFrom([]string{"a", "b", "c"})
	var data func(depth int) *rapid.Generator[any]
	data = func(depth int) *rapid.Generator[any] {
		if depth == 0 {
			return scalar
		}
		below := rapid.Deferred(func() *rapid.Generator[any] { return data(depth - 1) })
		return rapid.OneOf(scalar,
			rapid.Map(rapid.SliceOfN(below, 0, 3), func(l []any) any { return l }),
			rapid.Map(rapid.MapOfN(key, below, 0, 3), func(m map[string]any) any { return m }))
	}
	text := rapid.SampledFrom([]string{"x", "y", "xy", ""})
	op := func(name string, arg any) any { return map[string]any{name: arg} }
	alternative := rapid.OneOf(scalar, scalar,
		rapid.Map(text, func(s string) any { return op("prefix", s) }),
		rapid.Map(text, func(s string) any { return op("suffix", s) }),
		rapid.Map(text, func(s string) any { return op("equals-ignore-case", s) }),
		rapid.Map(rapid.SliceOfN(scalar, 1, 3), func(l []any) any { return op("anything-but", l) }),
		rapid.Map(text, func(s string) any { return op("anything-but", op("prefix", s)) }),
		rapid.Map(rapid.IntRange(0, 2), func(n int) any { return op("numeric", []any{">=", n}) }),
		rapid.Map(rapid.Bool(), func(b bool) any { return op("exists", b) }))
	var pattern func(depth int) *rapid.Generator[map[string]any]
	pattern = func(depth int) *rapid.Generator[map[string]any] {
		return rapid.Custom(func(t *rapid.T) map[string]any {
			p := map[string]any{}
			for _, k := range rapid.SliceOfNDistinct(key, 1, 2, rapid.ID).Draw(t, "keys") {
				if depth > 0 && rapid.IntRange(0, 2).Draw(t, "nested") == 0 {
					p[k] = pattern(depth-1).Draw(t, "sub")
				} else {
					p[k] = rapid.SliceOfN(alternative, 1, 3).Draw(t, "alternatives")
				}
			}
			if depth > 0 && rapid.IntRange(0, 3).Draw(t, "or") == 0 {
				p["$or"] = rapid.SliceOfN(pattern(depth-1), 1, 2).Draw(t, "$or")
			}
			return p
		})
	}
	object := rapid.Map(rapid.MapOfN(key, data(2), 2, 3), func(m map[string]any) any { return m })
	document := rapid.OneOf(object, object, object, data(3))
	matched := 0
	rapid.Check(t, func(t *rapid.T) {
		p, err := json.Marshal(pattern(rapid.IntRange(0, 2).Draw(t, "depth")).Draw(t, "pattern"))
		if err != nil {
			t.Fatal(err)
		}
		d, err := json.Marshal(document.Draw(t, "data"))
		if err != nil {
			t.Fatal(err)
		}
		f, err := match.CompileFilter(p)
		if err != nil {
			t.Fatalf("CompileFilter(%s): %v", p, err)
		}
		var pv, dv any
		if err := errors.Join(json.Unmarshal(p, &pv), json.Unmarshal(d, &dv)); err != nil {
			t.Fatal(err)
		}
		want := reference(pv.(map[string]any), dv)
		got, why := f.Match(d)
		if got != want {
			t.Fatalf("%s on %s: %v (%v), want %v", p, d, got, why, want)
		}
		if got {
			matched++
		}
	})
	t.Logf("%d matched", matched)
}

// reference is the rule book, read as it is written, on decoded JSON.
func reference(pattern map[string]any, data any) bool {
	if list, ok := data.([]any); ok && len(list) > 0 {
		any := false
		for _, e := range list {
			any = any || reference(pattern, e)
		}
		return any
	}
	fields, _ := data.(map[string]any)
	for key, p := range pattern {
		value, present := fields[key]
		ok := false
		switch p := p.(type) {
		case map[string]any:
			ok = reference(p, value)
		case []any:
			for _, alternative := range p {
				if key == "$or" {
					ok = ok || reference(alternative.(map[string]any), data)
				} else {
					ok = ok || accepts(alternative, value, present)
				}
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

func accepts(alternative, value any, present bool) bool {
	operator, _ := alternative.(map[string]any)
	if e, ok := operator["exists"]; ok {
		return present == e.(bool)
	}
	switch value := value.(type) {
	case []any:
		for _, e := range value {
			if accepts(alternative, e, true) {
				return true
			}
		}
		return false
	case map[string]any:
		return false
	}
	if !present || operator == nil {
		return present && value == alternative
	}
	s, isText := value.(string)
	for op, arg := range operator {
		switch op {
		case "prefix":
			return isText && strings.HasPrefix(s, arg.(string))
		case "suffix":
			return isText && strings.HasSuffix(s, arg.(string))
		case "equals-ignore-case":
			return isText && strings.EqualFold(s, arg.(string))
		case "numeric":
			n, ok := value.(float64)
			return ok && n >= arg.([]any)[1].(float64)
		case "anything-but":
			list, ok := arg.([]any)
			if !ok {
				list = []any{arg}
			}
			for _, not := range list {
				if accepts(not, value, true) {
					return false
				}
			}
			return true
		}
	}
	panic("unknown operator")
}

func FuzzFilter(f *testing.F) {
	for _, pattern := range []string{
		`{"a":["x",1,null,{"prefix":"x"},{"suffix":"x"},{"equals-ignore-case":"x"}]}`,
		`{"a":{"b":[{"anything-but":["x",{"prefix":"y"}]}]}}`, `{"a":[{"numeric":[">",0,"<=",5e3]}]}`,
		`{"$or":[{"a":[{"exists":true}]},{"b":[{"exists":false}]}]}`, `{}`, `{"a":1}`, `[`,
	} {
		for _, data := range []string{`{"a":"x"}`, `{"a":[1e99,{"b":["y"]}]}`, `[[{"a":-0.0e-5}]]`, `1`, `{"a"`} {
			f.Add([]byte(pattern), []byte(data))
		}
	}
	f.Fuzz(func(t *testing.T, pattern, data []byte) {
		filter, err := match.CompileFilter(pattern)
		if err != nil {
			var e *match.FilterError
			if !errors.As(err, &e) {
				t.Fatalf("%T is not a *FilterError", err)
			}
			return
		}
		ok, why := filter.Match(data)
		if utf8.RuneCountInString(why.Want) > 100 || utf8.RuneCountInString(why.Found) > 100 {
			t.Fatalf("too long: %v", why)
		}
		if ok != (why == match.Mismatch{}) {
			t.Fatalf("%v with %v", ok, why)
		}
		if d, err := match.ParseData(data); err == nil && filter.MatchData(d) != ok {
			t.Fatal("Match and MatchData disagree")
		} else if (err == nil) != json.Valid(data) {
			t.Fatalf("ParseData: %v, valid: %v", err, json.Valid(data))
		}
	})
}

func benchmarkData() []byte {
	var b bytes.Buffer
	b.WriteString(`{"status":"paid","total":129.50,"customer":{"name":"Zoë Müller","country":"CH"},"lines":[`)
	for i := range 8 {
		fmt.Fprintf(&b, `{"sku":"SKU-%04d","name":"Garden chair, oak","quantity":%d,"price":{"amount":129.50,"currency":"CHF"}},`, i, i)
	}
	b.WriteString(`{"sku":"GIFT"}]}`)
	return b.Bytes()
}

func BenchmarkFilter(b *testing.B) {
	data := benchmarkData()
	f, err := match.CompileFilter([]byte(`{"status":["paid","open"],"total":[{"numeric":[">",100]}],"customer":{"country":["CH","DE"]},"lines":{"sku":["GIFT"]}}`))
	if err != nil {
		b.Fatal(err)
	}
	d, err := match.ParseData(data)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("ParseData", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			_, _ = match.ParseData(data)
		}
	})
	b.Run("MatchData", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !f.MatchData(d) {
				b.Fatal("no match")
			}
		}
	})
}

// Numbers of strangers are compared as they are written, and cost no more than their
// length: nothing is computed.
func TestNumbersOfAnySize(t *testing.T) {
	long := strings.Repeat("9", 100_000)
	for pattern, yes := range map[string][]string{
		`{"n":[{"numeric":[">",1]}]}`:                  {`1e999999999`, `1e1000001`, long, long + "e99"},
		`{"n":[{"numeric":["<",1,">",0]}]}`:            {`1e-999999999`, `0.` + long},
		`{"n":[99999999999999.99]}`:                    {`99999999999999.99`, `9999999999999999e-2`},
		`{"n":[1e400]}`:                                {`1e400`, `10e399`},
		`{"n":[{"anything-but":9007199254740992}]}`:    {`9007199254740993`, `1e99999999999999999999`},
		`{"n":[{"numeric":["=",1e999999999]}]}`:        {`1e999999999`},
		`{"n":[{"exists":true}]}`:                      {`1e99999999999999999999`},
		`{"n":[{"numeric":[">",9007199254740992]}]}`:   {`9007199254740993`},
		`{"n":[{"numeric":["<",-1e99999999]}]}`:        {`-1e999999999`},
		`{"n":[{"numeric":[">=",0,"<=",0]}, "never"]}`: {`0e99999999999999999999`, `-0`},
	} {
		f, err := match.CompileFilter([]byte(pattern))
		if err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, n := range yes {
			if ok, why := f.Match([]byte(`{"n":` + n + `}`)); !ok {
				t.Errorf("%s does not match %.40s: %s", pattern, n, why)
			}
		}
	}
	for _, pattern := range []string{`{"n":[1e9999999999]}`, `{"n":[{"numeric":[">",-1e-9999999999]}]}`, `{"n":[{"anything-but":[1e9999999999]}]}`} {
		if _, err := match.CompileFilter([]byte(pattern)); err == nil {
			t.Errorf("%s was taken", pattern)
		}
	}
}
