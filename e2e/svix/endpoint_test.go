package svix

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func endpointCases() map[string]func(caller) {
	return map[string]func(caller){
		"test_create":                           endpointCreate,
		"test_patch":                            endpointPatch,
		"test_crud":                             endpointCRUD,
		"test_list":                             endpointList,
		"test_endpoint_list_ordering":           endpointListOrdering,
		"test_uid":                              endpointUID,
		"test_endpoint_secret_get_and_rotation": secretRotation,
		"test_recovery_should_fail_if_start_time_too_old":       recoveryTooOld,
		"test_recovery_expected_retry_counts":                   recovery,
		"test_endpoint_rotate_max":                              rotateMax,
		"test_endpoint_rotate_signing_e2e":                      rotateSigning,
		"test_endpoint_rotate_signing_symmetric_and_asymmetric": rotateSigningMixed,
		"test_custom_endpoint_secret":                           customSecret,
		"test_invalid_endpoint_secret":                          invalidSecret,
		"test_endpoint_stats":                                   endpointStats,
		"test_endpoint_secret_encryption_in_database":           secretsAtRest,
		"test_endpoint_filter_events":                           filterEvents,
		"test_endpoint_filter_channels":                         filterChannels,
		"test_rate_limit":                                       rateLimit,
		"test_msg_event_types_filter":                           messagesByType,
		"test_msg_channels_filter":                              messagesByChannel,
		"test_endpoint_headers_manipulation":                    headersManipulation,
		"test_endpoint_headers_sending":                         headersSending,
		"test_endpoint_header_key_capitalization":               headersCase,
		"test_endpoint_https_only":                              httpsOnly,
		"test_send_example":                                     sendExample,
	}
}

// Nobody listens there, and nothing is sent there in these tests.
const nowhere = "http://127.0.0.1:9/hook"

// ago is a time in the past, as the API writes it.
func ago(d time.Duration) string { return time.Now().Add(-d).UTC().Format(time.RFC3339Nano) }

func endpointCreate(c caller) {
	app := c.app()
	e := c.endpoint(app, nowhere)
	want := object{
		"url": nowhere, "disabled": false, "description": "", "metadata": object{}, "uid": nil, "throttleRate": nil, "eventTypes": nil, "channels": nil,
	}
	c.is(e, want)
	c.is(c.raw(http.StatusOK, "GET", "/app/"+app+"/endpoint/"+text(e, "id"), nil), object{"version": 1, "rateLimit": nil, "filterTypes": nil})
	c.is(c.do("endpoint.get", app, e["id"]), want)
	full := object{
		"description": "All of it", "uid": c.unique("uid"), "disabled": true, "channels": []string{"a", "b:c"}, "throttleRate": 7, "metadata": object{"k": "v"},
		"eventTypes": []string{c.eventType("of.endpoint")},
	}
	e = c.endpoint(app, nowhere, full, object{"headers": object{"X-Mine": "1"}})
	c.is(e, full)
	c.is(c.do("endpoint.getHeaders", app, e["id"]), object{"headers": object{"X-Mine": "1"}})
	for _, bad := range []string{
		`{}`, `{"url":""}`, `{"url":"nonsense"}`, `{"url":"ftp://127.0.0.1/"}`, `{"url":1}`, `{"url":"` + nowhere + `","throttleRate":0}`, `{"url":"` + nowhere + `","uid":"ep_1"}`,
		`{"url":"` + nowhere + `","metadata":{"a":1}}`, `{"url":"` + nowhere + `","disabled":"yes"}`, `{"url":"` + nowhere + `","channels":["sp ace"]}`,
		`{"url":"` + nowhere + `","channels":["1","2","3","4","5","6","7","8","9","10","11"]}`, `{"url":"` + nowhere + `","headers":{"Content-Type":"x"}}`,
	} {
		c.raw(http.StatusUnprocessableEntity, "POST", "/app/"+app+"/endpoint", bad)
	}
}

