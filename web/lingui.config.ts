import { defineConfig } from "@lingui/conf";
import { formatter } from "@lingui/format-po";

// English is in the sources; the other languages are files that people can read and mend.
export default defineConfig({
  sourceLocale: "en",
  locales: ["de", "fr", "it"],
  catalogs: [{ path: "src/locales/{locale}", include: ["src"], exclude: ["**/*.test.*"] }],
  format: formatter({ lineNumbers: false }),
  orderBy: "origin",
});
