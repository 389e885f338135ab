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

const crumbs = [{ label: "Event types", to: "/event-types" }];

/** One type of the catalogue; for operators also its form. "new" is the form of a type to be. */
export function EventTypeDetail() {
  const { name = "" }: { name?: string } = useParams({ strict: false });
  const { operator } = useSession();
  const [{ edit }] = useFilters<{ edit?: string }>();
  const creating = name === "new" && operator;
  const query = useEventType(name, !creating);
  if (creating) return <Page title="New event type" crumbs={crumbs}><EventTypeForm /></Page>;
  if (query.data) {
    return edit === "1" && operator
      ? (
        <Page title={`Edit ${name}`} crumbs={[...crumbs, { label: name, to: `/event-types/${encodeURIComponent(name)}` }]}>
          <EventTypeForm key={name} known={query.data} />
        </Page>
      )
      : <View known={query.data} />;
  }
  if (query.error instanceof Problem && (query.error.status === 404 || query.error.status === 422)) {
    return (
      <Page title={name} crumbs={crumbs}>
        <Empty title="This type is not in the catalogue" action={<Button component={Link} {...linkTo("/events", { type: name })} variant="light">Events of this type</Button>}>
          Nobody has described <b className="foreign">{name}</b>. Events of it can exist all the same.
        </Empty>
      </Page>
    );
  }
  return <Page title={name} crumbs={crumbs}><Waiting query={query} lines={6} /></Page>;
}

function View({ known }: { known: KnownType }) {
  const { operator } = useSession();
  const t = known.type;
  return (
    <Page
      title={t.name}
      heading={<Group gap="xs" component="span">{t.name} <Marks type={t} /></Group>}
      description={<span className="foreign">{t.description || "Nobody has described yet when this happens."}</span>}
      crumbs={crumbs}
      actions={
        <>
          <Button component={Link} {...linkTo("/events", { type: t.name })} size="xs" variant="default" leftSection={<IconBroadcast size={15} />}>Events of this type</Button>
          {operator && (
            <Button component={Link} {...linkHere("/event-types/$name", { edit: "1" })} size="xs" leftSection={<IconEdit size={15} />}>Edit</Button>
          )}
        </>
      }
    >
      {t.archived && <Text size="sm" c="dimmed">This type is archived: it can be read here, but is no longer to be published.</Text>}
      <Stack gap="xs" component="section" aria-labelledby="fields">
        <Title order={2} id="fields">Data</Title>
        {known.schema === undefined
          ? <Text size="sm" c="dimmed">No schema says what the data of these events looks like.{known.example !== undefined ? " The example below shows one." : ""}</Text>
          : (
            <>
              <Text size="sm" c="dimmed">
                {t.validate ? "Publishing refuses data that breaks these rules." : "These rules are for reading: data that breaks them is delivered all the same."}
              </Text>
              <SchemaTable schema={t.schema} />
            </>
          )}
      </Stack>
      {known.example !== undefined && (
        <Stack gap="xs" component="section" aria-labelledby="example">
          <Title order={2} id="example">Example</Title>
          <Json text={known.example} title="Example of the data" />
        </Stack>
      )}
      <Listeners type={t.name} />
      {known.schema !== undefined && (
        <details>
          <summary><Text span size="sm" fw={600}>Raw schema (JSON Schema 2020-12)</Text></summary>
          <Stack mt="xs"><Json text={known.schema} title="JSON Schema" /></Stack>
        </details>
      )}
      <Text size="xs" c="dimmed">Last changed <Time at={t.updated_at} />.</Text>
    </Page>
  );
}