func endpointPatch(c caller) {
	app := c.app()
	e := text(c.endpoint(app, nowhere), "id")
	types := []string{c.eventType("patched")}
	want := object{"description": "", "throttleRate": nil, "uid": nil, "url": nowhere, "disabled": false, "eventTypes": nil, "channels": nil, "metadata": object{}}
	for _, change := range []object{
		{"description": "test"},
		{"throttleRate": 1},
		{"throttleRate": nil},
		{"uid": "some"},
		{"uid": nil},
		{"url": "http://127.0.0.1:9/other"},
		{"disabled": true},
		{"disabled": false},
		{"eventTypes": types},
		{"eventTypes": nil},
		{"channels": []string{"test"}},
		{"channels": nil},
		{"metadata": object{"a": "b"}},
		{"metadata": object{}},
	} {
		c.is(c.do("endpoint.patch", app, e, change), with(want, change))
		c.is(c.do("endpoint.get", app, e), want)
	}
	c.is(c.raw(http.StatusOK, "PATCH", "/app/"+app+"/endpoint/"+e, object{"rateLimit": 3}), object{"throttleRate": 3})
	c.is(c.raw(http.StatusOK, "PATCH", "/app/"+app+"/endpoint/"+e, object{"filterTypes": types}), object{"filterTypes": types, "eventTypes": types})
	c.raw(http.StatusOK, "PATCH", "/app/"+app+"/endpoint/"+e, object{})
	for _, bad := range []string{
		`{"url":null}`, `{"url":"x"}`, `{"description":null}`, `{"disabled":null}`, `{"metadata":null}`, `{"uid":"ep_x"}`, `{"throttleRate":0}`, `{"eventTypes":[]}`,
		`{"eventTypes":["nobody.has.this"]}`, `{"channels":[]}`, `{"secret":"x"}`,
	} {
		c.raw(http.StatusUnprocessableEntity, "PATCH", "/app/"+app+"/endpoint/"+e, bad)
	}
	c.is(c.do("endpoint.get", app, e), object{"throttleRate": 3, "eventTypes": types, "url": "http://127.0.0.1:9/other"})
}

func endpointCRUD(c caller) {
	apps := [2]string{c.app(), c.app()}
	var made [2][]object
	for i, app := range apps {
		for j := range 2 {
			e := c.endpoint(app, fmt.Sprintf("http://127.0.0.1:9/CrudTest%d%d", i, j))
			c.is(e, object{"url": fmt.Sprintf("http://127.0.0.1:9/CrudTest%d%d", i, j)})
			made[i] = append(made[i], e)
		}
	}
	for i, app := range apps {
		for j := range 2 {
			c.same("what is read", c.do("endpoint.get", app, made[i][j]["id"]), made[i][j])
			c.refused(http.StatusNotFound, "endpoint.get", app, made[1-i][j]["id"])
		}
	}
	changed := c.do("endpoint.upsert", apps[0], made[0][0]["id"], object{"url": "http://127.0.0.1:9/changed"})
	c.is(changed, object{"url": "http://127.0.0.1:9/changed", "id": made[0][0]["id"], "createdAt": made[0][0]["createdAt"]})
	c.same("what is read of what was changed", c.do("endpoint.get", apps[0], changed["id"]), changed)
	put := c.raw(http.StatusCreated, "PUT", "/app/"+apps[0]+"/endpoint/fake-id", object{"url": nowhere})
	c.same("the list", each(data(c.do("endpoint.list", apps[0])), "id"), []any{put["id"], made[0][1]["id"], changed["id"]})
	c.same("the other list", each(data(c.do("endpoint.list", apps[1])), "id"), []any{made[1][1]["id"], made[1][0]["id"]})
	for i, app := range apps {
		for _, e := range made[i] {
			c.refused(http.StatusNotFound, "endpoint.delete", apps[1-i], e["id"])
			c.do("endpoint.delete", app, e["id"])
			c.refused(http.StatusNotFound, "endpoint.get", app, e["id"])
			c.refused(http.StatusNotFound, "endpoint.delete", app, e["id"])
		}
	}
	e := c.endpoint(apps[0], nowhere, object{"metadata": object{"foo": "bar", "bizz": "baz"}})
	c.is(c.do("endpoint.get", apps[0], e["id"]), object{"metadata": object{"foo": "bar", "bizz": "baz"}})
	c.is(c.do("endpoint.patch", apps[0], e["id"], object{"metadata": object{}}), object{"metadata": object{}})
	c.refused(http.StatusUnprocessableEntity, "endpoint.upsert", apps[0], e["id"], object{"url": "nonsense"})
}

