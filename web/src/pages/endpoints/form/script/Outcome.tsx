import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Group, Loader, SegmentedControl, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck, IconCircleMinus } from "@tabler/icons-react";
import { useState } from "react";
import { diffLines } from "../../../../lib/diff.ts";
import { pretty } from "../../../../lib/json.ts";
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
  const { data: made, error } = trial;
  if (error) return <NoPreview error={error} />;
  if (!made) return trial.isFetching ? <Loader size="xs" aria-label={t`Trying the script`} /> : null;
  const { request, error: fault } = made;
  const { logs } = made;
  const [printed, reason, took] = [logs.length, made.skip_reason, humanDuration(made.duration_ms)];
  const views = [
    ...(request ? [{ value: "request", label: t`Request` }, { value: "difference", label: t`Difference` }] : []),
    ...(logs.length > 0 ? [{ value: "log", label: t`Printed (${printed})` }] : []),
  ];
  const shown = views.some((v) => v.value === view) ? view : views[0]?.value;
  return (
    <Stack gap="xs" style={{ opacity: trial.isFetching ? 0.7 : 1 }}>
      <div role="status">
        {fault ? (
          <Alert color="red" variant="light" icon={<IconAlertTriangle />} title={placeOf(fault)}>
            <Text size="sm" className="foreign">{fault.message}</Text>
          </Alert>
        ) : made.skipped ? (
          <Group gap={6}><IconCircleMinus size={17} aria-hidden /><Text size="sm" className="foreign">{reason ? <Trans>This event is left out: {reason}. Nothing is sent.</Trans> : <Trans>This event is left out. Nothing is sent.</Trans>}</Text></Group>
        ) : (
          <Group gap={6}>
            <IconCircleCheck size={17} color="var(--mantine-color-teal-6)" aria-hidden />
            <Text size="sm"><Trans>It works, and takes {took}. Nothing was sent.</Trans></Text>
          </Group>
        )}
      </div>
      {views.length > 1 && <SegmentedControl size="xs" aria-label={t`What to show`} value={shown} onChange={setView} data={views} style={{ alignSelf: "flex-start" }} />}
      {shown === "request" && request && <CodeBlock title={t`The request that the script makes`} code={asText(request)} wrap />}
      {shown === "difference" && request && <Difference before={made.original} after={request.body} />}
      {shown === "log" && <CodeBlock title={plural(logs.length, { one: "# line", other: "# lines" })} code={logs.join("\n")} wrap />}
    </Stack>
  );
}

function placeOf({ line, column }: { line?: number; column?: number }): string {
  if (!line) return t`The script failed`;
  return column ? t`Line ${line}, column ${column}` : t`Line ${line}`;
}

function asText(r: NonNullable<Trial["request"]>): string {
  return `${[`${r.method} ${r.url}`, ...r.headers.map((h) => `${h.name}: ${h.value}`)].join("\n")}\n\n${r.body}`;
}

const signs = { same: " ", out: "−", in: "+" };
const said = () => ({ same: "", out: t`left out:`, in: t`added:` });

/** The body with the script against the one without, line by line. */
function Difference({ before, after }: { before: string; after: string }) {
  if (before === "") return <Text size="sm" c="dimmed"><Trans>Without the script no request can be made of this event, so there is nothing to compare.</Trans></Text>;
  const lines = diffLines(pretty(before), pretty(after));
  if (lines.every((l) => l.kind === "same")) return <Text size="sm" c="dimmed"><Trans>The body is the same as without the script.</Trans></Text>;
  return (
    <pre className={classes.diff} tabIndex={0} role="region" aria-label={t`The body, against the one without the script`} dir="ltr">
      {lines.map((l, i) => (
        <span key={i} className={classes.line} data-kind={l.kind}>
          <span aria-label={said()[l.kind] || undefined} role={said()[l.kind] ? "img" : undefined}>{signs[l.kind]} </span>
          <span className="foreign">{l.text}{"\n"}</span>
        </span>
      ))}
    </pre>
  );
}
