package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// releasePages takes what only the start needed of the program itself out of its memory. To
// start touches much more of a program than to run does, and the system brings in sixteen
// pages for each one: that is a third of an idle server. They are pages of a file, which the
// system keeps as long as it has room; what is needed again is mapped again.
func releasePages() {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer f.Close()
	for _, m := range cleanMappings(f, program) {
		// That it does not work is of no consequence.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.begin, m.end-m.begin, unix.MADV_DONTNEED)
	}
}

type mapping struct{ begin, end uintptr }

// mapped is the line that a mapping begins with:
//
//	00400000-01640000 r-xp 00001000 fe:00 1234      /usr/bin/bellhop
var mapped = regexp.MustCompile(`^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ +(.*)$`)

// cleanMappings gives those mappings of a file, out of a process's smaps (proc_pid_smaps(5)),
// that hold nothing but what is in the file: no page of theirs was ever written to, be it by a
// linker that made it read-only afterwards.
func cleanMappings(smaps io.Reader, file string) (found []mapping) {
	var m mapping
	ours := false
	for lines := bufio.NewScanner(smaps); lines.Scan(); {
		if begins := mapped.FindStringSubmatch(lines.Text()); begins != nil {
			begin, errBegin := strconv.ParseUint(begins[1], 16, strconv.IntSize)
			end, errEnd := strconv.ParseUint(begins[2], 16, strconv.IntSize)
			m = mapping{uintptr(begin), uintptr(end)}
			ours = begins[4] == file && strings.HasPrefix(begins[3], "r-") && errors.Join(errBegin, errEnd) == nil
		} else if size, is := strings.CutPrefix(lines.Text(), "Anonymous:"); is && ours && strings.TrimSpace(size) == "0 kB" {
			found = append(found, m)
		}
	}
	return found
}