func endpointList(c caller) {
	app := c.app()
	for i := range 10 {
		c.endpoint(app, fmt.Sprintf("http://127.0.0.1:9/%d", i))
	}
	pages(c, "endpoint.list", []any{app}, "descending", true)
}

func endpointListOrdering(c caller) {
	app := c.app()
	var urls []string
	for i := range 5 {
		urls = append(urls, fmt.Sprintf("http://127.0.0.1:9/%d", i))
		c.endpoint(app, urls[i])
	}
	page := func(options object, done bool, numbers ...int) object {
		c.Helper()
		want := []string{}
		for _, n := range numbers {
			want = append(want, urls[n])
		}
		list := c.do("endpoint.list", app, options)
		c.same(fmt.Sprint("the page of ", options), each(data(list), "url"), want)
		c.is(list, object{"done": done})
		return list
	}
	list := page(object{"limit": 2}, false, 4, 3)
	list = page(object{"limit": 2, "iterator": list["iterator"]}, false, 2, 1)
	page(object{"iterator": list["prevIterator"]}, true, 4, 3)
	list = page(object{"limit": 3, "order": "ascending"}, false, 0, 1, 2)
	list = page(object{"limit": 3, "order": "ascending", "iterator": list["iterator"]}, true, 3, 4)
	page(object{"limit": 2, "order": "ascending", "iterator": list["prevIterator"]}, false, 1, 2)
	c.raw(http.StatusUnprocessableEntity, "GET", "/app/"+app+"/endpoint?order=sideways", nil)
}

func endpointUID(c caller) {
	app := c.app()
	uid := object{"uid": "test_uid"}
	one := c.endpoint(app, nowhere, uid)
	c.same("what is read by the uid", c.do("endpoint.get", app, "test_uid"), one)
	c.refused(http.StatusConflict, "endpoint.create", app, with(object{"url": nowhere}, uid))
	two := c.endpoint(app, nowhere)
	c.refused(http.StatusConflict, "endpoint.upsert", app, two["id"], with(object{"url": nowhere}, uid))
	c.refused(http.StatusConflict, "endpoint.patch", app, two["id"], uid)
	c.is(c.do("endpoint.upsert", app, one["id"], with(object{"url": nowhere}, uid)), object{"id": one["id"], "uid": "test_uid"})
	c.do("endpoint.delete", app, "test_uid")
	again := c.endpoint(app, nowhere, uid)
	c.is(c.do("endpoint.upsert", app, again["id"], object{"url": nowhere}), object{"id": again["id"], "uid": nil})
	c.refused(http.StatusNotFound, "endpoint.get", app, "test_uid")
	c.do("application.delete", app)

	// Another app may have it.
	for range 2 {
		c.is(c.endpoint(c.app(), nowhere, uid), uid)
	}
}

