import { t } from "@lingui/core/macro";
import { Select } from "@mantine/core";
import { useApps } from "../api/queries.ts";
import { appLabel } from "../lib/text.ts";
import { useFilters } from "../lib/useFilters.ts";
import { useAppFilter } from "./AppFilter.tsx";

/** Limits every page to one app. */
export default function AppSelect() {
  const apps = useApps();
  const app = useAppFilter();
  const [, set] = useFilters<{ app?: string }>();
  if (!apps.data || (apps.data.length < 2 && !app)) return null;
  return (
    <Select
      aria-label={t`App`}
      placeholder={t`All apps`}
      size="sm"
      w={{ base: 130, xs: 200 }}
      searchable
      clearable
      limit={100}
      value={app ?? null}
      data={apps.data.map((a) => ({ value: a.id, label: appLabel(a) }))}
      onChange={(value) => set({ app: value ?? undefined })}
      nothingFoundMessage={t`No such app`}
    />
  );
}
