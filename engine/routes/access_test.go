package routes

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

func (f *fixture) knows(what, token string, want bool) {
	f.t.Helper()
	k, ok := f.Table.Access().Find(hash(token), f.now())
	if ok != want || ok && k.Name != token {
		f.t.Errorf("%s: found %v %q, want %v", what, ok, k.Name, want)
	}
	byID := false
	for _, listed := range f.Table.Access().Keys(f.now()) {
		if again, ok := f.Table.Access().Key(listed.ID, f.now()); !ok || again.Name != listed.Name {
			f.t.Errorf("key %s is listed, and not to be had", listed.ID)
		}
		byID = byID || listed.Name == token
	}
	if byID != want {
		f.t.Errorf("%s: listed %v, want %v", what, byID, want)
	}
}

func TestKeysAreFoundByTheirHashUntilTheyEnd(t *testing.T) {
	f := setUp(t)
	short := key(2, "short", bellhop.Only("acme"))
	short.ExpiresAt = start.Add(time.Hour)
	f.store.save(key(1, "admin", bellhop.Everything()), short)
	f.load()
	f.knows("a key", "admin", true)
	f.knows("a key with an end", "short", true)
	f.knows("no key", "other", false)
	if k, _ := f.Table.Access().Find(hash("short"), f.now()); k.Scope.All || !k.Scope.Sees("acme") {
		t.Errorf("%+v", k.Scope)
	}
	if _, ok := f.Table.Access().Find([32]byte{}, f.now()); ok {
		t.Error("the zero hash is a key's")
	}
	if _, ok := f.Table.Access().Key(0, f.now()); ok {
		t.Error("the zero id is a key's")
	}
	f.wait(time.Hour - time.Nanosecond)
	f.knows("a key that is about to end", "short", true)
	f.wait(time.Nanosecond)
	f.knows("a key that has ended", "short", false)
	if _, ok := f.Table.Access().Key(2, f.now()); ok {
		t.Error("a key that has ended is to be had by its id")
	}

	held := f.Table.Access()
	f.store.save(key(1, "another token", bellhop.Everything()), bellhop.KeyID(2), bellhop.KeyID(77))
	f.load()
	f.knows("a token that was replaced", "admin", false)
	f.knows("the token that replaced it", "another token", true)
	if _, ok := held.Find(hash("admin"), f.now()); !ok || held.Version() != 2 {
		t.Error("a snapshot that was held has changed")
	}
	f.store.save(bellhop.KeyID(1))
	f.load()
	f.knows("a deleted key", "another token", false)
	if n := len(f.Table.Access().Keys(start)); n != 0 {
		t.Errorf("%d keys", n)
	}
}

func TestSessionsEndWithTheirKey(t *testing.T) {
	f := setUp(t)
	session := func(id int, name string, of bellhop.KeyID) bellhop.Key {
		k := key(id, name, bellhop.Everything())
		k.Session, k.ExpiresAt = of, start.Add(7*24*time.Hour)
		return k
	}
	ada := key(1, "ada", bellhop.Everything())
	ada.ExpiresAt = start.Add(time.Hour)
	f.store.save(ada, key(2, "bob", bellhop.Everything()),
		session(3, "of ada", 1), session(4, "of bob", 2), session(5, "of bob, too", 2),
		session(6, "of nobody", 99), session(7, "of a session", 4), session(8, "of itself", 8))
	f.load()
	f.knows("a session", "of ada", true)
	f.knows("an orphan", "of nobody", false)
	f.knows("a session of a session", "of a session", false)
	f.knows("a session of itself", "of itself", false)
	var names []string
	for _, k := range f.Table.Access().Sessions(2, f.now()) {
		names = append(names, k.Name)
	}
	same(t, "sessions", names, []string{"of bob, too", "of bob"})
	if n := len(f.Table.Access().Sessions(0, f.now())); n != 0 {
		t.Errorf("%d sessions of no key", n)
	}

	f.wait(time.Hour)
	f.knows("a session of a key that has ended", "of ada", false)
	f.store.save(bellhop.KeyID(2)) // and its sessions stay behind
	f.load()
	f.knows("a session of a deleted key", "of bob", false)
	if n := len(f.Table.Access().Keys(f.now())); n != 0 {
		t.Errorf("%d keys", n)
	}
}

func TestKeysOfNoAppSeeNothing(t *testing.T) {
	f := setUp(t)
	f.store.save(bellhop.App{ID: "acme"}, endpoint(1, "acme"), key(1, "lost its apps", bellhop.Scope{}))
	f.load()
	k, ok := f.Table.Access().Find(hash("lost its apps"), f.now())
	if !ok {
		t.Fatal("not found")
	}
	scope := k.Principal().Scope
	r := f.Table.Routes()
	if scope.Sees("acme") || scope.Sees("") || len(r.Apps(scope, "", 0)) != 0 || len(r.Endpoints(bellhop.EndpointFilter{Scope: scope})) != 0 {
		t.Errorf("%+v sees something", scope)
	}
}