func secretRotation(c caller) {
	app := c.app()
	e := text(c.endpoint(app, nowhere), "id")
	key := func() string { return text(c.do("endpoint.getSecret", app, e), "key") }
	former := key()
	if bytes, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(former, "whsec_")); err != nil || len(bytes) < 24 {
		c.Errorf("the secret is %q, want whsec_ and 24 bytes or more", former)
	}
	c.do("endpoint.rotateSecret", app, e, object{})
	if key() == former {
		c.Error("the secret is as it was")
	}
	c.do("endpoint.rotateSecret", app, e, object{"key": former})
	c.same("the secret", key(), former)
	c.raw(http.StatusNoContent, "POST", "/app/"+app+"/endpoint/"+e+"/secret/rotate/", object{"key": nil})
	c.raw(http.StatusNoContent, "POST", "/app/"+app+"/endpoint/"+e+"/secret/rotate", object{"key": nil, "gracePeriodSeconds": 604800})
	for _, bad := range []string{`{"key":"x"}`, `{"key":1}`, `{"gracePeriodSeconds":-1}`, `{"gracePeriodSeconds":604801}`, `{"gracePeriodSeconds":"1"}`} {
		c.raw(http.StatusUnprocessableEntity, "POST", "/app/"+app+"/endpoint/"+e+"/secret/rotate", bad)
	}
}

func recoveryTooOld(c caller) {
	app := c.app()
	e := c.endpoint(app, nowhere)["id"]
	c.refused(http.StatusUnprocessableEntity, "endpoint.recover", app, e, object{"since": ago(3 * 7 * 24 * time.Hour)})
	c.refused(http.StatusUnprocessableEntity, "endpoint.recover", app, e, object{"since": ago(time.Hour), "until": ago(2 * time.Hour)})
	c.raw(http.StatusUnprocessableEntity, "POST", "/app/"+app+"/endpoint/"+fmt.Sprint(e)+"/recover", `{}`)
	c.raw(http.StatusUnprocessableEntity, "POST", "/app/"+app+"/endpoint/"+fmt.Sprint(e)+"/recover", `{"since":"yesterday"}`)
}

func recovery(c caller) {
	r := receive(c.T, http.StatusInternalServerError)
	app := c.app()
	e := c.retries(c.endpoint(app, r.URL), "100ms", "100ms")["id"]
	m := c.message(app, object{"test": "data1"})
	c.attempts(app, m, 3)
	eventually(c.T, "it is given up", func() bool {
		return len(data(c.do("messageAttempt.listAttemptedMessages", app, e, object{"status": 2}))) == 1
	})
	// Its time is before a recovery that begins now.
	c.is(c.do("endpoint.recover", app, e, object{"since": ago(0)}), object{"task": "endpoint.recover"})
	c.attempts(app, m, 3)
	r.status.Store(http.StatusNoContent)
	c.is(c.do("endpoint.recover", app, e, object{"since": ago(time.Hour)}), object{"task": "endpoint.recover"})
	attempts := c.attempts(app, m, 4)
	c.is(attempts[0], object{"status": 0, "triggerType": 1, "responseStatusCode": 204})
	c.is(attempts[3], object{"status": 2, "triggerType": 0, "responseStatusCode": 500})
	// What has succeeded is not sent again.
	c.do("endpoint.recover", app, e, object{"since": ago(time.Hour)})
	c.message(app, object{"test": "data2"})
	for range 5 {
		r.next(c.T)
	}
	c.attempts(app, m, 4)
}

func rotateMax(c caller) {
	app := c.app()
	e := c.endpoint(app, nowhere)["id"]
	for range 10 {
		c.do("endpoint.rotateSecret", app, e, object{})
	}
	c.refused(http.StatusBadRequest, "endpoint.rotateSecret", app, e, object{})

	// There is room as soon as an old one is no longer valid.
	e = c.endpoint(app, nowhere)["id"]
	c.do("endpoint.rotateSecret", app, e, object{"gracePeriodSeconds": 1})
	for range 9 {
		c.do("endpoint.rotateSecret", app, e, object{})
	}
	secret := "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	eventually(c.T, "the secret can be rotated again", func() bool {
		_, err := c.sdk.call(c.Context(), c.server.url, c.token, "endpoint.rotateSecret", []any{app, e, object{"key": secret}})
		return err == nil
	})
	c.is(c.do("endpoint.getSecret", app, e), object{"key": secret})
}

