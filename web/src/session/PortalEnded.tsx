import { Center, Stack, Text, Title } from "@mantine/core";
import { useBranding } from "../api/queries.ts";
import { Brand } from "../layout/Brand.tsx";

/** What the holder of an expired or revoked portal link sees. */
export default function PortalEnded() {
  const branding = useBranding();
  return (
    <Center mih="100vh" p="md" component="main">
      <Stack maw={420} align="center" ta="center">
        <Brand />
        <Title order={1}>This link has ended</Title>
        <Text c="dimmed">
          Links to this page are valid for a limited time. Go back to {branding.data?.name || "where you came from"} and open it again from there.
        </Text>
      </Stack>
    </Center>
  );
}
