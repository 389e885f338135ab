//go:build !race

package sim

// manySeeds is how many seeds are enough to come to every situation.
const manySeeds = 1000
