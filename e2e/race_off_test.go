//go:build !race

package e2e

// raceDetector: the tests are built with it, and so is the binary under test.
const raceDetector = false
