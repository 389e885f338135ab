package sqlite

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
	"github.com/bellhop/bellhop/internal/timeslice"
)

// TestListsUseIndexes asks SQLite how it would run each list: it must neither
// sort nor go through a table that has an index for the filter.
func TestListsUseIndexes(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "bellhop.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	since, until := time.Unix(1_700_000_000, 0), time.Unix(1_800_000_000, 0)
	lists := map[string]struct {
		queries []query
		columns string
		table   string
		order   string
		sorts   bool // a few rows may be sorted
	}{}
	add := func(name string, queries []query, columns, table, order string, sorts bool) {
		l := lists[name]
		l.queries, l.columns, l.table, l.order, l.sorts = queries, columns, table, order, sorts
		lists[name] = l
	}
	// Every combination of filters.
	names := []string{"", "a.b", "a.*"}
	for _, apps := range []bellhop.Scope{bellhop.Everything(), bellhop.Only("acme", "globex")} {
		for _, typ := range names {
			for _, subject := range names {
				for _, external := range []string{"", "x"} {
					f := bellhop.EventFilter{Scope: apps, Type: typ, Subject: subject, ExternalID: external, Since: since, Until: until, Before: 1 << 60, After: 1}
					add(fmt.Sprintf("event tail %+v", f), []query{eventTail(&f)}, eventColumns+", data", "events", "id", false)
					add(fmt.Sprintf("events %+v", f), eventQueries(&f), eventColumns+", data", "events", "id",
						external != "" || apps.All && subject == "a.b") // the subject of more than maxTypes apps is sorted
				}
			}
			for _, endpoint := range []bellhop.EndpointID{0, 1} {
				for _, event := range []bellhop.EventID{0, 1} {
					for _, status := range []bellhop.AttemptStatus{"", bellhop.AttemptSucceeded, bellhop.AttemptFailed, bellhop.AttemptCanceled} {
						for _, delivery := range []bellhop.DeliveryID{0, 1} {
							f := bellhop.AttemptFilter{Scope: apps, Type: typ, Endpoint: endpoint, Event: event, Delivery: delivery, Status: status, Since: since, Until: until, Before: 1 << 60, After: 1}
							add(fmt.Sprintf("attempts %+v", f), attemptQueries(&f), attemptColumns+bodyColumns, "attempts", "id", event != 0 || delivery != 0)
							f.Response, f.Reason = "404", "status"
							for _, status := range column.Statuses(&f) {
								f := f
								f.Status = status
								add(fmt.Sprintf("attempts %+v", f), attemptQueries(&f), attemptColumns+bodyColumns, "attempts", "id", event != 0 || delivery != 0)
							}
						}
					}
					for _, status := range []bellhop.DeliveryStatus{"", bellhop.DeliveryPending, bellhop.DeliveryHeld, bellhop.DeliverySucceeded, bellhop.DeliveryFailed, bellhop.DeliveryCanceled} {
						f := bellhop.DeliveryFilter{Scope: apps, Type: typ, Endpoint: endpoint, Event: event, Status: status, Since: since, Until: until, Before: 1 << 60, After: 1}
						add(fmt.Sprintf("ended %+v", f), endedQueries(&f), endedColumns, "attempts", "delivery", event != 0)
						add(fmt.Sprintf("prompt %+v", f), promptQueries(&f), promptColumns, "attempts", "id", false)
						for i, q := range pendingQueries(&f) {
							add(fmt.Sprintf("pending %d %+v", i, f), []query{q}, pendingColumns, "pending p", "p.id", q.index == "pending_owner" || event != 0)
						}
					}
				}
			}
		}
	}
	err = s.read(t.Context(), "explain", func(c *sqlite.Conn) error {
		for name, l := range lists {
			for i := range l.queries {
				q := &l.queries[i]
				for _, up := range []bool{false, true} {
					sql := q.sql(l.columns, l.table) + orderBy(l.order, up) + " LIMIT 50"
					explain(t, c, name, sql, l.sorts, q.index == "" && q.where.args == nil, q.where.args)
				}
			}
		}
		for _, status := range []bellhop.ReplayStatus{bellhop.ReplayFailed, bellhop.ReplayMissing, bellhop.ReplayAll, bellhop.ReplaySucceeded} {
			f := bellhop.ReplayFilter{Endpoint: 1, Apps: []string{"acme"}, Types: []string{"a.*", "b"}, Status: status, Since: since, Scan: 9}
			for _, q := range candidateQueries(&f, 1<<60, candidateColumns) {
				_, sorts := status.Ended() // the few deliveries of an event
				explain(t, c, "candidates "+string(status), q.index, sorts, false, nil)
			}
			for _, q := range horizonQueries(&f) {
				want := "COVERING INDEX"
				if strings.Contains(q.index, tailOfEvents) {
					want = "INTEGER PRIMARY KEY (rowid>?"
				}
				explain(t, c, "horizon "+string(status), q.index, false, false, nil, want)
			}
		}
		for _, scope := range []bellhop.Scope{bellhop.Everything(), bellhop.Only("acme", "globex")} {
			f := bellhop.DeliveryFilter{Scope: scope, Status: bellhop.DeliveryHeld, Since: since, Until: until, Before: 1 << 60, After: 1}
			for name, q := range map[string]query{"pending_held": heldQuery(&f, 1), "pending_idle_endpoint": idleQuery(&f, 1)} {
				sql := q.sql(pendingColumns+pendingStatus, "pending p") + " ORDER BY p.id DESC LIMIT 50"
				explain(t, c, "held of endpoint", sql, false, false, q.where.args, "SEARCH p USING INDEX "+name+" (endpoint=? AND id>? AND id<?)")
			}
		}
		all, apps := bellhop.Everything(), bellhop.Only("acme", "globex")
		for _, f := range []bellhop.StatsFilter{{Scope: all}, {Scope: apps}, {Scope: all, Endpoint: 1}, {Endpoint: 1, Scope: apps}} {
			f.Since, f.Until = since, until
			for _, q := range sliceQueries(&f, timeslice.Widths[0], 1, 2) {
				explain(t, c, "stats of slices", slicesFrom+q.index+q.where.String(), false, false, q.where.args)
			}
			if f.Endpoint == 0 {
				f.Scope = apps // they are looked up before
			}
			for _, q := range statsQueries(&f) {
				explain(t, c, "stats", q.sql(countedColumns, "attempts"), false, false, q.where.args, "COVERING INDEX")
			}
		}
		explain(t, c, "blocked in order", blockedInOrder, false, true, nil,
			"SEARCH pending USING COVERING INDEX pending_order", "SEARCH pending USING COVERING INDEX pending_busy")
		explain(t, c, "attempts to roll up", attemptsToRoll, false, false, []any{"acme", 1, 2}, "COVERING INDEX")
		for name, sql := range map[string]string{
			"first in order": firstInOrder, "give back": giveBackOne, "end a delivery": endDelivery, "put off": putOff,
			"release a node's": releaseOwned + " = ?" + released, "stored delivery": storedDelivery,
			"first attempt": firstAttempt, "first slice": firstSlice, "slices to roll up": slicesToRoll,
			"slices of app": slicesOfApp, "expired slices": expiredSlices, "expired samples": expiredSamples,
			"newest sample": newestSample, "sample before": sampleBefore, "samples": samplesWithin,
			"next overdue": nextOverdue, "oldest due": oldestDue, "newest due": newestDue, "earliest of endpoint": earliestOfEndpoint, "endpoint to claim": endpointToClaim,
			"oldest held": oldestHeld, "under release": underRelease, "held of endpoint": heldOfEndpoint, "endpoint stopped": endpointStopped,
			"next tried": nextTried, "next waiting": nextWaiting, "newest unfinished": "SELECT " + pendingColumns + " FROM pending p" + newestUnfinished,
			"waiting at endpoint": waitingAtEndpoint, "event to redeliver": eventToRedeliver, "next app of subject": nextAppOfSubject, "next type of events": nextTypeEvent,
			"oldest idle": oldestIdle + " ORDER BY id LIMIT 1", "oldest idle of app": oldestIdleOfApp + " ORDER BY id LIMIT 1",
			"idle of endpoint": idleOfEndpoint, "owned of endpoint": ownedOfEndpoint, "pending of event": pendingOfEvent,
			"drop list": dropList, "oldest fan-out of app": oldestFanoutOf, "next app to spread": nextAppToSpread,
			"next to spread": nextToSpread, "later of event": laterOf, "list of fan-out": listOfFanout,
			"next idle": nextIdle, "born first": bornFirst, "old of endpoint": oldOfEndpoint, "sweep owed": sweepOwed, "next owed": nextOwed, "idle of event": idleOfEvent, "held lease": heldLease, "owned ids": ownedIDs, "event erased": eventErased,
			"event to erase": eventToErase, "subject to erase": subjectToErase, "attempts to blank": attemptsToBlank,
			"fan-outs of app": fanoutsOfApp, "pending of app": pendingOfApp, "events of app": eventsOfApp, "attempts of app": attemptsOfApp, "next type": nextType, "next type in trouble": nextTroubleType,
		} {
			explain(t, c, name, sql, false, false, nil)
		}
		for name, sql := range map[string]string{
			"hasten": hastenOne, "count due": countDue, "count later": countLater, "settle older": settleOlder,
			"idle settled": idleSettled, "settled of event": settledOfEvent, "unfinished at": unfinishedAt, "settled at": settledAt,
		} {
			explain(t, c, name, sql, false, false, nil)
		}
		// A bounded piece of an index is gone through.
		explain(t, c, "count of type", countOfType, false, true, nil, "SEARCH events USING COVERING INDEX events_type")
		explain(t, c, "retrying", retrying, false, true, nil, "SEARCH pending USING INDEX pending_idle_endpoint")
		explain(t, c, "newest retrying", newestRetrying, false, true, nil, "SEARCH pending USING INDEX pending_idle_endpoint")
		explain(t, c, "gave up", gaveUp, false, true, nil, "SEARCH attempts USING INDEX attempts_ended_trouble_endpoint")
		// From the first row on, and no further than one, or through a table that is small.
		explain(t, c, "first app to spread", firstAppToSpread, false, true, nil, "COVERING INDEX fanouts_app")
		explain(t, c, "waiting to reorder", waitingToReorder, false, true, nil)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func explain(t *testing.T, c *sqlite.Conn, name, sql string, sorts, scans bool, args []any, wants ...string) {
	t.Helper()
	var plan []string
	if err := each(c, func(st *sqlite.Stmt) { plan = append(plan, st.ColumnText(3)) }, "EXPLAIN QUERY PLAN "+sql, args...); err != nil {
		t.Errorf("%s: %v\n%s", name, err, sql)
		return
	}
	text := strings.Join(plan, "\n")
	for _, line := range plan {
		scan := strings.HasPrefix(line, "SCAN ") && !strings.Contains(line, "json_each")
		if (scan && !scans) || (strings.Contains(line, "TEMP B-TREE") && !strings.Contains(line, "json_each") && !sorts) {
			t.Errorf("%s: %s\n%s\n%s", name, line, sql, text)
		}
	}
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%s: no %s in\n%s", name, want, text)
		}
	}
}
