package recipe

import (
	"fmt"
	"slices"
	"strings"
)

// answer is a compiled Answer.
type answer struct {
	Answer
	json []jsonRule
}

type jsonRule struct {
	path []step
	want string
}

func (c *compiler) answers() {
	for i, a := range c.r.definition.Answers {
		place := fmt.Sprintf("answers[%d]", i)
		if !slices.Contains([]string{Taken, Again, Refused, Overloaded, Gone}, a.Means) {
			c.problem(place+".means", "%.70q is unknown; use taken, again, refused, overloaded or gone", a.Means)
		}
		compiled := answer{Answer: a}
		for _, name := range sortedNames(a.JSON) {
			path, err := parsePath(name)
			if err != nil {
				c.problem(place+".json", "%s", err)
			}
			compiled.json = append(compiled.json, jsonRule{path, a.JSON[name]})
		}
		for _, status := range a.Status {
			if status < 200 || status > 599 {
				c.problem(place+".status", "has %d; give statuses from 200 to 599", status)
			}
		}
		if len(a.Status) == 0 && a.Text == "" && a.Contains == "" && len(a.JSON) == 0 && !a.NotJSON {
			c.problem(place, "fits every answer; give it a status, text, contains, json or not_json")
		}
		if a.Means == Taken && slices.ContainsFunc(a.Status, func(s int) bool { return s >= 500 || s < 200 }) {
			c.problem(place+".status", "takes a server's error for success; leave it out")
		}
		c.r.answers = append(c.r.answers, compiled)
	}
}

// Judgement is what an answer means.
type Judgement struct {
	// Means is one of the meanings above; empty where the status alone decides.
	Means string
	// Detail is a sentence for the log, or empty.
	Detail string
}

// Judge says what an answer means, by its status and what was kept of its body.
func (r *Recipe) Judge(status int, body []byte) Judgement {
	if len(r.answers) == 0 {
		return Judgement{}
	}
	text := strings.TrimSpace(string(body))
	v, err := decode(body)
	isJSON := err == nil
	rule := false
	for i := range r.answers {
		a := &r.answers[i]
		rule = rule || a.Means == Taken
		if a.fits(status, text, v, isJSON) {
			return Judgement{a.Means, a.Detail}
		}
	}
	if rule && status >= 200 && status <= 299 {
		return Judgement{Again, fmt.Sprintf("The receiver answered %d, but not what recipe %s takes for success: see its answer, and the recipe's page for what that means.", status, r.Name())}
	}
	return Judgement{}
}

func (a *answer) fits(status int, text string, v any, isJSON bool) bool {
	switch {
	case len(a.Status) > 0 && !slices.Contains(a.Status, status),
		a.Text != "" && text != a.Text,
		a.Contains != "" && !strings.Contains(text, a.Contains),
		a.NotJSON && isJSON:
		return false
	}
	for _, rule := range a.json {
		if !slices.ContainsFunc(listOf(follow(v, rule.path)), func(one any) bool { return textOf(one) == rule.want }) {
			return false
		}
	}
	return true
}
