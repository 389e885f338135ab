import { Alert, Group, Loader, SegmentedControl, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck, IconCircleMinus } from "@tabler/icons-react";
import { useState } from "react";
import { diffLines } from "../../../../lib/diff.ts";
import { pretty } from "../../../../lib/json.ts";
import { plural } from "../../../../lib/text.ts";
import { humanDuration } from "../../../../lib/time.ts";
import { CodeBlock } from "../../../../parts/Code.tsx";
import { NoPreview } from "../Preview.tsx";
import classes from "./Outcome.module.css";
import type { Trial } from "./trial.ts";

interface OutcomeProps {
  trial: { data: Trial | undefined; error: Error | null; isFetching: boolean };
}

/** What the script made of the event: the request, how it differs, what it printed; or why there is none. */
export function Outcome({ trial }: OutcomeProps) {
  const [view, setView] = useState("request");
  const { data: t, error } = trial;
  if (error) return <NoPreview error={error} />;
  if (!t) return trial.isFetching ? <Loader size="xs" aria-label="Trying the script" /> : null;
  const { request, error: fault } = t;
  const { logs } = t;
  const views = [
    ...(request ? [{ value: "request", label: "Request" }, { value: "difference", label: "Difference" }] : []),
    ...(logs.length > 0 ? [{ value: "log", label: `Printed (${logs.length})` }] : []),
  ];
  const shown = views.some((v) => v.value === view) ? view : views[0]?.value;
  return (
    <Stack gap="xs" style={{ opacity: trial.isFetching ? 0.7 : 1 }}>
      <div role="status">
        {fault ? (
          <Alert color="red" variant="light" icon={<IconAlertTriangle />} title={fault.line ? `Line ${fault.line}${fault.column ? `, column ${fault.column}` : ""}` : "The script failed"}>
            <Text size="sm" className="foreign">{fault.message}</Text>
          </Alert>
        ) : t.skipped ? (
          <Group gap={6}><IconCircleMinus size={17} aria-hidden /><Text size="sm" className="foreign">This event is left out{t.skip_reason ? `: ${t.skip_reason}` : ""}. Nothing is sent.</Text></Group>
        ) : (
          <Group gap={6}>
            <IconCircleCheck size={17} color="var(--mantine-color-teal-6)" aria-hidden />
            <Text size="sm">It works, and takes {humanDuration(t.duration_ms)}. Nothing was sent.</Text>
          </Group>
        )}
      </div>
      {views.length > 1 && <SegmentedControl size="xs" aria-label="What to show" value={shown} onChange={setView} data={views} style={{ alignSelf: "flex-start" }} />}
      {shown === "request" && request && <CodeBlock title="The request that the script makes" code={asText(request)} wrap />}
      {shown === "difference" && request && <Difference before={t.original} after={request.body} />}
      {shown === "log" && <CodeBlock title={plural(logs.length, "line")} code={logs.join("\n")} wrap />}
    </Stack>
  );
}

function asText(r: NonNullable<Trial["request"]>): string {
  return `${[`${r.method} ${r.url}`, ...r.headers.map((h) => `${h.name}: ${h.value}`)].join("\n")}\n\n${r.body}`;
}

const signs = { same: " ", out: "−", in: "+" };
const said = { same: "", out: "left out: ", in: "added: " };

/** The body with the script against the one without, line by line. */
function Difference({ before, after }: { before: string; after: string }) {
  if (before === "") return <Text size="sm" c="dimmed">Without the script no request can be made of this event, so there is nothing to compare.</Text>;
  const lines = diffLines(pretty(before), pretty(after));
  if (lines.every((l) => l.kind === "same")) return <Text size="sm" c="dimmed">The body is the same as without the script.</Text>;
  return (
    <pre className={classes.diff} tabIndex={0} role="region" aria-label="The body, against the one without the script" dir="ltr">
      {lines.map((l, i) => (
        <span key={i} className={classes.line} data-kind={l.kind}>
          <span aria-label={said[l.kind] || undefined} role={said[l.kind] ? "img" : undefined}>{signs[l.kind]} </span>
          <span className="foreign">{l.text}{"\n"}</span>
        </span>
      ))}
    </pre>
  );
}
