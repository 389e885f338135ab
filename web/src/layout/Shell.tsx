import { i18n, type MessageDescriptor } from "@lingui/core";
import { msg, t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { ActionIcon, AppShell, Burger, Divider, Group, NavLink, Text, useMantineColorScheme } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import {
  IconActivity, IconApps, IconBook2, IconBroadcast, IconChartAreaLine, IconDeviceDesktop, IconExternalLink, IconHistory, IconInbox, IconKey,
  IconLanguage, IconLogout, IconMoon, IconPlugConnected, IconSettings, IconSun,
} from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { type ComponentType, Suspense, useEffect } from "react";
import { api, ok } from "../api/client.ts";
import { useSession } from "../api/queries.ts";
import { optional } from "../lib/optional.ts";
import { usePainted } from "../lib/usePainted.ts";
import { failed } from "../parts/notify.ts";
import { inPortal } from "../session/portal.ts";
import { Brand } from "./Brand.tsx";
import classes from "./Shell.module.css";
import { Unreachable } from "./Unreachable.tsx";

const AppSelect = optional(() => import("./AppSelect.tsx"));
const LanguageSelect = optional(() => import("./LanguageSelect.tsx"));

interface Item {
  to: string;
  label: MessageDescriptor;
  icon: ComponentType<{ size?: number; stroke?: number }>;
}

const everyday: Item[] = [
  { to: "/endpoints", label: msg`Endpoints`, icon: IconPlugConnected },
  { to: "/events", label: msg`Events`, icon: IconBroadcast },
  { to: "/logs", label: msg`Logs`, icon: IconActivity },
  { to: "/event-types", label: msg`Event types`, icon: IconBook2 },
];

/** The frame around every page: navigation, app filter, theme, sign-out. */
export function Shell() {
  const session = useSession();
  const [open, { toggle, close }] = useDisclosure();
  const path = useLocation({ select: (l) => l.pathname });
  useEffect(close, [path, close]);
  const painted = usePainted();

  const items: Item[] = session.portal ? everyday : [{ to: "/", label: msg`Overview`, icon: IconChartAreaLine }, ...everyday];
  const manage: Item[] = [];
  if (!session.portal) {
    manage.push({ to: "/apps", label: msg`Apps`, icon: IconApps });
    if (session.features.inbox) manage.push({ to: "/inboxes", label: msg`Inboxes`, icon: IconInbox });
    if (session.role === "admin") {
      manage.push({ to: "/keys", label: msg`Keys`, icon: IconKey }, { to: "/audit", label: msg`Audit log`, icon: IconHistory });
    }
    manage.push({ to: "/dialects", label: msg`Dialects`, icon: IconLanguage });
    if (session.operator) manage.push({ to: "/settings", label: msg`Settings`, icon: IconSettings });
  }

  return (
    <AppShell header={{ height: 56 }} navbar={{ width: 220, breakpoint: "sm", collapsed: { mobile: !open } }} padding={{ base: "sm", sm: "lg" }}>
      <a href="#content" className={classes.skip}>
        <Trans>Skip to content</Trans>
      </a>
      <AppShell.Header className={classes.header}>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap" gap="sm">
          <Group wrap="nowrap" gap="sm" miw={0}>
            <Burger opened={open} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={t`Navigation`} aria-expanded={open} />
            <Brand />
          </Group>
          <Group wrap="nowrap" gap="xs">
            {session.portal ? <Text size="sm" c="dimmed" className="foreign" truncate>{session.apps[0]}</Text> : painted && <Suspense><AppSelect /></Suspense>}
            <ThemeButton />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label={t`Main`}>
        <AppShell.Section grow className={classes.items}>
          {items.map((item) => <NavItem key={item.to} item={item} path={path} />)}
          {manage.length > 0 && <Divider my="xs" label={t`Manage`} labelPosition="left" />}
          {manage.map((item) => <NavItem key={item.to} item={item} path={path} />)}
        </AppShell.Section>
        <AppShell.Section>
          {painted && <Suspense><LanguageSelect /></Suspense>}
          {!inPortal && (
            <>
              <NavLink
                component="a"
                href="/docs"
                target="_blank"
                rel="noreferrer"
                label={t`API guide`}
                leftSection={<IconExternalLink size={18} stroke={1.6} />}
                className={classes.item}
              />
              <SignOut />
            </>
          )}
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1} className={classes.main}>
        <Unreachable />
        <Outlet />
      </AppShell.Main>
    </AppShell>
  );
}

function NavItem({ item, path }: { item: Item; path: string }) {
  const active = item.to === "/" ? path === "/" : path === item.to || path.startsWith(`${item.to}/`);
  return (
    <NavLink
      component={Link}
      to={item.to}
      label={i18n._(item.label)}
      leftSection={<item.icon size={18} stroke={1.6} />}
      active={active}
      aria-current={active ? "page" : undefined}
      className={classes.item}
    />
  );
}

const themes = [
  { value: "auto", label: msg`as the device`, icon: IconDeviceDesktop },
  { value: "light", label: msg`light`, icon: IconSun },
  { value: "dark", label: msg`dark`, icon: IconMoon },
] as const;

function ThemeButton() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const at = Math.max(0, themes.findIndex((t) => t.value === colorScheme));
  const current = themes[at] ?? themes[0];
  const next = themes[(at + 1) % themes.length] ?? themes[0];
  const [is, becomes] = [i18n._(current.label), i18n._(next.label)];
  const label = t`Theme: ${is}. Change to ${becomes}`;
  return (
    <ActionIcon variant="subtle" color="gray" size="lg" aria-label={label} title={label} onClick={() => setColorScheme(next.value)}>
      <current.icon size={18} stroke={1.6} />
    </ActionIcon>
  );
}

function SignOut() {
  const session = useSession();
  const queries = useQueryClient();
  async function signOut() {
    try {
      await ok(api.DELETE("/v1/session"));
      queries.clear();
      location.assign("/");
    } catch (error) {
      failed(t`You are still signed in`, error);
    }
  }
  return (
    <NavLink
      component="button"
      label={t`Sign out`}
      description={`${session.name || session.key} · ${session.role}`}
      leftSection={<IconLogout size={18} stroke={1.6} />}
      className={classes.item}
      onClick={() => void signOut()}
    />
  );
}
