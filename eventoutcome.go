package bellhop

// EventOutcome is how an event stands: at how many endpoints it is in which state. Where
// it has several deliveries to one endpoint, Latest says which of them tells.
type EventOutcome struct {
	State                                      EventState
	Delivered, Waiting, Held, Failed, Canceled int
	// CopiesWaiting is how many further deliveries have not ended, besides those that tell.
	CopiesWaiting int
	// More says that not all of its deliveries were looked at, since there are very many:
	// the numbers are lower bounds.
	More bool
}

// EventState is an EventOutcome in a word: the worst of the states in which the event is
// at endpoints.
type EventState string

// The states of events, the worst first.
const (
	EventFailed    EventState = "failed"
	EventHeld      EventState = "held"
	EventWaiting   EventState = "waiting"
	EventCanceled  EventState = "canceled"
	EventDelivered EventState = "delivered"
	// EventNone: no endpoint gets it.
	EventNone EventState = "none"
)

// Count counts one more endpoint, at which the event is in the given state.
func (o *EventOutcome) Count(s DeliveryStatus) {
	switch s {
	case DeliverySucceeded:
		o.Delivered++
	case DeliveryPending:
		o.Waiting++
	case DeliveryHeld:
		o.Held++
	case DeliveryFailed:
		o.Failed++
	case DeliveryCanceled:
		o.Canceled++
	}
	o.State = o.worst()
}

func (o *EventOutcome) worst() EventState {
	switch {
	case o.Failed > 0:
		return EventFailed
	case o.Held > 0:
		return EventHeld
	case o.Waiting > 0:
		return EventWaiting
	case o.Canceled > 0:
		return EventCanceled
	case o.Delivered > 0:
		return EventDelivered
	}
	return EventNone
}

// OutcomeOf is the outcome of an event that has the given deliveries, and others that are
// still to be made to later endpoints.
func OutcomeOf(deliveries []Delivery, later int) EventOutcome {
	o := EventOutcome{State: EventNone}
	at := make(map[EndpointID][]Delivery, len(deliveries))
	for _, d := range deliveries {
		at[d.Endpoint] = append(at[d.Endpoint], d)
	}
	for _, list := range at {
		tells := Latest(list...)
		o.Count(tells.Status)
		for _, d := range list {
			if d.ID != tells.ID && (d.Status == DeliveryPending || d.Status == DeliveryHeld) {
				o.CopiesWaiting++
			}
		}
	}
	for range later {
		o.Count(DeliveryPending)
	}
	return o
}
