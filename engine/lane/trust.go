package lane

import "time"

// TrustFor is how long a node believes a lease of a length, counted by the clock that
// nobody sets from before it asked for it. The others count the whole of it, and from
// later, so that it has stopped before they take over.
func TrustFor(lease time.Duration) time.Duration { return lease - lease/5 }
