// Package sim plays a Bellhop node through histories that a tester would not think of.
//
// One seed is one history. There is one loop over one heap of what is to come (loop.go),
// no goroutine, no clock and no chance but the seed's: so a seed always gives the same
// history, to the last step, and what it shows can be looked into for as long as it takes.
//
// What is played is the real code: lane.Machine and lane.Decide, routes.Table,
// engine.Acceptance, memstore. What those have around them in a process with goroutines
// is done here by happenings of the loop, as lane.Dispatcher and engine.Engine do it:
// node.go is the shell of the lanes, publish.go that of acceptances, upkeep.go the
// heartbeat and what it keeps up. Who changes one of those changes it here as well.
//
// Around the node, everything goes wrong: the store (store.go) refuses, loses answers,
// and commits late; receivers (receiver.go) have moods; people (people.go) change
// everything at the wrong moment; nodes crash, lose their lease, and have clocks that
// somebody turns. Which of that a history has, and how much, is drawn first (plan.go):
// each kind with a probability of one half. At last all is mended, and everything must
// come to its end.
//
// ledger.go knows what is true, and check.go holds Bellhop against it, at each step and
// in the end: the promises have the numbers of the design's list. One that is broken
// ends the history with its name and the end of the trace.
//
// # To look into a seed
//
//	go test ./sim -run TestSeeds -seed 4711        its whole trace
//	go test ./sim -run TestSeeds -seeds 20000      more seeds than the usual 1000
//
// A seed that has shown a mistake is put into testdata/seeds.txt once that is mended, and
// runs first for ever. It is no proof: the same seed is another history as soon as
// anything is drawn in another order. What must not come back is also written down as a
// mutant.
//
// # To add a fault, an action or a mood
//
// Give it its chance in plan.go, let it happen where it belongs, and add a situation: a
// call of world.reached where the code that it is for has been met, and its words in
// situations_test.go. The test fails if no seed of a thousand comes to it.
//
// # To add a mutant
//
// A mutant is a mistake as a patch of one place, in mutants_test.go. Each run checks that
// its patch still fits; `make sim-mutants` plays seeds against each of them and fails if
// a thousand do not notice it. One that is not noticed says that a check is missing, or a
// situation is too rare: rather that than the mutant is to be mended.
package sim
