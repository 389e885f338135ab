import { t } from "@lingui/core/macro";
import { Trans } from "@lingui/react/macro";
import { Stack, Tabs, Text } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { api, ok } from "../api/client.ts";
import { CodeBlock } from "./Code.tsx";
import { Waiting } from "./states.tsx";

function useVerificationCode(dialect: string) {
  return useQuery({
    queryKey: ["dialect", dialect, "code"],
    queryFn: async () => (await ok(api.GET("/v1/dialects/{name}/code", { params: { path: { name: dialect } } }))).data ?? [],
    staleTime: Infinity,
  });
}

/** Code that checks a dialect's signature, ready to paste, in the language that was last looked at. */
export function VerificationCode({ dialect }: { dialect: string }) {
  const query = useVerificationCode(dialect);
  const [language, setLanguage] = useLocalStorage({ key: "bellhop-language", defaultValue: "node" });
  if (!query.data) return <Waiting query={query} lines={5} />;
  if (query.data.length === 0) {
    return <Text size="sm" c="dimmed"><Trans>There is no ready-made code for the dialect {dialect}. Its definition says how the signature is made.</Trans></Text>;
  }
  const shown = query.data.find((c) => c.language === language) ?? query.data[0]!;
  return (
    <Stack gap="xs">
      <Tabs value={shown.language} onChange={(value) => value && setLanguage(value)} keepMounted={false} variant="pills">
        <Tabs.List aria-label={t`Language`} mb="xs">
          {query.data.map((c) => (
            <Tabs.Tab key={c.language} value={c.language} px="sm" py={6}>{c.title}</Tabs.Tab>
          ))}
        </Tabs.List>
        {query.data.map((c) => (
          <Tabs.Panel key={c.language} value={c.language}>
            <CodeBlock code={c.code} title={c.filename} />
          </Tabs.Panel>
        ))}
      </Tabs>
    </Stack>
  );
}
