package desk_test

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/internal/testlong"
)

// key makes a key and gives it with its token.
func (h *house) key(r bellhop.KeyRequest) (bellhop.Key, string) {
	h.t.Helper()
	k, token, err := h.CreateKey(h.t.Context(), owner, r)
	if err != nil {
		h.t.Fatal(err)
	}
	return k, token
}

// session starts a session of a key and gives it with its token.
func (h *house) session(of bellhop.Key) (bellhop.Key, string) {
	h.t.Helper()
	s, token, err := h.StartSession(h.t.Context(), of, "")
	if err != nil {
		h.t.Fatal(err)
	}
	return s, token
}

// stored counts the keys in the store, whether they have ended or not.
func (h *house) stored() int {
	h.t.Helper()
	r, err := h.store.Access(h.t.Context(), 0)
	if err != nil {
		h.t.Fatal(err)
	}
	return len(r.Keys)
}

func (h *house) knows(what, token string, want bool) {
	h.t.Helper()
	if _, ok, err := h.Authenticate(h.t.Context(), token); ok != want || err != nil {
		h.t.Errorf("%s: authenticated %v, want %v", what, ok, want)
	}
}

func TestSessionEndsWithItsKey(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		k, keyToken := h.key(bellhop.KeyRequest{Name: "Ada", Role: bellhop.RoleEditor, Apps: []string{"acme"}})
		s, token := h.session(k)
		if s.Name != "Ada" || s.Role != k.Role || len(s.Scope.Apps) != 1 || s.Session != k.ID || s.ExpiresAt.Sub(s.CreatedAt) != 7*24*time.Hour || token == keyToken {
			t.Errorf("%+v", s)
		}
		h.knows("a session", token, true)
		_, second := h.session(k)
		if err := h.DeleteKey(t.Context(), owner, s.ID); err != nil {
			t.Error(err)
		}
		h.knows("a revoked session", token, false)
		h.knows("another session", second, true)
		h.knows("the key", keyToken, true)
		if err := h.DeleteKey(t.Context(), owner, k.ID); err != nil {
			t.Error(err)
		}
		h.knows("a session of a deleted key", second, false)
		if h.stored() != 0 {
			t.Errorf("%d keys are left", h.stored())
		}

		short, _ := h.key(bellhop.KeyRequest{Role: bellhop.RoleViewer, ExpiresIn: bellhop.Duration(time.Hour)})
		_, third := h.session(short)
		wait(time.Hour - time.Millisecond)
		h.knows("a session of a key that is about to expire", third, true)
		wait(time.Millisecond)
		h.knows("a session of an expired key", third, false)

		// A key may be deleted while a session of it is started.
		orphan, token := h.session(bellhop.Key{ID: k.ID, Role: bellhop.RoleAdmin})
		h.knows("an orphan", token, false)
		keys, err := h.Keys(t.Context(), owner, desk.KeyFilter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			if k.ID == orphan.ID {
				t.Error("an orphan is listed")
			}
		}
	})
}

// TestLastUse: of a thousand requests in a minute one is remembered, and written down
// with the next heartbeats; what is not written yet is shown all the same.
func TestLastUse(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		k, token := h.key(bellhop.KeyRequest{Role: bellhop.RoleViewer})
		never, _ := h.key(bellhop.KeyRequest{Role: bellhop.RoleViewer})
		used := func(of bellhop.Key) time.Time {
			t.Helper()
			uses, err := h.KeyUses(t.Context(), owner)
			if err != nil {
				t.Fatal(err)
			}
			return uses[of.ID]
		}
		written := func() int {
			t.Helper()
			uses, err := h.store.KeyUses(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return len(uses)
		}
		minute := func() time.Time { return time.Now().Truncate(time.Minute) }
		h.knows("a key", token, true)
		first := minute()
		if at := used(k); !at.Equal(first) {
			t.Errorf("used at %v, want %v", at, first)
		}
		wait(2 * time.Minute)
		if written() != 1 || !used(k).Equal(first) {
			t.Errorf("%d are written; used at %v, want %v", written(), used(k), first)
		}
		for range 1000 {
			h.knows("a key", token, true)
		}
		h.knows("no key", "bh_nobody", false)
		if at := used(k); !at.Equal(minute()) {
			t.Errorf("used at %v, want %v", at, minute())
		}
		wait(time.Minute)
		if at := used(never); !at.IsZero() || written() != 1 {
			t.Errorf("a key that nobody used, used at %v; %d are written", at, written())
		}
	})
}

func TestSessionsAreBoundedAndSwept(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		h := open(t, seldom)
		k, _ := h.key(bellhop.KeyRequest{Role: bellhop.RoleViewer})
		other, _ := h.key(bellhop.KeyRequest{Role: bellhop.RoleViewer})
		_, theirs := h.session(other)
		_, first := h.session(k)
		_, second := h.session(k)
		for range 99 {
			wait(time.Millisecond)
			h.session(k)
		}
		h.knows("the oldest of too many", first, false)
		h.knows("the second oldest", second, true)
		h.knows("another key's", theirs, true)
		if n := h.stored(); n != 103 {
			t.Errorf("%d keys, want 2 and 101 sessions", n)
		}
		h.key(bellhop.KeyRequest{Role: bellhop.RoleViewer, Apps: []string{"acme"}, Portal: true})
		h.key(bellhop.KeyRequest{Role: bellhop.RoleViewer, ExpiresIn: bellhop.Duration(time.Hour)})
		wait(7*24*time.Hour + time.Hour)
		if n := h.stored(); n != 3 {
			t.Errorf("%d keys after a week, want the 3 that a person made", n)
		}
		entries, err := h.Audit(t.Context(), owner, "", bellhop.AuditFilter{Action: "session.start", Actor: other.ID.String(), Limit: 10})
		if err != nil || len(entries) != 1 {
			t.Errorf("%+v, %v", entries, err)
		}
	})
}
