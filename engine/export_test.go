package engine

// MaxAtOnce is how many deliveries one transaction makes.
const MaxAtOnce = maxAtOnce

// HeldBytes is the event data that the lanes hold.
func (e *Engine) HeldBytes() int64 { return e.lanes.HeldBytes() }
