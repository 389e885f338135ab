package postgres

import (
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// How a server is noticed that is gone without a word, as with a cable that was pulled: by
// what was sent and not acknowledged for goneAfter and, where nothing is to be sent, by asking
// the other computer whether it is there.
const (
	goneAfter     = 15 * time.Second
	aliveIdle     = 10 * time.Second
	aliveInterval = 5 * time.Second
	aliveCount    = 3
)

// dialing makes connections by the parameters of an address that are about TCP, named as
// libpq's are, and takes them out: they are none of the server's.
func dialing(params map[string]string, timeout time.Duration) (pgconn.DialFunc, error) {
	number := map[string]int{
		"keepalives": 1, "keepalives_idle": int(aliveIdle / time.Second), "keepalives_interval": int(aliveInterval / time.Second),
		"keepalives_count": aliveCount, "tcp_user_timeout": int(goneAfter / time.Millisecond),
	}
	for name := range number {
		given, ok := params[name]
		if !ok {
			continue
		}
		n, err := strconv.Atoi(given)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%s is a number, of at least 0", name)
		}
		number[name] = n
		delete(params, name)
	}
	seconds := func(name string) time.Duration { return time.Duration(number[name]) * time.Second } // 0: the system's
	d := &net.Dialer{Timeout: timeout, KeepAlive: -1}
	if number["keepalives"] != 0 {
		d.KeepAliveConfig = net.KeepAliveConfig{Enable: true, Idle: orSystems(seconds("keepalives_idle")), Interval: orSystems(seconds("keepalives_interval")), Count: number["keepalives_count"]}
		if d.KeepAliveConfig.Count == 0 {
			d.KeepAliveConfig.Count = -1
		}
	}
	if ms := number["tcp_user_timeout"]; ms > 0 {
		d.Control = func(network, _ string, c syscall.RawConn) error {
			if network == "unix" {
				return nil
			}
			return c.Control(func(fd uintptr) { setUserTimeout(fd, ms) })
		}
	}
	return d.DialContext, nil
}

// orSystems is how net.KeepAliveConfig asks for what the system does.
func orSystems(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}
