import { Trans } from "@lingui/react/macro";
import { Center, Stack, Text, Title } from "@mantine/core";
import { useBranding } from "../api/queries.ts";
import { Brand } from "../layout/Brand.tsx";

/** What the holder of an expired or revoked portal link sees. */
export default function PortalEnded() {
  const name = useBranding().data?.name;
  return (
    <Center mih="100vh" p="md" component="main">
      <Stack maw={420} align="center" ta="center">
        <Brand />
        <Title order={1}><Trans>This link has ended</Trans></Title>
        <Text c="dimmed">
          {name
            ? <Trans>Links to this page are valid for a limited time. Go back to {name} and open it again from there.</Trans>
            : <Trans>Links to this page are valid for a limited time. Go back to where you came from and open it again from there.</Trans>}
        </Text>
      </Stack>
    </Center>
  );
}
