package desk_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
)

// TestKeysReachNoMoreThanTheirMaker: nobody gets more out of a new key than it has.
func TestKeysReachNoMoreThanTheirMaker(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		ctx := t.Context()
		limited := as(bellhop.RoleAdmin, "acme")
		_, _, err := h.CreateKey(ctx, limited, bellhop.KeyRequest{Role: bellhop.RoleViewer})
		code(t, "a key for all apps", err, bellhop.CodeInvalid, "apps")
		_, _, err = h.CreateKey(ctx, bellhop.Principal{Role: bellhop.RoleAdmin}, bellhop.KeyRequest{Role: bellhop.RoleViewer})
		code(t, "a key for all apps, asked for by somebody who reaches none", err, bellhop.CodeInvalid, "apps")

		all, token, err := h.CreateKey(ctx, owner, bellhop.KeyRequest{Role: bellhop.RoleViewer})
		if err != nil || !all.Scope.All || len(all.Scope.Apps) != 0 {
			t.Errorf("%+v, %v", all, err)
		}
		h.app("initech")
		if k, ok, _ := h.Authenticate(ctx, token); !ok || !k.Scope.Sees("initech") {
			t.Errorf("an app that was made later: %+v", k)
		}
		both, _ := h.key(bellhop.KeyRequest{Role: bellhop.RoleEditor, Apps: []string{"acme", "globex"}})
		mine, token, err := h.CreateKey(ctx, limited, bellhop.KeyRequest{Name: "shop", Role: bellhop.RoleAdmin, Apps: []string{"acme"}})
		if err != nil || mine.Scope.All || !slices.Equal(mine.Scope.Apps, []string{"acme"}) {
			t.Errorf("%+v, %v", mine, err)
		}
		if k, ok, _ := h.Authenticate(ctx, token); !ok || k.Scope.Sees("globex") || !k.Scope.Sees("acme") {
			t.Errorf("%+v", k)
		}

		// It sees and ends those that reach no more than itself.
		list, err := h.Keys(ctx, limited, desk.KeyFilter{})
		if err != nil || len(list) != 1 || list[0].ID != mine.ID {
			t.Errorf("%+v, %v", list, err)
		}
		for _, k := range []bellhop.Key{all, both} {
			if err := h.DeleteKey(ctx, limited, k.ID); !bellhop.IsNotFound(err) {
				t.Errorf("a key that reaches more: %v", err)
			}
		}
		if err := h.DeleteKey(ctx, mine.Principal(), mine.ID); err != nil {
			t.Error(err)
		}
		h.knows("a deleted key", token, false)

		// The audit log says what a key reaches, of that what its reader reaches.
		for p, want := range map[*bellhop.Principal]string{&owner: `"apps":["acme","globex"]`, {Role: bellhop.RoleAdmin, Scope: bellhop.Only("globex")}: `"apps":["globex"]`} {
			entries, err := h.Audit(ctx, *p, "globex", bellhop.AuditFilter{Object: both.ID.String(), Limit: 10})
			if err != nil || len(entries) != 1 || !strings.Contains(string(entries[0].Detail), want) || strings.Contains(string(entries[0].Detail), "ash") {
				t.Errorf("%+v, %v", entries, err)
			}
		}
	})
}

