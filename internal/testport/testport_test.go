package testport

import (
	"net"
	"runtime"
	"testing"
)

// What is reserved is given to nobody else, can be listened at again and again, and
// refuses connections in between.
func TestReserve(t *testing.T) {
	mine := Reserve(t)
	if runtime.GOOS != "linux" {
		t.Skip("only a hint here")
	}
	for range 3 {
		if c, err := net.Dial("tcp", mine); err == nil {
			c.Close()
			t.Fatal("somebody listens")
		}
		l, err := net.Listen("tcp", mine)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", mine)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		l.Close()
	}
	for range 300 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if l.Addr().String() == mine {
			t.Fatal("the system gave it away")
		}
	}
}
