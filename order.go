package bellhop

import (
	"time"

	"github.com/bellhop/bellhop/internal/id"
)

// Ordering says which deliveries of an endpoint wait for which.
type Ordering string

// The orderings of an endpoint.
const (
	// OrderingNone delivers as fast as the lane allows, in no promised order.
	OrderingNone Ordering = "none"
	// OrderingSubject delivers events of one subject one after the other; a
	// retry holds back only its own subject. Events without a subject are in
	// no order.
	OrderingSubject Ordering = "subject"
	// OrderingEndpoint delivers strictly one at a time.
	OrderingEndpoint Ordering = "endpoint"
)

// OrderKey is the group within which deliveries of one endpoint wait for each
// other, or "" where they don't.
func (o Ordering) OrderKey(e *Event) string {
	switch {
	case o == OrderingEndpoint:
		return "*"
	case o == OrderingSubject && e.Subject != "":
		return e.App + "/" + e.Subject
	}
	return ""
}

// OrderPosition is the place of a new delivery in the order of its endpoint: that of
// its event's acceptance, or of the time for which the event was scheduled; and for
// what is sent again, that of the request to do so.
func OrderPosition(e *Event, trigger Trigger, d DeliveryID, now time.Time) DeliveryID {
	if trigger != TriggerPublish {
		return d
	}
	pos := DeliveryID(e.ID)
	if e.DeliverAt != nil && e.DeliverAt.After(now) {
		pos = max(pos, id.First[id.Delivery](*e.DeliverAt))
	}
	return pos
}
