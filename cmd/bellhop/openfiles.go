package main

import (
	"cmp"
	"fmt"

	"github.com/bellhop/bellhop/postgres"
	"github.com/bellhop/bellhop/sqlite"
)

// allotment says what the open files of the process are for. What it needs itself and what
// the database may ever take is kept for them, also while they do not use it: without a file
// more, the database can neither be read nor can its log be copied, and nothing goes on. What
// is left bounds the connections, which wait where there are no more.
type allotment struct {
	// readers are those of a database in a file, each of which takes two files.
	readers int
	// scrapes are the connections to --metrics-listen.
	scrapes int
	// connections are those to the API, receivers those to endpoints, idle ones included.
	connections, receivers int
	// inFlight is how many requests to endpoints there may be at once.
	inFlight int
	// least is how many files there must be.
	least int
}

const (
	// ownFiles are the standard streams, those by which Go waits, the listeners, and what is
	// open for a moment: a connection that is refused, the files of keys and certificates,
	// those that a scrape reads, a mail to the operator.
	ownFiles = 16
	// perDial is how many files a connection takes while it is made: two questions to the DNS,
	// and then an address of each kind that are tried side by side.
	perDial = 2
	// mostDialing is how many connections are made at once at most, as far as that is counted
	// on: most of many are there already. Should it be more, requests wait for a second.
	mostDialing = 512
	// besides is how many connections to receivers there are for what is no delivery, such as
	// fetching tokens; tests and previews have theirs beside it.
	besides = 64

	mostInFlight, mostConnections   = 4096, 4096
	leastInFlight, leastConnections = 4, 16
	leastReceivers                  = leastInFlight + 1
	leastReaders, mostReaders       = 2, 8
	leastScrapes, mostScrapes       = 4, 32
)

// allot divides so many open files.
func (s *settings) allot(files uint64) allotment {
	all := int(min(files, 1<<20))
	a := allotment{readers: leastReaders, connections: cmp.Or(s.maxConnections, leastConnections)}
	if s.metricsListen != "" {
		a.scrapes = leastScrapes
	}
	a.least = s.kept(a) + a.connections + perDial*leastReceivers

	// Each has what it needs at least; of what is left the database and the API get a part,
	// and requests to endpoints all else.
	more := max(all-a.least, 0)
	a.readers = min(leastReaders+more/32, mostReaders)
	if s.maxConnections == 0 {
		a.connections = min(leastConnections+more/4, mostConnections)
	}
	if s.metricsListen != "" {
		a.scrapes = min(leastScrapes+more/32, mostScrapes)
	}
	left := all - s.kept(a) - a.connections
	a.receivers = max(left/perDial, left-mostDialing, leastReceivers)
	others := min((s.maxTrials+besides)/perDial, a.receivers/3)
	a.inFlight = max(min(cmp.Or(s.maxInFlight, mostInFlight), a.receivers-others), leastInFlight)
	a.receivers = min(a.receivers, a.inFlight+s.maxTrials+besides)
	return a
}

// kept is how many files are not for connections to the API and to receivers.
func (s *settings) kept(a allotment) int { return ownFiles + s.databaseFiles(a.readers) + a.scrapes }

// databaseFiles is how many files the database takes at most, with so many readers.
func (s *settings) databaseFiles(readers int) int {
	if s.onPostgreSQL() {
		return postgres.MaxConnections
	}
	return sqlite.MaxFiles(readers)
}

// checkFiles refuses to start with so few open files that it could only fail.
func (s *settings) checkFiles(files uint64) error {
	least := s.allot(files).least
	if files >= uint64(least) {
		return nil
	}
	why := ""
	if s.maxConnections > leastConnections {
		why = fmt.Sprintf(" with max-connections at %d", s.maxConnections)
	}
	return fmt.Errorf("this process may have %d files and connections open, and Bellhop needs at least %d%s, of which the database takes %d: "+
		"raise the limit (ulimit -n in a shell, LimitNOFILE with systemd, --ulimit nofile with Docker), to 16384 or so where there is much to do",
		files, least, why, s.databaseFiles(leastReaders))
}
