package routes

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// list repeats what is written n times.
func list(n int, write func(i int) string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = write(i)
	}
	return strings.Join(items, ",")
}

func always(text string) func(int) string { return func(int) string { return text } }

// nested puts data n levels deep.
func nested(n int, open, inside, shut string) string {
	return strings.Repeat(open, n) + inside + strings.Repeat(shut, n)
}

// costly are schemas and data whose cost grows with n, and not as their size does.
var costly = map[string]func(n int) (schema, data string){
	"exponents in an array of integers": func(n int) (string, string) {
		return `{"items":{"type":"integer"}}`, "[" + list(n, always("1e999")) + "]"
	},
	"small numbers that are divided": func(n int) (string, string) {
		return `{"items":{"multipleOf":7.777777777e-99,"maximum":100,"minimum":1e-999}}`, "[" + list(n, always("3.3333333e-999")) + "]"
	},
	"long numbers": func(n int) (string, string) {
		return `{"items":{"multipleOf":` + strings.Repeat("7", 100) + `e-900}}`, "[" + list(n, always(strings.Repeat("3", 100)+"e-999")) + "]"
	},
	"references that fan out": func(n int) (string, string) {
		return `{"$ref":"#/$defs/a` + fmt.Sprint(n) + `","$defs":{"a0":{"minLength":3},` +
			list(n, func(i int) string {
				return fmt.Sprintf(`"a%d":{"allOf":[{"$ref":"#/$defs/a%d"},{"$ref":"#/$defs/a%d"}]}`, i+1, i, i)
			}) + `}}`, `1`
	},
	"references that fan out under not": func(n int) (string, string) {
		return `{"not":{"$ref":"#/$defs/a` + fmt.Sprint(n) + `"},"$defs":{"a0":{"minLength":3,"type":"object"},` +
			list(n, func(i int) string {
				return fmt.Sprintf(`"a%d":{"anyOf":[{"$ref":"#/$defs/a%d"},{"$ref":"#/$defs/a%d"}]}`, i+1, i, i)
			}) + `}}`, `1`
	},
	"a chain of references": func(n int) (string, string) {
		n *= 10
		return `{"items":{"$ref":"#/$defs/a` + fmt.Sprint(n) + `"},"$defs":{"a0":{"minLength":3},` +
			list(n, func(i int) string { return fmt.Sprintf(`"a%d":{"$ref":"#/$defs/a%d"}`, i+1, i) }) + `}}`, `[1,2,3,4,5]`
	},
	"patterns that overlap along the depth": func(n int) (string, string) {
		n = min(n, 500)
		return `{"type":["object","null"],"patternProperties":{"a":{"$ref":"#"},"^.":{"$ref":"#"}}}`, nested(n, `{"a":`, "1", "}")
	},
	"alternatives along the depth": func(n int) (string, string) {
		n = min(n, 500)
		return `{"anyOf":[{"type":"object","additionalProperties":{"$ref":"#"},"required":["b"]},{"type":"object","additionalProperties":{"$ref":"#"}},{"type":"null"}]}`,
			nested(n, `{"a":`, "1", "}")
	},
	"dynamic references along the depth": func(n int) (string, string) {
		n = min(n, 500)
		return `{"$dynamicAnchor":"x","$defs":{"y":{"$id":"https://example.com/y","$dynamicAnchor":"x","type":"null"}},"anyOf":[{"items":{"$dynamicRef":"#x"}},{"items":{"$dynamicRef":"#x"}}],"type":"array"}`,
			nested(n, `[`, "1", "]")
	},
	"a large expression and a long text": func(n int) (string, string) {
		return `{"pattern":"^(a{1,30}|b?[a-f]{2,40}){1,20}$"}`, `"` + strings.Repeat("a", 20*n) + `z"`
	},
	"many expressions and names": func(n int) (string, string) {
		return `{"patternProperties":{` + list(50, func(i int) string { return fmt.Sprintf(`"(x+x+)+y%d":{}`, i) }) + `}}`,
			"{" + list(n, func(i int) string { return fmt.Sprintf(`"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx%d":1`, i) }) + "}"
	},
	"items that are made to look equal": func(n int) (string, string) {
		return `{"uniqueItems":true}`, "[" + list(n, func(i int) string {
			bits := fmt.Sprintf("%016b", i)
			return `["` + strings.NewReplacer("0", `a\u0004`, "1", `a","`).Replace(bits) + `"]`
		}) + "]"
	},
	"much that is required, of many": func(n int) (string, string) {
		return `{"items":{"required":[` + list(1000, func(i int) string { return fmt.Sprintf(`"a%d"`, i) }) + `]}}`, "[" + list(n, always("{}")) + "]"
	},
	"a large enum and many numbers": func(n int) (string, string) {
		return `{"items":{"enum":[` + list(500, func(i int) string { return fmt.Sprintf("%d.5e-90", i) }) + `]}}`, "[" + list(n, always("1e-90")) + "]"
	},
	"a large const": func(n int) (string, string) {
		large := "[" + list(500, always(`{"a":[1,2]}`)) + "]"
		return `{"items":{"enum":[[],` + large + `]}}`, "[" + list(n, always(large[:len(large)-1]+",1]")) + "]"
	},
	"breaches in the deep": func(n int) (string, string) {
		return nested(100, `{"items":`, `{"anyOf":[false,false,{"type":"string"}]}`, "}"), nested(100, "[", list(n, always("1")), "]")
	},
	"wide objects whose rest counts": func(n int) (string, string) {
		return `{"unevaluatedProperties":false,"allOf":[` + list(100, always(`{"properties":{"a":true}}`)) + `]}`,
			"{" + list(n, func(i int) string { return fmt.Sprintf(`"k%d":1`, i) }) + "}"
	},
	"names": func(n int) (string, string) {
		return `{"propertyNames":{"anyOf":[{"maxLength":1},{"format":"uuid"},{"format":"email"},{"enum":["a"]}]}}`,
			"{" + list(n, func(i int) string { return fmt.Sprintf(`"k%d":1`, i) }) + "}"
	},
	"linear: branches along the depth": func(n int) (string, string) {
		n = min(n, 100)
		return `{"if":{"properties":{"b":{"const":1}},"required":["b"]},"then":{"additionalProperties":{"$ref":"#"}},"else":{"additionalProperties":{"$ref":"#"}}}`,
			nested(n, `{"a":`, "1", "}")
	},
	"one value contained in many": func(n int) (string, string) {
		return `{"allOf":[` + list(40, always(`{"contains":{"const":"x"}}`)) + `]}`, "[" + list(n, always("1")) + "]"
	},
	"linear: the schema of schemas": func(n int) (string, string) {
		return `{"$ref":"https://json-schema.org/draft/2020-12/schema"}`, nested(min(n, 50), `{"allOf":[{"not":`, "7", "}]}")
	},
}

