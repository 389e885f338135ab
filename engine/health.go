package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/lane"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// Reasons of a bellhop.HealthState, besides those of attempts.
const (
	HealthMisconfigured = "misconfigured"
	HealthHeld          = "held"
	HealthNew           = "new"
	HealthChanged       = "changed"
	HealthGaveUp        = "gave_up"
	HealthAllHeld       = "all_held"
)

// Health judges how some endpoints do, in their order: by what is stored of their latest
// attempts, which lanes know. What it says counts nothing of apps beyond the scope.
// Whatever shows or acts on an endpoint's health asks here, so that all agree. It asks
// the store once, for what memory answers, however many there are.
func (e *Engine) Health(ctx context.Context, scope bellhop.Scope, of ...*routes.Route) ([]bellhop.HealthState, error) {
	held, err := e.store.Held(ctx, scope, 0)
	if err != nil {
		return nil, fmt.Errorf("look for what is held: %w", err)
	}
	stored, err := e.storedVitals(ctx, of)
	if err != nil {
		return nil, err
	}
	now := e.cfg.Now()
	views := e.lanes.Views(of)
	for i, r := range of {
		if v, ok := stored[r.ID]; ok {
			views[i] = lane.View{Vitals: v}
		}
	}
	list := make([]bellhop.HealthState, len(of))
	for i, r := range of {
		list[i] = e.healthOf(r, views[i], held[r.ID], scope.SeesAll(r.Apps), now)
	}
	return list, nil
}

// healthOf judges one endpoint, which holds so many deliveries by themselves. All says
// whether what it has done may be counted.
func (e *Engine) healthOf(r *routes.Route, view lane.View, held int64, all bool, now time.Time) bellhop.HealthState {
	v := &view.Vitals
	h := bellhop.HealthState{State: v.Health()}
	switch {
	case r.Status == bellhop.EndpointPaused:
		h.State, h.Since = bellhop.HealthPaused, r.UpdatedAt
		h.Detail = "It is paused: its deliveries are held, and go out when it is resumed."
		return h
	case r.Status != bellhop.EndpointActive:
		h.State, h.Since = bellhop.HealthDisabled, r.UpdatedAt
		h.Detail = "It is disabled: it gets no new events, and what was waiting is held until it is enabled."
		if r.DisabledReason != "" {
			h.Reason, h.Detail = HealthGaveUp, "Nothing is sent to it any more: "+r.DisabledReason
		}
		return h
	}
	if hold := e.table.Routes().Hold(); r.Held() && hold.On() {
		h.State, h.Reason, h.Since = bellhop.HealthPaused, HealthAllHeld, hold.Since
		h.Detail = "All sending is held: its deliveries wait, and go out when the operator releases it."
		return h
	}
	if why := r.Broken(); why != "" {
		h.State, h.Reason = bellhop.HealthOnHold, HealthMisconfigured
		if r.Listened() {
			h.Reason = bellhop.ReasonNoListener
		}
		h.Detail = "Nothing can be sent to it: " + why + "."
		return h
	}
	switch {
	case h.State == bellhop.HealthFailing && (held == 0 || !v.FailingSince.IsZero()):
		failing(&h, v, view.NextTry, all, now)
		if !v.FailingSince.IsZero() {
			h.DisablesAt = v.FailingSince.Add(lane.DisableAfter(e.cfg.DisableAfter, r.Retry))
		}
	case held > 0:
		h.State, h.Reason, h.Detail = bellhop.HealthOnHold, HealthHeld, howManyHeld(held)+"."
	case h.State == bellhop.HealthUnknown:
		h.Since, h.Reason = v.Since, HealthChanged
		what := "it was last made active or given another address or credentials"
		if !v.Since.After(r.CreatedAt) {
			h.Reason, what = HealthNew, "it was made"
		}
		h.Detail = "Nothing was sent to it since " + what + ": it is not known yet whether it works."
	default:
		h.Detail = "It takes what it is sent."
	}
	return h
}

// failing says how an endpoint fails.
func failing(h *bellhop.HealthState, v *bellhop.Vitals, next time.Time, all bool, now time.Time) {
	h.Reason, h.ResponseStatus, h.Since, h.LastFailure, h.NextTryAt = v.Reason, v.ResponseStatus, v.FailedSince, v.Last, next
	if all {
		h.ConsecutiveFailures = v.Failures
	} else if h.LastFailure = 0; v.OpenSince.IsZero() {
		h.NextTryAt = time.Time{} // it may be that of another app's delivery
	}
	last := InPlain(v.Reason)
	if v.ResponseStatus != 0 {
		last += fmt.Sprintf(" (%d)", v.ResponseStatus)
	}
	switch {
	case !v.OpenSince.IsZero():
		h.CircuitOpen = true
		h.Detail = fmt.Sprintf("It failed %s (the last time, %s), so its deliveries have been waiting since %s. ",
			InARow(h.ConsecutiveFailures), last, stamp(v.OpenSince))
		if next.After(now) {
			h.Detail += "The next try with a single delivery is at " + stamp(next) + "."
		} else {
			h.Detail += "A single delivery is tried as soon as there is one."
		}
	case v.FailingSince.IsZero():
		h.Detail = fmt.Sprintf("It has refused whatever it was sent since %s, %s; the last time, %s.", stamp(v.FailedSince), InARow(h.ConsecutiveFailures), last)
	default:
		h.Detail = fmt.Sprintf("Nothing has reached it since %s: it failed %s; the last time, %s.", stamp(v.FailedSince), InARow(h.ConsecutiveFailures), last)
	}
}

func howManyHeld(n int64) string {
	if n == 1 {
		return "1 delivery is held, since no request could be made of its event"
	}
	return fmt.Sprintf("%d deliveries are held, since no request could be made of their events", n)
}

// InARow says how often something failed; 0 where that is not to be told.
func InARow(n int) string {
	switch n {
	case 0:
		return "again and again"
	case 1:
		return "once"
	}
	return fmt.Sprintf("%d times in a row", n)
}

// stamp is a time within a sentence, in the form that a page can tell from the text
// around it and show in the reader's zone.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// InPlain says what a reason word of an attempt means.
func InPlain(reason string) string {
	switch reason {
	case bellhop.ReasonStatus:
		return "the receiver answered with an error"
	case string(safehttp.ReasonTimeout):
		return "the receiver did not answer in time"
	case string(safehttp.ReasonDNS):
		return "its host name leads to no public address"
	case string(safehttp.ReasonAddress), string(safehttp.ReasonURL):
		return "its address is not allowed"
	case string(safehttp.ReasonConnect):
		return "no connection could be made"
	case string(safehttp.ReasonTLS):
		return "no secure connection could be made, most often because of the certificate"
	case string(safehttp.ReasonReset):
		return "the receiver broke the connection off"
	case bellhop.ReasonAuth:
		return "no token could be had for it"
	case bellhop.ReasonAnswer:
		return "the receiver's answer says that it failed"
	case bellhop.ReasonResources:
		return "this server could not make a connection"
	case string(safehttp.ReasonProtocol):
		return "what came back was not an HTTP answer"
	case "":
		return "its log line has expired"
	}
	return "the reason was " + strings.ReplaceAll(reason, "_", " ")
}
