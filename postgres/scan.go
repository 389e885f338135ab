package postgres

// into reads a row into variables.
func into(to ...any) func(row) error { return func(r row) error { return r.Scan(to...) } }

// scan reads each row into variables, and calls f.
func scan(f func(), to ...any) func(row) error {
	return func(r row) error {
		err := r.Scan(to...)
		if err == nil {
			f()
		}
		return err
	}
}

// numbers are ids as plain integers.
func numbers[T ~int64](ids []T) []int64 {
	list := make([]int64, len(ids))
	for i, id := range ids {
		list[i] = int64(id)
	}
	return list
}
