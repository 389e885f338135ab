package move

import "strings"

// Tables are all that a move carries, in its order. What a store has besides follows from
// them, or is of the processes that have it open. What is owned by a node is not moved as
// such: the source gives it as nobody's.
var Tables = []Table{
	{"versions", columns("part text", "version int"), 1},
	{"feed", columns("part text", "version int", "name text", "id int"), 2},
	{"hold", columns("id int", "since int", "released_at int"), 1},
	{"apps", columns(
		"id text", "name text", "metadata text", "created_at int", "updated_at int", "revision int", "max_endpoints int",
		"dialects text", "dialect_options text", "uid text", "rate_limit text", "imported text"), 1},
	{"event_types", columns(
		"name text", "description text", "schema bytes", "example bytes", "validate bool", "archived bool",
		"created_at int", "updated_at int", "revision int", "schema_version text", "earlier_schemas text", "deprecated bool",
		"heading text", "feature_flags text", "imported text"), 1},
	{"endpoints", columns(
		"id int", "revision int", "status text", "ordering text", "apps text", "url text", "name text", "events text", "subjects text",
		"filter bytes", "dialect text", "headers text", "disabled_reason text", "timeout int", "retry text", "rate_limit text",
		"concurrency int", "metadata text", "created_at int", "updated_at int", "secrets text", "description text", "locked bool",
		"locked_reason text", "terms text", "dialect_options text", "resumed_at int", "making text", "credentials text", "notify text",
		"exact_concurrency bool", "uid text", "former_id text", "channels text", "imported text"), 1},
	{"endpoint_names", columns("app text", "name text", "endpoint int"), 2},
	{"vitals", columns(
		"endpoint int", "revision int", "since int", "taken bool", "failures int", "ill int", "failed_since int", "failing_since int",
		"open_since int", "last int", "reason text", "response_status int"), 1},
	{"tokens", columns("endpoint int", "version int", "expires_at int", "token bytes"), 1},
	{"replies", columns("request bytes", "token bytes", "at int", "size int", "sealed bytes"), 1},
	{"keys", columns(
		"id int", "name text", "role text", "apps text", "portal bool", "created_at int", "expires_at int", "hash bytes",
		"session int", "device text", "feature_flags text"), 1},
	{"key_uses", columns("key int", "at int"), 1},
	{"notice_settings", columns("app text", "revision int", "settings text"), 1},
	{"told", columns(
		"audience text", "about text", "state text", "since int", "at int", "digest int", "count int", "version int"), 2},
	{"notices", columns("id int", "audience text", "recipient text", "content bytes", "tries int", "due int"), 1},
	{"unsubscribed", columns("audience text", "at int"), 1},
	{"inboxes", columns(
		"name bytes", "app text", "token bytes", "answer text", "fail_left int", "created_at int", "expires_at int", "received int",
		"bytes int"), 1},
	{"inbox_requests", columns("inbox bytes", "id int", "app text", "event int", "at int", "answered int", "content bytes"), 2},
	{"audit", columns("id int", "actor text", "action text", "object text", "apps text", "detail bytes"), 1},
	{"audit_apps", columns("app text", "audit int"), 2},
	{"events", columns(
		"id int", "app text", "type text", "subject text", "external_id text", "digest bytes", "deliver_at int", "deliveries int",
		"erased bool", "test bool", "data bytes", "channels text", "tags text", "data_expires_at int"), 1},
	{"expiring", columns("at int", "event int", "app text"), 2},
	{"fanout_lists", columns("id int", "app text", "endpoints bytes"), 2},
	{"fanouts", columns("event int", "app text", "list int", "done int"), 1},
	{"pending", columns(
		"id int", "event int", "endpoint int", "app text", "trigger text", "due int", "attempts int", "last_attempt int",
		"order_key text", "order_pos int", "born int", "held bool", "holds int", "released int", "settled int"), 1},
	{"reorders", columns("endpoint int", "since int"), 1},
	{"releases", columns("endpoint int", "after int", "since int"), 1},
	{"attempts", columns(
		"id int", "delivery int", "event int", "endpoint int", "app text", "type text", "trigger text", "number int", "status int",
		"final bool", "next_at int", "duration int", "response_status int", "truncated bool", "url text", "reason text", "detail text",
		"request_header text", "response_header text", "response_body bytes", "latency int", "method text", "request_truncated bool",
		"request_body bytes", "captured text", "dialect text", "request_proof bytes"), 1},
	{"reactions", columns("attempt int", "app text"), 1},
	{"outbox", columns(
		"id int", "app text", "type text", "data text", "subject text", "external_id text", "deliver_at int", "at int",
		"channels text", "tags text", "retain int"), 1},
	{"outbox_refused", columns(
		"id int", "of text", "app text", "type text", "data bytes", "size int", "subject text", "external_id text", "deliver_at int",
		"at int", "refused_at int", "code text", "detail text", "fields text", "channels text", "tags text", "retain int"), 1},
	{"rollups", columns(
		"width int", "endpoint int", "slice int", "app text", "succeeded int", "failed int", "exhausted int", "duration int",
		"longest int", "durations bytes", "latencies bytes"), 4},
	{"rolled", columns("width int", "until int"), 1},
	{"backlog", columns("at int", "pending int", "oldest int"), 1},
	{"owed", columns("what text", "app text", "name text"), 3},
	{"nodes", columns("id int", "epoch int", "lease_until int"), 1},
	{"clock", columns("id int", "at int", "doubts text", "turned text"), 1},
}

// columns reads "name kind".
func columns(list ...string) []Column {
	kinds := map[string]Kind{"int": Int, "bool": Bool, "text": Text, "bytes": Bytes}
	of := make([]Column, len(list))
	for i, s := range list {
		name, word, _ := strings.Cut(s, " ")
		kind, ok := kinds[word]
		if !ok {
			panic("move: no kind of column: " + s)
		}
		of[i] = Column{name, kind}
	}
	return of
}
