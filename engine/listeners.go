package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/engine/send/listen"
)

// Listeners are those who listen at endpoints of this node.
func (e *Engine) Listeners() *listen.Hub { return e.listeners }

// listenerMoved is told that somebody began or ceased to listen at an endpoint.
func (e *Engine) listenerMoved(id bellhop.EndpointID) {
	e.lanes.Stir(id)
	e.listenersMoved.Store(true)
	if !e.alone() {
		wake(e.beatNow) // the other nodes are to know
	}
}

// Listen begins to listen at an endpoint of these apps by way of this node, to which its
// bucket goes soon. It is a CodeUnavailable error while somebody listens there by way of
// another node, and a CodeConflict error where another node is to have the bucket.
func (e *Engine) Listen(ctx context.Context, id bellhop.EndpointID, apps []string, session string) (*listen.Stream, error) {
	if !e.alone() {
		nodes, err := e.store.Nodes(ctx)
		if err != nil {
			return nil, fmt.Errorf("look who listens: %w", err)
		}
		if n := e.listensElsewhere(nodes, id); n != nil {
			return nil, &bellhop.Error{
				Code: bellhop.CodeUnavailable, RetryAfter: time.Second,
				Detail: "Somebody listens at this endpoint already, or did until a moment ago, by way of " + nameOf(n) + ", and this is " + e.ownName() + ": end that 'bellhop listen', or wait until its connection is known to be over",
			}
		}
		for i := range nodes {
			n := &nodes[i]
			if n.Lease != e.Lease() && slices.ContainsFunc(n.Status.Listened, func(other bellhop.EndpointID) bool { return bellhop.BucketOf(other) == bellhop.BucketOf(id) }) {
				return nil, sharedBucket(n)
			}
		}
	}
	return e.listeners.Attach(id, apps, session)
}

func sharedBucket(n *bellhop.NodeInfo) error {
	return &bellhop.Error{
		Code:   bellhop.CodeConflict,
		Detail: "This endpoint's deliveries are made by " + nameOf(n) + ", where somebody listens at another endpoint of the same part: make another endpoint to listen at, as 'bellhop listen' does when it is started anew, or connect to that node",
	}
}

// AnswerListened brings an answer as listen.Hub's Answer does. Where this node does not wait
// for it, another one may: it is passed on by way of the store, and taken for awaited.
func (e *Engine) AnswerListened(ctx context.Context, id bellhop.EndpointID, session, request string, a listen.Answer) (awaited bool, err error) {
	awaited, err = e.listeners.Answer(id, session, request, a)
	if awaited || e.alone() || err != nil && bellhop.CodeOf(err) != bellhop.CodeConflict {
		return awaited, err
	}
	passed := bellhop.PassedAnswer{
		Endpoint: id, Request: request,
		Sealed: e.cfg.Sealer.Seal(marshal(sessionAnswer{session, a}), answerContext(id, request)),
	}
	if err := e.Wrote("pass the answer on to the node that waits for it", e.store.PassAnswer(ctx, passed, e.cfg.Now())); err != nil {
		return false, err
	}
	e.tell(bellhop.Wakeup{Answers: true})
	return true, nil
}

// sessionAnswer is an answer, and who gave it.
type sessionAnswer struct {
	Session string
	Answer  listen.Answer
}

func answerContext(id bellhop.EndpointID, request string) string {
	return "listen " + id.String() + " " + request
}

// answersEvery is about how often a node looks for answers that came to others, while
// requests of it wait for some.
const answersEvery = 100 * time.Millisecond

// collectAnswers takes the answers that came to other nodes, until ctx ends.
func (e *Engine) collectAnswers(ctx context.Context) {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.listeners.Given():
			next.Reset(answersEvery)
			continue // it was given just now
		case <-e.answered:
		case <-next.C:
		}
		if waiting := e.listeners.Waiting(); len(waiting) > 0 && !e.alone() {
			e.failed(ctx, "looking for answers that came to other nodes", e.takeAnswers(ctx, waiting))
			next.Reset(answersEvery*4/5 + time.Duration(e.cfg.Random()*float64(answersEvery)*2/5))
		}
	}
}

// takeAnswers takes the answers to some requests, and has those removed that nobody takes.
func (e *Engine) takeAnswers(ctx context.Context, requests []string) error {
	answers, err := e.store.TakeAnswers(ctx, requests, e.cfg.Now())
	if err != nil {
		return fmt.Errorf("take answers that came to other nodes: %w", err)
	}
	for _, passed := range answers {
		plain, err := e.cfg.Sealer.Open(passed.Sealed, answerContext(passed.Endpoint, passed.Request))
		var s sessionAnswer
		if err == nil {
			err = json.Unmarshal(plain, &s)
		}
		if err == nil {
			_, err = e.listeners.Answer(passed.Endpoint, s.Session, passed.Request, s.Answer)
		}
		if err != nil { // whoever gave it cannot be told any more
			e.log.Warn("an answer that came to another node is of no use", "endpoint", passed.Endpoint.String(), "err", err)
		}
	}
	return nil
}

