/** What an inbox can be told to answer with, and what Bellhop makes of it. */
export const answers: { status: number; words: string; effect: string }[] = [
  { status: 200, words: "200 OK", effect: "The delivery succeeds." },
  { status: 201, words: "201 Created", effect: "The delivery succeeds: any 2xx does." },
  { status: 400, words: "400 Bad request", effect: "The delivery fails and is tried again." },
  { status: 404, words: "404 Not found", effect: "The delivery fails and is tried again." },
  { status: 410, words: "410 Gone", effect: "The receiver wants no more: Bellhop disables the endpoint." },
  { status: 429, words: "429 Too many requests", effect: "Bellhop slows down and tries again." },
  { status: 500, words: "500 Internal server error", effect: "The delivery fails and is tried again." },
  { status: 503, words: "503 Unavailable", effect: "The delivery fails; Bellhop slows down and tries again." },
];

/** "500 Internal server error", also for a status that is not in the list. */
export function answerWords(status: number): string {
  return answers.find((a) => a.status === status)?.words ?? String(status);
}

/** A time that is left, by the second when it is short: "1 h 12 min", "4 min 9 s". */
export function timeLeft(ms: number): string {
  if (ms <= 0) return "expired";
  const s = Math.ceil(ms / 1000);
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min ${s % 60} s`;
  return `${Math.floor(min / 60)} h ${min % 60} min`;
}
