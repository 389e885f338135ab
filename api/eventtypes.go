package api

import (
	"net/http"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

type eventTypeName struct {
	Name string `path:"name" noun:"event type" doc:"The type's dotted name." example:"invoice.purchase"`
}

type listEventTypesInput struct{ paging }

func (a *api) listEventTypes(c *call, in listEventTypesInput) (wire.Page[bellhop.EventType], error) {
	after, err := cursorEventTypes.text(in.Cursor)
	if err != nil {
		return wire.Page[bellhop.EventType]{}, err
	}
	types := a.b.EventTypes(after, in.more())
	position := func(t bellhop.EventType) string { return encodeCursor(cursorEventTypes, []byte(t.Name)) }
	return page(in.paging, types, position, same), nil
}

func (a *api) getEventType(_ *call, in eventTypeName) (bellhop.EventType, error) {
	return a.b.EventType(in.Name)
}

type putEventTypeInput struct {
	eventTypeName
	Body wire.EventTypePut
}

func (a *api) putEventType(c *call, in putEventTypeInput) (bellhop.EventType, error) {
	saved, created, err := a.b.SaveEventType(c.ctx(), c.actor(), bellhop.EventType{
		Name: in.Name, Description: in.Body.Description, Schema: in.Body.Schema, Example: in.Body.Example,
		Validate: in.Body.Validate, Archived: in.Body.Archived,
	})
	if created {
		c.status = http.StatusCreated
	}
	return saved, err
}

func (a *api) deleteEventType(c *call, in eventTypeName) (none, error) {
	return none{}, a.b.DeleteEventType(c.ctx(), c.actor(), in.Name)
}
