import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Anchor, Badge, Button, Group, Modal, Stack, Tabs, Text } from "@mantine/core";
import { IconPlugConnectedX } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { type Endpoint, type ExactEndpoint, type FailureGroup, Problem, type Schemas } from "../../api/client.ts";
import { endpointQuery, endpointsChanged, useSession } from "../../api/queries.ts";
import { appNames } from "../../lib/apps.ts";
import { linkTo } from "../../lib/links.ts";
import { useFilters } from "../../lib/useFilters.ts";
import { AppName } from "../../parts/AppName.tsx";
import { Copy } from "../../parts/Copy.tsx";
import { nameOf } from "../../parts/EndpointName.tsx";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import { HealthBadge, LockedBadge } from "../../parts/Status.tsx";
import { TestSend } from "../../parts/TestSend.tsx";
import { HeadActions } from "./detail/Head.tsx";
import { HealthPanel } from "./detail/HealthPanel.tsx";
import { HeldPanel } from "./detail/HeldPanel.tsx";
import { OverviewTab } from "./detail/OverviewTab.tsx";
import { heldFrom, Locked } from "./Locked.tsx";

const SettingsTab = lazy(() => import("./detail/SettingsTab.tsx").then((m) => ({ default: m.SettingsTab })));
const SecretTab = lazy(() => import("./detail/SecretTab.tsx").then((m) => ({ default: m.SecretTab })));
const RotateDialog = lazy(() => import("./detail/RotateDialog.tsx").then((m) => ({ default: m.RotateDialog })));
const ReplayDrawer = lazy(() => import("./detail/ReplayDrawer.tsx").then((m) => ({ default: m.ReplayDrawer })));

const crumbsTo = () => [{ label: t`Endpoints`, to: "/endpoints" }];

/** One endpoint: how it is doing, what is set, and what can be done about it. */
export function EndpointDetail() {
  const { id = "" } = useParams({ strict: false }) as { id?: string };
  const endpoint = useQuery({ ...endpointQuery(id), refetchInterval: 3000 }); // its health moves
  const unknown = endpoint.error instanceof Problem && [400, 403, 404, 422].includes(endpoint.error.status);
  if (unknown && !endpoint.isFetching) {
    return (
      <Page title={t`Endpoint`} crumbs={crumbsTo()}>
        <Empty title={t`There is no such endpoint`} icon={IconPlugConnectedX} action={<Button component={Link} to="/endpoints"><Trans>To the endpoints</Trans></Button>}>
          <Trans>It was deleted, belongs to an app that you cannot see, or the link is incomplete.</Trans>
        </Empty>
      </Page>
    );
  }
  if (!endpoint.data) return <Page title={t`Endpoint`} crumbs={crumbsTo()}><Waiting query={endpoint} lines={8} /></Page>;
  return <Loaded key={id} endpoint={endpoint.data} />;
}

function Loaded({ endpoint }: { endpoint: ExactEndpoint }) {
  const session = useSession();
  const { mayEdit, portal } = session;
  const held = heldFrom(session, endpoint);
  const [search, set] = useFilters<{ tab?: string; dialog?: string }>();
  const queries = useQueryClient();
  const [dialog, setDialog] = useState<"test" | "rotate" | "replay" | undefined>(() => (search.dialog === "test" || search.dialog === "replay" ? search.dialog : undefined));
  const [group, setGroup] = useState<FailureGroup>();
  const [rotated, setRotated] = useState<Schemas["Rotated"]>();
  const tab = search.tab === "settings" || (search.tab === "secret" && mayEdit) ? search.tab : "overview";
  const show = (value: string | null) => {
    if (value !== "secret") setRotated(undefined); // shown once
    set({ tab: value === "overview" ? undefined : value ?? undefined }, true);
  };
  const close = () => {
    setDialog(undefined);
    setGroup(undefined);
    if (search.dialog) set({ dialog: undefined }, true);
  };

  return (
    <Page
      title={nameOf(endpoint)}
      crumbs={crumbsTo()}
      heading={<Group gap="sm" component="span"><span className="foreign">{nameOf(endpoint)}</span><HealthBadge endpoint={endpoint} size="lg" />{endpoint.locked && <LockedBadge size="lg" />}</Group>}
      description={<Where endpoint={endpoint} apps={!portal} />}
      actions={mayEdit && <HeadActions endpoint={endpoint} held={held} onTest={() => setDialog("test")} onRotate={() => setDialog("rotate")} onReplay={() => setDialog("replay")} />}
    >
      {endpoint.locked && <Locked endpoint={endpoint} />}
      <HealthPanel endpoint={endpoint} onTest={() => setDialog("test")} />
      <HeldPanel endpoint={endpoint} />
      <Tabs value={tab} onChange={show} keepMounted={false}>
        <Tabs.List mb="lg">
          <Tabs.Tab value="overview"><Trans>Overview</Trans></Tabs.Tab>
          <Tabs.Tab value="settings"><Trans>Settings</Trans></Tabs.Tab>
          {mayEdit && <Tabs.Tab value="secret"><Trans>Secret</Trans></Tabs.Tab>}
        </Tabs.List>
        <Suspense>
          <Tabs.Panel value="overview"><OverviewTab
              endpoint={endpoint}
              onReplay={(group) => {
                setGroup(group);
                setDialog("replay");
              }}
            /></Tabs.Panel>
          <Tabs.Panel value="settings"><SettingsTab endpoint={endpoint} editable={mayEdit && !held} /></Tabs.Panel>
          {mayEdit && <Tabs.Panel value="secret"><SecretTab endpoint={endpoint} rotated={rotated} onRotate={held ? undefined : () => setDialog("rotate")} /></Tabs.Panel>}
        </Suspense>
      </Tabs>

      {mayEdit && (
        <Suspense>
          <Modal opened={dialog === "test"} onClose={close} title={t`Send a test event`} size="lg" centered>
            <TestSend endpoint={endpoint} onResult={() => endpointsChanged(queries, endpoint.id)} />
          </Modal>
          {dialog === "rotate" && (
            <RotateDialog
              endpoint={endpoint}
              opened
              onClose={close}
              onDone={(result) => {
                close();
                setRotated(result);
                show("secret");
              }}
            />
          )}
          {dialog === "replay" && <ReplayDrawer endpoint={endpoint} group={group} opened onClose={close} />}
        </Suspense>
      )}
    </Page>
  );
}

/** Where requests go, and the apps whose events they carry. */
function Where({ endpoint, apps }: { endpoint: Endpoint; apps: boolean }) {
  return (
    <Stack gap={6}>
      {endpoint.description && <Text span size="sm" className="foreign" style={{ whiteSpace: "pre-line" }}>{endpoint.description}</Text>}
      <Group gap={4} wrap="nowrap">
        <Text span size="sm" ff="monospace" className="foreign" dir="ltr">{endpoint.url}</Text>
        <Copy value={endpoint.url} label={t`Copy the URL`} />
      </Group>
      {apps && (
        <Group gap={6}>
          <Text span size="sm">{endpoint.apps.length === 1 ? t`App` : t`Apps`}</Text>
          {appNames(endpoint).map((app) => (
            <Anchor key={app} component={Link} {...linkTo("/endpoints", { app })} size="sm" title={t`Endpoints of ${app}`}>
              <Badge variant="default" tt="none" fw={500} className="foreign" style={{ cursor: "pointer" }}><AppName id={app} /></Badge>
            </Anchor>
          ))}
        </Group>
      )}
    </Stack>
  );
}
