package svix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/id"
)

// The kinds of tasks.
const (
	taskRecover   = "endpoint.recover"
	taskReplay    = "endpoint.replay"
	taskBulk      = "endpoint.bulk-replay"
	taskTypes     = "event-type.aggregate"
	taskAppStats  = "application.stats"
	tasksAtOnce   = 4   // that run, the others wait
	mostTasks     = 200 // that run and wait, in all
	mostTasksOf   = 10  // of one app, or of the whole installation
	recoverReach  = 14 * 24 * time.Hour
	statsReach    = 28 * 24 * time.Hour
	mostCounted   = 1000 // apps of one task that counts
	endingTimeout = 5 * time.Second
	endingPause   = 5 * time.Second // before it is tried again to write down how one ended
)

// How a replay goes on: it says how far it has come between steps, and waits where as many
// messages wait at the endpoint as may, but not for one that stands still.
const (
	replayStep   = 1000 // messages
	noteEvery    = 2 * time.Second
	leastPause   = time.Second
	mostPause    = 30 * time.Second
	mostPatience = time.Hour // without room for one message
)

// tasks are what is done in the background by this process.
type tasks struct {
	desk  *desk.Desk
	ctx   context.Context
	stop  context.CancelFunc
	group sync.WaitGroup
	slots chan struct{}

	mu   sync.Mutex
	here map[string]desk.Task // as they stand, until their end is written down
	of   map[string]int       // by app, "" for the installation
}

func newTasks(d *desk.Desk) *tasks {
	t := &tasks{desk: d, slots: make(chan struct{}, tasksAtOnce), here: map[string]desk.Task{}, of: map[string]int{}}
	t.ctx, t.stop = context.WithCancel(context.Background())
	return t
}

// close ends the tasks, and waits until that is written down.
func (t *tasks) close() {
	t.mu.Lock() // none begins after this
	t.stop()
	t.mu.Unlock()
	t.group.Wait()
}

// enter takes a place for a task of an app.
func (t *tasks) enter(app string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	total := 0
	for _, n := range t.of {
		total += n
	}
	switch {
	case t.ctx.Err() != nil:
		return fmt.Errorf("%w: the server is stopping", bellhop.ErrUnavailable)
	case total >= mostTasks || t.of[app] >= mostTasksOf:
		return &bellhop.Error{Code: bellhop.CodeTooMany, RetryAfter: 10 * time.Second, Detail: fmt.Sprintf("%d tasks of this app run or wait already: ask again when they have ended", t.of[app])}
	}
	t.of[app]++
	t.group.Add(1)
	return nil
}

func (t *tasks) leave(app, task string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.here, task)
	if t.of[app]--; t.of[app] == 0 {
		delete(t.of, app)
	}
	t.group.Done()
}

// run begins a task, which work does in the background: it gives what it has found or done.
// Begins, if it is not nil, is what there is of that at first.
func (t *tasks) run(ctx context.Context, p bellhop.Principal, kind, app string, begins any, work func(ctx context.Context, j *job) (data any, err error)) (desk.Task, error) {
	if err := t.enter(app); err != nil {
		return desk.Task{}, err
	}
	var apps []string
	if app != "" {
		apps = []string{app}
	}
	task, err := t.desk.BeginTask(ctx, p, kind, apps, asJSON(begins))
	if err != nil {
		t.leave(app, "")
		return desk.Task{}, err
	}
	t.stands(task)
	go func() {
		defer t.leave(app, task.ID)
		j := &job{tasks: t, by: p, task: task, noted: time.Now()}
		data := begins
		err := j.take()
		if err == nil {
			data, err = work(t.ctx, j)
		}
		j.give()
		ended := task
		ended.Failure, ended.Data, ended.Ended = failure(err), asJSON(data), heardAt()
		ended.Heard = ended.Ended
		t.stands(ended)
		t.writeDown(p, ended)
	}()
	return task, nil
}

