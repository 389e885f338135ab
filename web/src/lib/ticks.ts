// The times below a chart, in the viewer's language and not in American English.
import { format, written } from "./time.ts";

/** Names times (in seconds) that are so many seconds apart: by day, or by hour with the day where a new one begins. */
export function timeTicks(times: number[], apart: number): string[] {
  const clock = format("tick", { hour: "numeric", minute: "2-digit" });
  const day = format("day", { month: "short", day: "numeric" });
  let before = "";
  return times.map((t) => {
    const at = new Date(t * 1000);
    const date = day.format(at);
    if (apart >= 86_400) return date;
    const changed = date !== before;
    before = date;
    return changed ? `${written(clock, at)}\n${date}` : written(clock, at);
  });
}
