package svix

import (
	"fmt"
	"net/http"
	"time"
)

func attemptCases() map[string]func(caller) {
	return map[string]func(caller){
		"test_expunge_attempt_response_body":                   attemptExpunged,
		"test_list_attempted_messages":                         attemptedMessages,
		"test_list_attempted_messages_failed":                  attemptedFailed,
		"test_list_attempted_messages_sending":                 attemptedSending,
		"test_list_attempted_messages_success_are_not_sending": attemptedNotSending,
		"test_list_attempted_destinations":                     attemptedDestinations,
		"test_list_attempts_by_endpoint":                       attemptsByEndpoint,
		"test_message_attempts":                                attemptsOfMessages,
		"test_message_attempts_empty_retry_schedule":           attemptsWithoutRetries,
		"test_combined_before_after_filtering":                 attemptsBeforeAndAfter,
		"test_pagination_by_endpoint":                          pagesByEndpoint,
		"test_pagination_by_msg":                               pagesByMessage,
		"test_pagination_forward_and_back":                     pagesForthAndBack,
	}
}

func attemptExpunged(c caller) {
	r := receive(c.T, http.StatusOK, []byte(`{"sensitive":"data"}`)...)
	app := c.app()
	e := c.endpoint(app, r.URL)["id"]
	m := c.message(app, object{"test": "data1"})
	c.attempts(app, m, 1)
	list := data(c.do("messageAttempt.listByEndpoint", app, e, object{"withContent": true}))
	c.is(list[0], object{"response": `{"sensitive":"data"}`})
	c.do("messageAttempt.expungeContent", app, m["id"], list[0]["id"])
	c.is(c.do("messageAttempt.get", app, m["id"], list[0]["id"]), object{"response": "EXPUNGED", "responseStatusCode": 200})
	c.refused(http.StatusNotFound, "messageAttempt.get", app, c.message(app, object{})["id"], list[0]["id"])
}

func attemptedMessages(c caller) {
	one, two := receive(c.T, http.StatusOK), receive(c.T, http.StatusOK)
	app := c.app()
	e1, e2 := c.endpoint(app, one.URL)["id"], c.endpoint(app, two.URL, object{"uid": "test"})["id"]
	var made []object
	for i, fields := range []object{{}, {}, {"eventType": "balloon.popped", "channels": []string{"news"}, "tags": []string{"red"}}} {
		made = append(made, c.message(app, object{"test": i}, fields))
	}
	for _, e := range []any{e1, e2, "test"} {
		c.attempted(app, fmt.Sprint(e), 3, object{})
		var list []object
		eventually(c.T, "all are listed as sent", func() bool {
			list = data(c.do("messageAttempt.listAttemptedMessages", app, e, object{"withContent": true, "status": 0}))
			return len(list) == 3
		})
		for i, m := range list {
			c.is(m, with(object{}, made[2-i], object{"status": 0, "statusText": "success", "nextAttempt": nil}))
		}
	}
	ids := func(options object) []any {
		return each(data(c.do("messageAttempt.listAttemptedMessages", app, e1, options)), "id")
	}
	c.same("of a channel", ids(object{"channel": "news"}), []any{made[2]["id"]})
	c.same("of a tag", ids(object{"tag": "red"}), []any{made[2]["id"]})
	c.same("of a type", ids(object{"eventTypes": []string{"balloon.popped"}}), []any{made[2]["id"]})
	c.same("of another", ids(object{"eventTypes": []string{"event.type"}}), []any{made[1]["id"], made[0]["id"]})
	c.same("of both", ids(object{"eventTypes": []string{"event.type", "balloon.popped"}}), []any{made[2]["id"], made[1]["id"], made[0]["id"]})
	c.is(data(c.do("messageAttempt.listAttemptedMessages", app, e1, object{"withContent": false}))[0], object{"payload": object{}})
}

// ofStatus waits until just these messages of an endpoint have a status.
func (c caller) ofStatus(app string, endpoint any, status int, messages ...object) []object {
	c.Helper()
	want := []any{}
	for i := range messages {
		want = append(want, messages[len(messages)-1-i]["id"])
	}
	var list []object
	eventually(c.T, fmt.Sprintf("of status %d are %v", status, want), func() bool {
		list = data(c.do("messageAttempt.listAttemptedMessages", app, endpoint, object{"status": status}))
		return len(list) == len(want)
	})
	c.same(fmt.Sprint("those of status ", status), each(list, "id"), want)
	return list
}

