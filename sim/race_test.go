//go:build race

package sim

// manySeeds is fewer where every step costs ten times as much. A history has one
// goroutine, so a race is not what it looks for.
const manySeeds = 150
