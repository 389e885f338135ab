package bellhop

import "time"

// Delivery is one event bound for one endpoint. While it is unfinished it is a
// row of the pending table; after that it is known by its last attempt.
type Delivery struct {
	ID       DeliveryID     `json:"id"`
	Event    EventID        `json:"event"`
	Endpoint EndpointID     `json:"endpoint"`
	App      string         `json:"app"`
	Type     string         `json:"type"`
	Trigger  Trigger        `json:"trigger"`
	Status   DeliveryStatus `json:"status"`
	// Attempts is how many requests were made for it so far.
	Attempts int `json:"attempts"`
	// Due is when the next attempt may be made; zero once finished, and zero
	// while it is held or waits for an earlier delivery of its order.
	Due time.Time `json:"due,omitzero"`
	// LastAttempt is the newest attempt, zero if there was none.
	LastAttempt AttemptID `json:"last_attempt,omitempty"`

	// Owner is the node that has it in memory; 0 for none.
	Owner NodeID `json:"-"`
	// OrderKey is the group of deliveries of this endpoint that go one after
	// the other, in the order of OrderPos; "" where order is not kept.
	OrderKey string     `json:"-"`
	OrderPos DeliveryID `json:"-"`

	// Settled is a later delivery of the same event to the same endpoint, sent again, that
	// has arrived: this one is not tried any more, and Sweep ends it. 0: there is none.
	Settled DeliveryID `json:"-"`

	// Held says that the delivery itself is held, and not its endpoint: its latest
	// attempt came to ClassHeld. ReleasedAt is when it was last let go: it ages from then
	// on.
	Held       bool      `json:"-"`
	ReleasedAt time.Time `json:"-"`

	// Uncounted is how many of the attempts, the next one included, use up none of the
	// retry schedule: those that came to ClassHeld, and those that were made before their
	// time since somebody asked (FlowStore.Hasten).
	Uncounted int `json:"-"`
}

// IsRetry tells whether the next attempt would not be the first.
func (d *Delivery) IsRetry() bool { return d.Attempts > 0 }

// DeliveryStatus is the state of a delivery.
type DeliveryStatus string

// The states of a delivery.
const (
	// DeliveryPending waits for its first or next attempt.
	DeliveryPending DeliveryStatus = "pending"
	// DeliverySucceeded was answered 2xx.
	DeliverySucceeded DeliveryStatus = "succeeded"
	// DeliveryFailed has used up its retries, or its time.
	DeliveryFailed DeliveryStatus = "failed"
	// DeliveryHeld waits for its endpoint to be resumed or enabled or, where no request
	// could be made of its event, changed.
	DeliveryHeld DeliveryStatus = "held"
	// DeliveryCanceled was ended by an erasure, by deleting its endpoint, or since the
	// endpoint's settings leave its event out.
	DeliveryCanceled DeliveryStatus = "canceled"
)

// Trigger says what made a delivery.
type Trigger string

// Again tells whether the delivery was asked for once more, of an event that was
// stored before.
func (t Trigger) Again() bool { return t == TriggerResend || t == TriggerReplay }

// What can make a delivery.
const (
	TriggerPublish Trigger = "publish"
	TriggerResend  Trigger = "resend"
	TriggerReplay  Trigger = "replay"
	// TriggerTest deliveries get one attempt and no retry.
	TriggerTest Trigger = "test"
)