func attemptedFailed(c caller) {
	r := receive(c.T, http.StatusOK)
	app := c.app()
	e := c.retries(c.endpoint(app, r.URL), "100ms")["id"]
	c.ofStatus(app, e, 0, c.message(app, object{"test": 1}), c.message(app, object{"test": 2}))
	r.status.Store(http.StatusInternalServerError)
	for _, m := range c.ofStatus(app, e, 2, c.message(app, object{"test": 3}), c.message(app, object{"test": 4})) {
		c.is(m, object{"status": 2, "statusText": "fail", "nextAttempt": nil})
	}
	c.ofStatus(app, e, 3)
}

func attemptedSending(c caller) {
	r := receive(c.T, http.StatusOK)
	app := c.app()
	e := c.retries(c.endpoint(app, r.URL), "1h")["id"]
	c.ofStatus(app, e, 0, c.message(app, object{"test": 1}), c.message(app, object{"test": 2}))
	r.status.Store(http.StatusInternalServerError)
	sending := []object{c.message(app, object{"test": 3}), c.message(app, object{"test": 4})}
	for _, m := range c.ofStatus(app, e, 3, sending...) {
		c.is(m, object{"status": 3, "statusText": "sending"})
		if at, err := time.Parse(time.RFC3339, text(m, "nextAttempt")); err != nil || time.Until(at) > 67*time.Minute || time.Until(at) < 50*time.Minute {
			c.Errorf("the next attempt is at %v, want an hour from now", m["nextAttempt"])
		}
	}
	c.is(data(c.do("messageAttempt.listAttemptedDestinations", app, sending[0]["id"]))[0], object{"id": e, "status": 3, "statusText": "sending"})
	c.ofStatus(app, e, 2)
}

func attemptedNotSending(c caller) {
	r := receive(c.T, http.StatusInternalServerError)
	app := c.app()
	e := c.retries(c.endpoint(app, r.URL), "100ms", "100ms", "100ms", "100ms")["id"]
	m := c.message(app, object{"test": "data1"})
	r.next(c.T)
	r.status.Store(http.StatusOK)
	c.ofStatus(app, e, 0, m)
	c.ofStatus(app, e, 3)
}

func attemptedDestinations(c caller) {
	app := c.app()
	var ids []any
	for range 3 {
		r := receive(c.T, http.StatusOK, []byte(`{"ok":true}`)...)
		ids = append(ids, c.endpoint(app, r.URL)["id"])
	}
	m := c.message(app, object{"test": "data"})
	c.attempts(app, m, 3)
	page := func(options object) object {
		return c.do("messageAttempt.listAttemptedDestinations", app, m["id"], options)
	}
	eventually(c.T, "all three are listed", func() bool { return len(data(page(object{}))) == 3 })
	c.same("the list", each(data(page(object{})), "id"), ids)
	c.do("endpoint.delete", app, ids[1])
	list := data(page(object{}))
	c.same("the list, with one that is deleted", each(list, "id"), ids)
	for _, d := range list {
		c.is(d, object{"status": 0, "statusText": "success"})
	}
	first := page(object{"limit": 2})
	c.same("the first page", each(data(first), "id"), ids[:2])
	c.is(first, object{"done": false})
	second := page(object{"limit": 2, "iterator": first["iterator"]})
	c.same("the second page", each(data(second), "id"), ids[2:])
	c.is(second, object{"done": true})
	back := page(object{"limit": 1, "iterator": "-" + fmt.Sprint(ids[2])})
	c.same("back from the last", each(data(back), "id"), ids[1:2])
	c.same("back again", each(data(page(object{"limit": 1, "iterator": back["prevIterator"]})), "id"), ids[:1])
}

