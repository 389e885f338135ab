package routes

import (
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
)

const ticketSchema = `{"type": "object", "required": ["id"], "properties": {
	"id": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}, "a/b~c": {"enum": [1]}}}`

// violations are those of data that somebody waits for.
func violations(t *testing.T, of interface {
	Violations(b *Budget, data bellhop.JSON, field string) ([]bellhop.FieldError, error)
}, data bellhop.JSON, field string,
) []bellhop.FieldError {
	t.Helper()
	fields, err := of.Violations(NewBudget(t.Context()), data, field)
	if err != nil {
		t.Error(err)
	}
	return fields
}

func TestCatalogueFollowsTheStore(t *testing.T) {
	f := setUp(t)
	f.store.save(
		bellhop.EventType{Name: "ticket.made", Schema: bellhop.JSON(ticketSchema), Validate: true},
		bellhop.EventType{Name: "ticket.read", Schema: bellhop.JSON(ticketSchema)},
		bellhop.EventType{Name: "invoice", Archived: true},
	)
	f.load()
	c := f.Table.Catalogue()
	if et, ok := c.Type("invoice"); !ok || !et.Archived || violations(t, et, bellhop.JSON(`1`), "data") != nil {
		t.Errorf("%+v, %v", et, ok)
	}
	if _, ok := c.Type("none"); ok {
		t.Error("a type that is not there")
	}
	list := func(after string, limit int, want ...string) {
		t.Helper()
		var got []string
		for _, et := range f.Table.Catalogue().Types(bellhop.Owner(), after, limit) {
			got = append(got, et.Name)
		}
		same(t, "types", got, want)
	}
	list("", 0, "invoice", "ticket.made", "ticket.read")
	list("", 1, "invoice")
	list("invoice", 1, "ticket.made")
	list("ticket.read", 9)

	made, _ := c.Type("ticket.made")
	if fields := violations(t, made, bellhop.JSON(`{"id": 1}`), "data"); fields != nil {
		t.Errorf("%v", fields)
	}
	var got []string
	for _, v := range violations(t, made, bellhop.JSON(`{"id": "x", "at": "noon", "a/b~c": 2}`), "events[1].data") {
		got = append(got, v.Field+" "+v.Code)
	}
	same(t, "violations", got, []string{"events[1].data/at schema", "events[1].data/a~1b~0c schema", "events[1].data/id schema"})
	if read, _ := c.Type("ticket.read"); violations(t, read, bellhop.JSON(`{}`), "data") != nil {
		t.Error("validated although nobody asked for it")
	}

	f.store.save(noType("invoice"),
		bellhop.EventType{Name: "ticket.made", Description: "A ticket", Schema: bellhop.JSON(ticketSchema), Validate: true},
		bellhop.EventType{Name: "ticket.read", Schema: bellhop.JSON(`{"type": "string"}`), Validate: true})
	f.load()
	list("", 0, "ticket.made", "ticket.read")
	again, _ := f.Table.Catalogue().Type("ticket.made")
	if again == made || again.Description != "A ticket" || again.schema.compiled != made.schema.compiled {
		t.Errorf("%+v: its schema was compiled anew, or it did not change", again)
	}
	read, _ := f.Table.Catalogue().Type("ticket.read")
	if len(violations(t, read, bellhop.JSON(`{}`), "data")) != 1 || violations(t, read, bellhop.JSON(`"x"`), "data") != nil {
		t.Error("not the new schema")
	}
	f.store.save(bellhop.EventType{Name: "ticket.read", Schema: bellhop.JSON(`{"type": "object"}`), Validate: true})
	f.load()
	read, _ = f.Table.Catalogue().Type("ticket.read")
	if violations(t, read, bellhop.JSON(`{}`), "data") != nil || len(violations(t, read, bellhop.JSON(`"x"`), "data")) != 1 {
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
	if !ok || violations(t, et, bellhop.JSON(`1`), "data") != nil {
		t.Error("the type is gone, or refuses everything")
	}
	if log := f.logged.String(); !strings.Contains(log, "data of an event type is not validated") || !strings.Contains(log, "type=ticket") {
		t.Errorf("logged %q", log)
	}
}
