package native

import (
	"net/http"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
)

type eventTypeName struct {
	Name string `path:"name" noun:"event type" doc:"The type's dotted name." example:"invoice.purchase"`
}

type listEventTypesInput struct{ api.Paging }

func (n *native) listEventTypes(c *api.Call, in listEventTypesInput) (wire.Page[bellhop.EventType], error) {
	after, err := cursorEventTypes.Text(in.Cursor)
	if err != nil {
		return wire.Page[bellhop.EventType]{}, err
	}
	types, err := n.desk.EventTypes(c.Context(), c.Principal(), after, in.More())
	if err != nil {
		return wire.Page[bellhop.EventType]{}, err
	}
	position := func(t bellhop.EventType) string { return cursorEventTypes.AtText(t.Name) }
	return counted(in.Paging, page(in.Paging, types, position, same), func() (int, error) { return n.desk.CountEventTypes(c.Context(), c.Principal()) })
}

func (n *native) getEventType(c *api.Call, in eventTypeName) (bellhop.EventType, error) {
	return n.desk.EventType(c.Context(), c.Principal(), in.Name)
}

type putEventTypeInput struct {
	eventTypeName
	Body wire.EventTypePut
}

func (n *native) putEventType(c *api.Call, in putEventTypeInput) (bellhop.EventType, error) {
	saved, created, err := n.desk.PutEventType(c.Context(), c.Principal(), bellhop.EventType{
		Name: in.Name, Description: in.Body.Description, Schema: in.Body.Schema, Example: in.Body.Example,
		Validate: in.Body.Validate, Archived: in.Body.Archived, Deprecated: in.Body.Deprecated, Group: in.Body.Group,
		SchemaVersion: in.Body.SchemaVersion, EarlierSchemas: in.Body.EarlierSchemas, FeatureFlags: in.Body.FeatureFlags, Imported: in.Body.Imported,
	})
	if created {
		c.Answer(http.StatusCreated)
	}
	return saved, err
}

func (n *native) deleteEventType(c *api.Call, in eventTypeName) (api.None, error) {
	return api.None{}, n.desk.DeleteEventType(c.Context(), c.Principal(), in.Name)
}