func attemptsByEndpoint(c caller) {
	one, two := receive(c.T, http.StatusOK), receive(c.T, http.StatusBadRequest)
	app := c.app()
	e1, e2 := text(c.endpoint(app, one.URL), "id"), text(c.endpoint(app, two.URL), "id")
	var made []object
	for i, fields := range []object{{}, {}, {"eventType": "user.exploded", "channels": []string{"obits"}, "tags": []string{"red"}}} {
		made = append(made, c.message(app, object{"test": i}, fields))
	}
	for _, e := range []string{e1, e2} {
		got := map[any]bool{}
		for _, a := range c.attempted(app, e, 3, object{}) {
			c.is(a, object{"endpointId": e})
			got[a["msgId"]] = true
		}
		c.same("their messages", got[made[0]["id"]] && got[made[1]["id"]] && got[made[2]["id"]], true)
	}
	for _, f := range []struct {
		options object
		n       int
	}{
		{object{"channel": "foo"}, 0},
		{object{"channel": "obits"}, 1},
		{object{"eventTypes": []string{"user.exploded"}}, 1},
		{object{"eventTypes": []string{"event.type", "user.exploded"}}, 3},
		{object{"tag": "red"}, 1},
		{object{"status": 2}, 3},
		{object{"status": 0}, 0},
		{object{"statusCodeClass": 400}, 3},
		{object{"statusCodeClass": 200}, 0},
		{object{"statusCodeClass": 0}, 0},
	} {
		c.same(fmt.Sprint("attempts with ", f.options), len(data(c.do("messageAttempt.listByEndpoint", app, e2, f.options))), f.n)
	}
	for query, n := range map[string]int{
		"event_types[]=event.type": 2, "event_types[0]=event.type&event_types[1]=user.exploded": 3, "event_types=event.type,user.exploded": 3, "event_types=event.type&event_types=user.exploded": 3,
		"event_types%5B%5D=event.type": 2,
	} {
		c.same(query, len(data(c.raw(http.StatusOK, "GET", "/app/"+app+"/attempt/endpoint/"+e2+"/?"+query, nil))), n)
	}
	c.is(data(c.do("messageAttempt.listByEndpoint", app, e1, object{"withMsg": true, "channel": "obits"}))[0]["msg"].(object), object{"id": made[2]["id"], "eventType": "user.exploded"})
	c.same("of one endpoint", len(data(c.do("messageAttempt.listByMsg", app, made[0]["id"], object{"endpointId": e2}))), 1)
	c.raw(http.StatusUnprocessableEntity, "GET", "/app/"+app+"/attempt/endpoint/"+e2+"?status=7", nil)
	c.raw(http.StatusUnprocessableEntity, "GET", "/app/"+app+"/attempt/endpoint/"+e2+"?status_code_class=250", nil)

	// The two that are in no document.
	id := text(made[0], "id")
	c.same("all of a message", len(data(c.raw(http.StatusOK, "GET", "/app/"+app+"/msg/"+id+"/attempt", nil))), 2)
	c.same("all of one to an endpoint", len(data(c.raw(http.StatusOK, "GET", "/app/"+app+"/msg/"+id+"/endpoint/"+e2+"/attempt", nil))), 1)
}

func attemptsOfMessages(c caller) {
	for _, r := range []struct{ answered, status, n int }{{http.StatusOK, 0, 1}, {http.StatusForbidden, 2, 3}, {http.StatusInternalServerError, 2, 3}, {0, 2, 3}} {
		app := c.app()
		url := "http://127.0.0.1:9/" // nobody is there
		if r.answered != 0 {
			url = receive(c.T, r.answered).URL
		}
		e := c.retries(c.endpoint(app, url), "100ms", "100ms")["id"]
		for _, a := range c.attempts(app, c.message(app, object{"test": "data"}), r.n) {
			c.is(a, object{"status": r.status, "responseStatusCode": r.answered, "endpointId": e})
		}
	}
}

func attemptsWithoutRetries(c caller) {
	app := c.app()
	e := c.retries(c.endpoint(app, receive(c.T, http.StatusInternalServerError).URL))["id"]
	m := c.message(app, object{"test": "data"})
	c.ofStatus(app, e, 2, m)
	c.is(c.attempts(app, m, 1)[0], object{"status": 2, "responseStatusCode": 500})
}

// send publishes, and waits until that was sent.
func (c caller) send(app, endpoint string, n, total int) {
	c.Helper()
	for i := range n {
		c.message(app, object{"test": i})
	}
	c.attempted(app, endpoint, total, object{"limit": 250})
}

// apart waits until the clock's millisecond is another, and gives its beginning.
func apart() string {
	now := time.Now().Truncate(time.Millisecond).Add(time.Millisecond)
	for time.Now().Before(now) {
		time.Sleep(100 * time.Microsecond)
	}
	return now.UTC().Format(time.RFC3339Nano)
}

