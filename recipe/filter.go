package recipe

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// filterCall is a filter with its arguments.
type filterCall struct {
	name string
	run  func(c *call) (any, error)
	args []source
}

// call is one use of a filter: its value, which is there unless the filter takes
// what is missing, and its arguments.
type call struct {
	in    any
	of    string // what the value is called
	args  []any
	scope *scope
}

// arg is an argument as text, or what it is where it was left out.
func (c *call) arg(i int, otherwise string) string {
	if i >= len(c.args) || missing(c.args[i]) {
		return otherwise
	}
	return textOf(c.args[i])
}

func (c *call) number(i, otherwise int) (int, error) {
	n, err := strconv.Atoi(c.arg(i, strconv.Itoa(otherwise)))
	if err != nil || n < 0 {
		return 0, c.wrong("an argument is no whole number")
	}
	return n, nil
}

func (c *call) wrong(format string, args ...any) error {
	return problem(c.of, "%s is %s: %s", c.of, shown(c.in), fmt.Sprintf(format, args...))
}

type filterKind struct {
	least, most int // arguments
	run         func(c *call) (any, error)
}

func onText(f func(s string) string) func(*call) (any, error) {
	return func(c *call) (any, error) { return f(textOf(c.in)), nil }
}

// filters are all that there are. None of them depends on the time of day or on
// chance: a retry of an event makes the same request.
var filters = map[string]filterKind{
	"lower": {run: onText(strings.ToLower)},
	"upper": {run: onText(strings.ToUpper)},
	"trim":  {run: onText(strings.TrimSpace)},
	"line":  {run: onText(oneLine)},
	"before": {least: 1, most: 1, run: func(c *call) (any, error) {
		before, _, _ := strings.Cut(textOf(c.in), c.arg(0, " "))
		return before, nil
	}},
	"after": {least: 1, most: 1, run: func(c *call) (any, error) {
		_, after, _ := strings.Cut(textOf(c.in), c.arg(0, " "))
		return after, nil
	}},
	"replace": {least: 2, most: 2, run: func(c *call) (any, error) {
		from, to := c.arg(0, ""), c.arg(1, "")
		text := textOf(c.in)
		if from == "" {
			return text, nil
		}
		if grown := len(text) + strings.Count(text, from)*(len(to)-len(from)); grown > maxOutput {
			return nil, c.wrong("replacing makes more than %d bytes of it", maxOutput)
		}
		return strings.ReplaceAll(text, from, to), nil
	}},
	"truncate": {least: 1, most: 1, run: func(c *call) (any, error) { return shorten(c, "…") }},
	"cut":      {least: 1, most: 1, run: func(c *call) (any, error) { return shorten(c, "") }},
	"md5": {run: onText(func(s string) string {
		sum := md5.Sum([]byte(s))
		return hex.EncodeToString(sum[:])
	})},
	"sha256": {run: onText(func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	})},
	"pin":      {most: 1, run: pin},
	"raw":      {run: func(c *call) (any, error) { return c.in, nil }},
	"json":     {run: func(c *call) (any, error) { return string(jsonOf(c.in)), nil }},
	"slack":    {run: onText(escapeSlack)},
	"markdown": {run: onText(escapeMarkdown)},

	"join": {most: 1, run: func(c *call) (any, error) {
		var texts []string
		size, separator := 0, c.arg(0, ", ")
		for _, v := range listOf(c.in) {
			if !missing(v) {
				texts = append(texts, textOf(v))
				size += len(texts[len(texts)-1]) + len(separator)
			}
		}
		if size > maxOutput {
			return nil, errTooLarge
		}
		return strings.Join(texts, separator), nil
	}},
	"unique": {run: func(c *call) (any, error) {
		seen := map[string]bool{}
		return slices.DeleteFunc(slices.Clone(listOf(c.in)), func(v any) bool {
			text := string(jsonOf(v))
			was := seen[text]
			seen[text] = true
			return was
		}), nil
	}},
	"first":   {run: func(c *call) (any, error) { return follow(listOf(c.in), []step{{kind: stepIndex}}), nil }},
	"last":    {run: func(c *call) (any, error) { return follow(listOf(c.in), []step{{kind: stepIndex, index: -1}}), nil }},
	"count":   {run: func(c *call) (any, error) { return json.Number(strconv.Itoa(len(listOf(c.in)))), nil }},
	"flat":    {most: 1, run: flat},
	"members": {most: 8, run: membersOf},
	"entries": {run: entries},

	"number": {run: func(c *call) (any, error) { return c.decimal(-1, nil) }},
	"abs":    {run: absolute},
	"sum":    {run: sum},
	"money":  {most: 1, run: func(c *call) (any, error) { return c.money(false) }},
	"minor":  {most: 1, run: func(c *call) (any, error) { return c.money(true) }},
	"date":   {least: 1, most: 2, run: date},
	"later":  {least: 1, most: 1, run: later},
}

