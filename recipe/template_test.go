package recipe

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

const testData = `{"a":"x","n":12.50,"big":12345678901234567890,"yes":true,"no":false,"nil":null,"empty":"","list":[],
	"items":[{"name":"Tea","qty":2,"price":"3.10","tags":["hot","wet"]},{"name":"Cake","qty":1,"price":"4.25","tags":["sweet"]},{"name":null,"qty":3,"price":"0.05"}],
	"odd name":{"1st":7},"obj":{"b":1,"a":[true,null]},"when":"2027-02-05T14:00:00Z","day":"2027-07-01","email":"Zoe@Example.COM","cents":1999}`

// made renders a template where the lexer says that it stands.
func made(t *testing.T, text string, l lexer, data string) (string, error) {
	t.Helper()
	compiled, err := parse(text)
	if err == nil {
		_, err = compiled.place(l)
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	sc := &scope{
		event: &Event{ID: "evt_1", App: "acme", Type: "order.made", Subject: "order:1", Time: time.Unix(1800000000, 0), Data: []byte(data)},
		url:   "https://example.com/base/", key: []byte("secret"), what: "test",
		fields: map[string]any{"zone": "Europe/Zurich", "to": []any{"a@example.com", "b@example.com"}},
	}
	b, err := compiled.append(nil, sc)
	if _, ok := l.(jsonText); ok && err == nil {
		b, err = tidyJSON(b)
	}
	return string(b), err
}

func TestTemplates(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"plain $${ text } {}", "plain ${ text } {}"},
		{"${id} ${app} ${type} ${subject} ${time}", "evt_1 acme order.made order:1 2027-01-15T08:00:00.000Z"},
		{"${uuid}", "" + eventUUID("evt_1")},
		{"${data.a}${data.n}${data.big}${data.yes}", "x12.5012345678901234567890true"},
		{`${data["odd name"].1st}`, "7"},
		{"${data.items[0].name} ${data.items[-1].qty} ${data.items[1].tags[0]}", "Tea 3 sweet"},
		{"${data.items[*].name | join}", "Tea, Cake"},
		{`${data.items[*].tags[*] | join:"/"}`, "hot/wet/sweet"},
		{`${data.nil ?? data.empty ?? data.list ?? "none"}`, "none"},
		{`[${data.missing ?? ""}]`, "[]"},
		{"${?data.yes}a${/}${?data.no}b${/}${!data.no}c${/}${?data.list}d${/}${!data.missing.deep}e${/}", "ace"},
		{`${?type == "other"}1${:?type ~ "order.*" and data.a != "y"}2${:}3${/}`, "2"},
		{`${?data.a == "q" or data.n == 12.50}1${:}2${/}`, "1"},
		{`${?data.cents == 1999}1${/}${?data.cents == "1999"}2${/}${?data.missing == null}3${/}`, "123"},
		{`${each data.items as i}${i.name ?? "?"}x${i.qty};${/}`, "Teax2;Cakex1;?x3;"},
		{`${each data.items as i join ", " max 2}${i.name}${/}`, "Tea, Cake"},
		{`${each data.items as i}${each i.tags as t}${t} ${/}${/}`, "hot wet sweet "},
		{`${each data.missing as i}x${/}`, ""},
		{`${data.items[*].qty | sum} ${data.items[*].price | sum} ${data.items | count}`, "6 7.4 3"},
		{`${data.n | money} ${data.n | money:"JPY"} ${data.cents | minor:"CHF"} ${data.cents | minor:"JPY"} ${data.cents | minor:"KWD"}`, "12.50 13 19.99 1999 1.999"},
		{`${"-3.5" | abs} ${"007" | number}`, "3.5 7"},
		{`${data.when | date:"2 Jan 2006 15:04",field.zone}`, "5 Feb 2027 15:00"},
		{`${data.when | date:"unix"} ${data.when | date:"unix_ms"} ${data.day | date:"rfc3339",field.zone}`, "1801836000 1801836000000 2027-07-01T00:00:00+02:00"},
		{`${1801836000 | date:"2006-01-02"} ${1801836000000 | date:"15:04"}`, "2027-02-05 14:00"},
		{`${data.email | lower | md5}`, "5c09b1cd71ccfe0fff31f0fd7d0f1dc9"},
		{`${"Zoë van Dyk" | before:" "}|${"Zoë van Dyk" | after:" "}|${"Zoë" | after:" "}`, "Zoë|van Dyk|"},
		{`${"äöüäöü" | truncate:4} ${"abc" | truncate:3} ${"a\nb\r\n c" | line}`, "äöü… abc a b  c"},
		{`${data.obj} ${data.obj | flat | json}`, `{"a":[true,null],"b":1} {"a":[true,null],"b":1}`},
		{`${"a" | replace:"a","b" | upper}`, "B"},
		{`${data.items[*].qty | first}${data.items[*].qty | last}`, "23"},
	} {
		got, err := made(t, c.text, plain{slotText}, testData)
		if c.text == `${data.email | lower | md5}` {
			c.want = md5Of("zoe@example.com")
		}
		if err != nil || got != c.want {
			t.Errorf("%s\n  made %q, %v\n  want %q", c.text, got, err, c.want)
		}
	}
}

