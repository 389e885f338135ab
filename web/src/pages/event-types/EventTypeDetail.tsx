import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, Group, Stack, Text, Title } from "@mantine/core";
import { IconBroadcast, IconEdit } from "@tabler/icons-react";
import { Link, useParams } from "@tanstack/react-router";
import { Problem } from "../../api/client.ts";
import { useSession } from "../../api/queries.ts";
import { linkHere, linkTo } from "../../lib/links.ts";
import { useFilters } from "../../lib/useFilters.ts";
import { Json } from "../../parts/Json.tsx";
import { Page } from "../../parts/Page.tsx";
import { Empty, Waiting } from "../../parts/states.tsx";
import { Time } from "../../parts/Time.tsx";
import { Marks } from "./EventTypeList.tsx";
import { EventTypeForm } from "./form/EventTypeForm.tsx";
import { Listeners } from "./Listeners.tsx";
import { SchemaTable } from "./SchemaTable.tsx";
import { type KnownType, useEventType } from "./useEventType.ts";

const crumbsTo = () => [{ label: t`Event types`, to: "/event-types" }];

/** One type of the catalogue; for operators also its form. "new" is the form of a type to be. */
export function EventTypeDetail() {
  const { name = "" }: { name?: string } = useParams({ strict: false });
  const { operator } = useSession();
  const [{ edit }] = useFilters<{ edit?: string }>();
  const creating = name === "new" && operator;
  const query = useEventType(name, !creating);
  if (creating) return <Page title={t`New event type`} crumbs={crumbsTo()}><EventTypeForm /></Page>;
  if (query.data) {
    return edit === "1" && operator
      ? (
        <Page title={t`Edit ${name}`} crumbs={[...crumbsTo(), { label: name, to: `/event-types/${encodeURIComponent(name)}` }]}>
          <EventTypeForm key={name} known={query.data} />
        </Page>
      )
      : <View known={query.data} />;
  }
  if (query.error instanceof Problem && (query.error.status === 404 || query.error.status === 422)) {
    return (
      <Page title={name} crumbs={crumbsTo()}>
        <Empty title={t`This type is not in the catalogue`} action={<Button component={Link} {...linkTo("/events", { type: name })} variant="light"><Trans>Events of this type</Trans></Button>}>
          <Trans>Nobody has described <b className="foreign">{name}</b>. Events of it can exist all the same.</Trans>
        </Empty>
      </Page>
    );
  }
  return <Page title={name} crumbs={crumbsTo()}><Waiting query={query} lines={6} /></Page>;
}

function View({ known }: { known: KnownType }) {
  const { operator } = useSession();
  const { type } = known;
  return (
    <Page
      title={type.name}
      heading={<Group gap="xs" component="span">{type.name} <Marks type={type} /></Group>}
      description={<span className="foreign">{type.description || t`Nobody has described yet when this happens.`}</span>}
      crumbs={crumbsTo()}
      actions={
        <>
          <Button component={Link} {...linkTo("/events", { type: type.name })} size="xs" variant="default" leftSection={<IconBroadcast size={15} />}><Trans>Events of this type</Trans></Button>
          {operator && (
            <Button component={Link} {...linkHere("/event-types/$name", { edit: "1" })} size="xs" leftSection={<IconEdit size={15} />}><Trans>Edit</Trans></Button>
          )}
        </>
      }
    >
      {type.deprecated && <Text size="sm" c="dimmed"><Trans>This type is deprecated: it is still sent, but something else is meant to take its place.</Trans></Text>}
      {type.archived && <Text size="sm" c="dimmed"><Trans>This type is archived: it can be read here, but is no longer to be published.</Trans></Text>}
      <Stack gap="xs" component="section" aria-labelledby="fields">
        <Title order={2} id="fields"><Trans>Data</Trans></Title>
        {type.schema_version && <Text size="sm" c="dimmed"><Trans>Version {type.schema_version}</Trans></Text>}
        {known.schema === undefined
          ? <Text size="sm" c="dimmed">{known.example !== undefined
            ? <Trans>No schema says what the data of these events looks like. The example below shows one.</Trans>
            : <Trans>No schema says what the data of these events looks like.</Trans>}</Text>
          : (
            <>
              <Text size="sm" c="dimmed">
                {type.validate ? t`Publishing refuses data that breaks these rules.` : t`These rules are for reading: data that breaks them is delivered all the same.`}
              </Text>
              <SchemaTable schema={type.schema} />
            </>
          )}
      </Stack>
      {known.example !== undefined && (
        <Stack gap="xs" component="section" aria-labelledby="example">
          <Title order={2} id="example"><Trans>Example</Trans></Title>
          <Json text={known.example} title={t`Example of the data`} />
        </Stack>
      )}
      <Listeners type={type.name} />
      {known.schema !== undefined && (
        <details>
          <summary><Text span size="sm" fw={600}><Trans>Raw schema (JSON Schema)</Trans></Text></summary>
          <Stack mt="xs"><Json text={known.schema} title={t`JSON Schema`} /></Stack>
        </details>
      )}
      {known.earlierSchemas !== undefined && (
        <details>
          <summary><Text span size="sm" fw={600}><Trans>Schemas of other versions</Trans></Text></summary>
          <Stack mt="xs"><Json text={known.earlierSchemas} title={t`Schemas by version`} /></Stack>
        </details>
      )}
      <Text size="xs" c="dimmed"><Trans>Last changed <Time at={type.updated_at} />.</Trans></Text>
    </Page>
  );
}
