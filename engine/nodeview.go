package engine

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// NodeView is a node as others see it.
type NodeView struct {
	bellhop.NodeInfo
	// Answers: it is this one. KeepsHouse: it does what one does for all.
	Answers, KeepsHouse bool
	// Buckets counts those that it owns, and Backlog the unfinished deliveries to the
	// endpoints in them, as of CountedAt; zero: not counted yet.
	Buckets   int
	Backlog   int64
	CountedAt time.Time
}

// Nodes lists the nodes that hold a lease, in the order of their numbers.
func (e *Engine) Nodes(ctx context.Context) ([]NodeView, error) {
	nodes, err := e.store.Nodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the nodes: %w", err)
	}
	owners, err := e.store.Buckets(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the buckets: %w", err)
	}
	counted, at := e.metrics.backlogNow()
	me := e.Lease()
	list := make([]NodeView, len(nodes))
	for i, n := range nodes {
		v := &list[i]
		v.NodeInfo, v.Answers, v.CountedAt = n, n.Lease == me, at
		if v.Answers {
			v.Status = *e.status()
		}
		for _, o := range owners {
			if o.Lease == n.Lease {
				v.Buckets++
				v.Backlog += counted[o.Bucket]
				v.KeepsHouse = v.KeepsHouse || o.Bucket == 0
			}
		}
	}
	return list, nil
}

// seen is who was there and owned what, at the last look.
type seen struct {
	nodes  []bellhop.NodeInfo
	owners []bellhop.BucketOwner
}

// ownerOf names the node that owns an endpoint's bucket; "" if that is this one or, for
// all that is known, nobody.
func (e *Engine) ownerOf(endpoint bellhop.EndpointID) string {
	s := e.seen.Load()
	if s == nil || e.Owns(endpoint) {
		return ""
	}
	owner := s.owners[bellhop.BucketOf(endpoint)].Lease
	for _, n := range s.nodes {
		if n.Lease == owner && owner != e.Lease() {
			if n.Name != "" {
				return n.Name
			}
			return "node " + strconv.Itoa(int(owner.Node))
		}
	}
	return ""
}

// LaneState tells what an endpoint's lane is doing now: what is in memory and under way is
// that of this node. What is known of the receiver is the owner's, who has stored it.
func (e *Engine) LaneState(ctx context.Context, endpoint bellhop.EndpointID) (bellhop.LaneState, error) {
	r := e.table.Routes().Endpoint(endpoint)
	if r == nil {
		return bellhop.LaneState{}, bellhop.NotFound("endpoint", endpoint.String())
	}
	s := e.lanes.State(r)
	if s.Owner = e.ownerOf(endpoint); s.Owner == "" {
		return s, nil
	}
	stored, err := e.store.Vitals(ctx, []bellhop.EndpointID{endpoint})
	if err != nil {
		return s, fmt.Errorf("look up how the endpoint does: %w", err)
	}
	if v, ok := stored[endpoint]; ok {
		s.Circuit, s.OpenSince, s.NextProbe = "closed", v.OpenSince, time.Time{}
		if !v.OpenSince.IsZero() {
			s.Circuit = "open"
		}
		s.ConsecutiveFailures, s.LastFailure, s.FailingSince = v.Ill, "", v.FailingSince
		if v.Ill > 0 {
			s.LastFailure = v.Reason
		}
	}
	return s, nil
}

// storedVitals looks up what is stored of the receivers of endpoints that other nodes own.
func (e *Engine) storedVitals(ctx context.Context, of []*routes.Route) (map[bellhop.EndpointID]bellhop.Vitals, error) {
	if e.alone() {
		return nil, nil
	}
	var foreign []bellhop.EndpointID
	for _, r := range of {
		if !e.Owns(r.ID) {
			foreign = append(foreign, r.ID)
		}
	}
	if len(foreign) == 0 {
		return nil, nil
	}
	stored, err := e.store.Vitals(ctx, foreign)
	if err != nil {
		return nil, fmt.Errorf("look up how endpoints do: %w", err)
	}
	return stored, nil
}
