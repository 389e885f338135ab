package svix

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/memstore"
)

// replaying is a site at which 35 messages succeeded at an endpoint that is paused, and at which
// no more than ten that are sent again may wait.
func replaying(t *testing.T) (s *site, app, door, since string) {
	s = &site{t: t, net: &receiver{}, memory: memstore.New()}
	s.start(setup{desk: func(o *desk.Options) { o.MaxResent = 10 }})
	s.admin = s.key("admin")
	app = s.app("")
	door = s.endpoint(app, "")
	since = time.Now().UTC().Format(time.RFC3339)
	for range 35 {
		s.message(app, "")
		time.Sleep(time.Second)
	}
	synctest.Wait()
	if n := len(s.net.requests()); n != 35 {
		t.Fatalf("%d were sent", n)
	}
	s.pause(door, true)
	return s, app, door, since
}

// pause makes an endpoint wait, or go on.
func (s *site) pause(door string, waits bool) {
	s.t.Helper()
	status := bellhop.EndpointActive
	if waits {
		status = bellhop.EndpointPaused
	}
	var e bellhop.EndpointID
	if err := e.UnmarshalText([]byte(door)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.desk.UpdateEndpoint(s.t.Context(), bellhop.Owner(), e, bellhop.EndpointChange{Status: bellhop.Of(status)}); err != nil {
		s.t.Fatal(err)
	}
}

// TestReplayWaitsForRoom: where as many messages wait as may, a replay waits until there is
// room, tells how far it has come, and sends each message once. Others do not wait for it.
func TestReplayWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, app, door, since := replaying(t)
		defer s.end()
		path := "/app/" + app + "/endpoint/" + door
		id := s.do(202, "POST", path+"/bulk-replay", `{"since":"`+since+`"}`).text("id")
		if begun, err := s.desk.Task(t.Context(), bellhop.Owner(), id); err != nil || !strings.HasPrefix(string(begun.Data), `{"messagesSent":`) {
			t.Errorf("it begins: %+v, %v", begun, err)
		}
		task := func() reply { return s.do(200, "GET", "/background-task/"+id, "") }
		time.Sleep(10 * time.Minute)
		r := task()
		until, err := time.Parse(time.RFC3339, r.text("data.sentUntil"))
		begun, _ := time.Parse(time.RFC3339, since)
		if r.text("status") != "running" || r.has("data.messagesSent") != 10.0 || err != nil || until.Sub(begun).Truncate(time.Second) != 9*time.Second {
			t.Fatalf("while it waits: %s", r)
		}
		other := s.endpoint(app, "")
		s.pause(other, true)
		for range tasksAtOnce { // each waits as this one does, and has no slot
			s.do(202, "POST", "/app/"+app+"/endpoint/"+other+"/bulk-replay", `{"since":"`+since+`"}`)
		}
		time.Sleep(time.Minute)
		counts := s.do(202, "PUT", "/stats/usage/event-types", "").text("id")
		time.Sleep(time.Second)
		if r := s.do(200, "GET", "/background-task/"+counts, ""); r.text("status") != "finished" {
			t.Errorf("beside those that wait: %s", r)
		}
		s.pause(door, false)
		time.Sleep(10 * time.Minute)
		if r := task(); r.text("status") != "finished" || r.has("data.messagesSent") != 35.0 || r.has("data.sentUntil") != nil {
			t.Errorf("with room: %s", r)
		}
		if n := len(s.net.requests()); n != 2*35 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestReplayWithoutRoom: a replay to an endpoint that stands still fails, or is cut short, and
// tells from when on to go on: then every message is sent once.
func TestReplayWithoutRoom(t *testing.T) {
	for _, cut := range []bool{false, true} {
		t.Run(fmt.Sprint("cut short ", cut), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, app, door, since := replaying(t)
				path := "/app/" + app + "/endpoint/" + door
				id := s.do(202, "POST", path+"/bulk-replay", `{"since":"`+since+`"}`).text("id")
				until := time.Now().UTC().Format(time.RFC3339)
				if cut {
					time.Sleep(time.Minute)
					s.api.Close()
				} else {
					time.Sleep(2 * time.Hour)
				}
				defer s.end()
				r := s.do(200, "GET", "/background-task/"+id, "")
				if r.text("status") != "failed" || r.text("data.error") == "" || r.has("data.messagesSent") != 10.0 || r.text("data.sentUntil") == "" {
					t.Fatalf("it ends: %s", r)
				}
				if cut {
					return // and no task begins here again
				}
				s.pause(door, false)
				time.Sleep(time.Minute)
				s.do(202, "POST", path+"/bulk-replay", `{"since":"`+r.text("data.sentUntil")+`","until":"`+until+`"}`)
				time.Sleep(10 * time.Minute)
				if n := len(s.net.requests()); n != 2*35+1 { // the last one before the time that it told is sent again
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

// fullDisk is a store that notes no more of tasks than that they have begun, while it is full.
type fullDisk struct {
	*memstore.Store
	full atomic.Bool
}

func (s *fullDisk) AddAudit(ctx context.Context, entry *bellhop.AuditEntry) error {
	if s.full.Load() && (entry.Action == "task.progress" || entry.Action == "task.end") {
		return fmt.Errorf("%w: the disk is full", bellhop.ErrUnavailable)
	}
	return s.Store.AddAudit(ctx, entry)
}

// TestTaskOnAFullDisk: what it has done is told, and written down once there is room.
func TestTaskOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &fullDisk{Store: memstore.New()}
		s := &site{t: t, net: &receiver{}, memory: disk}
		s.start()
		defer s.end()
		s.admin = s.key("admin")
		app := s.app("")
		door := s.endpoint(app, "")
		since := time.Now().UTC().Format(time.RFC3339)
		for range 3 {
			s.message(app, "")
		}
		time.Sleep(time.Second)
		disk.full.Store(true)
		begun := s.do(202, "POST", "/app/"+app+"/endpoint/"+door+"/bulk-replay", `{"since":"`+since+`"}`)
		time.Sleep(time.Minute)
		shown := s.do(200, "GET", "/background-task/"+begun.text("id"), "")
		if shown.text("status") != "finished" || shown.has("data.messagesSent") != 3.0 || shown.text("updatedAt") < begun.text("updatedAt") {
			t.Errorf("on a full disk: %s", shown)
		}
		stored := func() desk.Task {
			task, err := s.desk.Task(t.Context(), bellhop.Owner(), begun.text("id"))
			if err != nil {
				t.Fatal(err)
			}
			return task
		}
		if x := stored(); !x.Ended.IsZero() {
			t.Errorf("stored: %+v", x)
		}
		disk.full.Store(false)
		time.Sleep(time.Minute)
		if x := stored(); x.Ended.IsZero() || x.Failure != "" || string(x.Data) != `{"messagesSent":3}` {
			t.Errorf("with room: %+v", x)
		}
	})
}
