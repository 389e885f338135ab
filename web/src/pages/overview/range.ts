// The ranges of time that the overview shows.

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

export interface Range {
  /** As it stands in the address. */
  value: string;
  label: string;
  /** Follows "than in": "the 24 hours before". */
  before: string;
  length: number;
  bucket: number;
  /** How often it is asked for anew, in milliseconds. */
  refresh: number;
}

export const ranges: Range[] = [
  { value: "15m", label: "15 min", before: "the 15 minutes before", length: 15 * minute, bucket: 15_000, refresh: 10_000 },
  { value: "1h", label: "1 h", before: "the hour before", length: hour, bucket: minute, refresh: 15_000 },
  { value: "6h", label: "6 h", before: "the 6 hours before", length: 6 * hour, bucket: 5 * minute, refresh: 30_000 },
  { value: "24h", label: "24 h", before: "the 24 hours before", length: day, bucket: 15 * minute, refresh: 60_000 },
  { value: "7d", label: "7 d", before: "the 7 days before", length: 7 * day, bucket: 2 * hour, refresh: 60_000 },
  { value: "30d", label: "30 d", before: "the 30 days before", length: 30 * day, bucket: 6 * hour, refresh: 60_000 },
];

const usual = ranges[3]!;

/** The range that an address names, or the usual one. */
export function rangeOf(value: string | undefined): Range {
  return ranges.find((r) => r.value === value) ?? usual;
}