// writeDown notes how a task has ended: again, as long as the database cannot be written to,
// such as on a full disk.
func (t *tasks) writeDown(p bellhop.Principal, ended desk.Task) {
	for {
		saving, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), endingTimeout)
		err := t.desk.EndTask(saving, p, ended)
		cancel()
		if !errors.Is(err, bellhop.ErrUnavailable) {
			return // where it failed, who asks will find that it did not end here
		}
		again := time.NewTimer(endingPause)
		select {
		case <-again.C:
		case <-t.ctx.Done():
			again.Stop()
			return
		}
	}
}

// heardAt is the present time, as exact as that of what is written down.
func heardAt() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// stands says how a task of this process stands.
func (t *tasks) stands(task desk.Task) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.here[task.ID] = task
}

// job is a task that is being done.
type job struct {
	tasks *tasks
	by    bellhop.Principal
	task  desk.Task
	noted time.Time // when it last said how far it has come: its Data
	slot  bool
}

// take waits for a slot.
func (j *job) take() error {
	select {
	case j.tasks.slots <- struct{}{}:
		j.slot = true
		return nil
	case <-j.tasks.ctx.Done():
		return j.tasks.ctx.Err()
	}
}

// give leaves the slot, if it has one, to others.
func (j *job) give() {
	if j.slot {
		<-j.tasks.slots
		j.slot = false
	}
}

// note writes down how far it has come: now and then, or at once if it has come farther.
func (j *job) note(ctx context.Context, data any, atOnce bool) error {
	says := asJSON(data)
	stands := j.task
	stands.Data, stands.Heard = says, heardAt()
	j.tasks.stands(stands)
	if !atOnce && time.Since(j.noted) < noteEvery || bytes.Equal(says, j.task.Data) {
		return nil
	}
	j.noted, j.task.Data = time.Now(), says
	return j.tasks.desk.NoteTask(ctx, j.by, j.task)
}

// pause waits so long, and has others use its slot meanwhile.
func (j *job) pause(long time.Duration) error {
	j.give()
	wait := time.NewTimer(long)
	defer wait.Stop()
	select {
	case <-wait.C:
		return j.take()
	case <-j.tasks.ctx.Done():
		return j.tasks.ctx.Err()
	}
}

// asJSON is what a task has found or done, as it is kept.
func asJSON(data any) bellhop.JSON {
	if data == nil {
		return nil
	}
	b, _ := json.Marshal(data) // of text, numbers and times
	return b
}

// failure says why a task has failed, "" if it has not. What Bellhop itself did wrong is
// not for who asked.
func failure(err error) string {
	e, ours := errors.AsType[*bellhop.Error](err)
	switch {
	case err == nil:
		return ""
	case ours:
		return e.Error()
	case errors.Is(err, context.Canceled):
		return "the server was stopped: what was not sent yet can be asked for again"
	}
	return "the database could not be used: what was not sent yet can be asked for again"
}

// known gives a task of this process, if its end is not written down yet.
func (t *tasks) known(name string) (task desk.Task, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	task, ok = t.here[name]
	return task, ok
}

type taskOut struct {
	ID        string    `json:"id" example:"qtask_38G04Y6NR0400"`
	Status    string    `json:"status" enum:"running,finished,failed"`
	Task      string    `json:"task" enum:"endpoint.recover,endpoint.replay,endpoint.bulk-replay,event-type.aggregate,application.stats"`
	UpdatedAt time.Time `json:"updatedAt"`
}

type fullTaskOut struct {
	taskOut
	Data any `json:"data" example:"{\"messagesSent\":1}"`
}

