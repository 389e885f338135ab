package engine

// HeldBytes is the event data that the lanes hold.
func (e *Engine) HeldBytes() int64 { return e.lanes.HeldBytes() }
