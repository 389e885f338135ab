import { Alert, Anchor, Button, Group, List, Modal, Select, Stack, TagsInput, Text } from "@mantine/core";
import { IconExternalLink, IconLink } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, type App, ok, type Schemas } from "../../api/client.ts";
import { useEventTypes, useSession, useSettings } from "../../api/queries.ts";
import { linkTo } from "../../lib/links.ts";
import { CodeBlock } from "../../parts/Code.tsx";
import { Failure } from "../../parts/states.tsx";
import { Time } from "../../parts/Time.tsx";
import { iframeSnippet } from "./metadata.ts";

const lives = [
  { value: "15m", label: "15 minutes" },
  { value: "1h", label: "1 hour" },
  { value: "24h", label: "24 hours" },
  { value: "7d", label: "7 days" },
];

/** Makes a link that opens one app's portal, and says how to use it. */
export function PortalLinkDialog({ app, opened, onClose }: { app: App | undefined; opened: boolean; onClose(): void }) {
  return (
    <Modal opened={opened} onClose={onClose} title={app ? `Portal link for ${app.name || app.id}` : "Portal link"} size="lg">
      {app && <Content key={app.id} app={app} onClose={onClose} />}
    </Modal>
  );
}

function Content({ app, onClose }: { app: App; onClose(): void }) {
  const queries = useQueryClient();
  const [role, setRole] = useState<"editor" | "viewer">("editor");
  const [life, setLife] = useState("1h");
  const [theme, setTheme] = useState<"auto" | "light" | "dark">("auto");
  const [flags, setFlags] = useState<string[]>([]);
  const flagged = useEventTypes().data?.flatMap((type) => type.feature_flags ?? []) ?? [];
  const create = useMutation({
    mutationFn: () => ok(api.POST("/v1/portal-links", { body: { app: app.id, role, expires_in: life, theme, ...(flags.length > 0 && { feature_flags: flags }) } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["keys"] }),
    gcTime: 0, // the link is a secret: it is forgotten with the dialog
  });
  if (create.data) return <Made link={create.data} onClose={onClose} />;
  return (
    <Stack component="form" onSubmit={(e: FormEvent) => { e.preventDefault(); create.mutate(); }}>
      <Text size="sm" c="dimmed">The portal shows this app's endpoints, events, logs and event types to its own people, and nothing else.</Text>
      <Select
        label="Its holder may"
        data={[{ value: "editor", label: "See and change endpoints (editor)" }, { value: "viewer", label: "Only look (viewer)" }]}
        value={role}
        onChange={(v) => setRole(v as typeof role)}
        allowDeselect={false}
        data-autofocus
      />
      <Select label="Valid for" data={lives} value={life} onChange={(v) => setLife(v ?? "1h")} allowDeselect={false} />
      <Select
        label="Look"
        data={[{ value: "auto", label: "As the viewer's device" }, { value: "light", label: "Light" }, { value: "dark", label: "Dark" }]}
        value={theme}
        onChange={(v) => setTheme(v as typeof theme)}
        allowDeselect={false}
      />
      {flagged.length > 0 && (
        <TagsInput label="Feature flags" description="Event types that are behind a flag are seen with it alone." data={[...new Set(flagged)].sort()} value={flags} onChange={setFlags} clearable clearButtonProps={{ "aria-label": "Remove all feature flags" }} acceptValueOnBlur />
      )}
      {create.error && <Failure error={create.error} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={create.isPending} leftSection={<IconLink size={16} />}>Create link</Button>
      </Group>
    </Stack>
  );
}

function Made({ link, onClose }: { link: Schemas["PortalLink"]; onClose(): void }) {
  return (
    <Stack>
      <Alert variant="light" color="yellow" title="Whoever has this link can use it">
        It is valid until <Time at={link.expires_at} /> and is shown this once. To end it early, revoke{" "}
        <Anchor component={Link} {...linkTo("/keys", { kind: "portal" })} size="sm" underline="always" onClick={onClose}>{link.id} on the Keys page</Anchor>.
      </Alert>
      <CodeBlock title="Portal link" code={link.url} wrap />
      <Group>
        <Button component="a" href={link.url} target="_blank" rel="noreferrer" leftSection={<IconExternalLink size={16} />}>Open in a new tab</Button>
      </Group>
      <CodeBlock title="To show it inside of your own page" code={iframeSnippet(link.url)} />
      <Origins />
      <Text size="sm" c="dimmed">Your platform makes such a link for each visit, with POST /v1/portal-links and an admin key.</Text>
      <Group justify="flex-end"><Button variant="default" onClick={onClose}>Done</Button></Group>
    </Stack>
  );
}

/** Says which pages may show the portal in a frame; operators can read that from the settings. */
function Origins() {
  const { operator } = useSession();
  const settings = useSettings(operator);
  if (!operator) return <Text size="sm">Only pages of origins that the operator allowed may show it in a frame.</Text>;
  const value = settings.data?.find((s) => s.name === "portal_origin")?.value ?? "";
  const origins = value.split(/[\s,[\]'"]+/).filter(Boolean);
  if (!settings.data) return null;
  if (origins.length === 0) {
    return <Text size="sm">No page may show it in a frame yet: allow yours by starting the server with --portal-origin https://app.example.com.</Text>;
  }
  return (
    <div>
      <Text size="sm">Pages of these origins may show it in a frame:</Text>
      <List size="sm">{origins.map((o) => <List.Item key={o} className="foreign">{o}</List.Item>)}</List>
    </div>
  );
}
