package lane

import (
	"context"

	"github.com/bellhop/bellhop"
)

// What one write records at most: while it runs, others of the same tenant wait.
const (
	recordItems = 256
	recordBytes = 256 << 10
)

// recorder makes attempts durable, in blocks: what has come of a tenant's requests while
// one is being written goes into the next. An endpoint's are written in the order in
// which they ended. All of it is guarded by Dispatcher.mu.
type recorder struct {
	d *Dispatcher
	// waiting are the records of tenants for whom a goroutine works.
	waiting map[string][]Record
}

// add hands over what is to be recorded.
func (r *recorder) add(rec Record) {
	of := tenant(rec.Job.Route)
	if _, working := r.waiting[of]; !working {
		go r.d.recordFor(of)
	}
	r.waiting[of] = append(r.waiting[of], rec)
}

// take gives the next block of a tenant; none ends its goroutine.
func (r *recorder) take(of string) []Record {
	list := r.waiting[of]
	n, bytes := 0, int64(0)
	for n < min(len(list), recordItems) {
		if bytes += outcomeBytes(&list[n].Result.Attempt); n > 0 && bytes > recordBytes {
			break
		}
		n++
	}
	switch {
	case n == 0:
		delete(r.waiting, of)
	case n == len(list):
		r.waiting[of] = nil
	default:
		r.waiting[of] = list[n:]
	}
	return list[:n:n]
}

// recordFor records what there is of a tenant.
func (d *Dispatcher) recordFor(of string) {
	for {
		d.mu.Lock()
		block := d.records.take(of)
		d.mu.Unlock()
		if len(block) == 0 {
			return
		}
		d.record(block)
	}
}

// record makes attempts durable, and tells the machine. That fails only when draining
// took too long: then they will be made again.
func (d *Dispatcher) record(block []Record) {
	results := make([]bellhop.Result, len(block))
	for i := range block {
		results[i] = *block[i].Result
	}
	apart := false
	done := d.Persist("record attempts", func(ctx context.Context, l bellhop.Lease) error {
		err := d.o.Flow.Record(ctx, l, results, d.o.Now())
		apart = err != nil && !passing(err) && len(block) > 1 && ctx.Err() == nil
		if apart {
			return nil
		}
		return err
	})
	if apart {
		// The store does not take something of it: the rest is not to wait for that.
		for i := range block {
			go d.record(block[i : i+1])
		}
		return
	}
	ended := make([]Input, len(block))
	for i := range block {
		if done {
			d.o.Recorded(&results[i].Attempt, &block[i].Job.Work)
		}
		ended[i] = Recorded{Job: block[i].Job, Failed: !done}
	}
	d.do(ended...)
	d.endedAll(len(block))
}
