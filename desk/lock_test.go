package desk_test

import (
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
)

// TestAnOperatorsHold tries as an editor everything that would undo it, on endpoints
// in each state.
func TestAnOperatorsHold(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		ctx, editor, admin := t.Context(), as(bellhop.RoleEditor, "acme"), as(bellhop.RoleAdmin, "acme")
		for _, state := range []bellhop.EndpointStatus{bellhop.EndpointActive, bellhop.EndpointPaused, bellhop.EndpointDisabled} {
			e := h.endpoint(string(state) + ".example")
			h.set(e.ID, bellhop.EndpointChange{
				Status: bellhop.Of(state), Locked: bellhop.Of(true), LockedReason: bellhop.Of("Floods the receiver."),
			})
			revision := h.e.Routes().Routes().Endpoint(e.ID).Revision
			patch := func(p bellhop.Principal, c bellhop.EndpointChange) error {
				_, err := h.UpdateEndpoint(ctx, p, e.ID, c)
				return err
			}
			other := state
			if other == bellhop.EndpointActive {
				other = bellhop.EndpointPaused
			} else {
				other = bellhop.EndpointActive
			}
			for name, do := range map[string]func(bellhop.Principal) error{
				"pause":       func(p bellhop.Principal) error { _, err := h.PauseEndpoint(ctx, p, e.ID); return err },
				"resume":      func(p bellhop.Principal) error { _, err := h.ResumeEndpoint(ctx, p, e.ID); return err },
				"status":      func(p bellhop.Principal) error { return patch(p, bellhop.EndpointChange{Status: bellhop.Of(other)}) },
				"same status": func(p bellhop.Principal) error { return patch(p, bellhop.EndpointChange{Status: bellhop.Of(state)}) },
				"unlock":      func(p bellhop.Principal) error { return patch(p, bellhop.EndpointChange{Locked: bellhop.Of(false)}) },
				"no reason": func(p bellhop.Principal) error {
					return patch(p, bellhop.EndpointChange{LockedReason: bellhop.Of("")})
				},
				"url": func(p bellhop.Principal) error {
					return patch(p, bellhop.EndpointChange{URL: bellhop.Of("https://elsewhere.example/")})
				},
				"events": func(p bellhop.Principal) error {
					return patch(p, bellhop.EndpointChange{Events: bellhop.Of([]string{"nothing"})})
				},
				"rotate": func(p bellhop.Principal) error { _, _, err := h.RotateSecret(ctx, p, e.ID, nil, ""); return err },
				"delete": func(p bellhop.Principal) error { return h.DeleteEndpoint(ctx, p, e.ID) },
			} {
				err := do(editor)
				code(t, string(state)+": "+name, err, bellhop.CodeLocked)
				if err != nil && !strings.Contains(err.Error(), "role admin") || !strings.Contains(err.Error(), "Floods the receiver.") {
					t.Errorf("%s: %s says not who can, or not why: %v", state, name, err)
				}
			}
			if _, err := h.TestEndpoint(ctx, editor, e.ID, "", nil); (err == nil) != (state == bellhop.EndpointActive) {
				t.Errorf("%s: a test: %v", state, err)
			}
			if now := h.e.Routes().Routes().Endpoint(e.ID); now.Revision != revision || now.Status != state {
				t.Errorf("%s: it was changed: %+v", state, now)
			}
			if seen, err := h.Endpoint(ctx, editor, e.ID); err != nil || !seen.Locked || seen.LockedReason != "Floods the receiver." {
				t.Errorf("%s: the editor sees %+v, %v", state, seen, err)
			}
			if _, err := h.Secrets(ctx, editor, e.ID); err != nil {
				t.Errorf("%s: looking at the secrets: %v", state, err)
			}
			// An admin may do it all; unlocking forgets the reason.
			if _, err := h.ResumeEndpoint(ctx, admin, e.ID); err != nil {
				t.Errorf("%s: resumed by an admin: %v", state, err)
			}
			if u, err := h.UpdateEndpoint(ctx, admin, e.ID, bellhop.EndpointChange{Locked: bellhop.Of(false)}); err != nil || u.Locked || u.LockedReason != "" {
				t.Errorf("%s: unlocked: %+v, %v", state, u, err)
			}
			if _, err := h.PauseEndpoint(ctx, editor, e.ID); err != nil {
				t.Errorf("%s: paused by an editor, once it is unlocked: %v", state, err)
			}
		}
		if got := len(h.net.at("active.example")); got != 1 {
			t.Errorf("%d tests arrived, want that of the active one", got)
		}
	})
}

