import { Stack } from "@mantine/core";
import { IconLock } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Navigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import type { App } from "../../api/client.ts";
import { endpointQuery, useApps, useSession } from "../../api/queries.ts";
import { useAppFilter } from "../../layout/AppFilter.tsx";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import { useDeliveries } from "../events/useEvent.ts";
import { useEndpointsAt, useInbox, useInboxes } from "../inboxes/queries.ts";
import { AppStep } from "./AppStep.tsx";
import { ArrivalStep } from "./ArrivalStep.tsx";
import { NextStep } from "./NextStep.tsx";
import { appToUse, arrivalOf, type Kept, readKept, writeKept } from "./progress.ts";
import { PublishStep } from "./PublishStep.tsx";
import { ReceiverStep } from "./ReceiverStep.tsx";
import type { StepState } from "./Step.tsx";

/** The first-run page: from nothing to a first delivered event. */
export function Start() {
  const session = useSession();
  const apps = useApps();
  if (session.portal) return <Navigate to="/endpoints" replace />;
  return (
    <Page title="First steps" description="From nothing to a first delivered event. Each step does something real, and shows the call of the API that does it.">
      {!session.mayEdit ? (
        <Empty title="You can look, but not change" icon={IconLock}>These steps create things. They take the key of an admin or an editor; yours is a {session.role}'s.</Empty>
      ) : apps.data ? (
        <Steps apps={apps.data} />
      ) : (
        <Waiting query={apps} lines={8} />
      )}
    </Page>
  );
}

function Steps({ apps }: { apps: App[] }) {
  const { features } = useSession();
  const filter = useAppFilter();
  const [kept, setKept] = useState<Kept>(() => ({ app: filter, ...readKept() }));
  useEffect(() => writeKept(kept), [kept]);
  const app = appToUse(apps, kept.app);

  const inboxes = useInboxes(app?.id, features.inbox && app !== undefined);
  const box = inboxes.data?.[0];
  const inbox = useInbox(box?.token);
  const at = useEndpointsAt(box?.url, app?.id);
  const own = useQuery({ ...endpointQuery(kept.endpoint ?? ""), enabled: !features.inbox && kept.endpoint !== undefined });
  const endpoint = features.inbox ? at.data?.find((e) => e.status === "active") : own.data;

  const finding = app !== undefined && features.inbox && (inboxes.isPending || (box !== undefined && (inbox.isPending || at.isPending)));
  const requests = inbox.data?.requests ?? [];
  // Requests of an earlier visit count as long as nothing was published in this one.
  const arrived = endpoint ? arrivalOf(requests, kept.event) : undefined;
  const published = kept.event !== undefined || requests.length > 0;
  const deliveries = useDeliveries(features.inbox ? undefined : kept.event);
  const delivered = features.inbox ? arrived !== undefined : deliveries.data?.some((d) => d.status === "succeeded") === true;
  const state = (ready: boolean, done: boolean): StepState => (!ready ? "later" : done ? "done" : "current");
  const [began, setBegan] = useState(false);
  const ready2 = app !== undefined;
  const ready3 = ready2 && endpoint !== undefined;
  const ready4 = ready3 && published;

  return (
    <Stack gap="md">
      <AppStep apps={apps} app={app} onUse={(id) => {
        setKept({ app: id });
        setBegan(true);
      }} />
      {finding ? <Waiting query={inboxes} lines={5} /> : (
        <>
          <ReceiverStep
            key={`receiver-${app?.id}`}
            app={app}
            inbox={box}
            endpoint={endpoint}
            reached={began}
            state={state(ready2, endpoint !== undefined)}
            onMade={(made) => setKept({ app: app?.id, endpoint: made.id })}
          />
          <PublishStep
            key={`publish-${app?.id}`}
            app={app}
            endpoint={endpoint}
            event={kept.event}
            state={state(ready3, published)}
            onPublished={(event, when) => setKept((was) => ({ ...was, app: app?.id, event, published: when }))}
          />
          <ArrivalStep state={state(ready4, delivered)} inbox={box?.token} arrived={arrived} event={kept.event} published={kept.published} />
          <NextStep app={app} state={state(ready4 && delivered, false)} />
        </>
      )}
    </Stack>
  );
}