func newFilterCall(name string, args []source) (filterCall, error) {
	kind, ok := filters[name]
	switch {
	case !ok:
		return filterCall{}, fmt.Errorf("there is no filter %q; use one of %s", name, strings.Join(slices.Sorted(maps.Keys(filters)), ", "))
	case len(args) < kind.least || len(args) > kind.most:
		return filterCall{}, fmt.Errorf("the filter %s takes %d to %d arguments, not %d", name, kind.least, kind.most, len(args))
	}
	if name == "date" {
		if s, ok := args[0].constant.(string); !ok || s == "" {
			return filterCall{}, fmt.Errorf(`the filter date takes a layout in quotes, such as "2006-01-02"`)
		}
	}
	return filterCall{name, kind.run, args}, nil
}

// listOf is a value as a list: alone it is a list of one.
func listOf(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	if missing(v) {
		return nil
	}
	return []any{v}
}

// oneLine makes spaces of line ends and other control characters.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\u2028' || r == '\u2029' || r == '\u0085' }), " ")
}

// shorten cuts a text to so many characters, with a mark at the end of what was longer.
func shorten(c *call, mark string) (any, error) {
	most, err := c.number(0, 0)
	if err != nil {
		return nil, err
	}
	text := textOf(c.in)
	if len(text) <= most || utf8.RuneCountInString(text) <= most {
		return text, nil
	}
	n := 0
	for i := range text {
		if n == max(most-utf8.RuneCountInString(mark), 0) {
			return text[:i] + mark, nil
		}
		n++
	}
	return text, nil
}

// maxPin bounds a PIN's digits.
const maxPin = 12

// pin derives digits from a value and the endpoint's secret, so that a retry gets the
// same ones and nobody can work them out who knows the value alone. Keypads have no 0,
// and codes that begin with 12 are reserved on some.
func pin(c *call) (any, error) {
	n, err := c.number(0, 6)
	if err != nil || n < 4 || n > maxPin {
		return nil, c.wrong("a PIN has 4 to %d digits", maxPin)
	}
	if len(c.scope.key) == 0 {
		return nil, c.wrong("a PIN is made with the endpoint's secret, and there is none")
	}
	digits := make([]byte, 0, n)
	for round := byte(0); len(digits) < n; round++ {
		mac := hmac.New(sha256.New, c.scope.key)
		mac.Write([]byte("bellhop pin\x00"))
		mac.Write([]byte{round})
		mac.Write([]byte(textOf(c.in)))
		for _, b := range mac.Sum(nil) {
			if b >= 252 || len(digits) == n { // 252 is a multiple of 9: each digit is as likely
				continue
			}
			d := '1' + b%9
			if len(digits) == 1 && digits[0] == '1' && d == '2' {
				continue
			}
			digits = append(digits, d)
		}
	}
	return string(digits), nil
}

// escapeSlack escapes what Slack's mrkdwn takes for its own: no value can mention a
// channel or make a link.
func escapeSlack(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// escapeMarkdown puts a backslash before what Markdown takes for its own.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_{}[]()<>#!|~", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// flat puts the members of objects within an object beside its own, their names
// joined. Lists stay as they are.
func flat(c *call) (any, error) {
	object, ok := c.in.(map[string]any)
	if !ok {
		return c.in, nil
	}
	out, separator := map[string]any{}, c.arg(0, "__")
	if len(separator) > maxSeparator {
		return nil, c.wrong("the separator of flat has more than %d bytes", maxSeparator)
	}
	size := 0
	flatten(out, "", separator, object, 0, &size)
	if size > maxOutput {
		return nil, errTooLarge
	}
	return out, nil
}

const maxSeparator = 16

// maxFlat is how deep flat goes: what is deeper stays as it is.
const maxFlat = 16

// flatten counts the names that it makes in size, and ends where they are too much.
func flatten(out map[string]any, prefix, separator string, object map[string]any, depth int, size *int) {
	for name, v := range object {
		if *size += len(prefix) + len(name); *size > maxOutput {
			return
		}
		if inner, ok := v.(map[string]any); ok && len(inner) > 0 && depth < maxFlat {
			flatten(out, prefix+name+separator, separator, inner, depth+1, size)
			continue
		}
		out[prefix+name] = v
	}
}

// membersOf are an object's members, to be written beside others. Those that have the
// name of another, which the arguments are, get another name themselves: no name is
// there twice.
func membersOf(c *call) (any, error) {
	object, ok := c.in.(map[string]any)
	if !ok {
		return nil, c.wrong("only an object has members")
	}
	out := make(members, len(object))
	for name, v := range object {
		out[name] = v
	}
	for i := range c.args {
		taken := c.arg(i, "")
		v, clashes := out[taken]
		if !clashes {
			continue
		}
		free := "data." + taken
		for {
			if _, there := out[free]; !there {
				break
			}
			free += "_"
		}
		delete(out, taken)
		out[free] = v
	}
	return out, nil
}

// entries are the members of an object that are there, as a list of names and values,
// so that a loop can go through what no recipe knows.
func entries(c *call) (any, error) {
	object, ok := c.in.(map[string]any)
	if !ok {
		object = map[string]any{"value": c.in}
	}
	var list []any
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if v := object[name]; !missing(v) {
			list = append(list, map[string]any{"name": name, "value": v})
		}
	}
	return list, nil
}
