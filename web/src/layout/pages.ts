// The pages that there are for whom, by the names of the navigation.
import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import {
  IconActivity, IconApps, IconBellRinging, IconBook2, IconBroadcast, IconChartAreaLine, IconDatabaseImport, IconHistory, IconInbox, IconKey, IconLanguage, IconPlugConnected, IconServer, IconSettings, IconShieldCheck,
} from "@tabler/icons-react";
import type { ComponentType } from "react";
import type { useSession } from "../api/queries.ts";

export interface Item {
  to: string;
  label: MessageDescriptor;
  icon: ComponentType<{ size?: number; stroke?: number }>;
}

const everyday: Item[] = [
  { to: "/endpoints", label: msg`Endpoints`, icon: IconPlugConnected },
  { to: "/events", label: msg`Events`, icon: IconBroadcast },
  { to: "/logs", label: msg`Logs`, icon: IconActivity },
  { to: "/event-types", label: msg`Event types`, icon: IconBook2 },
  { to: "/check", label: msg`Check a request`, icon: IconShieldCheck },
];

/** The pages of everyday, and those for who manages. */
export function pagesOf(session: ReturnType<typeof useSession>): { everyday: Item[]; manage: Item[] } {
  const notices: Item[] = session.mayEdit ? [{ to: "/notices", label: msg`Notices`, icon: IconBellRinging }] : [];
  if (session.portal) return { everyday: [...everyday, ...notices], manage: [] };
  const manage: Item[] = [{ to: "/apps", label: msg`Apps`, icon: IconApps }];
  manage.push(...notices);
  if (session.features.inbox) manage.push({ to: "/inboxes", label: msg`Inboxes`, icon: IconInbox });
  if (session.role === "admin") manage.push({ to: "/keys", label: msg`Keys`, icon: IconKey }, { to: "/audit", label: msg`Audit log`, icon: IconHistory });
  manage.push({ to: "/dialects", label: msg`Dialects`, icon: IconLanguage });
  if (session.operator) manage.push({ to: "/nodes", label: msg`Nodes`, icon: IconServer }, { to: "/outbox", label: msg`Outbox`, icon: IconDatabaseImport });
  if (session.operator) manage.push({ to: "/settings", label: msg`Settings`, icon: IconSettings });
  return { everyday: [{ to: "/", label: msg`Overview`, icon: IconChartAreaLine }, ...everyday], manage };
}
