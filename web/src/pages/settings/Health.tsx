import { Badge, Group, Paper, SimpleGrid, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, ok, Problem } from "../../api/client.ts";
import { useBranding, useSession } from "../../api/queries.ts";

/** How the server is, which version it runs, and how portals look. */
export function Health() {
  const session = useSession();
  const ready = useQuery({ queryKey: ["readyz"], queryFn: () => ok(api.GET("/readyz")), refetchInterval: 15_000, retry: false });
  const branding = useBranding();
  const logo = branding.data?.logo;
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
      <Paper withBorder p="md" component="section" aria-labelledby="health">
        <Title order={2} size="h3" id="health" mb="xs">Server</Title>
        <Group gap="xs" mb={6} role="status">
          {ready.error ? (
            <>
              <Badge color="red" variant="light" tt="none">Not ready</Badge>
              <Text size="sm" className="foreign">{ready.error instanceof Problem ? ready.error.detail : String(ready.error)}</Text>
            </>
          ) : ready.data ? (
            <>
              <Badge color="teal" variant="light" tt="none">Ready</Badge>
              <Text size="sm">It takes events.</Text>
            </>
          ) : (
            <Text size="sm" c="dimmed">Asking…</Text>
          )}
        </Group>
        <Text size="sm" c="dimmed">Version {session.version}</Text>
        {session.features.dev && <Text size="sm" c="dimmed">Development mode: plain http and loopback targets are allowed. Not for production.</Text>}
        <Text size="sm" c="dimmed">{session.features.inbox ? "Inboxes are enabled." : "Inboxes are not enabled (--inbox)."}</Text>
      </Paper>
      <Paper withBorder p="md" component="section" aria-labelledby="branding">
        <Title order={2} size="h3" id="branding" mb="xs">How portals look</Title>
        <Group gap="md" wrap="nowrap">
          {logo
            ? <img src={logo} alt="Your logo" style={{ maxHeight: 40, maxWidth: 160, objectFit: "contain" }} />
            : <Text fw={700} size="lg" className="foreign">{branding.data?.name || "Webhooks"}</Text>}
          <Swatch color={branding.data?.color} />
        </Group>
        <Text size="sm" c="dimmed" mt="xs">
          {logo ? `The name is ${branding.data?.name || "Webhooks"}. ` : "There is no logo, so portals show the name. "}
          Set them with --portal-name, --portal-color and --portal-logo; try them with a portal link from the Apps page.
        </Text>
      </Paper>
    </SimpleGrid>
  );
}

function Swatch({ color }: { color: string | undefined }) {
  return (
    <Group gap={6} wrap="nowrap">
      <span aria-hidden style={{ width: 28, height: 28, borderRadius: 8, background: color || "var(--mantine-primary-color-filled)", border: "1px solid var(--mantine-color-default-border)" }} />
      <Text size="sm" ff="monospace">{color || "the usual colour"}</Text>
    </Group>
  );
}
