import { defineConfig } from "vitest/config";

// The built binary in real Chromium. One file after the other: each has a server
// and a browser, and the machine may have two cores.
export default defineConfig({
  test: { root: import.meta.dirname, include: ["*.test.ts"], environment: "node", fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 },
});
