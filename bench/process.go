package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// What Linux tells of a process. Elsewhere it is 0, and the report leaves it out.

// cpuOf is the processor time that a process has used so far.
func cpuOf(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// Fields 14 and 15, counted after the name in brackets, in ticks of 10 ms.
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// memoryOf is the resident memory of a process in megabytes.
func memoryOf(pid int) float64 { return procField(pid, "status", "VmRSS:") / 1024 }

// writtenBy is how many bytes a process has had written to disks.
func writtenBy(pid int) float64 { return procField(pid, "io", "write_bytes:") }

// procField reads a number from one of the files of a process.
func procField(pid int, file, name string) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				n, _ := strconv.ParseFloat(fields[0], 64)
				return n
			}
		}
	}
	return 0
}

// processorName is what the machine says of its processors.
func processorName() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
