package main

import (
	"fmt"

	"github.com/bellhop/bellhop/internal/suggest"
)

// didYouMean is the end of a sentence that names what was probably meant, or "".
func didYouMean(typed string, known []string) string {
	if near := suggest.Nearest(typed, known); near != "" {
		return fmt.Sprintf(": did you mean %s?", near)
	}
	return ""
}
