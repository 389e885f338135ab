package routes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
)

const ticketSchema = `{"type": "object", "required": ["id"], "properties": {
	"id": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}, "a/b~c": {"enum": [1]}}}`

func TestCatalogueFollowsTheStore(t *testing.T) {
	f := setUp(t)
	f.store.save(
		bellhop.EventType{Name: "ticket.made", Schema: bellhop.JSON(ticketSchema), Validate: true},
		bellhop.EventType{Name: "ticket.read", Schema: bellhop.JSON(ticketSchema)},
		bellhop.EventType{Name: "invoice", Archived: true},
	)
	f.load()
	c := f.Table.Catalogue()
	if et, ok := c.Type("invoice"); !ok || !et.Archived || et.Violations(bellhop.JSON(`1`), "data") != nil {
		t.Errorf("%+v, %v", et, ok)
	}
	if _, ok := c.Type("none"); ok {
		t.Error("a type that is not there")
	}
	list := func(after string, limit int, want ...string) {
		t.Helper()
		var got []string
		for _, et := range f.Table.Catalogue().Types(after, limit) {
			got = append(got, et.Name)
		}
		same(t, "types", got, want)
	}
	list("", 0, "invoice", "ticket.made", "ticket.read")
	list("", 1, "invoice")
	list("invoice", 1, "ticket.made")
	list("ticket.read", 9)

	made, _ := c.Type("ticket.made")
	if fields := made.Violations(bellhop.JSON(`{"id": 1}`), "data"); fields != nil {
		t.Errorf("%v", fields)
	}
	var got []string
	for _, v := range made.Violations(bellhop.JSON(`{"id": "x", "at": "noon", "a/b~c": 2}`), "events[1].data") {
		got = append(got, v.Field+" "+v.Code)
	}
	same(t, "violations", got, []string{"events[1].data/at schema", "events[1].data/a~1b~0c schema", "events[1].data/id schema"})
	if read, _ := c.Type("ticket.read"); read.Violations(bellhop.JSON(`{}`), "data") != nil {
		t.Error("validated although nobody asked for it")
	}

	f.store.save(noType("invoice"),
		bellhop.EventType{Name: "ticket.made", Description: "A ticket", Schema: bellhop.JSON(ticketSchema), Validate: true},
		bellhop.EventType{Name: "ticket.read", Schema: bellhop.JSON(`{"type": "string"}`), Validate: true})
	f.load()
	list("", 0, "ticket.made", "ticket.read")
	again, _ := f.Table.Catalogue().Type("ticket.made")
	if again == made || again.Description != "A ticket" || again.schema != made.schema {
		t.Errorf("%+v: its schema was compiled anew, or it did not change", again)
	}
	read, _ := f.Table.Catalogue().Type("ticket.read")
	if len(read.Violations(bellhop.JSON(`{}`), "data")) != 1 || read.Violations(bellhop.JSON(`"x"`), "data") != nil {
		t.Error("not the new schema")
	}
	f.store.save(bellhop.EventType{Name: "ticket.read", Schema: bellhop.JSON(`{"type": "object"}`), Validate: true})
	f.load()
	read, _ = f.Table.Catalogue().Type("ticket.read")
	if read.Violations(bellhop.JSON(`{}`), "data") != nil || len(read.Violations(bellhop.JSON(`"x"`), "data")) != 1 {
		t.Error("not the newest schema")
	}
	if _, ok := c.Type("invoice"); !ok || made.Description != "" {
		t.Error("a snapshot that was held has changed")
	}
	if f.logged.Len() > 0 {
		t.Error(f.logged.String())
	}
}

func TestSchemaThatDoesNotCompileIsLogged(t *testing.T) {
	f := setUp(t)
	f.store.save(bellhop.EventType{Name: "ticket", Schema: bellhop.JSON(`{"type": 7}`), Validate: true})
	f.load()
	et, ok := f.Table.Catalogue().Type("ticket")
	if !ok || et.Violations(bellhop.JSON(`1`), "data") != nil {
		t.Error("the type is gone, or refuses everything")
	}
	if log := f.logged.String(); !strings.Contains(log, "data of an event type is not validated") || !strings.Contains(log, "type=ticket") {
		t.Errorf("logged %q", log)
	}
}

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
	if fields := s.Violations(bellhop.JSON(`[1, 2,`), "data"); len(fields) != 1 || fields[0].Code != "json" {
		t.Errorf("%v", fields)
	}
	var many []string
	for i := range 80 {
		many = append(many, fmt.Sprintf("%q", fmt.Sprint(i)))
	}
	if fields := s.Violations(bellhop.JSON("["+strings.Join(many, ",")+"]"), "data"); len(fields) != 50 {
		t.Errorf("%d violations, want 50", len(fields))
	}
	if fields := (Schema{}).Violations(bellhop.JSON(`1`), "data"); fields != nil {
		t.Errorf("%v", fields)
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
		} else if len(s.Violations(bellhop.JSON(`{"a":1}`), "data")) == 0 {
			t.Errorf("%s: nothing is named", schema)
		}
	}
}