func md5Of(s string) string {
	v, _ := filters["md5"].run(&call{in: s})
	return v.(string)
}

func TestJSONTemplates(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"a": ${data.a}, "n": ${data.n}, "t": "${data.n}", "nil": ${data.nil ?? null}, "o": ${data.obj}}`, `{"a":"x","n":12.50,"t":"12.50","nil":null,"o":{"a":[true,null],"b":1}}`},
		{`{${?data.no}"a":1,${/}"b":[${each data.items as i}{"n":"${i.name ?? "-"}"},${/}],}`, `{"b":[{"n":"Tea"},{"n":"Cake"},{"n":"-"}]}`},
		{`[,${?data.no}1${/},,2,${each data.list as x},${x},${/}]`, `[2]`},
		{`{"a, ]": "b,}", "c\",": [1 , 2]}`, `{"a, ]":"b,}","c\",":[1,2]}`},
		{`{"m": ${data.n | money}, "s": "${data.cents | minor}"}`, `{"m":12.50,"s":"19.99"}`},
		{`{"s":"${?data.yes}ja${:}nein${/}"}`, `{"s":"ja"}`},
		{`${data | flat}`, ""},
	} {
		got, err := made(t, c.text, jsonText{}, testData)
		if c.want == "" {
			c.want = got
			if !strings.Contains(got, `"odd name__1st":7`) || !strings.Contains(got, `"obj__b":1`) {
				t.Errorf("flat made %s", got)
			}
		}
		if err != nil || got != c.want {
			t.Errorf("%s\n  made %s, %v\n  want %s", c.text, got, err, c.want)
		}
	}
}

func TestWholeDataIsWrittenAsPublished(t *testing.T) {
	data := `{"z":1,"a":1.0,"z2":"ü"}`
	if got, err := made(t, `{"data":${data}}`, jsonText{}, data); err != nil || got != `{"data":`+data+`}` {
		t.Errorf("%s, %v", got, err)
	}
}

func TestWrongTemplates(t *testing.T) {
	for _, c := range []struct {
		text string
		l    lexer
		want string
	}{
		{"${id", plain{}, "without }"},
		{"${/}", plain{}, "without a section"},
		{"${?id}x", plain{}, "close it with ${/}"},
		{"${?id}x${:}y${:}z${/}", plain{}, "put the condition before it"},
		{"${nope}", plain{}, `no value "nope"`},
		{"${id.x}", plain{}, "no members"},
		{"${field}", plain{}, "write field.name"},
		{"${id | nope}", plain{}, `no filter "nope"`},
		{"${id | truncate}", plain{}, "takes 1 to 1 arguments"},
		{"${id | date:id}", plain{}, "layout in quotes"},
		{`${"abc}`, plain{}, `closing "`},
		{"${id ; id}", plain{}, "means nothing"},
		{"${id id}", plain{}, "too much"},
		{"${id" + strings.Repeat(" | json", 24) + " | sha256}", plain{}, "more than 16 filters"},
		{"${data[x]}", plain{}, "inside []"},
		{"${each data.a as}x${/}", plain{}, "write ${each"},
		{"${each data.a as id}x${/}", plain{}, "is taken"},
		{"${each data.a as i}x", plain{}, "close it"},
		{"${each data.a as i}${/}${i}", plain{}, `no value "i"`},
		{strings.Repeat("${?id}", 20) + strings.Repeat("${/}", 20), plain{}, "8 deep"},
		{strings.Repeat("x", maxTemplate+1), plain{}, "shorten it"},
		{`{"a":"${?id}x"${/}}`, jsonText{}, "does not end where it began"},
		{`{"a":${?id}"${:}x${/}}`, jsonText{}, "different places"},
		{`{"a":"\${id}"}`, jsonText{}, `behind a \`},
		{`["${each data.a as i}"${/}]`, jsonText{}, "does not end where it began"},
		{"https://${field.x}/", urlText{}, ""},
		{"http://x/", urlText{}, "https://"},
		{"${id}/x", urlText{}, "begin with ${url}"},
		{"${url}/a b", urlText{}, "percent-encode"},
		{"${url}/a#b", urlText{}, "percent-encode"},
		{"https://EXAMPLE/", urlText{}, "in its host"},
		{"a\nb", plain{slotHeader}, "cannot stand in a header"},
		{"a\\b", addressText{}, "cannot stand among addresses"},
		{"<script>${id}</script>", htmlText{}, "no place in a mail"},
		{"<a ${id}>", htmlText{}, "within a tag"},
		{"<a href=${id}>", htmlText{}, "within a tag"},
		{`<a href=x>`, htmlText{}, "without quotes"},
		{`<a onclick="${id}">`, htmlText{}, "no value is safe"},
		{`<a style='${id}'>`, htmlText{}, "no value is safe"},
		{`<a href="javascript:${id}">`, htmlText{}, "is no link"},
		{"<!-- ${id} -->", htmlText{}, "comment"},
		{"<${id}>", htmlText{}, "within a tag"},
	} {
		compiled, err := parse(c.text)
		if err == nil {
			_, err = compiled.place(c.l)
		}
		if c.want == "" && err == nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60s\n  the error is %v, want one that says %q", c.text, err, c.want)
		}
	}
}

func TestWhatAnEventLacks(t *testing.T) {
	for _, c := range []struct{ text, value, want string }{
		{"${data.missing}", "data.missing", "needs data.missing"},
		{"${data.empty ?? data.nil}", "data.empty", "needs data.empty"},
		{"${each data.items as i}${i.name}${/}", "i.name", "needs i.name"},
		{"${data.a | money}", "data.a", "no plain decimal number"},
		{"${data.a | date:\"unix\"}", "data.a", "it is no date"},
		{"${data.when | date:\"unix\",\"../etc/passwd\"}", "data.when", "no time zone"},
		{"${\"1e99999\" | number}", `"1e99999"`, "no plain decimal"},
	} {
		_, err := made(t, c.text, plain{slotText}, testData)
		p, ok := err.(*Problem)
		if !ok || p.Value != c.value || !strings.Contains(p.Detail, c.want) {
			t.Errorf("%s: %v", c.text, err)
		}
	}
}

// hostile are values that try to end the place that they are put into.
var hostile = []string{
	`"`, `","admin":true,"x":"`, `\`, `\"`, "a\nb", "a\r\nBcc: evil@example.com", "a\r\n\r\nbody", "\x00", "\u2028\u2029",
	`</script><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `" onmouseover="x`, `' onmouseover='x`, `javascript:alert(1)`, ` javascript:x`, "java\tscript:x",
	"../../admin", "..", ".", "%2e%2e", "a/b?c=d#e", "a&b=c", "a=b;c", "${id}", "$${", "{{7*7}}", "<!channel>", "<@U1|x>", "*bold*", "[x](https://evil.example)", "@everyone",
	"evil@example.com, b@example.com", `"x" <evil@example.com>`, "\xff\xfe", "\ud7ff\U0010ffff", "Zoë Łukasz 🎫", strings.Repeat("A", 5000), "]]>", "';--", "=1+1", "\x7f\x1b[31m",
}

func TestHostileValuesStayWhereTheyArePut(t *testing.T) {
	for _, h := range hostile {
		quoted, _ := json.Marshal(h)
		var clean string
		if err := json.Unmarshal(quoted, &clean); err != nil {
			t.Fatal(err)
		}
		data := fmt.Sprintf(`{"v":%s}`, quoted)

		got, err := made(t, `{"s":"a${data.v}b","v":${data.v},"${data.v}":1}`, jsonText{}, data)
		var read map[string]any
		if err != nil || json.Unmarshal([]byte(got), &read) != nil || read["s"] != "a"+clean+"b" || read["v"] != clean || len(read) != 3 && clean != "s" && clean != "v" {
			t.Errorf("JSON of %.40q: %.200s, %v", h, got, err)
		}

		got, err = made(t, `a=1&v=${data.v}&z=2`, plain{slotForm}, data)
		form, bad := url.ParseQuery(got)
		if err != nil || bad != nil || len(form) != 3 || form.Get("v") != clean {
			t.Errorf("form of %.40q: %.200s, %v", h, got, err)
		}

		got, err = made(t, `${url}/x/${data.v}/y?q=${data.v}&z=1`, urlText{}, data)
		if strings.Trim(clean, ".") == "" {
			if err == nil {
				t.Errorf("a path of %q: %s", h, got)
			}
		} else {
			u, bad := url.Parse(got)
			if err != nil || bad != nil || u.Host != "example.com" || u.Path != "/base/x/"+clean+"/y" || strings.Count(u.EscapedPath(), "/") != 4 || u.Query().Get("q") != clean || len(u.Query()) != 2 || u.Fragment != "" {
				t.Errorf("URL of %.40q: %.200s, %v", h, got, err)
			}
		}

		got, err = made(t, `v ${data.v}`, plain{slotHeader}, data)
		if err != nil || strings.ContainsFunc(got, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
			t.Errorf("header of %.40q: %.200q, %v", h, got, err)
		}
		got, err = made(t, `${data.v}`, plain{slotLine}, data)
		if err != nil || strings.ContainsFunc(got, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
			t.Errorf("subject of %.40q: %.200q, %v", h, got, err)
		}

		got, err = made(t, `<p title="${data.v}" lang='${data.v}'>${data.v}</p>`, htmlText{}, data)
		if err != nil || strings.Count(got, "<") != 2 || strings.Count(got, `"`) != 2 || strings.Count(got, `'`) != 2 {
			t.Errorf("HTML of %.40q: %.300s, %v", h, got, err)
		}
		if got, err = made(t, `<a href="${data.v}">x</a>`, htmlText{}, data); err == nil {
			t.Errorf("a link of %.40q: %.200s", h, got)
		}
		if got, err = made(t, `https://${data.v}.example.com/`, urlText{}, data); err == nil && strings.Trim(h, "A") != "" {
			t.Errorf("a host of %.40q: %.200s", h, got)
		}
		if got, err = made(t, `"${data.v}" <${data.v}>`, addressText{}, data); err == nil {
			t.Errorf("an address of %.40q: %.200s", h, got)
		}
		got, err = made(t, `"${data.v}" <a@example.com>`, addressText{}, data)
		if err != nil || strings.Count(got, `"`) != 2 || !strings.HasSuffix(got, `" <a@example.com>`) || strings.ContainsAny(got, "\r\n\\") {
			t.Errorf("a name of %.40q: %.200q, %v", h, got, err)
		}
	}
}

