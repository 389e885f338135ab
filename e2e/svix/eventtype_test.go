package svix

import (
	"fmt"
	"net/http"
)

func eventTypeCases() map[string]func(caller) {
	return map[string]func(caller){
		"test_patch":                       eventTypePatch,
		"test_event_type_create_read_list": eventTypeCreateReadList,
		"test_event_type_feature_flags":    eventTypeFeatureFlags,
		"test_list":                        eventTypeList,
		"test_schema":                      eventTypeSchema,
	}
}

func coordinates() object {
	return object{
		"type": "object", "title": "Longitude and latitude", "required": []string{"latitude", "longitude"},
		"properties": object{"latitude": object{"type": "number", "minimum": -90, "maximum": 90}, "longitude": object{"type": "number"}},
	}
}

func eventTypePatch(c caller) {
	schemas := object{"1": coordinates(), "2": object{"type": "object"}}
	name := c.unique("patched")
	want := object{"name": name, "description": "First", "schemas": schemas, "archived": false, "deprecated": false}
	c.is(c.do("eventType.create", object{"name": name, "description": "First", "schemas": schemas}), want)
	c.raw(http.StatusCreated, "PUT", "/event-type/"+c.unique("put"), object{"description": "By a name that nobody has"})

	for _, change := range []object{
		{"description": "Second"}, {"schemas": object{"3": coordinates()}}, {"schemas": nil}, {"schemas": schemas}, {"archived": true}, {"archived": false}, {"deprecated": true},
	} {
		c.is(c.do("eventType.patch", name, change), with(want, change))
		c.is(c.do("eventType.get", name), want)
	}
	c.is(c.raw(http.StatusOK, "PATCH", "/event-type/"+name, object{"featureFlag": "beta"}), object{"featureFlag": "beta", "description": "Second"})
	c.is(c.raw(http.StatusOK, "PATCH", "/event-type/"+name, object{"featureFlag": nil}), object{"featureFlag": nil})
	c.is(c.do("eventType.upsert", name, object{"description": "Third", "groupName": "places", "featureFlags": []string{"one"}}),
		object{"description": "Third", "schemas": nil, "groupName": "places", "deprecated": false, "featureFlags": []string{"one"}})

	// To delete archives, and to make it again brings it back; to expunge removes it.
	c.do("eventType.delete", name)
	c.is(c.do("eventType.get", name), object{"archived": true})
	c.is(c.do("eventType.create", object{"name": name, "description": "Back"}), object{"archived": false, "description": "Back"})
	c.is(c.refused(http.StatusConflict, "eventType.create", object{"name": name, "description": "Again"}), object{"code": "event_type_exists"})
	c.do("eventType.delete", name, object{"expunge": true})
	c.refused(http.StatusNotFound, "eventType.get", name)
	c.refused(http.StatusNotFound, "eventType.patch", name, object{"description": "x"})
	c.refused(http.StatusNotFound, "eventType.delete", name)
	for _, bad := range []string{`{"name":"a"}`, `{"description":"a"}`, `{"name":"a b","description":"a"}`, `{"name":"","description":"a"}`, `{"name":"a","description":"a","archived":"no"}`} {
		c.raw(http.StatusUnprocessableEntity, "POST", "/event-type", bad)
	}
	c.raw(http.StatusUnprocessableEntity, "PUT", "/event-type/"+name, `{}`)
}

func eventTypeCreateReadList(c caller) {
	c = c.at(serve(c.T, "--dev"))
	made := c.do("eventType.create", object{"name": "test-event-type", "description": "One", "schemas": object{"1": coordinates()}})
	c.same("what is read", c.do("eventType.get", "test-event-type"), made)
	c.same("the list with schemas", data(c.do("eventType.list", object{"withContent": true})), []object{made})
	list := data(c.do("eventType.list", object{"withContent": false}))
	if len(list) != 1 {
		c.Fatalf("the list is %v", list)
	}
	c.is(list[0], object{"name": "test-event-type", "schemas": nil, "createdAt": made["createdAt"]})
	c.same("archived ones", func() any {
		c.do("eventType.delete", "test-event-type")
		return len(data(c.do("eventType.list", object{"includeArchived": true})))
	}(), 1)
	c.same("without archived ones", len(data(c.do("eventType.list"))), 0)
}

func eventTypeFeatureFlags(c caller) {
	c = c.at(serve(c.T, "--dev"))
	flagged := c.do("eventType.create", object{"name": "event-type-with-flag", "description": "x", "featureFlags": []string{"foo"}})
	c.do("eventType.create", object{"name": "no-flag-event", "description": "x"})
	app := c.app()
	for _, f := range []struct {
		flags []string
		sees  bool
	}{{nil, false}, {[]string{"bar"}, false}, {[]string{"foo", "bar"}, true}, {[]string{"foo"}, true}} {
		in := object{}
		if f.flags != nil {
			in["featureFlags"] = f.flags
		}
		portal := c.as(text(c.do("authentication.appPortalAccess", app, in), "token"))
		list := data(portal.do("eventType.list", object{"withContent": true}))
		if f.sees {
			c.same("what is read", portal.do("eventType.get", "event-type-with-flag"), flagged)
			c.same("the list", each(list, "name"), []string{"event-type-with-flag", "no-flag-event"})
		} else {
			portal.refused(http.StatusNotFound, "eventType.get", "event-type-with-flag")
			c.same("the list", each(list, "name"), []string{"no-flag-event"})
		}
	}
	c.same("all, for the platform", len(data(c.do("eventType.list"))), 2)
}

func eventTypeList(c caller) {
	c = c.at(serve(c.T, "--dev"))
	for i := range 10 {
		c.do("eventType.create", object{"name": fmt.Sprintf("test-event-type-%d", i), "description": "x"})
	}
	pages(c, "eventType.list", nil, "ascending", false)
}

func eventTypeSchema(c caller) {
	for _, bad := range []any{object{"readOnly": 15}, object{"type": "nothing"}, object{"properties": 3}, object{"required": "a"}, 15, "text", nil} {
		c.raw(http.StatusUnprocessableEntity, "POST", "/event-type", object{"name": c.unique("bad"), "description": "x", "schemas": object{"1": bad}})
	}
	c.raw(http.StatusUnprocessableEntity, "POST", "/event-type", object{"name": c.unique("bad"), "description": "x", "schemas": []any{}})
	c.refused(http.StatusUnprocessableEntity, "eventType.create", object{"name": c.unique("bad"), "description": "x", "schemas": object{"1": object{"readOnly": 15}}})
}