func attemptsBeforeAndAfter(c caller) {
	app := c.app()
	e := text(c.endpoint(app, receive(c.T, http.StatusOK).URL), "id")
	c.send(app, e, 1, 1)
	from := apart()
	c.send(app, e, 2, 3)
	to := apart()
	c.send(app, e, 3, 6)
	page := func(query string, n int) object {
		c.Helper()
		list := c.raw(http.StatusOK, "GET", "/app/"+app+"/attempt/endpoint/"+e+"/?"+query, nil)
		c.same("of "+query, len(data(list)), n)
		c.is(list, object{"done": true})
		return list
	}
	page("limit=10", 6)
	list := page("limit=10&before="+to+"&after="+from, 2)
	// From there one may go on without the bounds.
	page("iterator="+text(list, "prevIterator"), 3)
	page("iterator="+text(list, "iterator"), 1)
}

// walkThree walks through a list of six attempts by threes and twos.
func walkThree(c caller, path string) []object {
	c.Helper()
	page := func(query string) object {
		c.Helper()
		return c.raw(http.StatusOK, "GET", path+"?"+query, nil)
	}
	all := data(page(""))
	if len(all) != 6 {
		c.Fatalf("there are %d attempts, want 6", len(all))
	}
	check := func(what string, list object, from, to int, done bool) object {
		c.Helper()
		c.same(what, list["data"], all[from:to])
		c.is(list, object{"done": done})
		return list
	}
	first := check("the first three", page("limit=3"), 0, 3, false)
	check("after the third", page("limit=3&iterator="+text(all[2], "id")), 3, 6, true)
	last := check("the last three", page("limit=3&iterator="+text(first, "iterator")), 3, 6, true)
	two := check("the two before them", page("limit=2&iterator="+text(last, "prevIterator")), 1, 3, false)
	check("the first", page("limit=2&iterator="+text(two, "prevIterator")), 0, 1, true)
	return all
}

func pagesByEndpoint(c caller) {
	app := c.app()
	e := text(c.endpoint(app, receive(c.T, http.StatusOK).URL), "id")
	var times []string
	for i := range 6 {
		times = append(times, apart())
		c.send(app, e, 1, i+1)
	}
	path := "/app/" + app + "/attempt/endpoint/" + e
	all := walkThree(c, path)
	c.same("the first three, by time", data(c.raw(http.StatusOK, "GET", path+"?after="+times[3], nil)), all[:3])
	c.same("the last three, by time", data(c.raw(http.StatusOK, "GET", path+"?before="+times[3], nil)), all[3:])
}

func pagesByMessage(c caller) {
	app := c.app()
	for range 6 {
		c.endpoint(app, receive(c.T, http.StatusOK).URL)
	}
	before := apart()
	for _, fields := range []object{{}, {"eventType": "balloon.popped", "channels": []string{"news"}}} {
		m := c.message(app, object{}, fields)
		c.attempts(app, m, 6)
		path := "/app/" + app + "/attempt/msg/" + text(m, "id")
		all := walkThree(c, path)
		c.same("after it was sent", data(c.raw(http.StatusOK, "GET", path+"?after="+before, nil)), all)
		c.same("before", len(data(c.raw(http.StatusOK, "GET", path+"?before="+before, nil))), 0)
		after := apart()
		c.same("after all", len(data(c.raw(http.StatusOK, "GET", path+"?after="+after, nil))), 0)
		c.same("before the end", data(c.raw(http.StatusOK, "GET", path+"?before="+after, nil)), all)
	}
}

func pagesForthAndBack(c caller) {
	app := c.app()
	e := text(c.endpoint(app, receive(c.T, http.StatusOK).URL), "id")
	c.send(app, e, 28, 28)
	var forth, back []object
	var list object
	options := object{"limit": 10}
	for done := false; !done; done = list["done"] == true {
		list = c.do("messageAttempt.listByEndpoint", app, e, options)
		forth = append(forth, data(list)...)
		options["iterator"] = list["iterator"]
		if len(forth) > 28 {
			c.Fatal("the walk does not end")
		}
	}
	c.same("how many there are", len(forth), 28)
	options["iterator"] = list["prevIterator"]
	for done := false; !done; done = list["done"] == true {
		list = c.do("messageAttempt.listByEndpoint", app, e, options)
		back = append(back, data(list)...)
		options["iterator"] = list["prevIterator"]
		if len(back) > 28 {
			c.Fatal("the walk back does not end")
		}
	}
	// The last page's eight are not before it.
	if len(back) != 20 {
		c.Fatalf("there are %d on the way back, want 20", len(back))
	}
	c.same("the first page, come to from behind", back[10:], forth[:10])
	c.same("the second page, come to from behind", back[:10], forth[10:20])
}
