package recipe

import (
	"testing"
)

func TestBuiltinRecipesCompile(t *testing.T) {
	seen := map[string]bool{}
	for _, def := range Builtin() {
		if _, err := Compile(def); err != nil {
			t.Errorf("%s: %v", def.Name, err)
		}
		if seen[def.Name] {
			t.Errorf("%s is there twice", def.Name)
		}
		seen[def.Name] = true
	}
}
