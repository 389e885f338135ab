// Turns samples of a level into what a chart draws.
import type { Schemas } from "../../api/client.ts";

interface Level {
  times: number[];
  values: (number | null)[];
}

/**
 * Draws a level from its samples, each of which holds until the next one: at each
 * step the highest that it was since the step before. Unknown before the first.
 */
export function holdSamples(samples: Schemas["BacklogSample"][], since: number, until: number, steps = 120): Level {
  const out: Level = { times: [], values: [] };
  const width = (until - since) / steps;
  let next = 0;
  let held: number | null = null;
  for (let i = 0; i <= steps; i++) {
    const at = since + i * width;
    let most = held;
    for (; next < samples.length && new Date(samples[next]!.at).getTime() <= at; next++) {
      held = samples[next]!.pending;
      most = Math.max(most ?? 0, held);
    }
    out.times.push(at / 1000);
    out.values.push(most);
  }
  return out;
}