func (a *API) showTask(c *api.Call, t desk.Task) (fullTaskOut, error) {
	lost := false
	if t.Ended.IsZero() && t.Here {
		known, ok := a.tasks.known(t.ID)
		if !ok { // its end was written down just now, or never
			var err error
			if known, err = a.desk.Task(c.Context(), c.Principal(), t.ID); err != nil {
				return fullTaskOut{}, err
			}
			lost = known.Ended.IsZero()
		}
		t = known
	}
	out := fullTaskOut{taskOut: taskOut{ID: t.ID, Status: "running", Task: t.Kind, UpdatedAt: t.Heard}, Data: struct{}{}}
	failure := t.Failure
	if lost {
		failure = "its end could not be written down"
	}
	switch {
	case failure != "":
		out.Status = "failed"
		reason := map[string]any{}
		_ = json.Unmarshal(t.Data, &reason) // an object, or nothing
		reason["error"] = failure
		out.Data = reason
		return out, nil
	case !t.Ended.IsZero():
		out.Status = "finished"
	}
	if len(t.Data) > 0 {
		out.Data = t.Data
	}
	return out, nil
}

type taskID struct {
	Task string `path:"task_id" noun:"task" doc:"The id of a task." example:"qtask_38G04Y6NR0400"`
}

func (a *API) getTask(c *api.Call, in taskID) (fullTaskOut, error) {
	t, err := a.desk.Task(c.Context(), c.Principal(), in.Task)
	if err != nil {
		return fullTaskOut{}, err
	}
	return a.showTask(c, t)
}

type listTasksIn struct {
	paging
	Order  string `query:"order" enum:"ascending,descending" doc:"Tasks are listed newest first alone: descending, if it is given."`
	Status string `query:"status" enum:"running,finished,failed" doc:"Only tasks that stand so."`
	Task   string `query:"task" doc:"Only tasks of this kind." example:"endpoint.recover"`
}

// placed is a task and its place in the list.
type placed struct {
	desk.Task
	at bellhop.AuditID
}

func (a *API) listTasks(c *api.Call, in listTasksIn) (out page[fullTaskOut], err error) {
	if in.Order == "ascending" {
		return out, wrong("order", "order", "tasks are listed newest first alone: leave it out, or give descending")
	}
	s, at, over, err := stepOver[id.Audit](a, in.paging, time.Time{}, time.Time{})
	if err != nil {
		return out, err
	}
	l := log[id.Audit, placed]{
		read: func(s span, before, after bellhop.AuditID, limit int) ([]placed, error) {
			list, at, err := a.desk.Tasks(c.Context(), c.Principal(), bellhop.AuditFilter{Since: s.since, Until: s.until, Before: before, After: after, Limit: limit})
			rows := make([]placed, len(list))
			for i := range list {
				rows[i] = placed{list[i], at[i]}
			}
			return rows, err
		},
		id:   func(t *placed) bellhop.AuditID { return t.at },
		most: mostLookedUp,
	}
	if in.Status != "" || in.Task != "" {
		l.keep = func(t *placed) (bool, error) {
			shown, err := a.showTask(c, t.Task)
			return (in.Status == "" || shown.Status == in.Status) && (in.Task == "" || shown.Task == in.Task), err
		}
	}
	w, err := l.walk(over, at, s.back, s.limit)
	if err != nil {
		return out, err
	}
	return logPage(s, w, l.id, func(t *placed) (fullTaskOut, error) { return a.showTask(c, t.Task) })
}

type replayIn struct {
	Since time.Time                 `json:"since"`
	Until bellhop.Field[*time.Time] `json:"until,omitempty"`
}

// replayRange is the range of time of a replay, as far back as reach.
func (a *API) replayRange(in replayIn, reach time.Duration) (since, until time.Time, err error) {
	now := a.now()
	if since, until = in.Since, now; in.Until.Value != nil {
		until = *in.Until.Value
	}
	switch {
	case reach > 0 && since.Before(now.Add(-reach)):
		return since, until, wrong("since", "range", fmt.Sprintf("must be within the last %s", bellhop.Duration(reach)))
	case since.Before(until):
	case in.Until.Value == nil:
		return since, until, wrong("since", "range", "must be in the past")
	default:
		return since, until, wrong("until", "range", "must be later than since")
	}
	return since, until, nil
}

// sent is what a replay has done.
type sent struct {
	MessagesSent int `json:"messagesSent"`
	// SentUntil is a time before which everything was sent, to go on with as since; zero when
	// all is.
	SentUntil time.Time `json:"sentUntil,omitzero"`
}