// validation compiles a schema and decides how long data of size n takes to validate,
// and what was charged for it; ok is false if that is more than the budget.
func validation(t *testing.T, make func(int) (string, string), n, budget int) (took time.Duration, charged int, ok bool) {
	t.Helper()
	schema, data := make(n)
	s, err := CompileSchema(bellhop.JSON(schema))
	if err != nil {
		t.Fatalf("%v: %.300s", err, schema)
	}
	b := NewBudget(t.Context())
	b.left = budget
	runtime.GC()
	began := time.Now()
	fields, err := s.Violations(b, bellhop.JSON(data), "data")
	took = time.Since(began)
	if err != nil {
		t.Fatal(err)
	}
	if len(fields) == 1 && fields[0].Code == "cost" {
		return took, 0, false
	}
	return took, budget - b.left, true
}

// TestWhatValidationCosts looks for the dearest data of each kind that is still
// validated: it takes no longer than its steps say, whatever the kind. What is dearer
// is refused at about the same cost.
func TestWhatValidationCosts(t *testing.T) {
	const budget = 10_000
	plain := func(n int) (string, string) { return `{"items":{"type":"integer"}}`, "[" + list(n, always("1")) + "]" }
	// The best of some runs, since others use the machine, too.
	best := func(runs int, make func(int) (string, string), n int) (took time.Duration, charged int, ok bool) {
		for i := range runs {
			d, c, within := validation(t, make, n, budget)
			if i == 0 || d < took {
				took, charged, ok = d, c, within
			}
		}
		return took, charged, ok
	}
	fair, _, _ := best(5, plain, budget-100)
	const slack = 20 // what a step is worth differs, and a machine that has much to do
	for name, make := range costly {
		n, refused := 1, false
		for ; n <= 1<<14 && !refused; n *= 4 {
			took, charged, ok := best(1, make, n)
			for try := 0; took > slack*fair && try < 3; try++ {
				took, charged, ok = best(3, make, n)
			}
			if took > slack*fair {
				t.Errorf("%s: at %d, %v for %d steps, where %d steps are worth %v", name, n, took, charged, budget, fair)
				break
			}
			refused = !ok
		}
		if linear := strings.HasPrefix(name, "linear: "); refused == linear {
			t.Errorf("%s: refused is %v up to %d", name, refused, n)
		}
	}
}

func TestValidationEndsWithItsCaller(t *testing.T) {
	s, err := CompileSchema(bellhop.JSON(`{"items":{"type":"integer"}}`))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Violations(NewBudget(ctx), bellhop.JSON(`[1]`), "data"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
