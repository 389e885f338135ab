// Package e2e tests the built binary as a user meets it: over HTTP and from the
// command line, against receivers that misbehave, and through SIGKILL.
//
// server_test.go runs the binary, receivers_test.go and nameserver_test.go hold
// what it talks to, and every other file tests one promise.
package e2e
