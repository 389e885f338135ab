package svix

import (
	"fmt"
	"net/http"
	"reflect"
)

func applicationCases() map[string]func(caller) {
	return map[string]func(caller){
		"test_patch":         applicationPatch,
		"test_crud":          applicationCRUD,
		"test_list":          applicationList,
		"test_uid":           applicationUID,
		"test_get_or_create": applicationGetOrCreate,
		"test_idempotency":   applicationIdempotency,
	}
}

// Each field is set and unset, and nothing else changes.
func applicationPatch(c caller) {
	app := c.app()
	uid := c.unique("uid")
	want := object{"name": "An app", "throttleRate": nil, "uid": nil, "metadata": object{}}
	for _, change := range []object{
		{"name": "Another"},
		{"throttleRate": 1},
		{"throttleRate": nil},
		{"uid": uid},
		{"uid": nil},
		{"metadata": object{"foo": "bar", "bizz": "baz"}},
		{"metadata": object{}},
	} {
		c.do("application.patch", app, change)
		c.is(c.do("application.get", app), with(want, change))
	}
	// The alias is the same field.
	c.is(c.raw(http.StatusOK, "PATCH", "/app/"+app, object{"rateLimit": 2}), object{"throttleRate": 2, "rateLimit": 2})
	c.is(c.raw(http.StatusOK, "PATCH", "/app/"+app, object{}), object{"throttleRate": 2, "name": "Another"})

	for _, bad := range []string{`{"name":""}`, `{"name":null}`, `{"metadata":null}`, `{"throttleRate":0}`, `{"throttleRate":65536}`, `{"uid":"not one"}`, `{"uid":""}`, `{"metadata":{"a":1}}`} {
		c.raw(http.StatusUnprocessableEntity, "PATCH", "/app/"+app, bad)
	}
	c.refused(http.StatusNotFound, "application.patch", "app_nobody", object{"name": "x"})
}

func applicationCRUD(c caller) {
	one, two := c.do("application.create", object{"name": "One"}), c.do("application.create", object{"name": "Two"})
	for _, app := range []object{one, two} {
		c.same("what is read", c.do("application.get", app["id"]), app)
		changed := c.do("application.upsert", app["id"], object{"name": "Changed"})
		c.is(changed, object{"name": "Changed", "id": app["id"]})
		c.same("what is read of what was changed", c.do("application.get", app["id"]), changed)
		c.do("application.delete", app["id"])
		c.refused(http.StatusNotFound, "application.get", app["id"])
		c.refused(http.StatusNotFound, "application.delete", app["id"])
	}
	// To put an app that is not there makes it.
	uid := c.unique("upserted")
	made := c.do("application.upsert", uid, object{"name": "Put", "uid": uid, "metadata": object{"foo": "bar"}})
	c.is(made, object{"metadata": object{"foo": "bar"}, "uid": uid})
	c.is(c.do("application.upsert", made["id"], object{"name": "New", "metadata": object{"new": "data"}}),
		object{"id": made["id"], "metadata": object{"new": "data"}, "name": "New", "uid": nil})
	c.raw(http.StatusCreated, "PUT", "/app/"+c.unique("put"), object{"name": "By a name that nobody has"})
	c.is(c.do("application.patch", made["id"], object{"metadata": object{"bizz": "bar"}}), object{"metadata": object{"bizz": "bar"}})

	for _, bad := range []string{`{}`, `{"name":""}`, `{"name":1}`, `{"name":"x","uid":"app_1"}`, `{"name":"x","uid":"sp ace"}`, `{"name":"x","throttleRate":-1}`, `[]`, `{`, ``} {
		if bad == `{` || bad == `` {
			continue // a body that is no JSON is looked at in TestBadBodies
		}
		c.raw(http.StatusUnprocessableEntity, "POST", "/app", bad)
		c.raw(http.StatusUnprocessableEntity, "PUT", "/app/"+text(made, "id"), bad)
	}
}

func applicationList(c caller) {
	c = c.at(serve(c.T, "--dev"))
	for i := range 10 {
		c.do("application.create", object{"name": fmt.Sprintf("App %d", i)})
	}
	pages(c, "application.list", nil, "ascending", true)
}

