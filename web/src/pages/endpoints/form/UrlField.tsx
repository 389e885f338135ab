import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, Stack, Text, TextInput } from "@mantine/core";
import { IconInbox } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, type Inbox, ok } from "../../../api/client.ts";
import { useSession } from "../../../api/queries.ts";
import { failed } from "../../../parts/notify.ts";
import { Time } from "../../../parts/Time.tsx";
import type { PartProps } from "./form.ts";
import { wrongURL } from "./values.ts";

interface UrlFieldProps extends PartProps {
  inbox: Inbox | undefined;
  onInbox(inbox: Inbox): void;
}

/** Where requests go, and an inbox for those who have no server yet. */
export function UrlField({ form, create, inbox, onInbox }: UrlFieldProps) {
  const session = useSession();
  const { dev } = session.features;
  const input = form.getInputProps("url");
  const app = form.values.apps[0];

  function check() {
    let url = form.values.url.trim();
    // "example.com/hooks" is what people copy; what they mean is clear.
    if (/^[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?(\/|$)/i.test(url)) url = `https://${url}`;
    if (url !== form.values.url) form.setFieldValue("url", url);
    const problem = url === "" ? undefined : wrongURL(url, dev);
    if (problem) form.setFieldError("url", problem);
  }

  return (
    <Stack gap={6} align="stretch">
      <TextInput
        label={t`URL`}
        description={dev
          ? t`The address on your server that takes the events, beginning with https:// (http:// works, too, since this is development mode).`
          : t`The address on your server that takes the events, beginning with https://.`}
        placeholder="https://example.com/webhooks"
        type="url"
        inputMode="url"
        autoComplete="off"
        spellCheck={false}
        withAsterisk
        data-autofocus={create || undefined}
        {...input}
        onBlur={(e) => {
          input.onBlur?.(e);
          check();
        }}
      />
      {session.features.inbox && create && (
        <InboxOffer
          app={app}
          inbox={inbox?.url === form.values.url ? inbox : undefined}
          onNoApp={() => form.setFieldError("apps", t`Choose an app first: the inbox belongs to it.`)}
          onMade={(made) => {
            onInbox(made);
            form.setFieldValue("url", made.url);
            form.clearFieldError("url");
          }}
        />
      )}
    </Stack>
  );
}

function InboxOffer({ app, inbox, onMade, onNoApp }: { app: string | undefined; inbox: Inbox | undefined; onMade(inbox: Inbox): void; onNoApp(): void }) {
  const queries = useQueryClient();
  const make = useMutation({
    mutationFn: () => ok(api.POST("/v1/inboxes", { body: { app: app!, expires_in: "24h" } })),
    onSuccess: (made) => {
      onMade(made);
      void queries.invalidateQueries({ queryKey: ["inboxes"] });
    },
    onError: (error) => failed(t`No inbox was made`, error),
  });
  return (
    <div aria-live="polite">
      {inbox ? (
        <Text size="sm" c="dimmed">
          {inbox.expires_at
            ? <Trans>This is a temporary inbox: it shows what arrives, until <Time at={inbox.expires_at} />. Put your own server's address here later.</Trans>
            : <Trans>This is a temporary inbox: it shows what arrives. Put your own server's address here later.</Trans>}
        </Text>
      ) : (
        <Button variant="light" size="xs" h="auto" mih={30} py={4} maw="100%" styles={{ label: { whiteSpace: "normal" } }} leftSection={<IconInbox size={15} />} loading={make.isPending} onClick={() => (app ? make.mutate() : onNoApp())}>
          <Trans>No server yet? Use an inbox</Trans>
        </Button>
      )}
    </div>
  );
}
