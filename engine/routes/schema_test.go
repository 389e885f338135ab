package routes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bellhop/bellhop"
)

func TestSchemas(t *testing.T) {
	for schema, want := range map[string]string{
		`{`:                                      "is not valid JSON",
		`{"type": 7}`:                            "is not a valid JSON Schema (2020-12)",
		`{"$ref": "https://internal.example/x"}`: "can refer to parts of itself only",
		`{"$ref": "file:///etc/passwd"}`:         "can refer to parts of itself only",
	} {
		if _, err := CompileSchema(bellhop.JSON(schema)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", schema, err, want)
		} else if strings.Contains(err.Error(), "bellhop:schema") {
			t.Errorf("%s: %v names what nobody knows", schema, err)
		}
	}
	s, err := CompileSchema(bellhop.JSON(`{"$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if fields := violations(t, s, bellhop.JSON(`[1, 2,`), "data"); len(fields) != 1 || fields[0].Code != "json" {
		t.Errorf("%v", fields)
	}
	var many []string
	for i := range 80 {
		many = append(many, fmt.Sprintf("%q", fmt.Sprint(i)))
	}
	if fields := violations(t, s, bellhop.JSON("["+strings.Join(many, ",")+"]"), "data"); len(fields) != 50 {
		t.Errorf("%d violations, want 50", len(fields))
	}
	if fields := violations(t, Schema{}, bellhop.JSON(`1`), "data"); fields != nil {
		t.Errorf("%v", fields)
	}
}

// A schema that names no draft and has forms that 2020-12 lacks is of draft 7.
func TestSchemasOfDraft7(t *testing.T) {
	s, err := CompileSchema(bellhop.JSON(`{"type":"array","items":[{"type":"string"},{"$ref":"#/definitions/n"}],"additionalItems":false,"definitions":{"n":{"type":"integer"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for data, breaks := range map[string]bool{`["a",1]`: false, `[1,1]`: true, `["a","b"]`: true, `["a",1,2]`: true} {
		if got := len(violations(t, s, bellhop.JSON(data), "data")) > 0; got != breaks {
			t.Errorf("%s breaks it: %t", data, got)
		}
	}
	for _, bad := range []string{`{"$schema":"https://json-schema.org/draft/2020-12/schema","items":[{}]}`, `{"items":[{"type":7}]}`, `{"items":[{"$ref":"https://internal.example/x"}]}`} {
		if _, err := CompileSchema(bellhop.JSON(bad)); err == nil || !strings.Contains(err.Error(), "2020-12") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// However a schema refuses data, something is named: without it, the data would pass.
func TestEveryBreachOfASchemaIsNamed(t *testing.T) {
	for _, schema := range []string{
		`false`, `{"allOf":[false]}`, `{"properties":{"a":false}}`, `{"not":{}}`, `{"anyOf":[{"type":"string"}]}`,
		`{"oneOf":[{},{}]}`, `{"if":{},"then":false}`, `{"dependentSchemas":{"a":false}}`, `{"propertyNames":{"maxLength":0}}`,
		`{"unevaluatedProperties":false}`, `{"additionalProperties":false}`, `{"allOf":[{"type":"string"}]}`,
		`{"$ref":"#/$defs/x","$defs":{"x":false}}`, `{"$ref":"#/$defs/x","$defs":{"x":{"type":"string"}}}`,
		`{"properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"string"}}}`,
		`{"properties":{"a":{"$ref":"#/$defs/x"}},"required":["b"],"$defs":{"x":{"type":"string"}}}`,
	} {
		s, err := CompileSchema(bellhop.JSON(schema))
		if err != nil {
			t.Errorf("%s: %v", schema, err)
		} else if len(violations(t, s, bellhop.JSON(`{"a":1}`), "data")) == 0 {
			t.Errorf("%s: nothing is named", schema)
		}
	}
}

func TestNumbersOfValidatedData(t *testing.T) {
	s, err := CompileSchema(bellhop.JSON(`{"properties":{"n":{"maximum":100},"list":{"items":{"type":"integer"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	nines := strings.Repeat("9", 101)
	for data, want := range map[string]string{
		`{"n":1e1000001}`:                          "data/n number",
		`{"n":-1E-1000}`:                           "data/n number",
		`{"n":0e99999999999999999999}`:             "data/n number",
		`{"n":` + nines + `}`:                      "data/n number",
		`{"n":0.` + nines + `}`:                    "data/n number",
		`{"elsewhere":[{"a/b":1e1000}]}`:           "data/elsewhere/0/a~1b number",
		`{"list":[1,1e1000,2,1e+00001000]}`:        "data/list/1 number, data/list/3 number",
		`{"n":1e400}`:                              "data/n schema",
		`{"n":99.99999999999999}`:                  "",
		`{"n":99999999999999.99}`:                  "data/n schema",
		`{"n":-1e999}`:                             "",
		`{"n":1e-999}`:                             "",
		`{"n":1e+0000000000000000000001}`:          "",
		`{"list":[1e400,10e-1,` + nines[1:] + `]}`: "",
		`{"list":[1e-400]}`:                        "data/list/0 schema",
		`{"n":"` + nines + `"}`:                    "",
		`1e1000`:                                   "data number",
	} {
		var got []string
		for _, f := range violations(t, s, bellhop.JSON(data), "data") {
			got = append(got, f.Field+" "+f.Code)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%.60s: %v, want %s", data, got, want)
		}
	}
	if fields := violations(t, s, bellhop.JSON("["+list(10_000, always("1e1000"))+"]"), "data"); len(fields) != 50 {
		t.Errorf("%d fields, want 50", len(fields))
	}
	for schema, want := range map[string]string{
		`{"maximum":1e1000}`:                                      "/maximum is a number",
		`{"items":{"multipleOf":1e-1000}}`:                        "/items/multipleOf is a number",
		`{"enum":[1,` + nines + `]}`:                              "/enum/1 is a number",
		`{"minLength":1e30}`:                                      "/minLength is too large",
		`{"allOf":[{"maxItems":18446744073709551617}]}`:           "/allOf/0/maxItems is too large",
		`{"properties":{"a":{"minProperties":2147483648}}}`:       "/properties/a/minProperties is too large",
		`{"const":"\ud800"}`:                                      `/const contains \ud800`,
		`{"properties":{"a~/b":{"enum":["\udc00"]}}}`:             `/properties/a~0~1b/enum/0 contains \udc00`,
		`{"properties":{"\udc00":{}}}`:                            `/properties contains \udc00`,
		`{"pattern":"(a"}`:                                        "not a valid JSON Schema",
		`{"multipleOf":0}`:                                        "not a valid JSON Schema",
		`{"$defs":{"a":{"$ref":"#/$defs/b"}},"$ref":"#/$defs/a"}`: "not found",
	} {
		if _, err := CompileSchema(bellhop.JSON(schema)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", schema, err, want)
		}
	}
	for _, schema := range []string{
		`{"const":{"minLength":1e30}}`, `{"default":{"maxItems":1e30}}`, `{"maximum":1e400}`, `{"maxLength":2147483647}`, `{"minLength":1e2}`, `{"pattern":"^[^\u0000-\u001f]*$"}`,
	} {
		if _, err := CompileSchema(bellhop.JSON(schema)); err != nil {
			t.Errorf("%s: %v", schema, err)
		}
	}
}

// What is unique is told as JSON Schema has it: by value, whatever the spelling.
func TestUniqueItems(t *testing.T) {
	s, err := CompileSchema(bellhop.JSON(`{"items":{"uniqueItems":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	for list, want := range map[string]string{
		`[]`: "", `[1]`: "", `[1,"1",true,null,[1],{"a":1}]`: "", `[0,false,"",null,[],{}]`: "", `[1,-1,0.1,10]`: "",
		`["a","b","\u0061"]`: "items at 0 and 2 are equal", `[1,2,1.0]`: "items at 0 and 2 are equal", `[100,1e2]`: "items at 0 and 1 are equal",
		`[{"a":1,"b":[2]},{"b":[2.0],"a":1}]`: "items at 0 and 1 are equal", `[["a","b"],["a\u0004b"],["a:b"],["ab"]]`: "",
		`[{"a":{"b":1}},{"a":{},"b":1},{"a":1,"b":{}}]`: "", `[0,-0]`: "items at 0 and 1 are equal", `[[1,2],[12],[1,[2]]]`: "",
	} {
		var got string
		for _, f := range violations(t, s, bellhop.JSON("["+list+"]"), "data") {
			got = f.Detail
		}
		if got != want {
			t.Errorf("%s: %q, want %q", list, got, want)
		}
	}
	none, err := CompileSchema(bellhop.JSON(`{"uniqueItems":false,"not":{"uniqueItems":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	if violations(t, none, bellhop.JSON(`[1,1]`), "data") != nil || violations(t, none, bellhop.JSON(`[1,2]`), "data") == nil {
		t.Error("uniqueItems within not")
	}
}

// What the validator cannot do is a clear refusal of the one event, however it fails.
func TestAValidatorThatPanics(t *testing.T) {
	s, err := CompileSchema(bellhop.JSON(`{"items":{"maximum":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	s.compiled.Extensions = append(s.compiled.Extensions, fails{})
	fields := violations(t, s, bellhop.JSON(`[1]`), "events[3].data")
	if len(fields) != 1 || fields[0].Field != "events[3].data" || !strings.Contains(fields[0].Detail, "cannot be checked") {
		t.Errorf("%v", fields)
	}
}

type fails struct{}

func (fails) Validate(*jsonschema.ValidatorContext, any) { panic("out of luck") }
