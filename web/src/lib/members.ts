/**
 * The members of a JSON object, each with its value as the very text that stands
 * there: JSON.parse would round large numbers, and saving would then change them.
 * The text must be valid JSON.
 */
export function memberTexts(json: string): Record<string, string> {
  const found = Object.create(null) as Record<string, string>;
  let at = json.indexOf("{") + 1;
  for (;;) {
    at = skipSpace(json, at);
    if (json[at] !== '"') return found;
    const nameEnd = endOfString(json, at);
    const name = JSON.parse(json.slice(at, nameEnd)) as string;
    const start = skipSpace(json, json.indexOf(":", nameEnd) + 1);
    const end = endOfValue(json, start);
    found[name] = json.slice(start, end);
    at = skipSpace(json, end);
    if (json[at] !== ",") return found;
    at++;
  }
}

/** The elements of a JSON list, each as the text that stands there. The text must be valid JSON. */
export function elementTexts(json: string): string[] {
  const found: string[] = [];
  let at = skipSpace(json, json.indexOf("[") + 1);
  while (at < json.length && json[at] !== "]") {
    const end = endOfValue(json, at);
    found.push(json.slice(at, end));
    at = skipSpace(json, end);
    if (json[at] === ",") at = skipSpace(json, at + 1);
  }
  return found;
}

function skipSpace(json: string, at: number): number {
  while (at < json.length && " \t\r\n".includes(json[at]!)) at++;
  return at;
}

/** Where the string that begins here ends, after its quote. */
function endOfString(json: string, at: number): number {
  for (let i = at + 1; i < json.length; i++) {
    if (json[i] === "\\") i++;
    else if (json[i] === '"') return i + 1;
  }
  return json.length;
}

function endOfValue(json: string, at: number): number {
  if (json[at] === '"') return endOfString(json, at);
  if (json[at] !== "{" && json[at] !== "[") {
    let i = at;
    while (i < json.length && !" \t\r\n,}]".includes(json[i]!)) i++;
    return i;
  }
  let open = 0;
  for (let i = at; i < json.length; i++) {
    const c = json[i]!;
    if (c === '"') i = endOfString(json, i) - 1;
    else if (c === "{" || c === "[") open++;
    else if ((c === "}" || c === "]") && --open === 0) return i + 1;
  }
  return json.length;
}