func rotateSigning(c caller) {
	r := receive(c.T, http.StatusOK)
	app := c.app()
	e := c.endpoint(app, r.URL)["id"]
	secrets := []string{text(c.do("endpoint.getSecret", app, e), "key")}
	for _, key := range []any{nil, "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 40))} {
		in := object{}
		if key != nil {
			in["key"] = key
		}
		c.do("endpoint.rotateSecret", app, e, in)
		secrets = append(secrets, text(c.do("endpoint.getSecret", app, e), "key"))
	}
	m := c.message(app, object{"test": "data1"})
	q := r.next(c.T)
	c.same("the body", string(q.body), `{"test":"data1"}`)
	c.same("the id", q.header.Get("Svix-Id"), m["id"])
	c.same("the content type", q.header.Get("Content-Type"), "application/json")
	for _, secret := range secrets {
		verified(c.T, q, secret)
	}
	// One without grace is over at once.
	c.do("endpoint.rotateSecret", app, e, object{"gracePeriodSeconds": 0})
	c.message(app, object{"test": "data2"})
	q = r.next(c.T)
	verified(c.T, q, text(c.do("endpoint.getSecret", app, e), "key"))
	if js.verify(c.Context(), "svix", secrets[2], q.header, q.body) == nil {
		c.Error("a secret that was rotated without grace still signs")
	}
}

// A private key and what is shown of it, which is public.
const (
	privateKey = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	publicKey  = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
)

func rotateSigningMixed(c caller) {
	r := receive(c.T, http.StatusOK)
	app := c.app()
	first := "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 24))
	last := "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{2}, 58))
	e := c.endpoint(app, r.URL, object{"secret": first})["id"]
	c.do("endpoint.rotateSecret", app, e, object{"key": privateKey})
	c.do("endpoint.rotateSecret", app, e, object{"key": last})
	c.message(app, object{"test": "data1"})
	q := r.next(c.T)
	verified(c.T, q, first)
	verified(c.T, q, last)
	public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(publicKey, "whpk_"))
	if err != nil {
		c.Fatal(err)
	}
	signed := []byte(q.header.Get("Svix-Id") + "." + q.header.Get("Svix-Timestamp") + "." + string(q.body))
	var found bool
	for _, s := range strings.Fields(q.header.Get("Svix-Signature")) {
		if s, ok := strings.CutPrefix(s, "v1a,"); ok {
			signature, err := base64.StdEncoding.DecodeString(s)
			found = found || err == nil && ed25519.Verify(public, signed, signature)
		}
	}
	if !found {
		c.Errorf("no signature of the key pair in %q", q.header.Get("Svix-Signature"))
	}
}

func customSecret(c caller) {
	app := c.app()
	for secret, shown := range map[string]string{
		"whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{3}, 24)): "",
		"whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{3}, 75)): "",
		base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{3}, 32)):            "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{3}, 32)),
		privateKey: publicKey,
	} {
		if shown == "" {
			shown = secret
		}
		e := c.endpoint(app, nowhere, object{"secret": secret})["id"]
		c.is(c.do("endpoint.getSecret", app, e), object{"key": shown})
		e = c.endpoint(app, nowhere)["id"]
		c.do("endpoint.rotateSecret", app, e, object{"key": secret})
		c.is(c.do("endpoint.getSecret", app, e), object{"key": shown})
	}
}

func invalidSecret(c caller) {
	app := c.app()
	for _, secret := range []string{
		"whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{3}, 21)), "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{3}, 78)),
		"hwsec_C2FVsBQIhrscChlQIM+b5sSYspob7oDazfgh", "whsec_no base64 at all, not at all", publicKey, "whsk_AAAA", "",
	} {
		c.raw(http.StatusUnprocessableEntity, "POST", "/app/"+app+"/endpoint", object{"url": nowhere, "secret": secret})
	}
	c.refused(http.StatusUnprocessableEntity, "endpoint.create", app, object{"url": nowhere, "secret": "whsec_short"})
	c.same("endpoints", len(data(c.do("endpoint.list", app))), 0)
}

