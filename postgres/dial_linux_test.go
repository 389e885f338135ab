package postgres

import (
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAServerThatIsGoneIsNoticed in seconds, by what the system knows of the connection, and
// an address says otherwise in the words of libpq.
func TestAServerThatIsGoneIsNoticed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	options := func(query string) (alive, idle, interval, count, timeout int) {
		config, err := parse("postgres://app@" + l.Addr().String() + "/hooks?" + query)
		if err != nil {
			t.Fatal(err)
		}
		for name := range config.ConnConfig.RuntimeParams {
			if strings.HasPrefix(name, "keepalives") || name == "tcp_user_timeout" {
				t.Errorf("%s: the server is told of %s", query, name)
			}
		}
		c, err := config.ConnConfig.DialFunc(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		raw, err := c.(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) {
			get := func(level, name int) int {
				v, err := unix.GetsockoptInt(int(fd), level, name)
				if err != nil {
					t.Error(err)
				}
				return v
			}
			alive, timeout = get(unix.SOL_SOCKET, unix.SO_KEEPALIVE), get(unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
			idle, interval, count = get(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE), get(unix.IPPROTO_TCP, unix.TCP_KEEPINTVL), get(unix.IPPROTO_TCP, unix.TCP_KEEPCNT)
		}); err != nil {
			t.Fatal(err)
		}
		return alive, idle, interval, count, timeout
	}
	if alive, idle, interval, count, timeout := options(""); alive != 1 || idle != 10 || interval != 5 || count != 3 || timeout != 15000 {
		t.Errorf("by default: %d, %d, %d, %d, %d", alive, idle, interval, count, timeout)
	}
	if alive, idle, interval, count, timeout := options(url.Values{
		"keepalives_idle": {"7"}, "keepalives_interval": {"2"}, "keepalives_count": {"4"}, "tcp_user_timeout": {"9000"},
	}.Encode()); alive != 1 || idle != 7 || interval != 2 || count != 4 || timeout != 9000 {
		t.Errorf("as it was asked for: %d, %d, %d, %d, %d", alive, idle, interval, count, timeout)
	}
	if alive, _, _, _, timeout := options("keepalives=0&tcp_user_timeout=0"); alive != 0 || timeout != 0 {
		t.Errorf("without: %d, %d", alive, timeout)
	}
	if _, err := parse("postgres://app@localhost/hooks?keepalives_idle=soon"); err == nil || !strings.Contains(err.Error(), "keepalives_idle") {
		t.Errorf("no number: %v", err)
	}
}
