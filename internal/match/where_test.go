package match

import (
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop/internal/testlong"
)

const searched = `{"id":42, "total" : "118.00","exact":9007199254740993,"note":"Refund Überweisung","zip":"08005",
	"customer":{"id":42.0,"name":"Zo\u00eb","vip":true,"left":null,"net total":7, "a.b":1},
	"lines":[{"sku":"A-1","n":2},{"sku":"B-2","n":5, "tags":["x","y"]}],"tags":["red","Blue",3],"empty":[],"at":"2026-05-01T10:00:00Z","same":1,"same":2}`

func TestWhere(t *testing.T) {
	for condition, want := range map[string]bool{
		`data.id = 42`: true, `data.id=42.0`: true, `data.id == 43`: false, `data.id != 43`: true, `data.id = "42"`: false,
		`data.total = 118`: true, `data.total > 117.99`: true, `data.total >= 118.000`: true, `data.total < 118`: false, `data.total = "118.00"`: true, `data.total = "118"`: false,
		`data.exact = 9007199254740993`: true, `data.exact = 9007199254740992`: false, `data.exact > 9007199254740992`: true,
		`data.zip = 8005`: false, `data.zip = 08005`: true, `data.zip = "08005"`: true,
		`data.note ~ refund`: true, `data.note ~ "ÜBERW"`: true, `data.note ~ chargeback`: false, `data.id ~ 4`: true,
		`data.customer.id = 42`: true, `data.customer.name = Zoë`: true, `data.customer.name ~ "zoë"`: true,
		`data.customer.vip = true`: true, `data.customer.vip != false`: true, `data.customer.vip = "true"`: false,
		`data.customer.left = null`: true, `data.customer.gone = null`: true, `data.customer.gone != null`: false, `data.customer.vip != null`: true,
		`data.customer."net total" = 7`: true, `data.customer['a.b'] = 1`: true, `data.customer["a.b"] > 0`: true,
		`data.gone = 1`: false, `data.gone != 1`: true, `data.gone.below = 1`: false, `data.gone > 0`: false, `data.id.below = 1`: false,
		`data.lines[1].sku = "B-2"`: true, `data.lines[0].sku = B-2`: false, `data.lines.sku = A-1`: true, `data.lines.n > 4`: true, `data.lines.n > 5`: false,
		`data.lines[2].n = 1`: false, `data.lines[2].n = null`: true, `data.lines.tags = y`: true, `data.lines[1].tags[0] = x`: true,
		`data.tags = red`: true, `data.tags = 3`: true, `data.tags != red`: false, `data.tags != green`: true, `data.tags ~ blue`: true,
		`data.empty.x = 1`: false, `data.empty = null`: false, `data.empty[0] = null`: true,
		`data.at >= "2026-05-01"`: true, `data.at < "2026-06-01"`: true, `data.at < 2026-05-01`: false,
		`data.same = 2`: true, `data.same = 1`: false,
		`data ~ zoë`: false, `data ~ überweisung`: true, `data ~ "b-2"`: true, `data.customer ~ "net total"`: true,
	} {
		w, err := CompileWhere(condition)
		if err != nil {
			t.Errorf("%s: %v", condition, err)
			continue
		}
		if got := w.Meets([]byte(searched)); got != want {
			t.Errorf("%s: got %t", condition, got)
		}
	}
	for data, want := range map[string]bool{`118`: true, `"118.0"`: true, ` [1, 118]`: true, `{}`: false, `null`: false, ``: false} {
		w, err := CompileWhere("data = 118")
		if err != nil || w.Meets([]byte(data)) != want {
			t.Errorf("%s: %v", data, err)
		}
	}
}

// TestBadConditions: each says where it is wrong, and what to write.
func TestBadConditions(t *testing.T) {
	for condition, want := range map[string]string{
		``:                          "at character 1: a path begins with data: write data.customer.id",
		`customer.id = 1`:           "at character 1: a path begins with data: write data.customer; the type",
		`data.`:                     "at character 6: the name of a member",
		`data.ü.x`:                  "at character 9: a comparison is missing",
		`data.x`:                    "at character 7: a comparison is missing",
		`data.x is 1`:               "at character 8: a comparison is missing",
		`data.x =`:                  "at character 9: a value is missing",
		`data.x = "a`:               "the closing quote is missing",
		`data.x = 'a' and`:          "there is more after the value",
		`data.x = a b`:              "stands in quotes",
		`data.x = 1 and data.y = 2`: "stands in quotes",
		`data.x[a] = 1`:             "in brackets stands the index",
		`data.x[1 = 1`:              "a closing bracket",
		`data.x > null`:             "null has no order",
		`data.x ~ ""`:               "give some to look for",
		`data.x = 1e9999999999`:     "smaller number",
		`data.x = "\q"`:             "cannot be read",
		strings.Repeat("x", 2000):   "shorten it",
		"data" + strings.Repeat(".a", 30) + " = 1": "more than 20 parts",
		"data.x = \xff": "not UTF-8",
	} {
		_, err := CompileWhere(condition)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", condition, err, want)
		}
	}
}

// FuzzWhere: whatever the condition and the data, it ends, and finds in valid JSON what
// encoding/json finds.
func FuzzWhere(f *testing.F) {
	f.Add(`data.a[0]."b" = 1`, `{"a":[{"b":1}]}`)
	f.Add(`data.a ~ x`, `{"a":"\u0078"`)
	f.Add(`data != null`, `]]}`)
	f.Add(`data.a."" = 1`, `{"a"0 {"0`)
	f.Add(`data = 0`, `"`)
	f.Fuzz(func(t *testing.T, condition, data string) {
		if w, err := CompileWhere(condition); err == nil {
			w.Meets([]byte(data))
		}
	})
}

// TestWhatSearchingCosts: data that is nested or repeats itself as badly as it can costs
// no more than its size, whatever is looked for.
func TestWhatSearchingCosts(t *testing.T) {
	testlong.Only(t)
	long := strings.Repeat("a", 256<<10)
	for _, data := range []string{
		strings.Repeat("[", 505) + `"` + long + `"` + strings.Repeat("]", 505),
		strings.Repeat(`{"x":`, 505) + `"` + long + `"` + strings.Repeat("}", 505),
		`["` + long + `"]`,
		"[" + strings.Repeat(`{"x":1},`, 32<<10) + `{"x":"` + long[:10] + `"}]`,
	} {
		for _, condition := range []string{`data.x != n`, `data ~ "` + long[:900] + `b"`, `data.x.x.x.x > 1`, `data[0][0].x = 1`, `data.x ~ "` + long[:900] + `b"`} {
			w, err := CompileWhere(condition)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			for range 20 {
				w.Meets([]byte(data))
			}
			if took := time.Since(began); took > 3*time.Second { // it takes about 30 ms, and took minutes
				t.Errorf("%.20s in %.40s…: 20 times take %s", condition, data, took)
			}
		}
	}
}

func BenchmarkWhere(b *testing.B) {
	w, err := CompileWhere("data.customer.vip = false")
	if err != nil {
		b.Fatal(err)
	}
	data := []byte(strings.Replace(searched, `"id":42,`, `"id":42,"text":"`+strings.Repeat("lorem ipsum ", 50)+`",`, 1))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if w.Meets(data) {
			b.Fatal("met")
		}
	}
}
