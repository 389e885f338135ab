package send

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// beReceiver, set in the environment, turns the test binary into a raw receiver. It is a
// process of its own so that its work does not count as the sender's.
const beReceiver = "SEND_RECEIVER"

// receive prints its address and answers requests until its input ends.
func receive() {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answer(c)
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

func answer(c net.Conn) {
	defer c.Close()
	br := bufio.NewReader(c)
	for {
		length := 0
		for {
			line, err := br.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) == 2 {
				break
			}
			if name, value, _ := bytes.Cut(line, []byte(": ")); string(name) == "Content-Length" {
				fmt.Sscan(string(value), &length)
			}
		}
		if _, err := br.Discard(length); err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
	}
}

func benchReceiver(b *testing.B) (url string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), beReceiver+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return "http://" + strings.TrimSpace(addr) + "/hooks"
}

// cpu is what this process has used, in user space and in the kernel.
func cpu() (user, system time.Duration) {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano()), time.Duration(r.Stime.Nano())
}

// BenchmarkDeliver is a delivery of 1 KiB from the work to the outcome: rendered, signed,
// POSTed to a receiver in another process, and its answer read. As the lanes do, it has
// 64 in flight, in goroutines that are kept (workers) or made for each (fresh).
func BenchmarkDeliver(b *testing.B) {
	url := benchReceiver(b)
	data := `{"text":"` + strings.Repeat("x", 1024-11) + `"}`
	measured := func(b *testing.B, run func(one func())) {
		h := open(b, nil)
		r, w := h.endpoint(url), work(data)
		one := func() {
			if o, sent := h.Send(b.Context(), r, w); !sent || o.Exchange.ResponseStatus != 200 {
				b.Errorf("%+v", o)
			}
		}
		one()
		b.ReportAllocs()
		user, system := cpu()
		b.ResetTimer()
		run(one)
		b.StopTimer()
		u, s := cpu()
		b.ReportMetric(float64((u-user).Nanoseconds())/1e3/float64(b.N), "user-µs/op")
		b.ReportMetric(float64((s-system).Nanoseconds())/1e3/float64(b.N), "sys-µs/op")
	}
	const flying = 64
	b.Run("workers", func(b *testing.B) {
		measured(b, func(one func()) {
			b.SetParallelism(flying / 2)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					one()
				}
			})
		})
	})
	b.Run("fresh", func(b *testing.B) {
		measured(b, func(one func()) {
			var wg sync.WaitGroup
			slots := make(chan struct{}, flying)
			for range b.N {
				slots <- struct{}{}
				wg.Go(func() {
					one()
					<-slots
				})
			}
			wg.Wait()
		})
	})
}
