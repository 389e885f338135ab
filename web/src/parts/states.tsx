import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Button, Code, Group, Paper, Skeleton, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconAlertTriangle, IconMoodEmpty } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { type ComponentType, type ReactNode, useEffect } from "react";
import { Problem } from "../api/client.ts";
import { useLostSince } from "../api/reach.ts";

/** Says what went wrong and what to do about it. */
export function Failure({ error, action }: { error: unknown; action?: ReactNode }) {
  const p = error instanceof Problem ? error : undefined;
  const requestId = p?.requestId;
  return (
    <Alert color={p?.code === "too_broad" ? "yellow" : "red"} variant="light" icon={<IconAlertTriangle />} title={p?.title ?? t`Something went wrong`} role="alert">
      <Stack gap="xs" align="flex-start">
        <Text size="sm" className="foreign">{p?.detail ?? (error instanceof Error ? error.message : String(error))}</Text>
        {p && p.errors.length > 0 && (
          <ul>
            {p.errors.map((e) => (
              <li key={e.field + e.code}>
                <Code>{e.field}</Code> <span className="foreign">{e.detail}</span>
              </li>
            ))}
          </ul>
        )}
        {requestId && (
          <Text size="sm" c="dimmed">
            <Trans>The server's log says more, under <Code>{requestId}</Code>.</Trans>
          </Text>
        )}
        {action}
      </Stack>
    </Alert>
  );
}

/** What a query shows before it has data: a skeleton, or its failure with a way to try again. */
export function Waiting({ query, lines = 4 }: { query: { error: unknown; refetch: () => unknown }; lines?: number }) {
  if (query.error) {
    return <Failure error={query.error} action={<Button size="xs" variant="light" color="red" onClick={() => void query.refetch()}><Trans>Try again</Trans></Button>} />;
  }
  return (
    <Stack gap="sm" role="status" aria-label={t`Loading`}>
      {Array.from({ length: lines }, (_, i) => (
        <Skeleton key={i} h={28} w={`${100 - ((i * 17) % 40)}%`} />
      ))}
    </Stack>
  );
}

/** Nothing here: says why, and what to do next. */
export function Empty({ title, children, action, icon: Icon = IconMoodEmpty, order = 2 }: { title: string; order?: 1 | 2; children?: ReactNode; action?: ReactNode; icon?: ComponentType<{ size?: number; stroke?: number }> }) {
  return (
    <Paper withBorder p="xl">
      <Stack align="center" ta="center" gap="xs" maw={520} mx="auto">
        <ThemeIcon variant="light" size={48} radius="xl">
          <Icon size={26} stroke={1.5} />
        </ThemeIcon>
        <Title order={order} size="h3">{title}</Title>
        {children && <Text c="dimmed" size="sm" component="div">{children}</Text>}
        {action && <Group mt="xs">{action}</Group>}
      </Stack>
    </Paper>
  );
}

/** An address without a page. */
export function NotFound() {
  useEffect(() => {
    document.title = t`There is no such page`;
  }, []);
  return (
    <Empty order={1} title={t`There is no such page`} action={<Button component={Link} to="/"><Trans>To the start</Trans></Button>}>
      <Trans>The link is incomplete, or the page has moved.</Trans>
    </Empty>
  );
}

/** A page that broke: the rest keeps working. One whose script could not be loaded is loaded once the server answers. */
export function PageError({ error, reset }: { error: unknown; reset?: () => void }) {
  const absent = error instanceof Problem && error.status === 0;
  const lost = useLostSince() !== undefined;
  useEffect(() => {
    if (absent && !lost) location.reload();
  }, [absent, lost]);
  if (absent) return <Failure error={error} />;
  return <Failure error={error} action={<Button size="xs" variant="light" color="red" onClick={() => (reset ? reset() : location.reload())}><Trans>Try again</Trans></Button>} />;
}
