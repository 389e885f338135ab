package desk

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// Task is something that was asked for and is done in the background. That it has begun, how
// far it has come, and how it has ended, is in the audit log: so it can be looked up on every node and after
// a restart. One whose process has ended before it did has failed.
type Task struct {
	// ID begins with "qtask_".
	ID   string
	Kind string
	// Apps are those that it concerns; none is all of them.
	Apps []string
	// Begun and Ended are when it was; Ended is zero while it runs.
	Begun, Ended time.Time
	// Heard is when something was last heard of it.
	Heard time.Time
	// Failure says why it has failed; "" if it has not.
	Failure string
	// Data is what it has found or done, as JSON; of one that did not end, what it last said.
	Data bellhop.JSON
	// Here says that this node runs it.
	Here bool
}

const (
	taskPrefix = "qtask_"
	taskBegin  = "task.begin"
	taskGoOn   = "task.progress"
	taskEnd    = "task.end"
	// MaxTaskData bounds what a task keeps, in bytes.
	MaxTaskData = 256 << 10
)

// taskDetail is what the audit log says of a task.
type taskDetail struct {
	Kind    string       `json:"task"`
	Failure string       `json:"failure,omitempty"`
	Data    bellhop.JSON `json:"data,omitempty"`
}

// BeginTask notes that a task has begun, and with which Data.
func (d *Desk) BeginTask(ctx context.Context, p bellhop.Principal, kind string, apps []string, data bellhop.JSON) (Task, error) {
	if err := Permits(p, "replayEndpoint"); err != nil {
		return Task{}, err
	}
	if err := d.knownApps(p, apps); err != nil {
		return Task{}, err
	}
	now := d.now()
	name := taskPrefix + strings.TrimPrefix(id.Next[id.Audit](d.e.IDs(), now).String(), id.Audit{}.Prefix())
	t := Task{ID: name, Kind: kind, Apps: apps, Begun: now, Heard: now, Data: data, Here: true}
	return t, d.audit(ctx, d.e.AuditEntry(p.Actor, taskBegin, t.ID, apps, taskDetail{Kind: kind, Data: data}))
}

// NoteTask notes how far a task of BeginTask has come: its Data.
func (d *Desk) NoteTask(ctx context.Context, p bellhop.Principal, t Task) error {
	if err := Permits(p, "replayEndpoint"); err != nil {
		return err
	}
	if len(t.Data) > MaxTaskData {
		return nil // EndTask says so
	}
	return d.audit(ctx, d.e.AuditEntry(p.Actor, taskGoOn, t.ID, t.Apps, taskDetail{Kind: t.Kind, Data: t.Data}))
}

// EndTask notes how a task of BeginTask has ended.
func (d *Desk) EndTask(ctx context.Context, p bellhop.Principal, t Task) error {
	if err := Permits(p, "replayEndpoint"); err != nil {
		return err
	}
	if len(t.Data) > MaxTaskData {
		t.Failure, t.Data = "its result is larger than can be kept", nil
	}
	return d.audit(ctx, d.e.AuditEntry(p.Actor, taskEnd, t.ID, t.Apps, taskDetail{t.Kind, t.Failure, t.Data}))
}

// Task gives a task, or a CodeNotFound error.
func (d *Desk) Task(ctx context.Context, p bellhop.Principal, name string) (Task, error) {
	if err := Permits(p, "listAudit"); err != nil {
		return Task{}, err
	}
	if strings.HasPrefix(name, taskPrefix) {
		begun, err := d.store.Audit(ctx, bellhop.AuditFilter{Scope: p.Scope, Object: name, Action: taskBegin, Limit: 1})
		if err != nil {
			return Task{}, err
		}
		if len(begun) > 0 {
			return d.taskOf(ctx, p, begun[0])
		}
	}
	return Task{}, bellhop.NotFound("task", name)
}

// Tasks lists tasks that began in a range of time, newest first: those before the given
// one, and where it is in the list.
func (d *Desk) Tasks(ctx context.Context, p bellhop.Principal, f bellhop.AuditFilter) (list []Task, at []bellhop.AuditID, err error) {
	if err := Permits(p, "listAudit"); err != nil {
		return nil, nil, err
	}
	f.Scope, f.Action = p.Scope, taskBegin
	begun, err := d.store.Audit(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	for _, b := range begun {
		t, err := d.taskOf(ctx, p, b)
		if err != nil {
			return nil, nil, err
		}
		list, at = append(list, t), append(at, b.ID)
	}
	return list, at, nil
}

// taskOf puts together what the audit log says of a task.
func (d *Desk) taskOf(ctx context.Context, p bellhop.Principal, begun bellhop.AuditEntry) (Task, error) {
	last, err := d.store.Audit(ctx, bellhop.AuditFilter{Scope: p.Scope, Object: begun.Object, Limit: 1})
	if err != nil {
		return Task{}, err
	}
	if len(last) == 0 { // forgotten just now
		last = []bellhop.AuditEntry{begun}
	}
	var said taskDetail
	_ = json.Unmarshal(last[0].Detail, &said) // it was written here
	t := Task{ID: begun.Object, Kind: said.Kind, Apps: begun.Apps, Begun: begun.At(), Heard: last[0].At(), Failure: said.Failure, Data: said.Data}
	if last[0].Action == taskEnd {
		t.Ended = t.Heard
		return t, nil
	}
	node := bellhop.NodeID(id.NodeOf(begun.ID))
	nodes, err := d.store.Nodes(ctx)
	if err != nil {
		return Task{}, err
	}
	lives := slices.ContainsFunc(nodes, func(n bellhop.NodeInfo) bool { return n.Lease.Node == node && !n.Joined.After(t.Begun) })
	t.Here = lives && node == d.e.Lease().Node
	if !lives {
		t.Ended, t.Failure = t.Heard, "the process that did it has ended before it did: what it has not sent yet can be asked for again"
	}
	return t, nil
}
