package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// cost is what something has taken, all together or (see per) for each delivery.
type cost struct {
	// Own is the processor time of Bellhop, Publisher and Receiver that of the others.
	Own, Publisher, Receiver time.Duration
	// Allocations is how many objects Bellhop has made, and Written how many bytes it has
	// had written to disks.
	Allocations, Written float64
	// Stages is the processor time of the stages that Bellhop tells of.
	Stages map[string]time.Duration
}

func (c cost) minus(d cost) cost {
	c.Own, c.Publisher, c.Receiver = c.Own-d.Own, c.Publisher-d.Publisher, c.Receiver-d.Receiver
	c.Allocations, c.Written = c.Allocations-d.Allocations, c.Written-d.Written
	stages := map[string]time.Duration{}
	for name, t := range c.Stages {
		stages[name] = t - d.Stages[name]
	}
	c.Stages = stages
	return c
}

// costs are those so far, of all processes.
func (s *server) costs(ctx context.Context, rcv *remote) (c cost, err error) {
	c = cost{Publisher: cpuOf(os.Getpid()), Receiver: cpuOf(rcv.cmd.Process.Pid), Stages: map[string]time.Duration{}}
	for _, n := range s.nodes {
		c.Own += cpuOf(n.cmd.Process.Pid)
		c.Written += writtenBy(n.cmd.Process.Pid)
		if err := n.scrape(ctx, func(name string, value float64) {
			if name == "go_memstats_mallocs_total" {
				c.Allocations += value
			} else if rest, ok := strings.CutPrefix(name, `bellhop_stage_cpu_seconds_total{stage="`); ok {
				c.Stages[strings.TrimSuffix(rest, `"}`)] += time.Duration(value * float64(time.Second))
			}
		}); err != nil {
			return c, err
		}
	}
	return c, nil
}

// scrape reads the metrics of a process.
func (n *node) scrape(ctx context.Context, each func(name string, value float64)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.addr+"/metrics", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("read the metrics: %w", err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			each(name, v)
		}
	}
	return lines.Err()
}
