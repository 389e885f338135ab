// Package testmemory says where tests put what need not outlive the machine.
package testmemory

// enough is the room that the tests of a few packages at once need, and some.
const enough = 2 << 30

// Dir is a folder in memory that everybody may write to; "" where there is none, or no room
// in it.
func Dir() string {
	if !room() {
		return ""
	}
	return folder
}