func TestKeys(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		ctx := t.Context()
		for field, r := range map[string]bellhop.KeyRequest{
			"role":       {Role: "root"},
			"name":       {Role: bellhop.RoleViewer, Name: strings.Repeat("x", 300)},
			"expires_in": {Role: bellhop.RoleViewer, ExpiresIn: -1},
			"apps":       {Role: bellhop.RoleViewer, Apps: make([]string, 101)},
			"app":        {Role: bellhop.RoleViewer, Portal: true},
		} {
			_, _, err := h.CreateKey(ctx, owner, r)
			code(t, field, err, bellhop.CodeInvalid, field)
		}
		for field, r := range map[string]bellhop.KeyRequest{
			"role":       {Role: bellhop.RoleAdmin},
			"expires_in": {Role: bellhop.RoleViewer, ExpiresIn: bellhop.Duration(8 * 24 * time.Hour)},
		} {
			r.Portal, r.Apps = true, []string{"acme"}
			_, _, err := h.CreateKey(ctx, owner, r)
			code(t, "a portal link's "+field, err, bellhop.CodeInvalid, field)
		}
		_, _, err := h.CreateKey(ctx, owner, bellhop.KeyRequest{Role: bellhop.RoleViewer, Portal: true, Apps: []string{"nobody"}})
		code(t, "a portal link for nobody", err, bellhop.CodeUnknownApp, "app")
		_, _, err = h.CreateKey(ctx, owner, bellhop.KeyRequest{Role: bellhop.RoleViewer, Apps: []string{"acme", "nobody"}})
		code(t, "a key for nobody", err, bellhop.CodeUnknownApp, "apps[1]")

		k, _ := h.key(bellhop.KeyRequest{Role: bellhop.RoleViewer})
		link, token := h.key(bellhop.KeyRequest{Role: bellhop.RoleEditor, Apps: []string{"acme"}, Portal: true})
		s, _ := h.session(k)
		if link.ExpiresAt.Sub(link.CreatedAt) != time.Hour {
			t.Errorf("%+v", link)
		}
		for _, c := range []struct {
			filter desk.KeyFilter
			want   []bellhop.KeyID
		}{
			{desk.KeyFilter{}, []bellhop.KeyID{s.ID, link.ID, k.ID}},
			{desk.KeyFilter{Limit: 2}, []bellhop.KeyID{s.ID, link.ID}},
			{desk.KeyFilter{Before: link.ID}, []bellhop.KeyID{k.ID}},
			{desk.KeyFilter{Kind: desk.KindKey}, []bellhop.KeyID{k.ID}},
			{desk.KeyFilter{Kind: desk.KindPortal}, []bellhop.KeyID{link.ID}},
			{desk.KeyFilter{Kind: desk.KindSession}, []bellhop.KeyID{s.ID}},
		} {
			list, err := h.Keys(ctx, owner, c.filter)
			var got []bellhop.KeyID
			for _, k := range list {
				got = append(got, k.ID)
			}
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%+v: %v, want %v; %v", c.filter, got, c.want, err)
			}
		}
		h.knows("a portal link", token, true)
		wait(time.Hour)
		h.knows("an old portal link", token, false)
		if err := h.DeleteKey(ctx, owner, link.ID); !bellhop.IsNotFound(err) {
			t.Errorf("a key that has ended: %v", err)
		}
	})
}

// TestSessionsAreForKeysThatLook: others have nothing to do in a dashboard.
func TestSessionsAreForKeysThatLook(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		ctx := t.Context()
		k, _ := h.key(bellhop.KeyRequest{Role: bellhop.RoleEditor, Apps: []string{"acme"}})
		link, _ := h.key(bellhop.KeyRequest{Role: bellhop.RoleEditor, Apps: []string{"acme"}, Portal: true})
		publisher, _ := h.key(bellhop.KeyRequest{Role: bellhop.RolePublisher})
		s, token := h.session(k)
		for what, of := range map[string]bellhop.Key{"portal link": link, "publish": publisher, "session": s, "only publish": {}} {
			_, _, err := h.StartSession(ctx, of, "")
			code(t, what, err, bellhop.CodeForbidden)
			if !strings.Contains(err.Error(), what) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if p := s.Principal(); p.Actor != k.ID.String() || p.Role != k.Role || p.Scope.Sees("globex") {
			t.Errorf("%+v", p)
		}
		if err := h.EndSession(ctx, k); err != nil {
			t.Error(err)
		}
		h.knows("a session whose key was taken for one", token, true)
		for range 2 {
			if err := h.EndSession(ctx, s); err != nil {
				t.Error(err)
			}
			h.knows("a session that was ended", token, false)
		}
		entries, err := h.Audit(ctx, owner, "", bellhop.AuditFilter{Action: "session.end", Limit: 10})
		if err != nil || len(entries) != 1 || entries[0].Actor != k.ID.String() {
			t.Errorf("%+v, %v", entries, err)
		}
	})
}
