import { t } from "@lingui/core/macro";
import { Plural, Trans } from "@lingui/react/macro";
import { Anchor, Paper, Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Endpoint } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { appNames, termsOf } from "../../lib/apps.ts";
import { nameOf } from "../../parts/EndpointName.tsx";
import { useEndpointChoices } from "../../parts/filters/EndpointFilter.tsx";
import { Waiting } from "../../parts/states.tsx";
import { HealthBadge } from "../../parts/Status.tsx";
import { listensBy } from "./catalogue.ts";
import classes from "./EventTypeList.module.css";

const atOnce = 20;

/** The endpoints that get events of a type. */
export function Listeners({ type }: { type: string }) {
  const publisher = useSession().role === "publisher"; // who may not see endpoints
  const app = useAppFilter();
  const endpoints = useEndpointChoices(app, !publisher);
  const [all, setAll] = useState(false);
  if (publisher) return null;
  const listening = (endpoints.data ?? []).flatMap((e): [Endpoint, string, boolean][] => {
    for (const name of app ? [app] : appNames(e)) {
      const { events, subjects, filtered } = termsOf(e, name);
      const by = listensBy(events, type);
      if (by) return [[e, [by, ...(subjects.length > 0 ? [t`of certain subjects`] : []), ...(filtered ? [t`filtered by its data`] : [])].join(", "), e.apps.some((a) => typeof a !== "string")]];
    }
    return [];
  });
  return (
    <Stack gap="xs" component="section" aria-labelledby="listeners">
      <Title order={2} id="listeners"><Trans>Endpoints that listen</Trans></Title>
      {!endpoints.data ? <Waiting query={endpoints} lines={2} /> : listening.length === 0
        ? <Text size="sm" c="dimmed">{app ? <Trans>No endpoint listens to this type in this app.</Trans> : <Trans>No endpoint listens to this type.</Trans>}</Text>
        : (
          <Paper withBorder component="ul" className={classes.list}>
            {(all ? listening : listening.slice(0, atOnce)).map(([e, by, differs]) => (
              <li key={e.id} className={classes.item}>
                <div className={classes.name}>
                  <Anchor component={Link} to={`/endpoints/${e.id}`} size="sm" className="foreign">{nameOf(e)}</Anchor>
                  <HealthBadge endpoint={e} />
                </div>
                <Text size="sm" c="dimmed" className="foreign">{differs && !app ? <Trans>Listens to {by}; it differs by app.</Trans> : <Trans>Listens to {by}.</Trans>}</Text>
              </li>
            ))}
          </Paper>
        )}
      {listening.length > atOnce && !all && <Anchor component="button" size="sm" onClick={() => setAll(true)}><Trans>Show all <Plural value={listening.length} one="# endpoint" other="# endpoints" /></Trans></Anchor>}
    </Stack>
  );
}
