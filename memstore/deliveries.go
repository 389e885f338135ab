package memstore

import (
	"cmp"
	"context"
	"slices"

	"github.com/bellhop/bellhop"
)

// Delivery gives one delivery: what is pending, or else what its final attempt
// says.
func (s *Store) Delivery(ctx context.Context, id bellhop.DeliveryID) (bellhop.Delivery, error) {
	var found bellhop.Delivery
	err := s.step(ctx, func() error {
		if d := s.pending[id]; d != nil {
			found = s.unfinished(d)
			return nil
		}
		for _, a := range s.attempts {
			if a.Delivery == id && a.Final {
				found = a.Ended()
				return nil
			}
		}
		return bellhop.NotFound("delivery", id.String())
	})
	return found, err
}

// Deliveries lists deliveries, newest first or, after one, oldest first, whether they have
// ended or not.
func (s *Store) Deliveries(ctx context.Context, f bellhop.DeliveryFilter) ([]bellhop.Delivery, error) {
	var list []bellhop.Delivery
	err := s.step(ctx, func() error {
		for _, d := range s.pending {
			if d := s.unfinished(d); deliveryMatches(&f, &d) {
				list = append(list, d)
			}
		}
		for _, a := range s.attempts {
			if !a.Final || f.Endpoint != 0 && f.Endpoint != a.Endpoint || f.Event != 0 && f.Event != a.Event {
				continue
			}
			if d := a.Ended(); deliveryMatches(&f, &d) {
				list = append(list, d)
			}
		}
		slices.SortFunc(list, func(a, b bellhop.Delivery) int { return cmp.Compare(b.ID, a.ID) })
		if f.After != 0 {
			slices.Reverse(list)
		}
		list = list[:min(len(list), f.Limit)]
		return nil
	})
	return list, err
}

func (s *Store) unfinished(d *bellhop.Delivery) bellhop.Delivery {
	found := *d
	found.Status = bellhop.Unfinished(s.endpoints[d.Endpoint].Status, d.Held)
	return found
}

func deliveryMatches(f *bellhop.DeliveryFilter, d *bellhop.Delivery) bool {
	return f.Scope.Sees(d.App) && bellhop.MatchName(f.Type, d.Type) &&
		(f.Endpoint == 0 || f.Endpoint == d.Endpoint) &&
		(f.Event == 0 || f.Event == d.Event) &&
		(f.Status == "" || f.Status == d.Status) &&
		(!f.Itself || d.Held) &&
		(f.Before == 0 || d.ID < f.Before) && d.ID > f.After &&
		within(d.ID.Time(), f.Since, f.Until)
}

// Standings tells how an event stands at endpoints.
func (s *Store) Standings(ctx context.Context, f bellhop.StandingFilter) ([]bellhop.Standing, error) {
	var list []bellhop.Standing
	err := s.step(ctx, func() error {
		of := s.deliveriesOf(f.Event)
		for _, e := range slices.Backward(sortedKeys(of)) {
			if len(list) >= f.Limit {
				break
			}
			if f.Before != 0 && e >= f.Before {
				continue
			}
			x := bellhop.Standing{Delivery: bellhop.Latest(of[e]...)}
			for _, d := range of[e] {
				if (d.Status == bellhop.DeliveryPending || d.Status == bellhop.DeliveryHeld) && d.Settled == 0 {
					x.Unfinished++
				}
			}
			if x.Delivery.Status == bellhop.DeliverySucceeded && x.Delivery.Trigger.Again() {
				for _, a := range s.logOf[f.Event] {
					if a.Endpoint == e && a.Final && a.Reason == bellhop.ReasonSettled {
						x.Settled++
					}
				}
			}
			if a := s.attempt(x.Delivery.LastAttempt); a != nil {
				x.Last = cloneAttempt(a)
				withoutBodies(&x.Last)
			}
			list = append(list, x)
		}
		return nil
	})
	return list, err
}

// deliveriesOf are the deliveries of an event, by endpoint.
func (s *Store) deliveriesOf(event bellhop.EventID) map[bellhop.EndpointID][]bellhop.Delivery {
	of := map[bellhop.EndpointID][]bellhop.Delivery{}
	for _, d := range s.waiting[event] {
		of[d.Endpoint] = append(of[d.Endpoint], s.unfinished(d))
	}
	for _, a := range s.logOf[event] {
		if a.Final {
			of[a.Endpoint] = append(of[a.Endpoint], a.Ended())
		}
	}
	return of
}
