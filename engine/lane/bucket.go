package lane

import (
	"time"

	"github.com/bellhop/bellhop"
)

// holding is a bucket as this node has it.
type holding struct {
	// epoch is that under which the node owns it; 0: another does, or nobody.
	epoch int64
	// leaving: it is to be handed over, and drained, that nothing keeps it here any more.
	leaving, drained bool
	lanes            map[bellhop.EndpointID]*lane
}

// owns tells whether the node owns the lane's bucket, and is to keep it: then it fetches
// what waits in the store.
func (l *lane) owns() bool { return l.mine() && !l.bucket.leaving }

// mine tells whether the node owns the lane's bucket, if perhaps not for long.
func (l *lane) mine() bool { return l.bucket.epoch != 0 }

// barred tells whether nothing may be sent from here, since only the owner's limits and
// order are exact.
func (l *lane) barred() bool { return !l.owns() && l.route.Exact() }

// keeps tells whether the lane keeps its bucket from being handed over: by a claim or,
// where only the owner sends, by anything that is here.
func (l *lane) keeps() bool {
	return l.claiming || l.route.Exact() &&
		(l.queue.len() > 0 || l.reserved > 0 || len(l.unfinished) > 0 || l.releasing || l.doubtful || l.disowning)
}

// elsewhere has the owner of the lane's bucket told that the store has something due.
func (l *lane) elsewhere() { l.m.do(Tell{bellhop.BucketOf(l.id)}) }

// someDue notes that the store may have anything for the lane now, or has its owner told.
func (l *lane) someDue(now time.Time) {
	if !l.mine() && l.m.running {
		l.elsewhere()
		return
	}
	l.anyDue(now)
}

// set changes how this node has a bucket, and counts those that are leaving.
func (m *Machine) set(h *holding, epoch int64, leaving bool) {
	if h.leaving {
		m.leaving--
	}
	if leaving {
		m.leaving++
	}
	h.epoch, h.leaving, h.drained = epoch, leaving, false
}

// taken begins to own buckets.
func (m *Machine) taken(in BucketsTaken, now time.Time) {
	m.settled, m.shared = true, in.Handed
	for _, o := range in.Taken {
		h := &m.buckets[o.Bucket]
		if o.Lease != m.lease || h.epoch == o.Epoch {
			continue // the lease is another by now, or it is known
		}
		m.set(h, o.Epoch, false)
		if !in.Handed {
			continue
		}
		for _, l := range h.lanes {
			if l.limiter != nil {
				// Others may just have spent what may be sent at once.
				l.limiter = newLimiter(l.route)
				l.limiter.AllowN(now, l.limiter.Burst())
			}
			if v, ok := in.Vitals[l.id]; ok && v != l.stored && v.Revision == l.route.Vitals.Revision {
				l.know(v)
			}
		}
	}
	for _, b := range in.Due {
		if m.buckets[bellhop.BucketOf(b.Endpoint)].epoch != 0 {
			m.note(b, now)
		}
	}
	m.pumpAll(now)
}

// handOver begins to hand a bucket over, or takes that back.
func (m *Machine) handOver(b bellhop.Bucket, leaving bool, now time.Time) {
	h := &m.buckets[b]
	if h.epoch == 0 || h.leaving == leaving {
		return
	}
	m.set(h, h.epoch, leaving)
	for _, l := range sorted(h.lanes) {
		l.pump(now)
	}
}

// lost ends the ownership of a bucket.
func (m *Machine) lost(b bellhop.Bucket, epoch int64, now time.Time) {
	h := &m.buckets[b]
	if h.epoch != epoch || epoch == 0 {
		return
	}
	m.set(h, 0, false)
	for _, l := range sorted(h.lanes) {
		l.nextDue, l.noted = dues{}, dues{} // the next owner asks the store
		l.pump(now)
	}
}

// loseAll ends the ownership of all buckets, with the lease.
func (m *Machine) loseAll() {
	m.settled = false
	for b := range m.buckets {
		m.set(&m.buckets[b], 0, false)
	}
	for _, l := range m.lanes {
		l.nextDue, l.noted = dues{}, dues{}
	}
}

// drains says of the buckets that are to be handed over which nothing keeps any more.
func (m *Machine) drains() {
	if m.leaving == 0 {
		return
	}
	for b := range m.buckets {
		h := &m.buckets[b]
		if !h.leaving || h.drained || m.Keeps(bellhop.Bucket(b)) {
			continue
		}
		h.drained = true
		m.do(Drained{Bucket: bellhop.Bucket(b), Epoch: h.epoch})
	}
}

// MayLeave tells whether a bucket is to be handed over, and drained: it may have been kept
// after all since that was said.
func (m *Machine) MayLeave(b bellhop.Bucket, epoch int64) bool {
	h := &m.buckets[b]
	return h.leaving && h.drained && h.epoch == epoch
}

// Keeps tells whether something would keep a bucket from being handed over at once.
func (m *Machine) Keeps(b bellhop.Bucket) bool {
	for _, l := range m.buckets[b].lanes {
		if l.keeps() {
			return true
		}
	}
	return false
}

// Queued counts the deliveries that wait in memory.
func (m *Machine) Queued() (n int) {
	for _, l := range m.lanes {
		n += l.queue.len()
	}
	return n
}

// Events gives the events that wait in memory, each once.
func (m *Machine) Events() []bellhop.EventID {
	seen := map[bellhop.EventID]bool{}
	var list []bellhop.EventID
	for _, l := range m.busy() {
		for w := range l.queue.all() {
			if !seen[w.Event.ID] {
				seen[w.Event.ID] = true
				list = append(list, w.Event.ID)
			}
		}
	}
	return list
}
