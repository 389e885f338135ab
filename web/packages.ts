import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

/** The packages that are in the build, each with its version, in packages.txt: what is shipped has notices. */
export function packages(): Plugin {
  return {
    name: "packages",
    generateBundle(_, bundle) {
      const found = new Set<string>();
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== "chunk") continue;
        for (const id of chunk.moduleIds) {
          const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0];
          if (!folder) continue;
          const { name, version } = JSON.parse(readFileSync(`${folder.replace("\0", "")}/package.json`, "utf8")) as { name: string; version: string };
          found.add(`${name} ${version}\n`);
        }
      }
      this.emitFile({ type: "asset", fileName: "packages.txt", source: [...found].sort().join("") });
    },
  };
}
