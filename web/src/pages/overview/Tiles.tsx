import { SimpleGrid, Text } from "@mantine/core";
import type { Schemas, Stats } from "../../api/client.ts";
import { Sparkline } from "../../parts/Sparkline.tsx";
import { Time } from "../../parts/Time.tsx";
import { number, percent, plural, shortNumber } from "../../lib/text.ts";
import { humanDuration } from "../../lib/time.ts";
import { liveBucket, liveSeconds } from "./queries.ts";
import type { Range } from "./range.ts";
import { Tile } from "./Tile.tsx";
import { perSecond, successShare, trend, trendOfShare } from "./trend.ts";

interface TilesProps {
  range: Range;
  now?: Stats;
  before?: Stats;
  live?: Stats;
  /** Only operators have it. */
  backlog?: Schemas["Backlog"];
  withBacklog: boolean;
  /** Set if the page shows one app: the backlog is that of all of them. */
  app?: string;
}

/** The numbers at the head of the overview. */
export function Tiles({ range, now, before, live, backlog, withBacklog, app }: TilesProps) {
  const total = now?.total;
  const attempts = total ? total.succeeded + total.failed : undefined;
  const earlier = before ? before.total.succeeded + before.total.failed : undefined;
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, lg: withBacklog ? 5 : 4 }} spacing="sm">
      <Tile label="Attempts per second, now" value={live && perSecond(live.total.succeeded + live.total.failed, liveSeconds)} note="Over the last minute">
        {live && <Sparkline buckets={live.buckets ?? []} since={live.since} until={live.until} bucketMs={liveBucket} width={84} height={28} />}
      </Tile>
      <Tile
        label="Attempts"
        value={attempts === undefined ? undefined : <span title={number(attempts)}>{shortNumber(attempts)}</span>}
        note={total && total.exhausted > 0 ? `${plural(total.exhausted, "delivery", "deliveries")} failed` : undefined}
        trend={trend(attempts, earlier)}
        before={range.before}
      />
      <Tile
        label="Attempts that succeeded"
        value={total && percent(total.succeeded, total.succeeded + total.failed)}
        note={total && (attempts === 0 ? "Nothing was sent" : total.failed === 0 ? "None failed" : `${plural(total.failed, "attempt")} failed`)}
        trend={trendOfShare(successShare(total), successShare(before?.total))}
        before={range.before}
        better="up"
      />
      <Tile
        label="Response time (p95)"
        value={total && millis(total.duration.p95_ms)}
        note={total && total.duration.p99_ms > 0 ? `p50 ${millis(total.duration.p50_ms)}, p99 ${millis(total.duration.p99_ms)}` : "Nothing was measured"}
        trend={total && before ? trend(total.duration.p95_ms || undefined, before.total.duration.p95_ms, { more: "slower", less: "faster" }) : undefined}
        before={range.before}
        better="down"
      />
      {withBacklog && (
        <Tile
          label={app ? "Backlog, all apps" : "Backlog"}
          value={backlog && <span title={number(backlog.pending)}>{shortNumber(backlog.pending)}</span>}
          note={backlog && (backlog.oldest_pending_at
            ? <>Unfinished deliveries; the oldest was made <Text span inherit fw={600}><Time at={backlog.oldest_pending_at} relative /></Text></>
            : "No delivery is waiting")}
        />
      )}
    </SimpleGrid>
  );
}

function millis(ms: number): string {
  return ms > 0 ? humanDuration(ms) : "–";
}