// listensElsewhere gives the node by way of which somebody listens at an endpoint; nil if
// nobody does, or by way of this one.
func (e *Engine) listensElsewhere(nodes []bellhop.NodeInfo, id bellhop.EndpointID) *bellhop.NodeInfo {
	for i := range nodes {
		if nodes[i].Lease != e.Lease() && slices.Contains(nodes[i].Status.Listened, id) {
			return &nodes[i]
		}
	}
	return nil
}

func (e *Engine) ownName() string {
	return nameOf(&bellhop.NodeInfo{Lease: e.Lease(), NodeAbout: bellhop.NodeAbout{Name: e.cfg.Name}})
}

func nameOf(n *bellhop.NodeInfo) string {
	if n.Name != "" {
		return "the node " + n.Name
	}
	return "node " + strconv.Itoa(int(n.Lease.Node))
}

// away says why nothing can be sent to an endpoint that somebody has to listen at.
func (e *Engine) away(id bellhop.EndpointID, url string) string {
	if e.listeners.Listening(id) {
		return ""
	}
	if s := e.seen.Load(); s != nil {
		if n := e.listensElsewhere(s.nodes, id); n != nil {
			return "somebody listens at it by way of " + nameOf(n) + ", which makes its deliveries"
		}
	}
	local, _ := listen.Local(url)
	return bellhop.NobodyListens + ": start 'bellhop listen --forward " + local + "'"
}

// listenedAt is when a node was last known to have somebody listen at an endpoint.
type listenedAt struct {
	mu sync.Mutex
	of map[bellhop.EndpointID]time.Time
}

// heedListeners notes who listens where, and ends those here whose bucket another node is
// to have, since somebody listens there at another endpoint of it: they are told so when
// they come back.
func (e *Engine) heedListeners(nodes []bellhop.NodeInfo, pins map[bellhop.Bucket]bellhop.Lease) {
	e.noteListened(nodes)
	me := e.Lease()
	for _, id := range e.listeners.Endpoints() {
		if l, pinned := pins[bellhop.BucketOf(id)]; pinned && l != me {
			e.listeners.Dismiss(id)
		}
	}
}

func (e *Engine) noteListened(nodes []bellhop.NodeInfo) {
	now := e.cfg.Now()
	l := &e.listenedAt
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[bellhop.EndpointID]time.Time{}
	}
	for _, n := range nodes {
		for _, id := range n.Status.Listened {
			l.of[id] = now
		}
	}
}

// last is when somebody was last known to listen at an endpoint, by way of any
// node; zero: never.
func (l *listenedAt) last(id bellhop.EndpointID) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of[id]
}

func (l *listenedAt) keep(there func(bellhop.EndpointID) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.of, func(id bellhop.EndpointID, _ time.Time) bool { return !there(id) })
}

const (
	// abandonedAfter is how long nobody listens at a temporary endpoint before it is
	// deleted, with what waits for it.
	abandonedAfter = time.Hour
	// lookForAbandoned is how often that is looked for.
	lookForAbandoned = time.Minute
)

// dropAbandoned deletes the endpoints that somebody made to listen at, and left.
func (e *Engine) dropAbandoned(ctx context.Context) error {
	now := e.cfg.Now()
	if now.Sub(e.lookedForAbandoned) < lookForAbandoned {
		return nil
	}
	e.lookedForAbandoned = now
	table := e.table.Routes()
	there := func(id bellhop.EndpointID) bool { return table.Endpoint(id) != nil }
	e.listeners.Keep(there)
	e.listenedAt.keep(there)
	if !e.keepsHouse() {
		return nil
	}
	nodes, err := e.store.Nodes(ctx)
	if err != nil {
		return fmt.Errorf("look who listens: %w", err)
	}
	e.noteListened(nodes)
	var abandoned []*routes.Route
	for _, r := range table.Endpoints(bellhop.EndpointFilter{Scope: bellhop.Everything()}) {
		if r.Listened() && r.Metadata[bellhop.MetaListen] == bellhop.ListenTemporary && !r.Locked && e.abandoned(r, now) {
			abandoned = append(abandoned, r)
		}
	}
	for _, r := range abandoned {
		entry := e.AuditEntry(bellhop.System, "endpoint.delete", r.ID.String(), r.Apps, map[string]any{
			"url": r.URL, "name": r.Name, "reason": "Nobody listened at it for " + bellhop.Duration(abandonedAfter).String() + ".",
		})
		if err := e.store.DeleteEndpoint(ctx, r.ID, entry, now); err != nil && !bellhop.IsNotFound(err) {
			return fmt.Errorf("delete endpoint %s, which nobody listens at: %w", r.ID, err)
		}
		e.log.Info("endpoint deleted: nobody listened at it any more", "endpoint", r.ID.String())
	}
	if len(abandoned) > 0 {
		e.RefreshRoutes(ctx)
		wake(e.owing)
	}
	return nil
}

func (e *Engine) abandoned(r *routes.Route, now time.Time) bool {
	since := e.listeners.AwaySince(r.ID)
	if since.IsZero() {
		return false
	}
	if r.UpdatedAt.After(since) {
		since = r.UpdatedAt // somebody is about to listen
	}
	if at := e.listenedAt.last(r.ID); at.After(since) {
		since = at // at another node
	}
	return now.Sub(since)-e.clock.Unseen(since) >= abandonedAfter
}
