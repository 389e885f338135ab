import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Anchor, Button, Group, Paper, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconInbox, IconKey } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import type { Inbox, Schemas } from "../../../api/client.ts";
import { useRecipe } from "../../../api/queries.ts";
import { nameOf } from "../../../parts/EndpointName.tsx";
import { Page } from "../../../parts/Page.tsx";
import { SecretValue } from "../../../parts/SecretValue.tsx";
import { TestSend } from "../../../parts/TestSend.tsx";
import { RecentWords } from "./Recent.tsx";
import { VerificationCode } from "../../../parts/VerificationCode.tsx";

/** After the creation: the secret, code that checks signatures with it, and a first test. */
export function Created({ endpoint, inbox }: { endpoint: Schemas["NewEndpoint"]; inbox: Inbox | undefined }) {
  const recipe = useRecipe(endpoint.recipe);
  // What the recipe's target takes, it does not verify.
  const unsigned = endpoint.recipe !== undefined && !recipe?.signed;
  const top = useRef<HTMLDivElement>(null);
  useEffect(() => {
    window.scrollTo(0, 0);
    top.current?.focus();
  }, []);
  return (
    <Page
      title={t`Endpoint created`}
      crumbs={[{ label: t`Endpoints`, to: "/endpoints" }]}
      description={<span className="foreign"><Trans>{nameOf(endpoint)} is in place: from now on it is sent the events that it listens to. Whether it works is not known yet: send a test.</Trans></span>}
    >
      <Stack gap="lg" maw={860} ref={top} tabIndex={-1} style={{ outline: "none" }}>
        {endpoint.recent && <RecentWords {...endpoint.recent} />}
        {!unsigned && (
          <>
            <Paper withBorder p="md" style={{ borderColor: "var(--mantine-color-teal-filled)", borderInlineStartWidth: 4 }}>
              <Stack gap="sm">
                <Group gap="xs" wrap="nowrap">
                  <ThemeIcon variant="light" color="teal" radius="xl"><IconKey size={17} /></ThemeIcon>
                  <Title order={2}><Trans>Keep the signing secret now</Trans></Title>
                </Group>
                <Text size="sm">
                  <Trans>Your receiver needs it to check that requests really come from here. Store it like a password, for instance as an environment variable.</Trans>
                </Text>
                <SecretValue value={endpoint.secret} />
                <Text size="sm"><Trans>If you lose it, those who may edit the endpoint can show it again on the endpoint's page.</Trans></Text>
              </Stack>
            </Paper>
            <Paper withBorder p="md">
              <Stack gap="sm">
                <Title order={2}><Trans>Check the signature in your receiver</Trans></Title>
                <Text size="sm" c="dimmed"><Trans>Paste this into your server. It refuses requests that were not signed with the secret, or that are too old.</Trans></Text>
                <VerificationCode dialect={endpoint.dialect} />
              </Stack>
            </Paper>
          </>
        )}
        <Paper withBorder p="md">
          <Stack gap="sm">
            <Title order={2}><Trans>Try it out</Trans></Title>
            <Text size="sm" c="dimmed"><Trans>Sends one event to this endpoint at once and shows what comes back.</Trans></Text>
            <TestSend endpoint={endpoint} />
            {inbox && (
              <Group gap={6}>
                <IconInbox size={16} aria-hidden />
                <Anchor component={Link} to={`/inboxes/${inbox.token}`} size="sm"><Trans>See what arrived in the inbox</Trans></Anchor>
              </Group>
            )}
          </Stack>
        </Paper>
        <Group>
          <Button component={Link} to={`/endpoints/${endpoint.id}`}><Trans>Go to the endpoint</Trans></Button>
          <Button component={Link} to="/endpoints" variant="default"><Trans>All endpoints</Trans></Button>
        </Group>
      </Stack>
    </Page>
  );
}
