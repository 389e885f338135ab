import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Button, Center, Code, Paper, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { api, ok, Problem } from "../api/client.ts";
import { sessionKey } from "../api/queries.ts";
import { Brand } from "../layout/Brand.tsx";

/** Signs in with a key, or at once with the link that the first start prints. ended: somebody was signed in on this page until now. */
export default function SignIn({ ended }: { ended: boolean }) {
  const queries = useQueryClient();
  const [key, setKey] = useState("");
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);

  async function signIn(key: string) {
    setBusy(true);
    setError(undefined);
    try {
      const session = await ok(api.POST("/v1/session", { body: { key } }));
      queries.removeQueries({ predicate: (q) => q.queryKey[0] !== sessionKey[0] }); // what somebody else saw
      if (location.pathname === "/sign-in") location.replace("/");
      else queries.setQueryData(sessionKey, session);
    } catch (e) {
      setError(e instanceof Problem ? e.detail : String(e));
      setBusy(false);
      field.current?.focus();
    }
  }

  const linked = useRef(false);
  useEffect(() => {
    const given = new URLSearchParams(location.hash.slice(1)).get("key");
    if (!given || linked.current) return;
    linked.current = true;
    history.replaceState(null, "", location.pathname);
    void signIn(given);
  });

  function submit(e: FormEvent) {
    e.preventDefault();
    const trimmed = key.trim();
    if (trimmed) void signIn(trimmed);
    else setError(t`Paste a key: it begins with bh_.`);
  }

  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder p="xl" w="100%" maw={440} component="form" onSubmit={submit}>
        <Stack>
          <Brand />
          <Title order={1}><Trans>Sign in</Trans></Title>
          {ended && <Text size="sm" role="alert"><Trans>Your session has ended. Sign in again to go on where you were.</Trans></Text>}
          <PasswordInput
            ref={field}
            label={t`Key`}
            description={t`An admin's, editor's or viewer's key. It begins with bh_.`}
            value={key}
            onChange={(e) => setKey(e.currentTarget.value)}
            error={error}
            autoComplete="current-password"
            autoFocus
          />
          <Button type="submit" loading={busy}>
            <Trans>Sign in</Trans>
          </Button>
          <Text size="sm" c="dimmed">
            <Trans>The first start of the server prints an admin key. Lost it? On the server, <Code>bellhop keys recover</Code> makes another.</Trans>
          </Text>
        </Stack>
      </Paper>
    </Center>
  );
}
