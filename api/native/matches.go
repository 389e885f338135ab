package native

import (
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
)

type matchesInput struct{ Body wire.MatchesInput }

func (n *native) matchEndpoint(c *api.Call, in matchesInput) (wire.Matches, error) {
	m, err := n.desk.Matches(c.Context(), c.Principal(), in.Body.Change())
	return wire.Matches{
		LookedAt: m.LookedAt, Fit: m.Fit, Fitting: recentEvent(m.Fitting), Other: recentEvent(m.Other), OtherWhy: m.OtherWhy,
	}, err
}

func recentEvent(e *bellhop.Event) *wire.RecentEvent {
	if e == nil {
		return nil
	}
	return &wire.RecentEvent{Event: *e}
}

type listFieldsInput struct {
	App    string   `query:"app" doc:"Of this app's recent events; without it, of all that you see." example:"acme"`
	Events []string `query:"events" nullable:"false" minItems:"1" doc:"Of these event types: exact names, or a prefix and a trailing *. Several may stand in one, with commas between." example:"invoice.*"`
}

func (n *native) listEventFields(c *api.Call, in listFieldsInput) (wire.List[wire.DataField], error) {
	var events []string
	for _, list := range in.Events {
		events = append(events, strings.Split(list, ",")...)
	}
	fields, err := n.desk.Fields(c.Context(), c.Principal(), in.App, events)
	return whole(fields, func(f desk.DataField) wire.DataField {
		return wire.DataField{Path: f.Path, Types: append([]string{}, f.Types...), Example: f.Example, Source: string(f.Source)}
	}), err
}
