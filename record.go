package bellhop

import "context"

// record makes an attempt and what follows from it durable, however often that
// has to be tried; only then is the next one made. It fails only when draining
// took too long: then the attempt will be made again.
func (b *Bellhop) record(res Result, w *Work) bool {
	node := b.node.Load().id
	if !b.lanes.persist("record an attempt", func(ctx context.Context) error {
		return b.store.Record(ctx, node, []Result{res}, b.cfg.Now())
	}) {
		return false
	}
	b.metrics.attempted(&res.Attempt, w, b.cfg.Now())
	b.watchers.send(&res.Attempt)
	return true
}
