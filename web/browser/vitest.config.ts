import { defineConfig } from "vitest/config";
import { Failures } from "./failures.ts";

// The built binary in real Chromium. One file after the other: each has a server
// and a browser, and the machine may have two cores, with other tests beside them.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.test.ts"],
    environment: "node",
    fileParallelism: false,
    reporters: ["default", new Failures()],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } }, // it is a second otherwise
  },
});
