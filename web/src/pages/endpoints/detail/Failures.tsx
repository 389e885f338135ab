import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Anchor, Badge, Button, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { IconRepeat, IconSend } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Endpoint, FailureGroup } from "../../../api/client.ts";
import { useSession } from "../../../api/queries.ts";
import { mereStatus, unfinishedWords } from "../../../lib/finding.ts";
import { linkTo } from "../../../lib/links.ts";
import { causeOf } from "../../../lib/reasons.ts";
import { number } from "../../../lib/text.ts";
import { useNow } from "../../../lib/useNow.ts";
import { Sentence } from "../../../parts/Sentence.tsx";
import { Waiting } from "../../../parts/states.tsx";
import { Time } from "../../../parts/Time.tsx";
import { useFailures } from "../../../parts/useFailures.ts";
import { useTryNow } from "../../../parts/useTryNow.ts";
import classes from "./detail.module.css";

const week = 7 * 86_400_000;
const atOnce = 5;

/** What failed at the endpoint in the last week, by cause, each with one action for all of it. */
export function Failures({ endpoint, onReplay }: { endpoint: Endpoint; onReplay(group: FailureGroup): void }) {
  const failures = useFailures({ endpoint: endpoint.id }, week);
  const [all, setAll] = useState(false);
  if (failures.data?.length === 0) return null;
  const groups = [...(failures.data ?? [])].sort((x, y) => y.waiting + y.failed - x.waiting - x.failed);
  const shown = all ? groups : groups.slice(0, atOnce);
  return (
    <Stack gap="sm" component="section" aria-labelledby="failures">
      <Group gap="xs" align="baseline">
        <Title order={2} id="failures"><Trans>Failures by cause</Trans></Title>
        <Text size="xs" c="dimmed"><Trans>of the last 7 days</Trans></Text>
      </Group>
      {!failures.data ? <Waiting query={failures} lines={3} /> : (
        <Paper withBorder>
          <Stack component="ul" gap={0} m={0} p={0} style={{ listStyle: "none" }}>
            {shown.map((g) => <Line key={`${g.reason} ${g.response_status ?? ""}`} group={g} endpoint={endpoint} onReplay={() => onReplay(g)} />)}
          </Stack>
          {groups.length > atOnce && <Button m="xs" size="compact-sm" variant="subtle" onClick={() => setAll(!all)} aria-expanded={all}>{all ? t`Show only the largest` : plural(groups.length, { one: "Show # cause", other: "Show all # causes" })}</Button>}
        </Paper>
      )}
    </Stack>
  );
}

function Line({ group: g, endpoint, onReplay }: { group: FailureGroup; endpoint: Endpoint; onReplay(): void }) {
  const { mayEdit } = useSession();
  const tryNow = useTryNow();
  const cause = causeOf(g);
  const now = useNow(1000).getTime();
  const unfinished = unfinishedWords(g.waiting, endpoint.status);
  const one = g.waiting + g.failed === 1;
  return (
    <li className={classes.cause}>
      <Text fw={650} className={classes.count} title={plural(g.waiting + g.failed, { one: "# delivery", other: "# deliveries" })}>{number(g.waiting + g.failed)} ×</Text>
      <Stack gap={4} miw={0}>
        <Text size="sm" fw={600}>{cause.short}{g.response_status && g.reason !== "status" ? ` (${g.response_status})` : ""}</Text>
        <Text size="sm" c="dimmed"><Sentence text={g.reason === "status" && mereStatus(g.detail) ? cause.sentence : g.detail} /></Text>
        <Group gap={6}>
          {g.waiting > 0 && <Badge variant="light" color="orange" tt="none" fw={600}>{unfinished.count}</Badge>}
          {g.failed > 0 && <Badge variant="light" color="red" tt="none" fw={600}>{plural(g.failed, { one: "# failed", other: "# failed" })}</Badge>}
          <Text size="xs" c="dimmed">
            {one ? <Time at={g.newest_at} /> : <Trans><Time at={g.oldest_at} /> to <Time at={g.newest_at} /></Trans>}
            {g.waiting > 0 && (unfinished.next ? ` · ${unfinished.next}` : g.next_at && new Date(g.next_at).getTime() > now && <Trans> · next try <Time at={g.next_at} relative /></Trans>)}
          </Text>
        </Group>
      </Stack>
      <Group gap="xs" className={classes.acts}>
        {mayEdit && g.waiting > 0 && endpoint.status === "active" && (
          <Button size="compact-sm" leftSection={<IconRepeat size={14} />} loading={tryNow.isPending} onClick={() => tryNow.mutate({ endpoint: endpoint.id, reason: g.reason, response_status: g.response_status })}>
            {plural(g.waiting, { one: "Try # now", other: "Try # now" })}
          </Button>
        )}
        {mayEdit && g.failed > 0 && endpoint.status !== "disabled" && (
          <Button size="compact-sm" variant="default" leftSection={<IconSend size={14} />} onClick={onReplay}>{plural(g.failed, { one: "Send # again…", other: "Send # again…" })}</Button>
        )}
        <Anchor component={Link} {...linkTo("/logs", { endpoint: endpoint.id, status: "failed", reason: g.reason, ...(g.response_status ? { response_status: String(g.response_status) } : {}), attempt: g.newest_attempt })} size="sm"><Trans>In the log</Trans></Anchor>
      </Group>
    </li>
  );
}
