/** The body of a publication, with the data as it was typed: not rounded, not reordered. */
export function publication(app: string, type: string, data: string): string {
  return `{"app":${JSON.stringify(app)},"type":${JSON.stringify(type)},"data":${data.trim()}}`;
}
