import { plural, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Text } from "@mantine/core";
import type { Schemas } from "../../../api/client.ts";
import { number } from "../../../lib/text.ts";

/** How many of the newest events came, or would have come, by what an endpoint wants. */
export function RecentWords({ events, matched }: Schemas["Recent"]) {
  if (events === 0) return null;
  if (matched === 0) {
    return (
      <Alert
        color="yellow"
        variant="light"
        p="xs"
        title={plural(events, { one: "The one event that there is does not match", other: "None of the # newest events matches" })}
      >
        <Text size="sm">
          <Trans>Nothing of late would have come here: check the event types, subjects and filter, unless it is meant for events to come.</Trans>
        </Text>
      </Alert>
    );
  }
  const [fit, of] = [matched === events ? t`all` : number(matched), plural(events, { one: "# newest event", other: "# newest events" })];
  return <Text size="sm" c="dimmed">{t`Of the ${of}, ${fit} would have come here.`}</Text>;
}