func TestOnlyAdminsLock(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		ctx, editor := t.Context(), as(bellhop.RoleEditor, "acme")
		_, _, err := h.CreateEndpoint(ctx, editor, hook("a.example", func(c *bellhop.EndpointChange) { c.Locked = bellhop.Of(true) }))
		code(t, "created locked by an editor", err, bellhop.CodeForbidden, "locked")
		e := h.endpoint("a.example")
		_, err = h.UpdateEndpoint(ctx, editor, e.ID, bellhop.EndpointChange{Locked: bellhop.Of(true)})
		code(t, "locked by an editor", err, bellhop.CodeForbidden, "locked")
		// What was read may be sent back as it is.
		if _, err = h.UpdateEndpoint(ctx, editor, e.ID, bellhop.EndpointChange{Locked: bellhop.Of(false), LockedReason: bellhop.Of("")}); err != nil {
			t.Errorf("left as it is by an editor: %v", err)
		}
		_, err = h.UpdateEndpoint(ctx, owner, e.ID, bellhop.EndpointChange{LockedReason: bellhop.Of("why")})
		code(t, "a reason without a lock", err, bellhop.CodeInvalid, "locked_reason")

		h.set(e.ID, bellhop.EndpointChange{Locked: bellhop.Of(true)})
		h.set(e.ID, bellhop.EndpointChange{Locked: bellhop.Of(false)})
		h.set(e.ID, bellhop.EndpointChange{Name: bellhop.Of("x")})
		var actions []string
		entries, err := h.Audit(ctx, owner, "", bellhop.AuditFilter{Object: e.ID.String(), Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range entries {
			actions = append(actions, a.Action)
		}
		if got, want := strings.Join(actions, " "), "endpoint.update endpoint.unlock endpoint.lock endpoint.update endpoint.create"; got != want {
			t.Errorf("audit log: %s, want %s", got, want)
		}
	})
}

// TestAHeldEndpointIsNotMadeAnew: what the operator stopped does not go on under
// another id.
func TestAHeldEndpointIsNotMadeAnew(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.app("globex")
		ctx, editor, elsewhere := t.Context(), as(bellhop.RoleEditor, "acme"), as(bellhop.RoleEditor, "globex")
		e := h.endpoint("a.example")
		other, _, err := h.CreateEndpoint(ctx, editor, hook("b.example"))
		if err != nil {
			t.Fatal(err)
		}
		h.set(e.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointDisabled), Locked: bellhop.Of(true)})
		for _, url := range []string{"https://a.example/hook", "https://A.example/hook?again=1", "https://a.example/hook/"} {
			_, _, err := h.CreateEndpoint(ctx, editor, hook("", func(c *bellhop.EndpointChange) { c.URL = bellhop.Of(url) }))
			code(t, "made anew at "+url, err, bellhop.CodeLocked, "url")
			_, err = h.UpdateEndpoint(ctx, editor, other.ID, bellhop.EndpointChange{URL: bellhop.Of(url)})
			code(t, "another one moved to "+url, err, bellhop.CodeLocked, "url")
		}
		if _, _, err := h.CreateEndpoint(ctx, editor, hook("c.example")); err != nil {
			t.Errorf("at another url: %v", err)
		}
		if _, _, err := h.CreateEndpoint(ctx, elsewhere, hook("a.example", of("globex"))); err != nil {
			t.Errorf("of another app: %v", err)
		}
		if _, _, err := h.CreateEndpoint(ctx, as(bellhop.RoleAdmin, "acme"), hook("a.example")); err != nil {
			t.Errorf("by an admin: %v", err)
		}
	})
}