// replay has messages of the past sent to an endpoint, in the background.
func (a *API) replay(c *api.Call, kind string, in endpointID, q desk.Replay) (taskOut, error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return taskOut{}, err
	}
	e, err := a.desk.PlainEndpoint(c.Context(), c.Principal(), app.ID, in.Endpoint)
	if err != nil {
		return taskOut{}, err
	}
	p := c.Principal()
	q.App, q.Arrived = app.ID, true
	// A look beforehand says what is wrong with it while somebody listens.
	look := q
	look.DryRun, look.Limit = true, 1
	if _, err := a.desk.Replay(c.Context(), p, e.ID, look); err != nil {
		return taskOut{}, err
	}
	t, err := a.tasks.run(c.Context(), p, kind, app.ID, sent{SentUntil: q.Since}, func(ctx context.Context, j *job) (any, error) {
		return a.sendAll(ctx, j, p, e.ID, q)
	})
	return taskOut{ID: t.ID, Status: "running", Task: kind, UpdatedAt: t.Begun}, err
}

// sendAll replays everything. Where as many messages wait at the endpoint as may, it waits
// until there is room, as long as some comes now and then.
func (a *API) sendAll(ctx context.Context, j *job, p bellhop.Principal, endpoint bellhop.EndpointID, q desk.Replay) (sent, error) {
	done := sent{SentUntil: q.Since}
	q.Limit = replayStep
	var pause, waited time.Duration
	for {
		r, err := a.desk.Replay(ctx, p, endpoint, q)
		n := r.Enqueued + r.Moved
		done.MessagesSent += n
		if r.Next != 0 {
			q.After, done.SentUntil = r.Next, latest(q.Since, r.Next.Time().UTC())
		}
		full := r.Full || bellhop.CodeOf(err) == bellhop.CodeBacklogFull
		if n > 0 || !full {
			pause, waited = 0, 0
		}
		switch {
		case err != nil && (!full || waited >= mostPatience):
			return done, err
		case r.Next == 0 && !full:
			done.SentUntil = time.Time{}
			return done, nil
		}
		if err := j.note(ctx, done, full); err != nil {
			return done, err
		}
		if !full {
			continue
		}
		pause = min(max(2*pause, leastPause), mostPause)
		waited += pause
		if err := j.pause(pause); err != nil {
			return done, err
		}
	}
}

// latest is the later of two times.
func latest(x, y time.Time) time.Time {
	if x.After(y) {
		return x
	}
	return y
}

type recoverIn struct {
	endpointID
	Body replayIn
}

func (a *API) recoverFailed(c *api.Call, in recoverIn) (taskOut, error) {
	since, until, err := a.replayRange(in.Body, recoverReach)
	if err != nil {
		return taskOut{}, err
	}
	return a.replay(c, taskRecover, in.endpointID, desk.Replay{Since: since, Until: until, Status: bellhop.ReplayGivenUp})
}

func (a *API) replayMissing(c *api.Call, in recoverIn) (taskOut, error) {
	since, until, err := a.replayRange(in.Body, 0)
	if err != nil {
		return taskOut{}, err
	}
	return a.replay(c, taskReplay, in.endpointID, desk.Replay{Since: since, Until: until, Status: bellhop.ReplayMissing})
}

type bulkBody struct {
	replayIn
	EventTypes      *[]string `json:"eventTypes,omitempty" minItems:"1"`
	Channel         *string   `json:"channel,omitempty" minLength:"1"`
	Tag             *string   `json:"tag,omitempty" minLength:"1"`
	Status          *int      `json:"status,omitempty" minimum:"0" maximum:"4"`
	StatusCodeClass *int      `json:"statusCodeClass,omitempty" minimum:"0" maximum:"500"`
}

type bulkIn struct {
	endpointID
	Body bulkBody
}

