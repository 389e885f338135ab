/** A line of a comparison: in both, only in the first (out), or only in the second (in). */
export interface DiffLine {
  kind: "same" | "out" | "in";
  text: string;
}

/** More work than this is not done: what differs is then shown as a whole. */
const most = 1_000_000;

/** Compares two texts line by line: the shortest way from one to the other. */
export function diffLines(before: string, after: string): DiffLine[] {
  const a = before === "" ? [] : before.split("\n");
  const b = after === "" ? [] : after.split("\n");
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const same = (text: string): DiffLine => ({ kind: "same", text });
  return [
    ...a.slice(0, start).map(same),
    ...between(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...a.slice(a.length - end).map(same),
  ];
}

function between(a: string[], b: string[]): DiffLine[] {
  if (a.length * b.length > most || a.length === 0 || b.length === 0) {
    return [...a.map((text) => ({ kind: "out" as const, text })), ...b.map((text) => ({ kind: "in" as const, text }))];
  }
  // Lengths of the longest common sequence of what begins at each pair of lines.
  const width = b.length + 1;
  const longest = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] = a[i] === b[j] ? longest[(i + 1) * width + j + 1]! + 1 : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!);
    }
  }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: "same", text: a[i]! });
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!)) lines.push({ kind: "out", text: a[i++]! });
    else lines.push({ kind: "in", text: b[j++]! });
  }
  return lines;
}
