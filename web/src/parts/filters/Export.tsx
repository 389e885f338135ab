import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { ActionIcon, Menu } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useState } from "react";
import { authorization, problemOf, unreachable } from "../../api/client.ts";
import { reaching } from "../../api/reach.ts";
import { inPortal } from "../../session/portal.ts";
import { failed } from "../notify.ts";

type Format = "csv" | "jsonl";

interface ExportProps {
  path: "/v1/events/export" | "/v1/attempts/export";
  /** The filters in force, as the list has them. */
  query: Record<string, string | string[] | undefined>;
}

/** The address of what is filtered as a file. */
export function exportAddress(path: string, query: ExportProps["query"], format: Format): URL {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query)) {
    for (const v of Array.isArray(value) ? value : [value]) if (v) url.searchParams.append(name, v);
  }
  url.searchParams.set("format", format);
  return url;
}

/** Has the browser save something under a name. */
function save(href: string, name: string) {
  const link = document.createElement("a");
  link.href = href;
  link.download = name;
  link.click();
}

/** Saves what is filtered as a file. */
export function Export({ path, query }: ExportProps) {
  const [busy, setBusy] = useState(false);
  async function download(format: Format) {
    const url = exportAddress(path, query, format);
    const name = `${path.split("/")[2]}.${format}`;
    // The browser writes it to the disk as it comes.
    if (!inPortal) return save(url.href, name);
    // A portal's token goes into a header, which no link can send along.
    setBusy(true);
    try {
      const response = await reaching(new Request(url, { headers: authorization(), credentials: "omit" })).catch(() => {
        throw unreachable();
      });
      if (!response.ok) throw problemOf(await response.json().catch(() => undefined), response.status);
      const href = URL.createObjectURL(await response.blob());
      save(href, name);
      setTimeout(() => URL.revokeObjectURL(href), 60_000);
    } catch (error) {
      failed(t`It could not be exported`, error);
    } finally {
      setBusy(false);
    }
  }
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="default" size={36} aria-label={t`Export what is filtered`} title={t`Export what is filtered`} loading={busy}><IconDownload size={16} /></ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => void download("csv")}><Trans>As CSV, for spreadsheets</Trans></Menu.Item>
        <Menu.Item onClick={() => void download("jsonl")}><Trans>As JSON lines, for programs</Trans></Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