// replayed says by the number of a state which messages are replayed. What is pending goes
// by itself, but for what is held.
var replayed = map[int]bellhop.ReplayStatus{
	succeeded.Status: bellhop.ReplaySucceeded,
	pending.Status:   bellhop.ReplayHeld,
	failed.Status:    bellhop.ReplayGivenUp,
	sending.Status:   bellhop.ReplayRetrying,
	canceled.Status:  bellhop.ReplayCanceled,
}

func (a *API) bulkReplay(c *api.Call, in bulkIn) (taskOut, error) {
	b := &in.Body
	since, until, err := a.replayRange(b.replayIn, 0)
	if err != nil {
		return taskOut{}, err
	}
	q := desk.Replay{Since: since, Until: until, Status: bellhop.ReplayAll}
	if b.EventTypes != nil {
		q.Types = *b.EventTypes
	}
	if b.Channel != nil {
		q.Channel = *b.Channel
	}
	if b.Tag != nil {
		q.Tag = *b.Tag
	}
	if b.Status != nil {
		q.Status = replayed[*b.Status]
	}
	if b.StatusCodeClass != nil {
		if *b.StatusCodeClass%100 != 0 {
			return taskOut{}, wrong("statusCodeClass", "enum", "must be 0, 100, 200, 300, 400 or 500")
		}
		if q.Status == bellhop.ReplayHeld {
			return taskOut{}, wrong("statusCodeClass", "no_answer", "goes not with status 1, of which there is no answer yet: leave one of them out")
		}
		q.Response = class(strconv.Itoa(*b.StatusCodeClass))
	}
	return a.replay(c, taskBulk, in.endpointID, q)
}

// everyApp gives the apps that a task counts.
func (a *API) everyApp(ctx context.Context, p bellhop.Principal) ([]bellhop.App, error) {
	apps, err := a.desk.AppsByAge(ctx, p, nil, false, mostCounted+1, func(*bellhop.App, []*routes.Route) bool { return true })
	if err == nil && len(apps) > mostCounted {
		err = &bellhop.Error{Code: bellhop.CodeTooBroad, Detail: fmt.Sprintf("There are more than %d apps, which is as many as are counted at once", mostCounted)}
	}
	return apps, err
}

type subscribed struct {
	AppID       string   `json:"appId"`
	Types       []string `json:"explicitlySubscribedEventTypes"`
	HasCatchAll bool     `json:"hasCatchAllEndpoint"`
}

func (a *API) aggregateEventTypes(c *api.Call, _ api.Nothing) (taskOut, error) {
	p := c.Principal()
	t, err := a.tasks.run(c.Context(), p, taskTypes, "", nil, func(ctx context.Context, _ *job) (any, error) {
		apps, err := a.everyApp(ctx, p)
		list := []subscribed{}
		for i := 0; err == nil && i < len(apps); i++ {
			s := subscribed{AppID: apps[i].ID, Types: []string{}}
			var endpoints []bellhop.Endpoint
			endpoints, err = a.desk.EndpointsByAge(ctx, p, apps[i].ID, 0, false, 1<<20)
			for _, e := range endpoints {
				terms := e.TermsOf(apps[i].ID)
				s.HasCatchAll = s.HasCatchAll || len(terms.Events) == 0
				s.Types = append(s.Types, terms.Events...)
			}
			s.Types = once(s.Types)
			list = append(list, s)
		}
		return map[string]any{"event_types": list}, err
	})
	return taskOut{ID: t.ID, Status: "running", Task: taskTypes, UpdatedAt: t.Begun}, err
}

type appStatsBody struct {
	Since  time.Time `json:"since" example:"2027-06-01T00:00:00Z"`
	Until  time.Time `json:"until"`
	AppIDs *[]string `json:"appIds,omitempty"`
}

type appStatsIn struct {
	Body appStatsBody
}

type appStatsOut struct {
	taskOut
	UnresolvedAppIDs []string `json:"unresolvedAppIds"`
}

type appStat struct {
	AppID  string  `json:"appId"`
	AppUID *string `json:"appUid"`
	Ended  int64   `json:"messageDestinations"` // deliveries, each once
}

