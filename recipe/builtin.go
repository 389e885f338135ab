package recipe

// Builtin gives the definitions of the built-in recipes.
func Builtin() []Definition { return nil }
