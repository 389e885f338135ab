import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Alert, Anchor, MultiSelect, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useApps, useSession } from "../../../api/queries.ts";
import { appLabel } from "../../../lib/text.ts";
import { Waiting } from "../../../parts/states.tsx";
import type { PartProps } from "./form.ts";

/** The apps whose events are sent. In a portal there is nothing to choose. */
export function AppField({ form }: PartProps) {
  const session = useSession();
  const apps = useApps();
  if (session.portal) return null;
  if (!apps.data) return <Waiting query={apps} lines={1} />;
  if (apps.data.length === 0) {
    return (
      <Alert title={t`There is no app yet`}>
        <Text size="sm">
          <Trans>Every endpoint listens to the events of an app.</Trans>{" "}
          {session.operator ? <Anchor component={Link} to="/apps" size="sm"><Trans>Create an app first</Trans></Anchor> : t`Ask an administrator to create one.`}
        </Text>
      </Alert>
    );
  }
  const known = new Map(apps.data.map((a) => [a.id, appLabel(a)]));
  if (session.operator) known.set("*", t`All apps: what Bellhop itself tells`);
  for (const id of form.values.apps) if (!known.has(id)) known.set(id, id);
  return (
    <MultiSelect
      label={apps.data.length === 1 ? t`App` : t`Apps`}
      description={t`Whose events are sent. Several are possible.`}
      placeholder={form.values.apps.length === 0 ? t`Choose an app` : undefined}
      withAsterisk
      aria-required
      searchable
      clearable
      hidePickedOptions
      openOnFocus={false}
      limit={100}
      maxValues={100}
      data={[...known].map(([value, label]) => ({ value, label }))}
      nothingFoundMessage={t`No such app`}
      clearButtonProps={{ "aria-label": t`Remove all apps` }}
      {...form.getInputProps("apps")}
    />
  );
}