func endpointStats(c caller) {
	r := receive(c.T, http.StatusOK)
	app := c.app()
	e := c.retries(c.endpoint(app, r.URL))["id"]
	zero := object{"success": 0, "fail": 0, "pending": 0, "sending": 0, "canceled": 0}
	c.is(c.do("endpoint.getStats", app, e), zero)
	c.attempts(app, c.message(app, object{}), 1)
	r.status.Store(http.StatusInternalServerError)
	c.attempts(app, c.message(app, object{}), 1)
	c.attempts(app, c.message(app, object{}), 1)
	counts := object{"success": 1, "fail": 2, "pending": 0, "sending": 0, "canceled": 0}
	c.is(c.do("endpoint.getStats", app, e), counts)
	c.is(c.do("endpoint.getStats", app, e, object{"since": ago(time.Hour), "until": ago(-time.Minute)}), counts)
	c.is(c.do("endpoint.getStats", app, e, object{"since": ago(2 * time.Hour), "until": ago(time.Hour)}), zero)
	c.refused(http.StatusBadRequest, "endpoint.getStats", app, e, object{"since": ago(29 * 24 * time.Hour)})
	c.raw(http.StatusUnprocessableEntity, "GET", "/app/"+app+"/endpoint/"+fmt.Sprint(e)+"/stats?since=yesterday", nil)
}

func secretsAtRest(c caller) {
	app := c.app()
	secret := bytes.Repeat([]byte(c.unique("secret at rest!")), 3)[:40]
	shown := base64.StdEncoding.EncodeToString(secret)
	e := c.endpoint(app, nowhere, object{"secret": "whsec_" + shown})["id"]
	c.is(c.do("endpoint.getSecret", app, e), object{"key": "whsec_" + shown})
	files, err := filepath.Glob(filepath.Join(c.server.dir, "bellhop.db*"))
	if err != nil || len(files) == 0 {
		c.Fatalf("no database: %v", err)
	}
	var there bool
	for _, file := range files {
		stored, err := os.ReadFile(file)
		if err != nil {
			c.Fatal(err)
		}
		there = there || bytes.Contains(stored, []byte(fmt.Sprint(app)))
		if bytes.Contains(stored, secret) || bytes.Contains(stored, []byte(shown)) {
			c.Errorf("%s has the secret as it is", file)
		}
	}
	if !there {
		c.Error("the files have nothing of the app at all, so this proves nothing")
	}
}

func filterEvents(c caller) {
	app := c.app()
	for _, name := range []string{"eventTypes", "filterTypes"} {
		c.raw(http.StatusUnprocessableEntity, "POST", "/app/"+app+"/endpoint", object{"url": nowhere, name: []string{}})
	}
	unknown := c.unique("et")
	c.refused(http.StatusUnprocessableEntity, "endpoint.create", app, object{"url": nowhere, "eventTypes": []string{unknown}})
	types := object{"eventTypes": []string{c.eventType("et")}}
	e := c.endpoint(app, nowhere, types)
	c.is(e, types)
	c.is(c.do("endpoint.upsert", app, e["id"], object{"url": nowhere}), object{"eventTypes": nil})
	c.is(c.do("endpoint.get", app, e["id"]), object{"eventTypes": nil})
	c.is(c.do("endpoint.upsert", app, e["id"], with(object{"url": nowhere}, types)), types)
	c.is(c.do("endpoint.get", app, e["id"]), types)
	c.is(c.raw(http.StatusCreated, "POST", "/app/"+app+"/endpoint", object{"url": nowhere, "filterTypes": types["eventTypes"]}), types)
}

