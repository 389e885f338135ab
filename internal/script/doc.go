// Package script runs JavaScript of strangers: a function transform(event) that makes a
// request of an event, or a function handler(webhook) that changes one, as Svix has it.
//
// The engine is QuickJS, compiled to WebAssembly, on wazero: a bug in it is one in a heap
// of its own, which has nothing but the event in it. A script has no way out: no I/O, no
// timers, no modules.
//
// What a script may use up is bounded:
//
//   - Work. Every loop of the engine is metered (meter.go), those of its regular
//     expressions, sorting and big numbers, too, so that nothing a script does runs on. The
//     deadline is counted in this work and not in time, so that a script does not time out
//     because the machine is busy, and fails on one attempt just where it fails on another.
//   - Memory. Its heap is bounded by the engine, and by the size of the linear memory.
//   - The processor. Few scripts run at once, of one app at most half of those; people and
//     deliveries, apps, and an app's endpoints take turns by the work that they have done
//     (slots.go).
//
// Each event finds the memory as the script's loading left it, byte for byte (image.go): no
// state goes from one event to the next. The clock stands at the event's time, and random
// numbers are seeded by its id, so that a preview, a retry and a replay give the same.
package script