func (a *API) aggregateAppStats(c *api.Call, in appStatsIn) (out appStatsOut, err error) {
	b := &in.Body
	switch {
	case !b.Since.Before(b.Until):
		return out, wrong("until", "range", "must be later than since")
	case b.Until.Sub(b.Since) > statsReach:
		return out, wrong("since", "range", "and until span at most 28 days")
	}
	out.UnresolvedAppIDs = []string{}
	p := c.Principal()
	var named []bellhop.App
	if b.AppIDs != nil {
		names := once(*b.AppIDs)
		if len(names) > mostCounted {
			return out, wrong("appIds", "length", fmt.Sprintf("names more than %d apps", mostCounted))
		}
		for _, name := range names {
			app, err := a.desk.AppNamed(c.Context(), p, name)
			switch {
			case err != nil:
				out.UnresolvedAppIDs = append(out.UnresolvedAppIDs, name)
			case !slices.ContainsFunc(named, func(n bellhop.App) bool { return n.ID == app.ID }): // by its id and by its uid
				named = append(named, app)
			}
		}
	}
	t, err := a.tasks.run(c.Context(), p, taskAppStats, "", nil, func(ctx context.Context, _ *job) (any, error) {
		apps, err := named, error(nil)
		if b.AppIDs == nil {
			apps, err = a.everyApp(ctx, p)
		}
		list := []appStat{}
		for i := 0; err == nil && i < len(apps); i++ {
			var s desk.StatsResult
			s, err = a.desk.Stats(ctx, p, desk.StatsQuery{App: apps[i].ID, StatsRange: desk.StatsRange{Since: b.Since, Until: b.Until}})
			stat := appStat{AppID: apps[i].ID, Ended: s.Total.Succeeded + s.Total.Exhausted}
			if uid := apps[i].UID; uid != "" {
				stat.AppUID = &uid
			}
			list = append(list, stat)
		}
		return map[string]any{"appStats": list}, err
	})
	out.taskOut = taskOut{ID: t.ID, Status: "running", Task: taskAppStats, UpdatedAt: t.Begun}
	return out, err
}

type statsIn struct {
	endpointID
	Since time.Time `query:"since" doc:"Counts from this time on. Default: 28 days before until."`
	Until time.Time `query:"until" doc:"Counts up to this time. Default: now."`
}

type statsOut struct {
	Success  int64 `json:"success"`
	Pending  int64 `json:"pending"`
	Sending  int64 `json:"sending"`
	Fail     int64 `json:"fail"`
	Canceled int64 `json:"canceled"`
}

// endpointStats counts the attempts of an endpoint for the events of an app.
func (a *API) endpointStats(c *api.Call, in statsIn) (statsOut, error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return statsOut{}, err
	}
	e, err := a.desk.PlainEndpoint(c.Context(), c.Principal(), app.ID, in.Endpoint)
	if err != nil {
		return statsOut{}, err
	}
	over := desk.StatsRange{Since: in.Since, Until: in.Until}
	if over.Until.IsZero() {
		if over.Until = a.now(); !over.Since.Before(over.Until) {
			return statsOut{}, wrong("since", "range", "must be in the past")
		}
	}
	if over.Since.IsZero() {
		over.Since = over.Until.Add(-statsReach)
	}
	if over.Until.Sub(over.Since) > statsReach {
		return statsOut{}, &bellhop.Error{Code: codeRange, Detail: "since and until span at most 28 days"}
	}
	p := c.Principal()
	p.Scope = p.Scope.Narrow(app.ID)
	s, err := a.desk.EndpointStats(c.Context(), p, e.ID, over)
	if err != nil {
		return statsOut{}, err
	}
	// A failed attempt that did not end its delivery is followed by others.
	out := statsOut{Success: s.Total.Succeeded, Pending: s.Pending, Fail: min(s.Total.Exhausted, s.Total.Failed)}
	out.Sending = s.Total.Failed - out.Fail
	return out, nil
}