// pages walks through a list of ten: forwards and back, and in the other order if there is
// one.
func pages(c caller, method string, args []any, order string, reverses bool) {
	c.Helper()
	list := func(options object) object { return c.do(method, append(append([]any{}, args...), options)...) }
	all := data(list(object{"withContent": true}))
	if len(all) != 10 {
		c.Fatalf("there are %d items, want 10", len(all))
	}
	other := map[string]string{"ascending": "descending", "descending": "ascending"}[order]
	type walk struct {
		order string
		items []object
	}
	walks := []walk{{order, all}}
	if reverses {
		back := []object{}
		for i := range all {
			back = append(back, all[len(all)-1-i])
		}
		walks = append(walks, walk{other, back})
	}
	for _, w := range walks {
		page := func(limit int, iterator any) object {
			options := object{"limit": limit, "withContent": true}
			if reverses {
				options["order"] = w.order
			}
			if iterator != nil {
				options["iterator"] = iterator
			}
			return list(options)
		}
		check := func(got object, from, to int, done bool) {
			c.Helper()
			c.same(fmt.Sprintf("items %d to %d, %s", from, to, w.order), got["data"], w.items[from:to])
			c.is(got, object{"done": done})
		}
		check(page(1, nil), 0, 1, false)
		check(page(50, nil), 0, 10, true)
		check(page(10, nil), 0, 10, true)
		first := page(6, nil)
		check(first, 0, 6, false)
		last := page(6, first["iterator"])
		check(last, 6, 10, true)
		before := page(3, last["prevIterator"])
		check(before, 3, 6, false)
		check(page(3, before["prevIterator"]), 0, 3, true)
		check(page(3, before["iterator"]), 6, 9, false)
		end := page(6, last["iterator"])
		check(end, 10, 10, true)
		if end["iterator"] != nil && !reflect.DeepEqual(end["iterator"], last["iterator"]) {
			c.Errorf("past the end the iterator is %v, want none, or where the end was", end["iterator"])
		}
	}
	c.refused(http.StatusUnprocessableEntity, method, append(append([]any{}, args...), object{"limit": 6, "iterator": "BAD-$$$ITERATOR"})...)
	c.refused(http.StatusUnprocessableEntity, method, append(append([]any{}, args...), object{"limit": 251})...)
	c.refused(http.StatusUnprocessableEntity, method, append(append([]any{}, args...), object{"limit": 0})...)
}

func applicationUID(c caller) {
	one, two, three := c.unique("one"), c.unique("two"), c.unique("three")
	app := c.do("application.create", object{"name": "1", "uid": one})
	if app["id"] == app["uid"] {
		c.Error("the id is the uid")
	}
	c.same("what is read by the uid", c.do("application.get", one), app)
	c.refused(http.StatusConflict, "application.create", object{"name": "1", "uid": one})
	none := c.do("application.create", object{"name": "2"})
	c.refused(http.StatusConflict, "application.upsert", none["id"], object{"name": "2", "uid": one})
	c.refused(http.StatusConflict, "application.patch", none["id"], object{"uid": one})
	other := c.do("application.create", object{"name": "2", "uid": two})
	c.refused(http.StatusConflict, "application.upsert", other["id"], object{"name": "2", "uid": one})

	// It is free again when its app is deleted.
	c.do("application.delete", app["id"])
	c.is(c.do("application.upsert", other["id"], object{"name": "2", "uid": one}), object{"uid": one, "id": other["id"]})
	c.do("application.delete", one)
	app = c.do("application.create", object{"name": "1", "uid": one})
	c.is(c.do("application.upsert", app["id"], object{"name": "1", "uid": one}), object{"uid": one})
	c.is(c.do("application.upsert", app["id"], object{"name": "1", "uid": three}), object{"uid": three})
	c.is(c.do("application.get", app["id"]), object{"uid": three})
	c.is(c.do("application.get", three), object{"id": app["id"]})
	c.is(c.do("application.upsert", app["id"], object{"name": "1"}), object{"uid": nil})
	c.is(c.do("application.get", app["id"]), object{"uid": nil})
	c.refused(http.StatusNotFound, "application.get", three)
}

func applicationGetOrCreate(c caller) {
	uid := c.unique("uid")
	app := c.do("application.getOrCreate", object{"name": "1", "uid": uid, "metadata": object{"foo": "bar"}})
	c.is(app, object{"metadata": object{"foo": "bar"}})
	c.refused(http.StatusConflict, "application.create", object{"name": "1", "uid": uid})
	c.same("what is there", c.do("application.getOrCreate", object{"name": "Not kept", "uid": uid}), app)
	c.raw(http.StatusOK, "POST", "/app?get_if_exists=true", object{"name": "Not kept", "uid": uid})
	c.raw(http.StatusCreated, "POST", "/app/?get_if_exists=true", object{"name": "Made", "uid": c.unique("uid")})
}

func applicationIdempotency(c caller) {
	key := object{"idempotencyKey": c.unique("key")}
	app := c.do("application.create", object{"name": "Some unique name"}, key)
	c.same("the same key, another body", c.do("application.create", object{"name": "Some other name"}, key), app)
	c.is(c.do("application.get", app["id"]), object{"name": "Some unique name"})
	if again := c.do("application.create", object{"name": "Some unique name"}); again["id"] == app["id"] {
		c.Error("without the key it is not made anew")
	}
}
