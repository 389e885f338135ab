/** Reads notes, one "name: value" or "name=value" a line; a line that is neither is an error. */
export function parseNotes(text: string): { notes: Record<string, string> } | { error: string } {
  const notes: Record<string, string> = {};
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const at = line.search(/[:=]/);
    const name = at < 0 ? "" : line.slice(0, at).trim();
    if (!name) return { error: `Line ${i + 1} needs a name, a colon and a value, such as “plan: gold”.` };
    if (name in notes) return { error: `Line ${i + 1}: “${name}” is there twice.` };
    notes[name] = line.slice(at + 1).trim();
  }
  return { notes };
}

export function writeNotes(notes: Record<string, string> | undefined): string {
  return Object.entries(notes ?? {}).map(([name, value]) => `${name}: ${value}`).join("\n");
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Says what is wrong with an app's id, or nothing. */
export function idFault(id: string): string | undefined {
  return idPattern.test(id) ? undefined : "Use 1 to 64 letters, digits, dots, hyphens and underscores, beginning with a letter or digit.";
}

/** The markup that shows a portal inside of another page. */
export function iframeSnippet(url: string): string {
  const escaped = url.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  return `<iframe\n  src="${escaped}"\n  title="Webhooks"\n  allow="clipboard-write"\n  style="width: 100%; height: 800px; border: 0"\n></iframe>`;
}
