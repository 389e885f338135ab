import { lingui } from "@lingui/vite-plugin";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { packages } from "./packages.ts";
import { macros } from "./macros.ts";

const upstream = {
  target: process.env.BELLHOP_SERVER ?? "http://127.0.0.1:8420",
  headers: process.env.BELLHOP_KEY ? { Authorization: `Bearer ${process.env.BELLHOP_KEY}` } : undefined,
};

// The build is committed and embedded into the binary: file names carry no hash,
// so that a change of one page is a change of one file. The server sends ETags.
export default defineConfig({
  plugins: [macros(), lingui(), react(), packages()],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    rollupOptions: {
      output: {
        entryFileNames: "assets/[name].js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
  // npm run dev shows the sources as they are edited, before a running server. With
  // BELLHOP_KEY set, nobody need sign in.
  server: { proxy: Object.fromEntries(["/v1", "^/in/", "/docs", "/openapi.json", "/readyz", "/portal/logo"].map((path) => [path, upstream])) },
  // One browser-like environment for all files: making it takes longer than the tests.
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"], setupFiles: ["src/language/english.setup.ts"], isolate: false, maxWorkers: 2, testTimeout: 20_000 },
});
