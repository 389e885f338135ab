import { i18n } from "@lingui/core";
import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { ActionIcon, AppShell, Burger, Button, Divider, Group, Kbd, NavLink, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconExternalLink, IconLogout, IconSearch } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { Suspense, useEffect, useState } from "react";
import { api, ok } from "../api/client.ts";
import { useSession } from "../api/queries.ts";
import { optional } from "../lib/optional.ts";
import { useKeys } from "../lib/useKeys.ts";
import { usePainted } from "../lib/usePainted.ts";
import { AppName } from "../parts/AppName.tsx";
import { failed } from "../parts/notify.ts";
import { inPortal } from "../session/portal.ts";
import { Brand } from "./Brand.tsx";
import { Held } from "./Held.tsx";
import { type Item, pagesOf } from "./pages.ts";
import classes from "./Shell.module.css";
import { Unreachable } from "./Unreachable.tsx";

const AppSelect = optional(() => import("./AppSelect.tsx"));

const ViewMenu = optional(() => import("./ViewMenu.tsx"));
const loadSearch = () => import("./search/SearchDialog.tsx");
const SearchDialog = optional(loadSearch);
const KeysDialog = optional(() => import("./KeysDialog.tsx"));

/** The frame around every page: navigation, app filter, theme, sign-out. */
export function Shell() {
  const session = useSession();
  const [open, { toggle, close }] = useDisclosure();
  const path = useLocation({ select: (l) => l.pathname });
  useEffect(close, [path, close]);
  const painted = usePainted();

  const { everyday: items, manage } = pagesOf(session);
  const [dialog, setDialog] = useState<"search" | "keys">();
  // Once asked for, they stay where they are, closed, so that they can give the focus back.
  const [asked, setAsked] = useState<{ search?: boolean; keys?: boolean }>({});
  const show = (name: "search" | "keys") => {
    setAsked((before) => ({ ...before, [name]: true }));
    setDialog(name);
  };
  // What is typed right after Ctrl-K is for the box: it is there by then.
  useEffect(() => {
    if (painted) loadSearch().catch(() => undefined);
  }, [painted]);
  useKeys({ "mod+k": () => show("search"), "/": () => show("search"), "?": () => show("keys") });

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
            {session.portal ? <Text size="sm" c="dimmed" truncate><AppName id={session.apps[0] ?? ""} /></Text> : painted && <Suspense><AppSelect /></Suspense>}
            <SearchButton onSearch={() => show("search")} />
            {painted && <Suspense fallback={<ActionIcon variant="subtle" size="lg" aria-hidden disabled />}><ViewMenu onKeys={() => show("keys")} /></Suspense>}
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
        <Held />
        <Outlet />
      </AppShell.Main>
      <Suspense>
        {asked.search && <SearchDialog opened={dialog === "search"} onClose={() => setDialog(undefined)} />}
        {asked.keys && <KeysDialog opened={dialog === "keys"} onClose={() => setDialog(undefined)} />}
      </Suspense>
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

/** A way to search that is seen; on a phone a sign. */
function SearchButton({ onSearch }: { onSearch(): void }) {
  const mod = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘" : "Ctrl";
  return (
    <>
      <Button
        variant="default" size="sm" fw={400} visibleFrom="md" aria-keyshortcuts="Control+K"
        leftSection={<IconSearch size={14} />} rightSection={<Kbd size="xs">{mod} K</Kbd>} onClick={onSearch}
      >
        <Trans context="verb">Search</Trans>
      </Button>
      <ActionIcon variant="subtle" color="gray" size="lg" hiddenFrom="md" aria-label={t({ message: "Search", context: "verb" })} onClick={onSearch}><IconSearch size={18} stroke={1.6} /></ActionIcon>
    </>
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
