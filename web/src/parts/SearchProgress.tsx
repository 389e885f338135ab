import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, Group, Loader, Progress, Text } from "@mantine/core";
import { Time } from "./Time.tsx";

interface SearchProgressProps {
  found: number;
  of: "events" | "attempts";
  /** The time back to which it has looked; undefined: to the end. */
  until: string | undefined;
  /** From 0 to 1, where it is known. */
  share: number | undefined;
  running: boolean;
  /** Whether there is more to look through. */
  more: boolean;
  onStop(): void;
  onGoOn(): void;
}

/** How far a search through many events or attempts is, and a way to let it go on or stop. */
export function SearchProgress({ found, of, until, share, running, more, onStop, onGoOn }: SearchProgressProps) {
  const count = of === "events"
    ? plural(found, { one: "# event found", other: "# events found" })
    : plural(found, { one: "# attempt found", other: "# attempts found" });
  return (
    <Group gap="xs">
      {running && <Loader size={14} aria-hidden />}
      <Text size="sm" role="status">
        {more && until ? <Trans>Searched back to <Time at={until} />: {count}.</Trans> : more ? <Trans>Searching: {count}.</Trans> : <Trans>Searched to the end: {count}.</Trans>}
      </Text>
      {more && share !== undefined && <Progress value={share * 100} w={120} size="sm" aria-label={t`How far the search is`} />}
      {running
        ? <Button size="compact-sm" variant="default" onClick={onStop}><Trans>Stop here</Trans></Button>
        : more && <Button size="compact-sm" variant="light" onClick={onGoOn}><Trans>Search further back</Trans></Button>}
    </Group>
  );
}
