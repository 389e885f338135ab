package samples

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// language is how to write things in a programming language.
type language struct {
	id, title, filename string

	str     func(string) string // a string
	pattern func(string) string // a regular expression that must match the whole text
	number  func(int64) string  // a length of time in milliseconds
	// text puts strings and variables together; nested is one argument of several.
	text  func(steps []step, nested bool) string
	snake bool // names are like_this, else likeThis
}

func languages() []language {
	return []language{
		{
			id: "node", title: "Node.js", filename: "webhook.mjs",
			str:     func(s string) string { return "'" + escaped(s, '\'', "") + "'" },
			pattern: func(re string) string { return "/^" + strings.ReplaceAll(re, "/", `\/`) + "$/" },
			number:  digits,
			text:    interpolated("`", "`", "${", strings.NewReplacer("`", "\\`", `\`, `\\`, "$", `\$`)),
		},
		{
			id: "python", title: "Python", filename: "webhook.py",
			str: func(s string) string { return `"` + escaped(s, '"', "\\U%08x") + `"` },
			pattern: func(re string) string {
				if strings.ContainsAny(re, "\"\\") {
					return `"` + escaped(re, '"', "") + `"`
				}
				return `"` + re + `"`
			},
			number: digits,
			text:   interpolated(`f"`, `"`, "{", strings.NewReplacer(`"`, `\"`, `\`, `\\`, "{", "{{", "}", "}}")),
			snake:  true,
		},
		{
			id: "go", title: "Go", filename: "webhook.go",
			str: strconv.QuoteToASCII,
			pattern: func(re string) string {
				if re = "^" + re + "$"; strings.Contains(re, "`") {
					return strconv.Quote(re)
				}
				return "`" + re + "`"
			},
			number: digits,
			text: func(steps []step, nested bool) string {
				operator := " + "
				if nested { // as gofmt has it
					operator = "+"
				}
				return joined(operator, "", strconv.QuoteToASCII)(steps, nested)
			},
		},
		{
			id: "php", title: "PHP", filename: "webhook.php",
			str:     singleQuoted,
			pattern: func(re string) string { return singleQuoted("/^" + strings.ReplaceAll(re, "/", `\/`) + "$/D") },
			number:  digits,
			text:    joined(" . ", "$", singleQuoted),
		},
		{
			id: "ruby", title: "Ruby", filename: "webhook.rb",
			str: singleQuoted,
			pattern: func(re string) string {
				return `/\A` + strings.NewReplacer("/", `\/`, "#", `\#`).Replace(re) + `\z/`
			},
			number: digits,
			text:   interpolated(`"`, `"`, "#{", strings.NewReplacer(`"`, `\"`, `\`, `\\`, "#", `\#`)),
			snake:  true,
		},
		{
			id: "java", title: "Java", filename: "Webhook.java",
			str:     doubleQuoted,
			pattern: doubleQuoted,
			number:  func(n int64) string { return digits(n) + "L" },
			text:    joined(" + ", "", doubleQuoted),
		},
		{
			id: "csharp", title: "C#", filename: "Webhook.cs",
			str:     doubleQuoted,
			pattern: func(re string) string { return `@"^` + strings.ReplaceAll(re, `"`, `""`) + `\z"` },
			number:  func(n int64) string { return strconv.FormatInt(n, 10) },
			text:    joined(" + ", "", doubleQuoted),
		},
	}
}

// variableOf names the variable of a value. Some values' own names are taken in
// some languages.
func (l language) variableOf(value string) string {
	name := map[string]string{
		"id": "event_id", "app": "app_id", "type": "event_type", "time": "event_time", "time_s": "event_seconds",
		"time_ms": "event_millis", "ts": "timestamp", "ms": "timestamp_ms",
	}[value]
	if name == "" {
		name = value
	}
	if l.snake {
		return name
	}
	words := strings.Split(name, "_")
	for i, w := range words[1:] {
		words[i+1] = strings.ToUpper(w[:1]) + w[1:]
		if l.id == "go" && (w == "id" || w == "ms") {
			words[i+1] = strings.ToUpper(w)
		}
	}
	return strings.Join(words, "")
}

// interpolated writes text as one string with variables inside.
func interpolated(begin, end, open string, escape *strings.Replacer) func([]step, bool) string {
	return func(steps []step, _ bool) string {
		var b strings.Builder
		b.WriteString(begin)
		for _, s := range steps {
			if s.variable != "" {
				b.WriteString(open + s.variable + "}")
			} else {
				b.WriteString(escape.Replace(s.literal))
			}
		}
		return b.String() + end
	}
}

// joined writes text as strings and variables with operators between.
func joined(operator, sigil string, str func(string) string) func([]step, bool) string {
	return func(steps []step, _ bool) string {
		var parts []string
		for _, s := range steps {
			if s.variable != "" {
				parts = append(parts, sigil+s.variable)
			} else {
				parts = append(parts, str(s.literal))
			}
		}
		return strings.Join(parts, operator)
	}
}

// singleQuoted is a string of PHP or Ruby.
func singleQuoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

// doubleQuoted is a string of Java or C#.
func doubleQuoted(s string) string { return `"` + escaped(s, '"', "") + `"` }

// escaped writes a string in ASCII. Characters beyond 16 bits are written in
// the form astral or, if that is empty, as a pair of surrogates.
func escaped(s string, quote rune, astral string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == quote || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case 0x20 <= r && r < 0x7f:
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		case astral != "":
			fmt.Fprintf(&b, astral, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.String()
}

// digits writes a number with its thousands apart, as all these languages allow.
func digits(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "_" + text[i:]
	}
	return text
}
