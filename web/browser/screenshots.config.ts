import { defineConfig } from "vitest/config";

// Not a test: makes the pictures of docs/images (make screenshots).
export default defineConfig({
  test: { root: import.meta.dirname, include: ["screenshots.ts"], environment: "node", testTimeout: 900_000, hookTimeout: 60_000 },
});