func filterChannels(c caller) {
	app := c.app()
	c.raw(http.StatusUnprocessableEntity, "POST", "/app/"+app+"/endpoint", object{"url": nowhere, "channels": []string{}})
	channels := object{"channels": []string{"tag1"}}
	e := c.endpoint(app, nowhere, channels)
	c.is(e, channels)
	c.is(c.do("endpoint.upsert", app, e["id"], object{"url": nowhere}), object{"channels": nil})
	c.is(c.do("endpoint.get", app, e["id"]), object{"channels": nil})
	c.is(c.do("endpoint.upsert", app, e["id"], with(object{"url": nowhere}, channels)), channels)
	c.is(c.do("endpoint.get", app, e["id"]), channels)
}

// A throttle is not only stored: it is kept to.
func rateLimit(c caller) {
	r := receive(c.T, http.StatusOK)
	app := c.app()
	e := c.endpoint(app, r.URL, object{"throttleRate": 100})
	c.is(e, object{"throttleRate": 100})
	c.is(c.do("endpoint.upsert", app, e["id"], object{"url": r.URL}), object{"throttleRate": nil})
	c.is(c.do("endpoint.get", app, e["id"]), object{"throttleRate": nil})
	c.is(c.do("endpoint.patch", app, e["id"], object{"throttleRate": 5}), object{"throttleRate": 5})
	for range 10 {
		c.message(app, object{})
	}
	begun := time.Now()
	for range 10 {
		r.next(c.T)
	}
	if took := time.Since(begun); took < 500*time.Millisecond { // five at once, and five within a second
		c.Errorf("ten took %s at five a second", took)
	}
}

func messagesByType(c caller) {
	r := receive(c.T, http.StatusOK)
	app := c.app()
	one, two := c.eventType("et1"), c.eventType("et2")
	c.endpoint(app, r.URL, object{"eventTypes": []string{one}})
	c.endpoint(app, r.URL, object{"eventTypes": []string{one, two}})
	c.endpoint(app, r.URL)
	for name, n := range map[string]int{one: 3, two: 2, "neither": 1} {
		c.attempts(app, c.message(app, object{}, object{"eventType": name, "payloadRetentionPeriod": 5}), n)
	}
}

func messagesByChannel(c caller) {
	r := receive(c.T, http.StatusOK)
	app := c.app()
	c.endpoint(app, r.URL, object{"channels": []string{"tag1"}})
	c.endpoint(app, r.URL)
	for _, m := range []struct {
		fields object
		n      int
	}{{object{"channels": []string{"tag1"}}, 2}, {object{"channels": []string{"tag1", "tag2"}}, 2}, {object{"channels": []string{"tag2"}}, 1}, {object{}, 1}} {
		sent := c.message(app, object{}, m.fields)
		c.attempts(app, sent, m.n)
		c.is(c.do("message.get", app, sent["id"]), object{"channels": m.fields["channels"]})
	}
}

