package routes

import (
	"bytes"
	"cmp"

	"github.com/bellhop/bellhop"
)

// Catalogue is the event types of one version. It never changes, and what it gives
// must not be changed either.
type Catalogue struct {
	version int64
	types   layered[string, *Type]
}

// Type is an event type made ready for use.
type Type struct {
	bellhop.EventType
	schema Schema // none unless data is to be validated
}

// Version is that of the store.
func (c *Catalogue) Version() int64 { return c.version }

// Type gives an event type.
func (c *Catalogue) Type(name string) (*Type, bool) { return c.types.get(name) }

// Types lists the event types that somebody sees in the order of their names, after the
// given one ("": from the first): as many as limit, or with 0 all.
func (c *Catalogue) Types(who bellhop.Principal, after string, limit int) []bellhop.EventType {
	list := first(func(yield func(*Type) bool) {
		for t := range c.types.all() {
			if t.Name > after && who.SeesType(&t.EventType) && !yield(t) {
				return
			}
		}
	}, limit, func(x, y *Type) int { return cmp.Compare(x.Name, y.Name) })
	types := make([]bellhop.EventType, len(list))
	for i, t := range list {
		types[i] = t.EventType
	}
	return types
}

// Violations lists each place where data breaks the type's schema, as
// [Schema.Violations] does; none if data of the type is not validated.
func (t *Type) Violations(b *Budget, data bellhop.JSON, field string) ([]bellhop.FieldError, error) {
	return t.schema.Violations(b, data, field)
}

// with gives the catalogue after a change.
func (c *Catalogue) with(ch *bellhop.CatalogueChanges, compiled []*Type) *Catalogue {
	from := c
	if ch.Full {
		from = &Catalogue{}
	}
	types := from.types.edit()
	for _, name := range ch.DeletedEventTypes {
		types.remove(name)
	}
	for _, t := range compiled {
		types.set(t.Name, t)
	}
	return &Catalogue{version: ch.Version, types: types.done()}
}

// compileType makes an event type ready. A schema that old has already is taken
// from there, since to compile one costs more than all the rest.
func (t *Table) compileType(et bellhop.EventType, old *Catalogue) *Type {
	c := &Type{EventType: et}
	if !et.Validate || len(et.Schema) == 0 {
		return c
	}
	if known, ok := old.Type(et.Name); ok && known.schema.compiled != nil && bytes.Equal(known.EventType.Schema, et.Schema) {
		c.schema = known.schema
		return c
	}
	var err error
	if c.schema, err = CompileSchema(et.Schema); err != nil {
		// It compiled when it was saved, by an older version.
		t.log.Error("data of an event type is not validated", "type", et.Name, "why", "its schema "+err.Error())
	}
	return c
}
