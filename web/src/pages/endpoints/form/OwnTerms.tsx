import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Checkbox, Paper, Stack, TagsInput, Text, Title } from "@mantine/core";
import { useApps } from "../../../api/queries.ts";
import { appLabel } from "../../../lib/text.ts";
import { FilterInput } from "./FilterField.tsx";
import type { PartProps } from "./form.ts";
import type { OwnTerms as Terms } from "./values.ts";

/** What is wanted of each app alone, where that differs from what is chosen above. */
export function OwnTerms(props: PartProps) {
  const apps = useApps();
  const label = (id: string) => {
    const app = apps.data?.find((a) => a.id === id);
    return app ? appLabel(app) : id;
  };
  return (
    <Stack gap="md">
      <Text size="sm" c="dimmed"><Trans>What is chosen above holds for every app. Tick what should be different for one of them.</Trans></Text>
      {props.form.values.apps.map((app) => <OneApp key={app} {...props} app={app} label={label(app)} />)}
    </Stack>
  );
}

function OneApp({ form, app, label }: PartProps & { app: string; label: string }) {
  const own = form.values.own[app] ?? {};
  const set = (change: Partial<Terms>) => form.setFieldValue("own", { ...form.values.own, [app]: { ...own, ...change } });
  const error = (field: keyof Terms) => form.errors[`own.${app}.${field}`];
  const clear = (field: keyof Terms) => form.clearFieldError(`own.${app}.${field}`);
  return (
    <Paper withBorder p="sm" component="section" aria-label={label}>
      <Stack gap="sm">
        <Title order={3} size="sm" className="foreign">{label}</Title>
        <Checkbox
          label={t`Its own event types`}
          checked={own.events !== undefined}
          onChange={(e) => set({ events: e.currentTarget.checked ? [] : undefined })}
        />
        {own.events !== undefined && (
          <TagsInput
            label={t`Event types of ${label}`}
            description={t`Names, or how they begin and a * (invoice.*). Press Enter after each. Empty means all.`}
            maxTags={200}
            splitChars={[",", " "]}
            acceptValueOnBlur
            value={own.events}
            error={error("events")}
            onChange={(events) => {
              clear("events");
              set({ events });
            }}
          />
        )}
        <Checkbox
          label={t`Its own subjects`}
          checked={own.subjects !== undefined}
          onChange={(e) => set({ subjects: e.currentTarget.checked ? [] : undefined })}
        />
        {own.subjects !== undefined && (
          <TagsInput
            label={t`Subjects of ${label}`}
            description={t`Subjects, or how they begin and a * (invoice:*). Press Enter after each. Empty means all.`}
            maxTags={200}
            splitChars={["\n"]}
            acceptValueOnBlur
            value={own.subjects}
            error={error("subjects")}
            onChange={(subjects) => {
              clear("subjects");
              set({ subjects });
            }}
          />
        )}
        <Checkbox
          label={t`Its own filter on the data`}
          checked={own.filter !== undefined}
          onChange={(e) => set({ filter: e.currentTarget.checked ? "" : undefined })}
        />
        {own.filter !== undefined && (
          <FilterInput
            label={t`Filter on the data of ${label}`}
            text={own.filter}
            about={{ app, events: own.events ?? (form.values.allEvents ? [] : form.values.events) }}
            error={error("filter")}
            onChange={(filter) => {
              clear("filter");
              set({ filter });
            }}
          />
        )}
      </Stack>
    </Paper>
  );
}
