/** Quotes a text for a POSIX shell: nothing in it is anything but itself. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** One call of the API as a command to paste into a shell. */
export function curl(origin: string, method: string, path: string, body?: unknown): string {
  const lines = [method === "GET" || method === "POST" ? `curl ${origin}${path}` : `curl -X ${method} ${origin}${path}`];
  lines.push(`-H "Authorization: Bearer $BELLHOP_KEY"`);
  if (body !== undefined) {
    lines.push("-H 'Content-Type: application/json'");
    lines.push(`-d ${shellQuote(typeof body === "string" ? body : JSON.stringify(body))}`);
  }
  return lines.join(" \\\n  ");
}
