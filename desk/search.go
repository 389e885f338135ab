package desk

import (
	"fmt"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/match"
)

// maxConditions is how many conditions a search may have: each costs a pass through the
// data of every event that is looked at.
const maxConditions = 8

// compileWhere reads the conditions of a search; nil if there are none.
func compileWhere(conditions []string) (meets func(data []byte) bool, err error) {
	if len(conditions) == 0 {
		return nil, nil
	}
	if len(conditions) > maxConditions {
		return nil, bellhop.Wrong("where", "length", fmt.Sprintf("is given %d times; at most %d conditions are allowed", len(conditions), maxConditions))
	}
	list := make([]*match.Where, len(conditions))
	for i, text := range conditions {
		if list[i], err = match.CompileWhere(text); err != nil {
			field := "where"
			if len(conditions) > 1 {
				field = fmt.Sprintf("where[%d]", i)
			}
			return nil, bellhop.Wrong(field, "where", err.Error())
		}
	}
	return func(data []byte) bool {
		for _, w := range list {
			if !w.Meets(data) {
				return false
			}
		}
		return true
	}, nil
}
