import type { Schemas } from "../../api/client.ts";

type Setting = Schemas["Setting"];

/** Where a setting comes from, in words. */
export function sourceWords(s: Pick<Setting, "source" | "default">): string {
  if (s.default) return "the default";
  if (s.source.startsWith("--")) return `the flag ${s.source}`;
  if (/^[A-Z][A-Z0-9_]*$/.test(s.source)) return `the variable ${s.source}`;
  return s.source === "default" ? "the default" : `the file ${s.source}`;
}

/** The three ways to set it: a flag, a variable, a line of the configuration file. */
export function waysToSet(name: string): { flag: string; variable: string; key: string } {
  return { flag: `--${name.replaceAll("_", "-")}`, variable: `BELLHOP_${name.toUpperCase()}`, key: name };
}

/** The settings whose name, value or description holds the text. */
export function search(settings: Setting[], text: string, changedOnly: boolean): Setting[] {
  const q = text.trim().toLowerCase();
  return settings.filter((s) => {
    if (changedOnly && s.default) return false;
    return !q || `${s.name} ${s.name.replaceAll("_", "-")} ${s.name.replaceAll("_", " ")} ${s.value} ${s.description}`.toLowerCase().includes(q);
  });
}
