package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal gives both ends of a pseudo-terminal of 100 by 20.
func terminal(t testing.TB) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	fd := int(person.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 20, Col: 100})
	}
	if err == nil {
		program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return person, program
}

// TestListenOnATerminal: a person at the keyboard looks at an event, sends it again, and
// gets the terminal back.
func TestListenOnATerminal(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	s.app("acme")
	r := newReceiver(t, answers(http.StatusAccepted))
	person, program := terminal(t)
	cmd := s.command("listen", "--forward", r.URL+"/hook", "--events", "invoice.*")
	cmd.Env = append(cmd.Env, "TERM=xterm-256color")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = program.Close()
	seen := &output{}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(seen, person) // until the program has ended
	}()
	shows := func(from int, what string) {
		t.Helper()
		eventually(t, "the screen shows "+what, func() bool { return strings.Contains(seen.from(from), what) })
	}
	press := func(keys, what string) {
		t.Helper()
		from := seen.len()
		if _, err := person.WriteString(keys); err != nil {
			t.Fatal(err)
		}
		shows(from, what)
	}
	shows(0, "Waiting for the first event")
	shows(0, "only events invoice.*")
	event := s.publish("acme", "invoice.paid", `{"n":1}`)
	shows(0, event.ID.String())
	shows(0, "202")
	press("d", "webhook-signature")
	press("q", "request and response")
	press("r", "is sent again")
	r.wait(t, 2)
	shows(0, "resend")
	press("q", "\x1b[?1049l")
	if err := cmd.Wait(); err != nil {
		t.Errorf("listen: %v\n%s", err, seen.tail())
	}
	<-read
	if left := s.listenedAt(); len(left) != 0 {
		t.Errorf("%+v is left", left)
	}
}
