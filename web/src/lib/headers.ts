/** A row for each header and value, by name. */
export function headerRows(headers: Record<string, string[] | null> | undefined): [string, string][] {
  return Object.entries(headers ?? {})
    .sort(([x], [y]) => x.toLowerCase().localeCompare(y.toLowerCase()))
    .flatMap(([name, values]) => (values ?? []).map((value): [string, string] => [name, value]));
}

/** Headers as they are written in a request, one line each. */
export function headerLines(headers: Record<string, string[] | null> | undefined): string {
  return headerRows(headers).map(([name, value]) => `${name}: ${value}`).join("\n");
}
