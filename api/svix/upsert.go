package svix

import "github.com/bellhop/bellhop"

// maxUpserts bounds how often an upsert begins anew. Each time, somebody else has made or
// deleted the object.
const maxUpserts = 100

// upsert does use with an object or, if there is none, makes it: while others make it first,
// or delete it before it is used, it begins anew. Make is told that it is missing, and says
// whether it fails since somebody else's has the name by now.
func upsert[T any](use func() (T, error), make func(missing error) (v T, taken bool, err error)) (v T, made bool, err error) {
	for range maxUpserts {
		if v, err = use(); !bellhop.IsNotFound(err) {
			return v, false, err
		}
		var taken bool
		if v, taken, err = make(err); !taken {
			return v, err == nil, err
		}
	}
	return v, false, err
}