func headersManipulation(c caller) {
	app := c.app()
	e := c.endpoint(app, nowhere)["id"]
	path := "/app/" + app + "/endpoint/" + fmt.Sprint(e) + "/headers/"
	has := func(headers object, sensitive ...string) {
		c.Helper()
		if sensitive == nil {
			sensitive = []string{}
		}
		c.is(c.do("endpoint.getHeaders", app, e), object{"headers": headers, "sensitive": sensitive})
	}
	has(object{})
	c.raw(http.StatusNoContent, "PATCH", path, object{"headers": object{"x-test-3": "4", "x-test-2": nil}})
	has(object{"x-test-3": "4"})
	for _, name := range []string{"content-length", "some:thing", "some\x00thing", "svix-foo", "x-svix-foo", "x-amzn-foo", "user-agent", "content-type", "host", "sp ace", ""} {
		c.raw(http.StatusUnprocessableEntity, "PUT", path, object{"headers": object{name: "123"}})
		c.raw(http.StatusUnprocessableEntity, "PATCH", path, object{"headers": object{name: "123"}})
	}
	c.raw(http.StatusUnprocessableEntity, "PUT", path, object{"headers": object{"x-a": "line\r\nbreak: 1"}})
	c.raw(http.StatusUnprocessableEntity, "PUT", path, object{"headers": object{"x-a": strings.Repeat("a", 4097)}})
	c.raw(http.StatusUnprocessableEntity, "PUT", path, object{"headers": object{"x-a": nil}})
	c.raw(http.StatusUnprocessableEntity, "PUT", path, object{})
	c.refused(http.StatusUnprocessableEntity, "endpoint.setHeaders", app, e, object{"headers": object{"content-length": "1"}})
	has(object{"x-test-3": "4"})
	for _, headers := range []object{{"x-test-1": "1", "x-test-2": "2"}, {"x-test-1": "3", "x-test-2": "2"}} {
		c.do("endpoint.setHeaders", app, e, object{"headers": headers})
		has(headers)
	}
	c.do("endpoint.patchHeaders", app, e, object{"headers": object{"x-test-3": "4"}, "deleteHeaders": []string{"x-test-2"}})
	has(object{"x-test-1": "3", "x-test-3": "4"})
	c.do("endpoint.setHeaders", app, e, object{"headers": object{"x-test-1": "1", "authorization": "secret"}})
	has(object{"x-test-1": "1"}, "authorization")
	c.do("endpoint.patchHeaders", app, e, object{"headers": object{"x-test-1": "2"}})
	has(object{"x-test-1": "2"}, "authorization")
}

func headersSending(c caller) {
	r := receive(c.T, http.StatusOK)
	app := c.app()
	e := c.endpoint(app, r.URL)["id"]
	c.do("endpoint.setHeaders", app, e, object{"headers": object{"x-test-1": "1", "x-test-2": "2", "authorization": "Bearer x"}})
	c.message(app, object{"test": "data1"})
	q := r.next(c.T)
	for name, value := range map[string]string{"X-Test-1": "1", "X-Test-2": "2", "Authorization": "Bearer x"} {
		c.same(name, q.header.Get(name), value)
	}
	verified(c.T, q, text(c.do("endpoint.getSecret", app, e), "key"))
}

func headersCase(c caller) {
	app := c.app()
	e := c.endpoint(app, nowhere)["id"]
	c.do("endpoint.setHeaders", app, e, object{"headers": object{"X-Api-TEST": "test-value"}})
	c.is(c.do("endpoint.getHeaders", app, e), object{"headers": object{"X-Api-TEST": "test-value"}})
}

func httpsOnly(c caller) {
	app := c.app()
	c.endpoint(app, "https://127.0.0.1:9/")
	c.endpoint(app, "http://127.0.0.1:9/")
	c = c.at(serve(c.T))
	app = c.app()
	c.endpoint(app, "https://www.example.com")
	c.refused(http.StatusUnprocessableEntity, "endpoint.create", app, object{"url": "http://www.example.com"})
}

func sendExample(c caller) {
	r := receive(c.T, http.StatusOK)
	app := c.app()
	e := c.endpoint(app, r.URL)["id"]
	c.do("endpoint.sendExample", app, e, object{"eventType": "svix.ping"})
	q := r.next(c.T)
	c.same("the body", decode(q.body), object{"success": true})
	verified(c.T, q, text(c.do("endpoint.getSecret", app, e), "key"))

	name := c.unique("with.example")
	c.do("eventType.create", object{"name": name, "description": "x", "schemas": object{"1": object{"type": "object", "examples": []any{object{"is": "an example"}}}}})
	sent := c.do("endpoint.sendExample", app, e, object{"eventType": name})
	c.is(sent, object{"eventType": name})
	q = r.next(c.T)
	c.same("the body", decode(q.body), object{"is": "an example"})
	c.same("the id", q.header.Get("Svix-Id"), sent["id"])
	c.refused(http.StatusBadRequest, "endpoint.sendExample", app, e, object{"eventType": c.eventType("without.example")})
}
