package wire

import (
	"encoding/json"

	"github.com/bellhop/bellhop"
)

// MatchesInput asks how patterns and a filter would have done.
type MatchesInput struct {
	Apps     []bellhop.AppTerms `json:"apps,omitempty" nullable:"false" doc:"The apps whose events are looked at, each with its own terms if it has some; may be left out where all subjects are URNs."`
	Events   []string           `json:"events,omitempty" nullable:"false" doc:"Event types: exact names, or a prefix and a trailing *; none means all." example:"[\"invoice.*\"]"`
	Channels []string           `json:"channels,omitempty" nullable:"false" doc:"Channels; none means all events." example:"[\"project:7\"]"`
	Subjects []string           `json:"subjects,omitempty" nullable:"false" doc:"Patterns of subjects; none means all." example:"[\"ticket:*\"]"`
	Filter   bellhop.JSON       `json:"filter,omitempty" doc:"A JSON pattern over the event's data." example:"{\"total\":[{\"decimal\":[\">\",100]}]}"`
}

// EncodeJSON gives the request with its filter byte for byte.
func (in MatchesInput) EncodeJSON() ([]byte, error) { return encodeStruct(in) }

// Change is what is asked for, as that of an endpoint.
func (in MatchesInput) Change() bellhop.EndpointChange {
	c := EndpointInput{Events: bellhop.Of(in.Events), Channels: bellhop.Of(in.Channels), Subjects: bellhop.Of(in.Subjects), Filter: bellhop.Of(in.Filter)}
	if len(in.Apps) > 0 {
		c.Apps = bellhop.Of(in.Apps)
	}
	return c.Change()
}

// Matches says how patterns and a filter would have done with recent events.
type Matches struct {
	LookedAt int          `json:"looked_at" doc:"How many of the newest events were looked at: of those apps and types, at most 100." example:"100"`
	Fit      int          `json:"fit" doc:"How many of them an endpoint would have got." example:"7"`
	Fitting  *RecentEvent `json:"fitting,omitempty" doc:"The newest of those; absent if there is none."`
	Other    *RecentEvent `json:"other,omitempty" doc:"The newest that it would not have got; absent if there is none."`
	OtherWhy string       `json:"other_why,omitempty" doc:"Why not." example:"/total: wanted a number > 100, found 7.50"`
}

// RecentEvent is an event with its data.
type RecentEvent struct{ bellhop.Event }

// EncodeJSON gives the event with its data byte for byte.
func (e RecentEvent) EncodeJSON() ([]byte, error) {
	data := e.Data
	e.Data = nil
	if len(data) == 0 {
		return json.Marshal(e.Event)
	}
	return appendWithData(nil, e.Event, data)
}

// EncodeJSON gives the answer with the data of its events byte for byte.
func (m Matches) EncodeJSON() ([]byte, error) {
	var o object
	o.add("looked_at", m.LookedAt)
	o.add("fit", m.Fit)
	if m.Fitting != nil {
		o.add("fitting", *m.Fitting)
	}
	if m.Other != nil {
		o.add("other", *m.Other)
		o.add("other_why", m.OtherWhy)
	}
	return o.end()
}

// DataField is a field of events' data.
type DataField struct {
	Path    string       `json:"path" doc:"The names of members, with dots between, as a filter nests them; arrays on the way are passed over." example:"customer.country"`
	Types   []string     `json:"types" nullable:"false" doc:"What it holds: string, number, boolean or null." example:"[\"string\"]"`
	Example bellhop.JSON `json:"example,omitempty" doc:"A value; absent if none is known." example:"\"CH\""`
	Source  string       `json:"source" enum:"schema,recent" doc:"From where it is known: a schema of the catalogue, or recent events and examples."`
}

// EncodeJSON gives the field with its example byte for byte.
func (f DataField) EncodeJSON() ([]byte, error) { return encodeStruct(f) }