func TestSafeLinksAndAddresses(t *testing.T) {
	if got, err := made(t, `<a href="${"https://example.com/?a=1&b=\"2\""}">`, htmlText{}, `{}`); err != nil || got != `<a href="https://example.com/?a=1&amp;b=&#34;2&#34;">` {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := made(t, `<a href="https://example.com/${"a\"b"}">`, htmlText{}, `{}`); err != nil || got != `<a href="https://example.com/a&#34;b">` {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := made(t, `${field.to}`, addressText{}, `{}`); err != nil || got != "a@example.com, b@example.com" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestLoneSurrogates(t *testing.T) {
	got, err := made(t, `{"s":"${data.v}"}`, jsonText{}, `{"v":"a\ud800b"}`)
	if err != nil || got != "{\"s\":\"a\uFFFDb\"}" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRenderingIsBounded(t *testing.T) {
	long := `{"v":"` + strings.Repeat("x", 600<<10) + `"}`
	if _, err := made(t, "${data.v}${data.v}", plain{slotText}, long); err != errTooLarge {
		t.Errorf("two of 600 KiB: %v", err)
	}
	many := `{"l":[` + strings.Repeat("1,", 999) + `1]}`
	if _, err := made(t, "${each data.l as a}${each data.l as b}${/}${/}", plain{slotText}, many); err != errTooLong {
		t.Errorf("a million rounds: %v", err)
	}
	if _, err := made(t, "${each data.l as a}${data.l[*] | count}${/}", plain{slotText}, many); err != errTooLong {
		t.Errorf("a million values: %v", err)
	}
	if _, err := made(t, `${data.v | replace:"x","yyy"}`, plain{slotText}, long); err == nil {
		t.Error("a replacement that grows to 1.8 MiB was made")
	}
}

func TestPIN(t *testing.T) {
	seen := map[string]bool{}
	for i := range 300 {
		got, err := made(t, `${data.v | pin:6}`, plain{slotText}, fmt.Sprintf(`{"v":"booking-%d"}`, i))
		if err != nil || len(got) != 6 || strings.Trim(got, "123456789") != "" || strings.HasPrefix(got, "12") {
			t.Fatalf("PIN %q, %v", got, err)
		}
		seen[got] = true
	}
	if len(seen) < 295 {
		t.Errorf("%d different PINs of 300", len(seen))
	}
	a, _ := pin(&call{in: "x", scope: &scope{key: []byte("k")}})
	b, _ := pin(&call{in: "x", scope: &scope{key: []byte("l")}})
	if again, _ := pin(&call{in: "x", scope: &scope{key: []byte("k")}}); a == b || a != again {
		t.Error("a PIN must depend on the secret and on nothing but it and the value")
	}
}
